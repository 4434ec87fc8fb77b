"""Objects that the system refuses to move: each stays whole or is removed in place."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.gc.collector import CollectionOutcome, Collector
from store.gc.deletion import delete
from store.gc.policy import Policy
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.tree_check import check_object
from store.recovery.recover import rebuild
from store.system import kernel
from store.verify.object_repair import ObjectRepair
from tests.unit.gc.conftest import Stock

IN_PLACE = (errno.EXDEV, errno.ENOSPC, errno.EDQUOT, errno.EMLINK, errno.ENOSYS)
FOR_GOOD = (errno.EPERM, errno.EACCES, errno.EROFS, errno.EBUSY, errno.EIO)


def tree(stock: Stock, name: str, below: tuple[str, ...] = ()) -> ObjectId:
    """A folder in the store, that refers to others."""
    place = stock.place / f"tree-{name}"
    (place / "sub" / "deeper").mkdir(parents=True)
    for each in below:
        (place / each).write_text(stock.oids[each].path)
    (place / "sub" / "deeper" / "file").write_text(name)
    from store.objects.ingest import ingest

    others = [stock.oids[each] for each in below]
    manifest = ingest(stock.store.layout.root, str(place), name, candidates=others)
    stock.store.objects.register([manifest])
    stock.oids[name] = manifest.id
    return manifest.id


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Paths that may not be renamed, by the end of its path, with the error."""
    refusals: dict[str, int] = {}
    real = os.rename

    def rename(source: str, target: str, **folders: int) -> None:
        for end, number in refusals.items():
            if str(source).endswith(f"/store/{end}"):
                raise OSError(number, os.strerror(number), source)
        real(source, target, **folders)

    monkeypatch.setattr(os, "rename", rename)
    yield refusals
    refusals.clear()


def collect(store: Store) -> CollectionOutcome:
    collector = Collector(store)
    collector.collect(Policy())
    return collector.outcome


def forget(store: Store, oid: ObjectId) -> None:
    store.index.write(lambda txn: txn.objects.unregister(txn.objects.known(oid)))


@pytest.mark.parametrize("number", IN_PLACE, ids=errno.errorcode.__getitem__)
def test_a_folder_that_cannot_be_moved_is_removed_in_place(
    stock: Stock, refused: dict[str, int], number: int
) -> None:
    oid, _ = tree(stock, "held"), stock.make("other")
    refused[str(oid)] = number
    outcome = collect(stock.store)
    assert not outcome.undeleted
    assert not outcome.refused
    assert stock.there() == set()
    assert os.listdir(stock.store.layout.trash) == []


@pytest.mark.parametrize("number", FOR_GOOD, ids=errno.errorcode.__getitem__)
def test_what_the_system_holds_stays_whole_and_known_with_what_it_needs(
    stock: Stock, refused: dict[str, int], number: int
) -> None:
    stock.make("needed")
    held = tree(stock, "held", ("needed",))
    stock.make("user", ("held",))
    stock.make("other")
    refused[str(held)] = number
    outcome = collect(stock.store)
    assert list(outcome.undeleted) == [held]
    assert os.strerror(number) in outcome.undeleted[held]
    assert stock.there() == {"held", "needed"}
    assert check_object(stock.store.layout.root, stock.store.objects.manifest(held)) == []
    refused.clear()
    assert not collect(stock.store).undeleted
    assert stock.there() == set()


def test_deleting_names_what_the_system_holds(stock: Stock, refused: dict[str, int]) -> None:
    held, other = tree(stock, "held"), stock.make("other")
    refused[str(held)] = errno.EPERM
    outcome = delete(stock.store, [held, other])
    assert list(outcome.undeleted) == [held]
    assert stock.there() == {"held"}


def test_a_stray_that_cannot_go_does_not_end_the_run(stock: Stock, refused: dict[str, int]) -> None:
    held, other = tree(stock, "held"), tree(stock, "other")
    for oid in (held, other):
        forget(stock.store, oid)
    refused[str(held)] = errno.EPERM
    assert list(collect(stock.store).undeleted) == [held]
    assert os.listdir(stock.store.layout.objects) == [str(held)]
    stock.store.objects.add(str(stock.place / "tree-held"), "held")
    assert stock.there() == {"held"}


