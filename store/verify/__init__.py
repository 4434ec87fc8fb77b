"""Comparing a store with itself: index, objects and manifests; and repairing it.

Imports substitution and what it stands on. A *finding* is one thing that is not as it should be.
"""
