"""Evaluating a folder of recipes: the process that runs recipe code, and everything it may do.

Imports the sandbox's filters and the model. The *child* is a process of its own that runs the
recipes and writes one answer. It reads the recipes' folder, ``bootstrap-seeds/`` and the engine
beside it, and the recipes that come with the engine; each path that it looked at is a *read*, with
the state that it found. ``evaluate`` starts it; the *catalogue* is what it answered, kept as long
as no read changed.
"""
