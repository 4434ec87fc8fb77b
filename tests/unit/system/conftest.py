"""The store that the objects' tests have."""

from tests.unit.objects.conftest import layout, tree

__all__ = ["layout", "tree"]
