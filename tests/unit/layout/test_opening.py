"""The contents of a root: a store, its owner, and that nothing in it leads elsewhere."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from store.errors import NotAStore, NotOwner, StorageError, StoreError
from store.layout import opening
from store.layout.paths import Layout
from store.local.store import Store
from store.objects.placing import exclusive
from store.recovery.recover import rebuild
from store.system import owned
from store.system.locks import LockFile, SharedLocks, make_held

NEIGHBOUR = 12345
AS_ROOT = pytest.mark.root(reason="only root can be another user")
FOLDERS = [Path(path).name for path in Layout("/r").directories]
FILES = [path.removeprefix("/r/") for path in Layout("/r").files]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    store = Store.open(str(tmp_path / "root"))
    store.close()
    return store.layout


def as_neighbour(work: Callable[[], object]) -> None:
    """Run ``work`` in a process of another user; an error in it fails the test."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            os.setresuid(NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def open_to_all(path: Path) -> None:
    """Let others reach a test's folder, which pytest keeps to its user."""
    for folder in (path, *path.parents):
        if folder != Path("/") and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)


def given(path: str, user: int) -> None:
    """Give a tree to another user."""
    for folder, _, files in os.walk(path):
        for name in (folder, *(f"{folder}/{file}" for file in files)):
            os.chown(name, user, user, follow_symlinks=False)


# -- a root --


def test_a_folder_of_something_else_is_not_made_a_store(tmp_path: Path) -> None:
    (tmp_path / "trash").mkdir()
    (tmp_path / "trash" / "letter").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotAStore, match="is no store, and not empty"):
        Store.open(str(tmp_path))
    with pytest.raises(StoreError):
        rebuild(Layout(str(tmp_path)))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("there", [[], ["lost+found"], ["store", "tmp"]])
def test_a_store_is_made_in_a_folder_with_nothing_in_it(tmp_path: Path, there: list[str]) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    Store.open(str(tmp_path)).close()
    assert Path(Layout(str(tmp_path)).marker).read_text().startswith("This folder is a Fixpoint")


