"""How many examples a random test has."""

from __future__ import annotations

from hypothesis import settings

_USUAL = 100
"""Examples of a test that says nothing, without a profile for quick runs."""


def example_count(usual: int) -> int:
    """Return how many examples a test has that has ``usual`` ones: fewer with the profile
    ``quick``, in the proportion of the profiles. For the decorators of a module: the profile is
    known when tests are read."""
    return max(1, usual * settings().max_examples // _USUAL)
