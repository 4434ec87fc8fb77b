"""The command line: it parses and draws. It is the only room that prints."""