def test_settings_may_be_written_before_there_is_a_store(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[collect]\n")
    Store.open(str(tmp_path)).close()
    assert (tmp_path / "config.toml").read_text() == "[collect]\n"


def test_a_folder_in_place_of_settings_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(NotAStore, match="is no store, and not empty"):
        Store.open(str(tmp_path))


@pytest.mark.parametrize("name", ["tmp", "tmp/new", "store/new", "new/er", "links"])
def test_within_a_store_none_is_made(layout: Layout, name: str) -> None:
    with pytest.raises(NotAStore, match="is within the store"):
        Store.open(f"{layout.root}/{name}")
    Store.open(layout.root).close()


def test_a_folder_of_the_marks_name_makes_no_store(tmp_path: Path) -> None:
    (tmp_path / "fixpoint" / "mine").mkdir(parents=True)
    Store.open(str(tmp_path / "fixpoint" / "mine")).close()
    with pytest.raises(NotAStore, match="is no store, and not empty"):
        Store.open(str(tmp_path))


@pytest.mark.parametrize("lost", ["index", None])
def test_a_store_from_before_the_mark_is_known_and_gets_it(
    layout: Layout, lost: str | None
) -> None:
    os.unlink(layout.marker)
    if lost is not None:
        shutil.rmtree(layout.index)
    Store.open(layout.root).close()
    assert os.path.isfile(layout.marker)


def test_the_root_itself_may_be_a_link(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(layout.root)
    Store.open(str(tmp_path / "link")).check_writable()


def test_what_is_made_a_store_is_closed_to_the_writing_of_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    Store.open(str(tmp_path)).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("name", ["", "store", "index", "manifests", "logs"])
def test_a_store_that_others_can_write_to_is_not_used(layout: Layout, name: str) -> None:
    Path(layout.root, name).chmod(0o757)
    with pytest.raises(StorageError, match="other users can write to") as caught:
        Store.open(layout.root)
    assert f"chmod go-w {Path(layout.root, name)}" in str(caught.value.hint).replace("/`", "`")


# -- the way to it --


@pytest.mark.parametrize(("mode", "open_"), [(0o777, True), (0o1777, False), (0o755, False)])
def test_a_way_that_others_can_write_to_is_known(tmp_path: Path, mode: int, open_: bool) -> None:
    above = tmp_path / "above"
    layout = Layout(str(above / "folder" / "root"))
    Store.open(layout.root).close()
    above.chmod(mode)
    assert opening.open_way(layout) == (str(above) if open_ else None)
    (tmp_path / "link").symlink_to(layout.root)
    assert opening.open_way(Layout(str(tmp_path / "link"))) == (str(above) if open_ else None)


@AS_ROOT
def test_a_way_through_a_strangers_folder_is_known_and_ones_own_is_no_strangers(
    tmp_path: Path,
) -> None:
    layout = Layout(str(tmp_path / "above" / "root"))
    Store.open(layout.root).close()
    os.chown(tmp_path / "above", NEIGHBOUR, NEIGHBOUR)
    assert opening.open_way(layout) == str(tmp_path / "above")
    given(layout.root, NEIGHBOUR)
    assert opening.open_way(layout) is None


# -- links and strangers --


@pytest.mark.parametrize("name", [*FOLDERS, "quarantine"])
def test_no_folder_of_a_store_is_reached_by_a_link(
    layout: Layout, tmp_path: Path, name: str
) -> None:
    place = Path(layout.root, name)
    if place.exists():
        place.rename(tmp_path / "elsewhere")
    else:
        (tmp_path / "elsewhere").mkdir()
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    place.symlink_to(tmp_path / "elsewhere")
    for use in (lambda: Store.open(layout.root), lambda: rebuild(layout)):
        with pytest.raises(StorageError, match="is a link"):
            use()
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["link", "fifo", "dangling"])
def test_no_file_of_the_index_leads_elsewhere(
    layout: Layout, tmp_path: Path, name: str, kind: str
) -> None:
    place = Path(layout.root, name)
    place.unlink(missing_ok=True)
    target = tmp_path / "target"
    if kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to(target)
        if kind == "link":
            target.write_text("mine")
    with pytest.raises(StorageError, match="is not a file"):
        Store.open(layout.root)
    assert target.exists() == (kind == "link")
    rebuild(layout)
    Store.open(layout.root).check_writable()


@AS_ROOT
@pytest.mark.parametrize("name", [*FOLDERS, *FILES])
def test_a_store_that_is_partly_of_another_user_is_not_used(layout: Layout, name: str) -> None:
    Path(layout.root, name).touch()
    os.chown(f"{layout.root}/{name}", NEIGHBOUR, NEIGHBOUR)
    with pytest.raises(NotOwner):
        Store.open(layout.root)


@AS_ROOT
@pytest.mark.parametrize("name", ["keys", "tokens", "objects", "collector", "placing"])
def test_root_makes_no_file_where_a_users_link_leads(
    layout: Layout, tmp_path: Path, name: str
) -> None:
    target, place = tmp_path / "target", Path(layout.locks, name)
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    given(layout.root, NEIGHBOUR)
    store = Store.open(layout.root)
    for use in (
        store.check_writable,
        lambda: store.try_lock(1),
        lambda: SharedLocks(str(place)),
        lambda: LockFile(str(place)).try_lock(0),
        lambda: make_held(layout.tmp, "work-"),
        lambda: store.start_log(bytes(32)),
        store.workspaces.make,
        lambda: exclusive(layout).__enter__(),
        lambda: owned.open_file(f"{layout.root}/records", os.O_WRONLY | os.O_CREAT),
        lambda: rebuild(layout),
    ):
        with pytest.raises(NotOwner):
            use()
    assert not target.exists()


def test_a_lock_file_that_is_a_link_is_not_followed(layout: Layout, tmp_path: Path) -> None:
    Path(layout.locks, "keys").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError):
        Store.open(layout.root).try_lock(1)
    assert not (tmp_path / "target").exists()


# -- what others can open --


