"""The objects that running processes use, from a /proc that is made up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyfakefs.fake_filesystem import FakeFilesystem

from store.digest import from_text
from store.usage.processes import in_use

DIGESTS = ["0" * 31 + letter for letter in "123456789abcd"]
EXE, CWD, ROOT, MAPPED, ENVIRONED, OPENED, PHYSICAL = DIGESTS[:7]


def process(fs: FakeFilesystem, pid: int, comm: str = "tool") -> str:
    folder = f"/proc/{pid}"
    fs.create_dir(f"{folder}/fd")
    fs.create_file(f"{folder}/comm", contents=f"{comm}\n")
    fs.create_file(f"{folder}/maps", contents="")
    fs.create_file(f"{folder}/environ", contents="")
    for name in ("exe", "cwd", "root"):
        fs.create_symlink(f"{folder}/{name}", "/")
    return folder


def link(fs: FakeFilesystem, path: str, target: str) -> None:
    if os.path.islink(path):
        os.unlink(path)
    fs.create_symlink(path, target)


def test_each_way_in_which_a_process_uses_an_object_is_seen(fs: FakeFilesystem) -> None:
    folder = process(fs, 7)
    link(fs, f"{folder}/exe", f"/store/{EXE}-sh/bin/sh")
    link(fs, f"{folder}/cwd", f"/store/{CWD}-src")
    link(fs, f"{folder}/root", f"/home/me/root/store/{ROOT}-rootfs")
    link(fs, f"{folder}/fd/3", f"/store/{OPENED}-data/file (deleted)")
    with open(f"{folder}/maps", "w", encoding="ascii") as stream:
        stream.write(f"7f00-7f01 r-xp 0000 00:1 5    /var/s/store/{MAPPED}-libc/lib/libc.so\n")
    with open(f"{folder}/environ", "w", encoding="ascii") as stream:
        stream.write(f"HOME=/\0PATH=/bin:/store/{ENVIRONED}-make/bin:/store/{PHYSICAL}-sed/bin\0")
    usage = in_use()
    expected = {EXE, CWD, ROOT, MAPPED, ENVIRONED, OPENED, PHYSICAL}
    assert usage.digests == {7: {from_text(digest) for digest in expected}}
    assert usage.names == {7: "tool"}
    assert usage.unseen == []


def test_this_process_itself_and_what_is_no_process_are_passed_over(fs: FakeFilesystem) -> None:
    own = process(fs, os.getpid())
    link(fs, f"{own}/exe", f"/store/{EXE}-sh/bin/sh")
    fs.create_file("/proc/meminfo", contents=f"/store/{EXE}-sh")
    assert in_use().digests == {}


def test_a_thread_of_the_kernel_and_one_that_has_just_ended_use_nothing(
    fs: FakeFilesystem,
) -> None:
    folder = process(fs, 2)
    os.unlink(f"{folder}/exe")
    fs.create_dir("/proc/9")
    usage = in_use()
    assert (usage.digests, usage.unseen) == ({}, [])


def test_a_process_that_does_not_let_itself_be_seen_is_counted(
    fs: FakeFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(fs, 5)
    other = process(fs, 6)
    link(fs, f"{other}/cwd", f"/store/{CWD}-src")
    real = os.readlink

    def guarded(path: str) -> str:
        if path == "/proc/5/exe":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "readlink", guarded)
    usage = in_use()
    assert usage.unseen == [5]
    # What the others use is not overlooked for that.
    assert usage.digests == {6: {from_text(CWD)}}


@pytest.mark.parametrize("shift", range(0, 40, 3))
def test_a_path_across_two_pieces_of_a_long_text_is_seen(tmp_path: Path, shift: int) -> None:
    process = tmp_path / "4711"
    (process / "fd").mkdir(parents=True)
    digest = "0123456789abcdfghijklmnpqrsvwxyz"
    path = f"/{digest}-name"
    text = "x" * ((1 << 20) - shift) + path + "y" * (2 << 20)
    (process / "maps").write_text(text)
    (process / "environ").write_text("")
    assert in_use(str(tmp_path)).digests == {4711: {from_text(digest)}}
