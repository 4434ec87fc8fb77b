"""The store that the collector's tests have."""

from tests.unit.gc.conftest import layout, stock

__all__ = ["layout", "stock"]
