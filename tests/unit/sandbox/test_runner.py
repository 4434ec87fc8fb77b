"""Reading the reports of children, and the state of the disk."""

from __future__ import annotations

import os

import pytest

from store.errors import SandboxUnavailable
from store.sandbox.runner import disk_is_low, read_report

GONE = ["0", "0.25", "0.25"]


def disk(free: int, inodes: int = 1 << 20, free_inodes: int = 1 << 19) -> os.statvfs_result:
    """A file system with ``free`` blocks of 4096 bytes."""
    return os.statvfs_result(
        (4096, 4096, 1 << 20, free, free, inodes, free_inodes, free_inodes, 0, 255)
    )


def test_the_disk_is_low_below_the_reserve() -> None:
    assert disk_is_low(disk(10), 11 * 4096)
    assert not disk_is_low(disk(11), 11 * 4096)


def test_the_disk_is_low_when_inodes_run_out_where_they_are_counted() -> None:
    assert disk_is_low(disk(1 << 19, free_inodes=10), 4096)
    assert not disk_is_low(disk(1 << 19, inodes=0, free_inodes=0), 4096)


def test_no_reserve_is_no_watch() -> None:
    assert not disk_is_low(disk(0, free_inodes=0), 0)


def test_a_status_is_an_exit_status_or_a_negative_signal() -> None:
    told = {"exited": ["768", "100"], "gone": ["0", "1.5", "0.5"]}
    result = read_report(told, None, 2.0)
    assert (result.status, result.max_rss, result.user, result.system) == (3, 102400, 1.5, 0.5)
    assert read_report(told | {"exited": ["11", "1"]}, None, 0).status == -11


def test_a_tree_that_vanished_without_a_word_was_killed() -> None:
    assert read_report({"gone": GONE}, None, 0).status == -9


def test_a_stopped_build_was_killed_whatever_it_told() -> None:
    result = read_report({"exited": ["0", "1"], "gone": GONE}, "timeout", 0)
    assert (result.status, result.stopped) == (-9, "timeout")


def test_a_failed_set_up_is_an_error_unless_it_was_stopped_on_the_way() -> None:
    with pytest.raises(SandboxUnavailable, match="mounting /proc"):
        read_report({"failed": ["mounting /proc", "1"]}, None, 0)
    with pytest.raises(SandboxUnavailable, match="forking: MemoryError"):
        read_report({"failed": ["forking: MemoryError()", "0"]}, None, 0)
    told = {"failed": ["forking", "1"], "gone": GONE}
    assert read_report(told, "disk", 0).stopped == "disk"


def test_a_builder_that_could_not_be_executed_says_why() -> None:
    told = {"unexecuted": ["cannot execute /x: why"], "exited": [str(127 << 8), "0"], "gone": GONE}
    result = read_report(told, None, 0)
    assert (result.status, result.exec_error) == (127, "cannot execute /x: why")
