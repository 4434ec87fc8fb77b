"""The checks from inside before a builder starts."""

from __future__ import annotations

import pytest

from store.errors import SandboxUnavailable
from store.sandbox.mounts import check_mounts

GOOD = """\
1 0 0:1 / / ro,nosuid,nodev,relatime - tmpfs tmpfs rw,size=1024k
2 1 8:1 /srv/store /store rw,nosuid,nodev,relatime - ext4 /dev/sda rw
3 1 8:1 /srv/tmp /tmp rw,nosuid,nodev - ext4 /dev/sda rw
4 2 8:1 /store/a\\040b /store/a\\040b ro,nosuid,nodev,relatime - ext4 /dev/sda rw
5 1 0:5 /null /dev/null ro,nosuid,noexec,relatime - devtmpfs udev rw
6 1 0:6 / /dev/shm rw,nosuid,nodev - tmpfs tmpfs rw
7 1 0:7 / /proc ro,nosuid,nodev,noexec,relatime - proc proc rw,hidepid=invisible
"""


def test_the_mounts_of_a_sandbox_are_as_they_should_be() -> None:
    check_mounts(GOOD.encode())


@pytest.mark.parametrize(
    ("number", "before", "after", "missing"),
    [
        (3, "ro,", "rw,", "ro"),
        (3, "nosuid,", "", "nosuid"),
        (3, ",nodev", "", "nodev"),
        (0, "ro,", "rw,", "ro"),
        (1, ",nodev", "", "nodev"),
        (2, "nosuid,", "", "nosuid"),
        (4, "ro,", "rw,", "ro"),
        (4, ",noexec", "", "noexec"),
    ],
)
def test_a_mount_that_lets_more_ends_the_build(
    number: int, before: str, after: str, missing: str
) -> None:
    lines = GOOD.splitlines()
    lines[number] = lines[number].replace(before, after, 1)
    with pytest.raises(SandboxUnavailable, match=f"mounted without {missing} "):
        check_mounts("\n".join([*lines, ""]).encode())


def test_a_folder_named_like_closed_options_is_no_excuse() -> None:
    line = "8 1 8:1 /ro,nosuid,nodev /ro,nosuid,nodev rw,nosuid,nodev - ext4 ro,nosuid,nodev rw\n"
    with pytest.raises(SandboxUnavailable, match="mounted without ro "):
        check_mounts((GOOD + line).encode())
