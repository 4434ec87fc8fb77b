"""Whatever comes from outside is parsed defensively: each parser, given any bytes, returns a value
or raises one of its own errors. Short runs are tests; ``python -m tests.fuzz`` runs longer."""
