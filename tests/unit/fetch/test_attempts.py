"""Fetching without a network: local files, files that are there already, and wrong ones."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
from pathlib import Path

import pytest

from store.errors import InvalidName, StorageError, StoreFull
from store.fetch import indexes, mirrors
from store.fetch.attempts import FetchProgress, FetchResult, fetch
from store.job_errors import DiskReserve, FetchFailed, HashMismatch, Offline

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOWHERE = "http://127.0.0.1:9/x"  # nothing listens at the discard port


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a source.tar"
    path.write_bytes(CONTENT)
    return path


def get(tmp_path: Path, *locators: str, sha256: str = SHA256, offline: bool = False) -> FetchResult:
    return fetch(
        "thing.tar",
        sha256,
        locators,
        partial_dir=str(tmp_path / "partial"),
        bad_dir=str(tmp_path / "bad"),
        offline=offline,
        retries=0,
    )


def part_of(tmp_path: Path) -> Path:
    (tmp_path / "partial").mkdir(exist_ok=True)
    return tmp_path / "partial" / f"{SHA256}.part"


def test_a_file_url_is_copied_checked_and_read_only(tmp_path: Path, source: Path) -> None:
    result = get(tmp_path, source.as_uri(), offline=True)
    assert Path(result.path).read_bytes() == CONTENT
    assert os.stat(result.path).st_mode & 0o777 == 0o444
    assert (result.locator, result.bytes) == (source.as_uri(), len(CONTENT))
    assert os.listdir(tmp_path / "partial") == [Path(result.path).name]
    again = get(tmp_path, source.as_uri().replace("file", "FILE"), offline=True)
    assert Path(again.path).read_bytes() == CONTENT


def test_a_wrong_file_is_kept_and_both_hashes_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"wrong")
    actual = hashlib.sha256(b"wrong").hexdigest()
    with pytest.raises(HashMismatch) as caught:
        get(tmp_path, wrong.as_uri())
    assert (caught.value.expected, caught.value.actual) == (SHA256, actual)
    assert Path(caught.value.kept).read_bytes() == b"wrong"
    assert SHA256 in caught.value.message and actual in caught.value.message


def test_after_a_wrong_file_the_next_locator_is_tried(tmp_path: Path, source: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"wrong")
    result = get(tmp_path, wrong.as_uri(), source.as_uri())
    assert result.locator == source.as_uri()
    assert len(os.listdir(tmp_path / "bad")) == 1


def test_a_whole_part_is_finished_without_any_locator(tmp_path: Path) -> None:
    part_of(tmp_path).write_bytes(CONTENT)
    result = get(tmp_path, NOWHERE, offline=True)
    assert Path(result.path).read_bytes() == CONTENT
    assert result.locator is None


def test_what_a_killed_caller_left_is_used(tmp_path: Path, source: Path) -> None:
    first = get(tmp_path, source.as_uri())
    second = get(tmp_path, NOWHERE, offline=True)
    assert second.path != first.path
    os.unlink(first.path)
    assert Path(second.path).read_bytes() == CONTENT


def test_a_finished_file_that_a_power_cut_damaged_is_not_used(tmp_path: Path, source: Path) -> None:
    first = get(tmp_path, source.as_uri())
    os.chmod(first.path, 0o644)
    Path(first.path).write_bytes(CONTENT[:100])
    second = get(tmp_path, source.as_uri())
    assert Path(second.path).read_bytes() == CONTENT
    assert not os.path.exists(first.path)


def test_a_part_with_wrong_bytes_costs_one_more_copy_and_no_error(
    tmp_path: Path, source: Path
) -> None:
    part_of(tmp_path).write_bytes(b"x" * 1000)
    assert Path(get(tmp_path, source.as_uri()).path).read_bytes() == CONTENT


def test_the_second_caller_waits_and_uses_the_firsts_download(tmp_path: Path, source: Path) -> None:
    part = part_of(tmp_path)
    part.write_bytes(CONTENT)
    held = os.open(part, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    results: list[FetchResult] = []
    waiter = threading.Thread(target=lambda: results.append(get(tmp_path, NOWHERE)))
    waiter.start()
    waiter.join(0.2)
    assert not results
    finished = tmp_path / "partial" / f"{SHA256}-first"
    part.rename(finished)
    os.close(held)
    waiter.join(10)
    assert results[0].locator is None
    finished.unlink()
    assert Path(results[0].path).read_bytes() == CONTENT


def test_offline_names_what_it_would_need(tmp_path: Path) -> None:
    with pytest.raises(Offline, match=r"thing\.tar.*debian:pool/main/x/y"):
        get(tmp_path, "debian:pool/main/x/y", NOWHERE, offline=True)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "not a regular file"),
        (os.mkfifo, "not a regular file"),
    ],
)
def test_what_is_no_file_is_told_per_locator(tmp_path: Path, make, reason: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "thing"
    make(path)
    with pytest.raises(FetchFailed) as caught:
        get(tmp_path, path.as_uri())
    [(locator, why)] = caught.value.attempts
    assert locator == path.as_uri()
    assert reason in why


def test_an_unreachable_server_is_named_with_the_setting_that_counts(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed) as caught:
        get(tmp_path, NOWHERE)
    assert caught.value.attempts == ((NOWHERE, "Connection refused"),)
    assert caught.value.hint and "http_proxy" in caught.value.hint


def test_a_source_without_locators_fails_clearly(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="the source has none"):
        get(tmp_path)


def test_a_full_disk_is_told_as_such(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoreFull):
        get(tmp_path, source.as_uri())


@pytest.mark.parametrize("sha256", ["", "0" * 63, "A" * 64, "../" + "0" * 61])
def test_what_is_no_hash_is_refused(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(InvalidName):
        get(tmp_path, sha256=sha256)


def test_the_last_report_is_the_whole(tmp_path: Path, source: Path) -> None:
    seen: list[FetchProgress] = []
    fetch(
        "thing.tar",
        SHA256,
        [source.as_uri()],
        partial_dir=str(tmp_path / "partial"),
        bad_dir=str(tmp_path / "bad"),
        report=seen.append,
    )
    assert seen[-1] == FetchProgress("thing.tar", source.as_uri(), len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("make", ["link", "folder", "full folder", "fifo", "unreadable", "twice"])
def test_what_stands_in_the_place_of_a_part_is_moved_away(
    tmp_path: Path, source: Path, make: str
) -> None:
    part, other = part_of(tmp_path), tmp_path / "other"
    other.write_bytes(b"precious")
    if make == "link":
        part.symlink_to(other)
    elif make.endswith("folder"):
        part.mkdir()
        if make == "full folder":
            (part / "x").mkdir()
    elif make == "fifo":
        os.mkfifo(part)
    elif make == "unreadable":
        part.write_bytes(b"x")
        part.chmod(0)
    else:
        os.link(other, part)
    assert Path(get(tmp_path, source.as_uri()).path).read_bytes() == CONTENT
    assert other.read_bytes() == b"precious"


def test_a_folder_for_parts_that_cannot_be_written_is_named(tmp_path: Path, source: Path) -> None:
    (tmp_path / "partial").write_bytes(b"no folder")
    with pytest.raises(StorageError, match="partial"):
        get(tmp_path, source.as_uri())


@pytest.mark.parametrize(("mode", "kept"), [(0o600, 0o600), (0o640, 0o600), (0o644, 0o644)])
def test_a_wrong_file_is_no_more_readable_than_its_source(
    tmp_path: Path, mode: int, kept: int
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"wrong")
    wrong.chmod(mode)
    with pytest.raises(HashMismatch) as caught:
        get(tmp_path, wrong.as_uri())
    assert os.stat(caught.value.kept).st_mode & 0o777 == kept
    assert os.stat(tmp_path / "bad").st_mode & 0o777 == 0o700


def test_parts_and_the_folders_of_older_stores_are_the_owners_alone(
    tmp_path: Path, source: Path
) -> None:
    for name in ("partial", "bad"):
        (tmp_path / name).mkdir(mode=0o755)
    part_of(tmp_path).write_bytes(CONTENT[:1000])
    part_of(tmp_path).chmod(0o644)
    modes = []

    def look(_: FetchProgress) -> None:
        modes.append(os.stat(part_of(tmp_path)).st_mode & 0o777)

    folders = [str(tmp_path / "partial"), str(tmp_path / "bad")]
    locators = [source.as_uri()]
    fetch("x", SHA256, locators, partial_dir=folders[0], bad_dir=folders[1], report=look)
    assert set(modes) == {0o600}
    assert {os.stat(folder).st_mode & 0o777 for folder in folders} == {0o700}


def free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def test_the_disks_reserve_is_left_free(tmp_path: Path, source: Path) -> None:
    partial, bad = str(tmp_path / "partial"), str(tmp_path / "bad")
    reserve = free_bytes(tmp_path) + (1 << 30)
    with pytest.raises(DiskReserve, match="would stay free"):
        fetch("x", SHA256, [source.as_uri()], partial_dir=partial, bad_dir=bad, reserve=reserve)
    assert os.listdir(partial) == []


def test_a_locator_that_is_too_large_gives_way_to_the_next(tmp_path: Path, source: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(1 << 40)
    assert get(tmp_path, large.as_uri(), source.as_uri()).locator == source.as_uri()
    with pytest.raises(FetchFailed, match="most that a source may have") as caught:
        get(tmp_path, large.as_uri(), sha256="0" * 64)
    assert "STORE_LARGEST_SOURCE" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "locator",
    [
        "ipfs://Qm/x",
        "git+https://host/x",
        "",
        "http://",
        "http://host",
        "file:relative",
        "http://ho st/x",
        "http://127.0.0.1:99999/x",
        "http://127.0.0.1:port/x",
        "http://[::1/x",
        "http://[v1.x]/x",
        "http://" + "a" * 300 + ".invalid/",
        "http://a..b/",
        "http://\u00e9.invalid/",
        "http://u:p@:80/x",
        "http:///x",
        "file:///\0x",
        "file:///%00",
        "file://elsewhere/x",
        "debian:../x",
        "pypi:x",
    ],
)
def test_a_locator_of_any_kind_gives_way_to_the_next(
    tmp_path: Path, source: Path, locator: str
) -> None:
    assert get(tmp_path, locator, source.as_uri()).locator == source.as_uri()
    with pytest.raises(FetchFailed) as caught:
        get(tmp_path / "alone", locator, "file:///nonexistent")
    assert len(caught.value.attempts) == 2


def test_configuration_that_cannot_be_read_gives_way_to_the_next(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(mirrors, "read_apt", broken)
    monkeypatch.setattr(indexes, "read_pip", broken)
    locators = ("debian:pool/main/x/y", "pypi:x-1.tar.gz", NOWHERE)
    assert get(tmp_path, *locators, source.as_uri()).locator == source.as_uri()
    with pytest.raises(FetchFailed) as caught:
        get(tmp_path / "alone", *locators)
    assert [place for place, _ in caught.value.attempts] == list(locators)


def test_a_mismatch_names_the_other_locators_as_well(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"wrong")
    with pytest.raises(HashMismatch) as caught:
        get(tmp_path, wrong.as_uri(), NOWHERE)
    assert f"{NOWHERE}: Connection refused" in caught.value.message


def test_a_file_that_grows_while_it_is_read_has_an_end(tmp_path: Path, source: Path) -> None:
    growing = tmp_path / "growing"
    growing.write_bytes(CONTENT)

    def grow(_: FetchProgress) -> None:
        with growing.open("ab") as stream:
            stream.write(CONTENT)

    partial, bad = str(tmp_path / "partial"), str(tmp_path / "bad")
    fetch("x", SHA256, [growing.as_uri()], partial_dir=partial, bad_dir=bad, report=grow)


@pytest.mark.parametrize("name", ["partial", "bad"])
def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path, source: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (tmp_path / name).symlink_to(elsewhere)
    with pytest.raises(StorageError):
        get(tmp_path, source.as_uri())
    assert os.stat(elsewhere).st_mode & 0o777 == 0o755
    assert not os.listdir(elsewhere)


def test_what_is_no_locator_says_which_form_one_has(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="is not a locator") as caught:
        fetch(
            "thing",
            "0" * 64,
            ("ftp://me:secret@host/x",),
            partial_dir=str(tmp_path / "partial"),
            bad_dir=str(tmp_path / "bad"),
        )
    assert "debian:<path>" in (caught.value.hint or "")
    assert "secret" not in caught.value.message
