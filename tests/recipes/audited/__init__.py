"""Recipes for tests: small builders, well-behaved and not."""
