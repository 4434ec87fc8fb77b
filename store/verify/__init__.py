"""Comparing a store with itself: index, objects, manifests and shared inodes; and repairing it."""
