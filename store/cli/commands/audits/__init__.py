"""``store audit``: one module a subcommand."""
