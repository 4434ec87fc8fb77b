"""A clock that tests of waiting move themselves, so that none of them sleeps."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest


class ManualClock:
    """A monotonic clock that stands still between the calls of ``pass_time``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._now = 1000.0

    def monotonic(self) -> float:
        """Return the seconds of this clock."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Move on by so much."""
        self._now += seconds

    def drive(self, module: ModuleType) -> None:
        """Have a module read this clock in the place of the machine's."""
        self._monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=self.monotonic))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """A clock that stands still."""
    return ManualClock(monkeypatch)