def test_after_a_kill_while_it_is_removed_in_place_it_is_no_object(
    stock: Stock, refused: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = tree(stock, "held")
    refused[str(oid)] = errno.EXDEV
    with monkeypatch.context() as patch:
        patch.setattr("store.local.object_removal.ObjectRemoval.remove_in_place", _raise)
        with pytest.raises(KeyboardInterrupt):
            collect(stock.store)
    assert not stock.store.objects.present(oid)
    assert (Path(stock.store.layout.objects) / str(oid)).exists()
    layout = stock.store.layout
    stock.store.close()
    assert [each.name for each in rebuild(layout).survey.damaged] == [str(oid)]
    stock.store = Store.open(layout.root)
    # Put in its place while it can still not be moved.
    assert stock.store.objects.add(str(stock.place / "tree-held"), "held") == oid
    assert check_object(layout.root, stock.store.objects.manifest(oid)) == []
    assert not collect(stock.store).undeleted
    assert stock.there() == set()


def _raise(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_was_put_in_its_place_meanwhile_stays(
    stock: Stock, refused: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from store.local.object_removal import ObjectRemoval

    oid = tree(stock, "held")
    refused[str(oid)] = errno.EXDEV
    real = ObjectRemoval.remove_in_place

    def later(self: ObjectRemoval) -> list[tuple[str, str]]:
        with stock.store.leases.begin() as lease:
            stock.store.objects.add(str(stock.place / "tree-held"), "held", lease)
        return real(self)

    monkeypatch.setattr(ObjectRemoval, "remove_in_place", later)
    collect(stock.store)
    assert check_object(stock.store.layout.root, stock.store.objects.manifest(oid)) == []
    assert stock.there() == {"held"}


@pytest.mark.root(reason="only root makes files immovable")
def test_what_cannot_be_removed_from_the_trash_is_named_and_the_rest_goes(stock: Stock) -> None:
    inner, top, file = tree(stock, "inner"), tree(stock, "top"), stock.make("file")
    tree(stock, "other")
    layout = stock.store.layout
    stuck = [
        f"{layout.object(inner)}/sub/deeper/file",
        layout.object(top),
        layout.object(file),
    ]
    with immovable(*stuck) as told:
        outcome = collect(stock.store)
        assert set(outcome.undeleted) == {top, file}
        assert [path.rpartition("/")[2] for path in outcome.refused] == ["file"]
        assert stock.there() == {"top", "file"}
        assert list(collect(stock.store).refused) == list(outcome.refused)
        told.extend(outcome.refused)
    assert not collect(stock.store).refused
    assert stock.there() == set()
    assert os.listdir(layout.trash) == []


@contextlib.contextmanager
def immovable(*paths: str) -> Iterator[list[str]]:
    """Files that nobody may move, until the end; those added to the list are set free, too."""
    chattr = shutil.which("chattr")
    if (
        chattr is None
        or subprocess.run([chattr, "+i", *paths], capture_output=True, check=False).returncode
    ):
        pytest.skip("no file can be made immovable here")
    told: list[str] = list(paths)
    try:
        yield told
    finally:
        subprocess.run([chattr, "-i", *told], capture_output=True, check=False)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM], ids=errno.errorcode.__getitem__)
def test_what_cannot_go_to_the_quarantine_is_taken_for_damaged_where_it_is(
    stock: Stock, refused: dict[str, int], number: int
) -> None:
    held, other = tree(stock, "held"), tree(stock, "other")
    layout = stock.store.layout
    for oid in (held, other):
        os.chmod(f"{layout.object(oid)}/sub/deeper", 0o755)
        os.unlink(f"{layout.object(oid)}/sub/deeper/file")
    refused[str(held)] = number
    done = {mended.object: mended for mended in ObjectRepair(stock.store, []).run([held, other])}
    assert done[other].quarantined
    assert done[held].quarantined is None
    assert "quarantine" in dict(done[held].reasons)
    assert not stock.store.objects.present(held)
    assert len(os.listdir(layout.quarantine)) == 1


OVERLAY = """
set -e
mount -t overlay overlay -o lowerdir="$1/low",upperdir="$1/up",workdir="$1/work"$2 "$1/merged"
shift 2
exec "$@"
"""


def on_an_overlay(place: Path, script: str) -> None:
    """Run Python on a store ``root`` that lies in the lower layer of an overlay."""
    for name in ("up", "work", "merged"):
        (place / name).mkdir()
    options = "" if os.geteuid() == 0 else ",userxattr"
    spaces = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    command = [*spaces, "sh", "-c", OVERLAY, "sh", str(place), options]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], check=False).returncode
    ):
        pytest.skip("no overlay can be mounted here")
    code = f"root, place = {str(place / 'merged' / 'root')!r}, {str(place)!r}\n{script}"
    done = subprocess.run(
        [*command, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_store_in_the_lower_layer_of_an_overlay_is_collected(tmp_path: Path) -> None:
    (tmp_path / "low").mkdir()
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_text(name)
    store = Store.open(str(tmp_path / "low" / "root"))
    oids = [store.objects.add(str(tmp_path / name), name) for name in ("one", "two")]
    store.roots.add("two", oids[1])
    store.close()
    on_an_overlay(
        tmp_path,
        """
import os
from store.gc.collector import Collector
from store.gc.policy import Policy
from store.local.store import Store
store = Store.open(root, collecting=True)
collector = Collector(store)
collector.collect(Policy())
assert not collector.outcome.undeleted and not collector.outcome.refused, collector.outcome
assert len(os.listdir(store.layout.objects)) == 1
oid = store.objects.add(f"{place}/one", "one")
assert store.objects.check(oid) == []
# Damaged in the lower layer: a good copy takes its place, though nothing there can be moved.
two = store.layout.object(store.objects.add(f"{place}/two", "two"))
os.chmod(two, 0o755)
os.chmod(f"{two}/sub", 0o755)
os.unlink(f"{two}/sub/file")
assert store.objects.check(store.objects.add(f"{place}/two", "two")) == []
""",
    )


FEW_NAMES = """
set -e
mount -t tmpfs -o size=64m,nr_inodes=300 tmpfs "$1"
shift
exec "$@"
"""


def test_without_any_inode_left_it_collects(tmp_path: Path) -> None:
    spaces = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    command = [*spaces, "sh", "-c", FEW_NAMES, "sh", str(tmp_path)]
    tried = [*command, "true"]
    if shutil.which("unshare") is None or subprocess.run(tried, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    code = f"""
import os, errno
from store.gc.collector import Collector
from store.gc.policy import Policy
from store.local.store import Store
place = {str(tmp_path)!r}
store = Store.open(f"{{place}}/root")
os.mkdir(f"{{place}}/tree")
for n in range(20):
    open(f"{{place}}/tree/{{n}}", "w").write(str(n))
store.objects.add(f"{{place}}/tree", "tree")
store.close()
os.mkdir(f"{{place}}/fill")
try:
    for n in range(400):
        open(f"{{place}}/fill/{{n}}", "w").close()
except OSError as error:
    assert error.errno == errno.ENOSPC
assert os.statvfs(place).f_favail == 0
store = Store.open(f"{{place}}/root", collecting=True)
collector = Collector(store)
collector.collect(Policy())
assert len(collector.outcome.deleted) == 1 and not collector.outcome.refused
assert os.listdir(store.layout.objects) == []
assert os.statvfs(place).f_favail > 20
"""
    done = subprocess.run(
        [*command, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.root(reason="only root makes folders immovable")
@pytest.mark.parametrize("folder", ["manifests"])
def test_a_folder_that_lets_no_name_go_is_told_by_each_of_them(stock: Stock, folder: str) -> None:
    tree(stock, "dead")
    place = Path(stock.store.layout.root) / folder
    held = [place] if folder == "manifests" else list(place.iterdir())
    if subprocess.run(["chattr", "+i", *held], check=False, capture_output=True).returncode != 0:
        pytest.skip("this file system makes no folder immovable")
    try:
        outcome = collect(stock.store)
    finally:
        subprocess.run(["chattr", "-i", *held], check=True)
    assert os.listdir(stock.store.layout.objects) == []
    assert outcome.refused
    assert all(path.startswith(f"{place}/") for path in outcome.refused)
    assert not collect(stock.store).refused
    assert [each for each in place.rglob("*") if each.is_file()] == []


def test_a_run_in_the_trash_that_is_closed_to_its_owner_is_removed(stock: Stock) -> None:
    tree(stock, "dead")
    trash = Path(stock.store.layout.trash)
    closed = trash / "gc-closed" / "objects"
    (closed / "below").mkdir(parents=True)
    closed.chmod(0)  # root is not stopped by that, its owner is
    assert not collect(stock.store).refused
    assert stock.there() == set()
    assert os.listdir(trash) == []


@pytest.mark.slow
@pytest.mark.parametrize("broad", [0, 3000], ids=["walk", "threads"])
@pytest.mark.parametrize("by_steps", [False, True], ids=["openat2", "steps"])
def test_a_folder_mounted_into_an_object_is_not_emptied(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, by_steps: bool, broad: int
) -> None:
    top = stock.place / "top"
    (top / "sub").mkdir(parents=True)
    for number in range(broad):
        (top / "sub" / str(number)).touch()
    (top / "sub" / "file").write_text("same name")
    oid = stock.store.objects.add(str(top), "top")
    precious = stock.place / "precious"
    (precious / "below").mkdir(parents=True)
    for name in ("file", "other", "below/file"):
        (precious / name).write_text("precious")
    inner = f"{stock.store.layout.object(oid)}/sub"
    try:
        kernel.mount(str(precious), inner, None, kernel.MS_BIND)
    except OSError as error:
        pytest.skip(f"cannot mount: {error}")
    if by_steps:
        monkeypatch.setattr(kernel, "openat2", _no_call)
    try:
        outcome = collect(stock.store)
        moved = outcome.refused
    finally:
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if str(stock.store.layout.root) in line.split()[1]:
                kernel.umount(line.split()[1])
    assert sorted(path.name for path in precious.rglob("*")) == ["below", "file", "file", "other"]
    assert len(moved) == 1
    assert "mounted there" in next(iter(moved.values()))
    assert not collect(stock.store).refused
    assert os.listdir(stock.store.layout.trash) == []


def _no_call(*_: object) -> int:
    raise OSError(errno.ENOSYS, "no such call")


def test_an_object_without_its_manifest_is_collected_and_nothing_stays(stock: Stock) -> None:
    dead = tree(stock, "dead")
    os.unlink(stock.store.layout.manifest(dead))
    assert not collect(stock.store).refused
    assert os.listdir(stock.store.layout.objects) == []
