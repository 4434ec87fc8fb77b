"""Fixpoint's engine: a content-addressed build store, in layers that a test enforces."""
