"""A request that makes no sense cannot be made."""

from __future__ import annotations

from typing import Any

import pytest

from store.errors import InvalidName, UsageError
from store.sandbox.request import BuildRequest, BuildResult


def request(**changes: Any) -> BuildRequest:
    fields: dict[str, Any] = {
        "name": "hello",
        "builder": "/bin/sh",
        "args": (),
        "env": (),
        "store_dir": "/s",
        "work_dir": "/w",
        "log_path": "/l",
    }
    return BuildRequest(**(fields | changes))


def test_a_plain_request_is_accepted() -> None:
    assert request(inputs=("a", "b"), outputs=("c",), rootfs="a").cores == 1


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
@pytest.mark.parametrize("field", ["inputs", "outputs"])
def test_an_object_is_named_by_one_path_component(field: str, name: str) -> None:
    with pytest.raises(InvalidName):
        request(**{field: (name,)})
    with pytest.raises(InvalidName):
        request(rootfs=name)


def test_a_name_stands_for_one_thing() -> None:
    with pytest.raises(InvalidName, match="named twice: a"):
        request(inputs=("a",), outputs=("a",))


@pytest.mark.parametrize("field", ["builder", "store_dir", "work_dir", "log_path"])
def test_paths_are_absolute(field: str) -> None:
    with pytest.raises(UsageError):
        request(**{field: "here"})


@pytest.mark.parametrize(
    "changes",
    [
        {"env": (("", "x"),)},
        {"env": (("A=B", "x"),)},
        {"env": (("A", "\0"),)},
        {"args": ("\0",)},
        {"cores": 0},
        {"disk_reserve": -1},
        {"uid": 0},
        {"user": "a:b"},
        {"group": ""},
        {"processors": 0},
        {"clock_stopped": -1},
        {"clock_stopped": 1, "clock_ahead": 1},
        {"listing": "upside down"},
    ],
)
def test_what_no_process_can_have_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        request(**changes)


def test_only_an_untroubled_exit_is_ok() -> None:
    assert BuildResult(0, 1, 1, 1, 1).ok
    assert not BuildResult(1, 1, 1, 1, 1).ok
    assert not BuildResult(-9, 1, 1, 1, 1, stopped="disk").ok
