"""The recipes: one file per package, and ``stages``, which tells the bootstrap as a story."""
