"""One module a command: its options, and how its results are drawn."""