def test_locks_are_where_only_the_owner_can_open_them(layout: Layout) -> None:
    store = Store.open(layout.root)
    store.try_lock(1)
    with store.claims(), exclusive(layout):
        for path in (layout.locks, layout.tmp, layout.trash, layout.partial):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
        for name in ("lock.mdb", "use"):
            assert stat.S_IMODE(os.stat(f"{layout.index}/{name}").st_mode) == 0o600
        for name in os.listdir(layout.locks):
            assert stat.S_IMODE(os.stat(f"{layout.locks}/{name}").st_mode) == 0o600


def test_locks_of_an_earlier_version_are_replaced(layout: Layout) -> None:
    os.chmod(layout.locks, 0o755)
    Path(layout.locks, "keys").touch(0o644)
    Path(layout.index, "lock.mdb").chmod(0o644)
    held = [os.open(f"{layout.locks}/keys", os.O_RDWR), os.open(layout.index, os.O_RDONLY)]
    fcntl.lockf(held[0], fcntl.LOCK_EX)
    store = Store.open(layout.root)
    assert store.try_lock(1) is not None
    assert stat.S_IMODE(os.stat(layout.locks).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(f"{layout.index}/lock.mdb").st_mode) == 0o600


@AS_ROOT
def test_a_neighbour_reads_and_holds_nothing_up(layout: Layout, tmp_path: Path) -> None:
    open_to_all(tmp_path)

    def hold() -> None:
        store = Store.open(layout.root)
        assert store.objects.all() == []
        for folder, names, files in os.walk(layout.root):
            for name in (*names, *files):
                try:
                    fd = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NOFOLLOW)
                except PermissionError:
                    continue
                # Neither outlives the process: what matters is that there is none for a lock.
                assert not folder.startswith(layout.locks)
                assert name not in ("lock.mdb", "use", "reserve")
                fcntl.flock(fd, fcntl.LOCK_SH)

    as_neighbour(hold)


def test_the_owner_works_beside_one_that_locks_all_that_it_can_open(layout: Layout) -> None:
    held = []
    for folder, _, files in os.walk(layout.root):
        for path in (folder, *(f"{folder}/{file}" for file in files)):
            if stat.S_IMODE(os.stat(path).st_mode) & 0o044:
                held.append(os.open(path, os.O_RDONLY))
                fcntl.flock(held[-1], fcntl.LOCK_SH)
    assert len(held) > 5
    store = Store.open(layout.root)
    lock = store.try_lock(1)
    assert lock is not None
    with store.claims(), exclusive(layout):
        store.leases.drop_stale()
    store.close()
    rebuild(layout)
    for fd in held:
        os.close(fd)


def test_a_private_group_is_nobody_else(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> None:
    monkeypatch.setattr(owned, "_is_alone", lambda found: True)
    Path(layout.root).chmod(0o775)
    Store.open(layout.root).check_writable()


# -- links on the way --


@AS_ROOT
@pytest.mark.parametrize("form", ["absolute", "relative", "chain", "above"])
def test_a_strangers_link_is_known_and_leads_to_no_new_store(tmp_path: Path, form: str) -> None:
    sticky, target = tmp_path / "sticky", tmp_path / "target"
    sticky.mkdir()
    sticky.chmod(0o1777)
    target.mkdir()
    link = sticky / "link"
    leads = {"relative": "../target", "above": str(tmp_path)}
    link.symlink_to(leads.get(form, str(target)))
    os.chown(link, NEIGHBOUR, NEIGHBOUR, follow_symlinks=False)
    root = link / "target" if form == "above" else link
    if form == "chain":
        (tmp_path / "own").symlink_to("sticky/link")
        root = tmp_path / "own"
    with pytest.raises(NotOwner, match="is a link of user 12345"):
        Store.open(str(root))
    assert list(target.iterdir()) == []
    Store.open(str(target)).close()
    assert opening.open_way(Layout(str(root))) == str(link)


def test_ones_own_link_leads_to_a_new_store(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "target").mkdir()
    Store.open(str(tmp_path / "link")).close()
    assert opening.open_way(Layout(str(tmp_path / "link"))) is None


def test_links_in_a_circle_are_no_way(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StorageError):
        Store.open(str(tmp_path / "a" / "root"))
