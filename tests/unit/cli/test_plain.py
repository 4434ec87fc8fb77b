"""Plain lines are their own, whatever names and errors hold."""

from __future__ import annotations

import io

import pytest

from store import events
from store.cli.plain import Plain
from store.errors import StoreError
from store.job_errors import FetchFailed, HashMismatch

STEERING = "\x1b[2J\x07\u202e\x0b\x85\u2028store: all is well"


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        StoreError(f"would come from {STEERING}", hint=f"ask {STEERING}"),
        FetchFailed(STEERING, [(STEERING, f"404 {STEERING}")]),
        StoreError(""),
    ],
)
def test_a_failure_steers_no_terminal_and_adds_no_line(error: StoreError, whole: bool) -> None:
    stream = io.StringIO()
    Plain(stream).emit(events.Failed(b"", "it", error, whole=whole))
    lines = stream.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("failed: ")
    assert not any(line.startswith("store:") for line in lines)


def test_a_locator_of_several_lines_is_told_on_one() -> None:
    place = "http://host/x\nstore: all is well"
    assert "\nstore" not in FetchFailed("it", [(place, "404 No\nstore: all is well")]).message
    mismatch = HashMismatch("it", "file:///x", "0" * 64, "1" * 64, "/kept")
    mismatch.tried([(place, "404 No")])
    assert "\nstore" not in mismatch.message
