"""Files written whole or not at all: whatever fails, and wherever the writer is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from store.errors import NotOwner
from store.system import unfinished
from store.system.whole_file import create_file, replace_file, replace_link, replacing

BEFORE, AFTER = b"before", b"after"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file alone in its folder."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(BEFORE)
    return f"{tmp_path}/folder/file"


@contextlib.contextmanager
def full() -> Iterator[None]:
    """As on a full disk: no file gets longer than these bytes. Only while a test writes its own:
    pytest's report may go to a file, too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(BEFORE), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def beside(path: str) -> list[str]:
    """The names in the file's folder, but for its own."""
    return sorted({*os.listdir(os.path.dirname(path))} - {os.path.basename(path)})


def text(path: str) -> bytes:
    return Path(path).read_bytes()


def mode(path: str) -> int:
    return os.lstat(path).st_mode & 0o7777


def test_a_reader_sees_one_file_or_the_other_whole(path: str) -> None:
    with open(path, "rb") as reader:
        with replacing(path) as stream:
            stream.write(AFTER)
            stream.flush()
            assert text(path) == BEFORE
        assert text(path) == AFTER
        assert reader.read() == BEFORE
    assert not beside(path)


def test_a_full_disk_leaves_the_former_file_alone(path: str) -> None:
    for durable in (False, True):
        with full(), pytest.raises(OSError, match="File too large") as refused:
            replace_file(path, BEFORE + AFTER, durable=durable)
        assert refused.value.filename == path
    assert text(path) == BEFORE
    assert not beside(path)


def test_a_full_disk_leaves_nothing_of_a_file_that_was_to_be_made(path: str) -> None:
    with full(), pytest.raises(OSError, match="File too large"):
        create_file(f"{path}2", BEFORE + AFTER, 0o600)
    assert not beside(path)


def test_an_error_of_the_caller_leaves_the_former_file_alone(path: str) -> None:
    broken = OSError(errno.EIO, "broken", "source")
    for error in (KeyboardInterrupt(), ValueError(), broken):
        with pytest.raises(type(error)) as raised, replacing(path) as stream:
            stream.write(AFTER)
            raise error
        assert raised.value is error
    assert broken.filename == "source"
    assert text(path) == BEFORE
    assert not beside(path)


@pytest.mark.parametrize("name", ["fsync", "rename"])
def test_a_writer_that_is_killed_between_leaves_a_whole_file(
    path: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed_at(count: int, work: Callable[[], None]) -> int:
        pid = os.fork()
        if pid == 0:
            calls = iter(range(1, count))
            real = getattr(os, name)
            monkeypatch.setattr(
                os, name, lambda *args: real(*args) if next(calls, None) else os._exit(9)
            )
            work()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def work() -> None:
        with replacing(path, durable=True, aside=f"{path}.new") as stream:
            stream.write(AFTER)

    assert killed_at(1, work) == 9
    assert text(path) == BEFORE
    assert beside(path) == ["file.new"]
    assert killed_at(3, work) == 0  # what the killed one left is in nobody's way
    assert text(path) == AFTER
    assert not beside(path)


def test_an_unfinished_file_is_known_by_its_name(path: str) -> None:
    with replacing(path), replacing(path):  # as two threads may
        assert all(unfinished.is_one(name) for name in beside(path))
        assert len(beside(path)) == 2


def test_a_name_may_be_as_long_as_one_can_be(path: str) -> None:
    longest = f"{os.path.dirname(path)}/{'n' * 255}"
    replace_file(longest, AFTER)
    assert text(longest) == AFTER


def test_a_mode_is_kept_unless_another_is_given(path: str) -> None:
    former = os.umask(0o077)
    try:
        os.chmod(path, 0o640)
        replace_file(path, AFTER)
        assert mode(path) == 0o640
        replace_file(path, AFTER, mode=0o755)
        assert mode(path) == 0o755
        replace_file(f"{path}2", AFTER)
        assert mode(f"{path}2") == 0o600  # by the umask
        create_file(f"{path}3", AFTER, 0o644)
        assert mode(f"{path}3") == 0o644
    finally:
        os.umask(former)


def test_an_unfinished_file_is_never_open_to_more_than_the_former_one(path: str) -> None:
    os.chmod(path, 0o600)
    with replacing(path):
        assert [mode(f"{os.path.dirname(path)}/{name}") for name in beside(path)] == [0o600]


def test_a_link_is_replaced_or_followed(path: str) -> None:
    link = f"{path}-link"
    os.symlink("file", link)
    replace_file(link, AFTER, follow=True)
    assert (os.readlink(link), text(path)) == ("file", AFTER)
    replace_file(link, b"third")
    assert not os.path.islink(link)
    assert (text(link), text(path)) == (b"third", AFTER)


def test_a_durable_file_is_waited_for_before_it_has_its_name(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = os.fsync

    def fsync(fd: int) -> None:
        seen.append((os.path.isdir(os.readlink(f"/proc/self/fd/{fd}")), text(path)))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    replace_file(path, AFTER)
    assert not seen
    replace_file(path, b"third", durable=True)
    assert seen == [(False, AFTER), (True, b"third")]


def test_a_folder_is_not_replaced_and_the_error_names_it(path: str) -> None:
    os.mkdir(f"{path}2")
    with pytest.raises(IsADirectoryError) as refused:
        replace_file(f"{path}2", AFTER)
    assert (refused.value.filename, refused.value.filename2) == (f"{path}2", None)
    assert beside(path) == ["file2"]


def test_a_missing_folder_is_an_error_with_the_asked_name(path: str) -> None:
    missing = f"{path}-folder/file"
    for write in (partial(replace_file, missing, AFTER), partial(replace_link, missing, "to")):
        with pytest.raises(FileNotFoundError) as refused:
            write()
        assert str(refused.value) == f"[Errno 2] No such file or directory: '{missing}'"


@pytest.mark.root(reason="files of another user")
def test_another_users_folder_is_refused_and_nothing_of_it_changes(path: str) -> None:
    os.chown(os.path.dirname(path), 12345, -1)
    Path(f"{path}.new").write_bytes(BEFORE)
    with pytest.raises(NotOwner), replacing(path, own_folder=True, aside=f"{path}.new"):
        pass
    assert beside(path) == ["file.new"]
    replace_file(path, AFTER)  # for one who does not mind


def test_a_file_is_made_only_where_nothing_is(path: str) -> None:
    with pytest.raises(FileExistsError) as refused:
        create_file(path, AFTER, 0o600)
    assert refused.value.filename == path
    assert (text(path), beside(path)) == (BEFORE, [])
    create_file(f"{path}2", AFTER, 0o600)
    assert (text(f"{path}2"), beside(path)) == (AFTER, ["file2"])


def test_a_link_is_led_elsewhere_at_once(path: str) -> None:
    link = f"{path}-link"
    for target in ("one", "two"):
        replace_link(link, target)
        assert os.readlink(link) == target
    assert beside(path) == ["file-link"]
    os.mkdir(f"{path}-folder")
    with pytest.raises(IsADirectoryError):
        replace_link(f"{path}-folder", "one")
    assert beside(path) == ["file-folder", "file-link"]
