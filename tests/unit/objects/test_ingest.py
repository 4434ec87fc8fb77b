"""Taking files, links and trees into the store."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import time
import traceback
from pathlib import Path

import pytest

from store import digest
from store.digest import file_digest
from store.errors import StorageError, StoreFull, UsageError
from store.index.content_table import ContentTable
from store.job_errors import DiskReserve, OutputRefused
from store.layout.paths import Layout
from store.model import identity
from store.model.file_tree import Directory, NodeKind, file, link
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects import finishing, staging
from store.objects.contents import content_of
from store.objects.ingest import ingest, ingest_outputs
from store.objects.tree_check import check_object, differs, identify

SCRATCH = identity.scratch("pkg", "out")
OTHER = ObjectId(b"o" * 20, "other")
MIB = 1 << 20

pytestmark = pytest.mark.usefixtures("clean")


def stored(layout: Layout, manifest: Manifest) -> Path:
    return Path(layout.object(manifest.id))


def take_output(layout: Layout, path: Path, *candidates: ObjectId) -> Manifest:
    return ingest_outputs(layout.root, {SCRATCH: str(path)}, candidates=candidates)[SCRATCH]


def assert_sound(layout: Layout, manifest: Manifest) -> None:
    path = layout.object(manifest.id)
    assert check_object(layout.root, manifest) == []
    assert identify(path, manifest) == manifest.id
    kept = Path(f"{layout.manifests}/{manifest.id}").read_bytes()
    assert Manifest.decode(kept) == manifest
    for folder, _, files in os.walk(path):
        for entry in (folder, *(os.path.join(folder, name) for name in files)):
            found = os.lstat(entry)
            if not stat.S_ISLNK(found.st_mode):
                assert stat.S_IMODE(found.st_mode) in (0o444, 0o555)
                assert found.st_mtime_ns == 10**9


def test_a_file_is_an_object(layout: Layout, tree: Path) -> None:
    (tree / "a").write_bytes(b"hello")
    manifest = ingest(layout.root, str(tree / "a"), "a.txt")
    assert manifest.root.kind is NodeKind.FILE
    assert not manifest.root.executable
    assert stored(layout, manifest).read_bytes() == b"hello"
    assert stat.S_IMODE(stored(layout, manifest).lstat().st_mode) == 0o444
    assert_sound(layout, manifest)


@pytest.mark.parametrize(
    ("mode", "chosen", "expected"),
    [
        (0o644, None, False),
        (0o755, None, True),
        (0o654, None, True),
        (0o4755, None, True),
        (0o755, False, False),
        (0o644, True, True),
    ],
)
def test_the_executable_bit_is_kept_or_chosen(
    layout: Layout, tree: Path, mode: int, chosen: bool | None, expected: bool
) -> None:
    (tree / "a").write_bytes(b"x")
    (tree / "a").chmod(mode)
    manifest = ingest(layout.root, str(tree / "a"), "a", executable=chosen)
    assert manifest.root.executable is expected
    assert_sound(layout, manifest)


def test_a_link_is_an_object_and_is_not_followed(layout: Layout, tree: Path) -> None:
    (tree / "a").symlink_to("/etc/passwd")
    manifest = ingest(layout.root, str(tree / "a"), "a")
    assert manifest.root == link(b"/etc/passwd")
    assert os.readlink(stored(layout, manifest)) == "/etc/passwd"
    assert_sound(layout, manifest)


def test_a_tree_is_an_object(layout: Layout, tree: Path) -> None:
    (tree / "bin").mkdir()
    (tree / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (tree / "bin" / "run").chmod(0o700)
    (tree / "empty").mkdir()
    (tree / "zero").write_bytes(b"")
    (tree / "up").symlink_to("/etc")
    (tree / "down").symlink_to("bin")
    manifest = ingest(layout.root, str(tree), "pkg")
    path = stored(layout, manifest)
    assert os.readlink(path / "up") == "/etc"
    assert (path / "bin" / "run").read_bytes() == b"#!/bin/sh\n"
    assert list((path / "empty").iterdir()) == []
    top = manifest.directories[manifest.root.payload]
    assert [name for name, _ in top.entries] == [b"bin", b"down", b"empty", b"up", b"zero"]
    assert_sound(layout, manifest)


def test_an_empty_tree_is_an_object(layout: Layout, tree: Path) -> None:
    manifest = ingest(layout.root, str(tree), "empty")
    assert manifest.root == Directory(()).node()
    assert_sound(layout, manifest)


@pytest.mark.parametrize("spelling", ["{}/", "{}/.", "{}/../tree"])
def test_a_path_may_be_spelled_in_any_way(layout: Layout, tree: Path, spelling: str) -> None:
    (tree / "a").write_bytes(b"a")
    manifest = ingest(layout.root, spelling.format(tree), "t")
    assert manifest == ingest(layout.root, str(tree), "t")


def test_a_relative_path_starts_in_the_working_directory(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "a").write_bytes(b"a")
    monkeypatch.chdir(tree)
    assert ingest(layout.root, "a", "a").root.size == 1


def test_names_need_not_be_utf8(layout: Layout, tree: Path) -> None:
    name = b"caf\xe9\n\\ \xff" + b"n" * 200
    Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(b"x")
    manifest = ingest(layout.root, str(tree), "pkg")
    assert manifest.directories[manifest.root.payload].entries[0][0] == name
    assert_sound(layout, manifest)


def test_the_same_tree_twice_is_the_same_object(layout: Layout, tree: Path) -> None:
    (tree / "a").write_bytes(b"a")
    first = ingest(layout.root, str(tree), "pkg")
    inode = stored(layout, first).stat().st_ino
    os.utime(tree / "a", ns=(5, 5))
    again = ingest(layout.root, str(tree), "pkg")
    assert again == first
    assert stored(layout, again).stat().st_ino == inode
    assert ingest(layout.root, str(tree), "other").id != first.id


def test_a_wide_tree_is_taken_whole(layout: Layout, tree: Path) -> None:
    for number in range(50):
        (tree / f"d{number % 7}").mkdir(exist_ok=True)
        (tree / f"d{number % 7}" / f"f{number}").write_bytes(b"%d" % number)
    manifest = ingest(layout.root, str(tree), "pkg")
    assert len(manifest.directories) == 8
    assert_sound(layout, manifest)


# -- what is refused --


def test_special_files_are_refused_by_path(layout: Layout, tree: Path) -> None:
    (tree / "sub").mkdir()
    os.mkfifo(tree / "sub" / "pipe")
    with pytest.raises(OutputRefused, match=r"/sub/pipe is a fifo") as refused:
        ingest(layout.root, str(tree), "pkg")
    assert refused.value.hint is None
    with pytest.raises(OutputRefused, match=rf"{SCRATCH.path}/sub/pipe is a fifo") as refused:
        take_output(layout, tree)
    assert "builder" in str(refused.value.hint)


def test_a_socket_is_refused(layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        with pytest.raises(OutputRefused, match="/s is a socket"):
            ingest(layout.root, str(tree), "pkg")


@pytest.mark.root(reason="only root makes devices")
@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_a_device_is_refused(layout: Layout, tree: Path, kind: int) -> None:
    try:
        os.mknod(tree / "d", kind | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("devices cannot be made here")
    with pytest.raises(OutputRefused, match=r"/d is a (block )?device"):
        ingest(layout.root, str(tree), "pkg")


def test_a_tree_that_is_too_deep_is_refused(layout: Layout, tree: Path) -> None:
    path = tree
    for _ in range(staging.DEEPEST + 1):
        path = path / "d"
    path.mkdir(parents=True)
    with pytest.raises(OutputRefused, match="folders deep"):
        ingest(layout.root, str(tree), "pkg")
    path.rmdir()
    assert_sound(layout, ingest(layout.root, str(tree), "pkg"))


def test_a_hostile_name_is_harmless_in_a_message(layout: Layout, tree: Path) -> None:
    folder = tree
    for _ in range(9):
        folder = folder / ("n" * 200)
    folder.mkdir(parents=True)
    os.mkfifo(folder / "\x1b]0;evil\x07\n\udcff")
    with pytest.raises(OutputRefused) as refused:
        ingest(layout.root, str(tree), "pkg")
    assert refused.value.message.endswith(
        r"\x1b]0;evil\x07\n\xff is a fifo, which no store object can hold"
    )
    assert len(refused.value.message) < 400


def test_a_path_that_is_not_there_is_said(layout: Layout, tree: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        ingest(layout.root, str(tree / "nowhere"), "pkg")


def as_user(work: object) -> int:
    """Run ``work()`` in a child without root's powers; its exit status."""
    assert callable(work)
    child = os.fork()
    if child == 0:
        status = 99
        try:
            if os.geteuid() == 0:
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            status = work() or 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def open_to_all(*tops: Path) -> None:
    for top in tops:
        for parent in top.parents:
            if parent.stat().st_mode & 0o005 != 0o005 and os.access(parent, os.W_OK):
                parent.chmod(parent.stat().st_mode | 0o055)
        for folder, _, files in os.walk(top):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                if os.geteuid() == 0:
                    os.chown(path, 65534, 65534)


def test_modes_that_forbid_reading_are_changed_only_where_allowed(
    layout: Layout, tree: Path
) -> None:
    (tree / "shut").mkdir()
    (tree / "shut" / "run").write_bytes(b"only executable")
    (tree / "twin").hardlink_to(tree / "shut" / "run")
    open_to_all(tree, Path(layout.root))
    (tree / "twin").chmod(0o111)
    (tree / "shut").chmod(0)

    def refused() -> int:
        try:
            ingest(layout.root, str(tree), "pkg")
        except OutputRefused as error:
            return 0 if "/twin cannot be read" in str(error) else 1
        return 2

    def taken() -> int:
        manifest = ingest(layout.root, str(tree), "pkg", ours=True)
        nodes = [node for item in manifest.directories.values() for _, node in item.entries]
        files = [node for node in nodes if node.kind is NodeKind.FILE]
        return 0 if len(files) == 2 and all(node.executable for node in files) else 1

    assert as_user(refused) == 0
    assert as_user(taken) == 0


# -- sharing --


def shared(layout: Layout, tree: Path, name: str) -> Manifest:
    """The tree, taken in by a process that knows where equal content stands."""
    return ingest(layout.root, str(tree), name, holders=ContentTable(layout.index))


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_equal_files_share_an_inode_between_objects_and_within(layout: Layout, tree: Path) -> None:
    (tree / "a").write_bytes(b"same")
    (tree / "b").write_bytes(b"same")
    (tree / "x").write_bytes(b"same")
    (tree / "x").chmod(0o755)
    first = stored(layout, shared(layout, tree, "one"))
    assert inode(first / "a") == inode(first / "b")
    assert inode(first / "a") != inode(first / "x")
    second = stored(layout, shared(layout, tree, "two"))
    assert inode(second / "a") == inode(first / "a")
    assert inode(second / "x") == inode(first / "x")
    assert inode(tree / "a") != inode(first / "a")


def test_large_files_share_too(layout: Layout, tree: Path) -> None:
    for name in ("a", "b"):
        (tree / name).write_bytes(os.urandom(0) + b"l" * (MIB + 5))
    first = stored(layout, shared(layout, tree, "one"))
    second = stored(layout, shared(layout, tree, "two"))
    assert inode(first / "a") == inode(first / "b") == inode(second / "b")


@pytest.mark.parametrize("size", [10, MIB + 1])
@pytest.mark.parametrize("damage", ["content", "truncated", "mode"])
def test_a_shared_inode_that_was_changed_is_not_used_again(
    layout: Layout, tree: Path, damage: str, size: int
) -> None:
    (tree / "a").write_bytes(b"t" * size)
    first = stored(layout, shared(layout, tree, "one")) / "a"
    first.chmod(0o644)
    if damage == "content":
        first.write_bytes(b"u" * size)
    elif damage == "truncated":
        os.truncate(first, 1)
        os.utime(first, ns=(10**9, 10**9))
    if damage != "mode":
        first.chmod(0o444)
    second = shared(layout, tree, "two")
    assert inode(stored(layout, second) / "a") != inode(first)
    assert_sound(layout, second)
    third = shared(layout, tree, "three")
    assert inode(stored(layout, third) / "a") == inode(stored(layout, second) / "a")


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
@pytest.mark.parametrize("size", [10, MIB + 1])
def test_where_links_cannot_be_made_files_are_copied(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch, number: int, size: int
) -> None:
    (tree / "a").write_bytes(b"c" * size)
    (tree / "b").write_bytes(b"c" * size)
    shared(layout, tree, "one")

    def no_link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_link)
    manifest = shared(layout, tree, "two")
    monkeypatch.undo()
    assert inode(stored(layout, manifest) / "a") != inode(stored(layout, manifest) / "b")
    assert_sound(layout, manifest)


@pytest.mark.parametrize("size", [0, 10, MIB + 1])
def test_a_file_of_whoever_is_told_is_looked_at_before_it_is_shared(
    layout: Layout, tree: Path, tmp_path: Path, size: int
) -> None:
    """The table may say anything: that a link, a fifo, a folder or nothing has the content."""
    (tree / "a").write_bytes(b"c" * size)
    first = stored(layout, shared(layout, tree, "one"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a").write_bytes(b"c" * size)
    (elsewhere / "a").chmod(0o444)
    os.utime(elsewhere / "a", ns=(10**9, 10**9))
    for number, put in enumerate((to_link, to_linked_folder, to_fifo, to_folder, remove)):
        first.chmod(0o755)
        put(first / "a", elsewhere)
        manifest = shared(layout, tree, f"pkg-{number}")
        assert inode(stored(layout, manifest) / "a") != inode(elsewhere / "a")
        assert_sound(layout, manifest)
        ContentTable(layout.index).forget([manifest.id.digest])


def to_link(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.symlink_to(elsewhere / "a")


def to_linked_folder(path: Path, elsewhere: Path) -> None:
    path.parent.rename(path.parents[2] / "away")
    path.parent.symlink_to(elsewhere)


def to_fifo(path: Path, elsewhere: Path) -> None:
    path.parent.unlink()
    path.parent.mkdir()
    os.mkfifo(path)


def to_folder(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


def remove(path: Path, elsewhere: Path) -> None:
    path.rmdir()


def test_an_object_that_was_forgotten_offers_nothing(layout: Layout, tree: Path) -> None:
    (tree / "a").write_bytes(b"same")
    first = shared(layout, tree, "one")
    ContentTable(layout.index).forget([first.id.digest])
    second = shared(layout, tree, "two")
    assert inode(stored(layout, second) / "a") != inode(stored(layout, first) / "a")


@pytest.mark.parametrize(
    "path",
    [b"own", b"a\0", b"a\0b", b"../a", b"/etc/passwd", b"\xff", b"a/", b"./a", b"a/b", b"p" * 400],
)
@pytest.mark.parametrize("name", [None, "..", "a\0b", "/", "n" * 300])
def test_an_entry_that_lies_costs_a_look_and_nothing_else(
    layout: Layout, tree: Path, path: bytes, name: str | None
) -> None:
    (tree / "own").write_bytes(b"else")
    (tree / "a").write_bytes(b"same")
    first = shared(layout, tree, "one")
    table = ContentTable(layout.index)
    content = content_of(digest.file_digest(b"same"), executable=False)
    table.tell(name or str(first.id), b"l" * 20, [(content, path)])
    (tree / "own").unlink()
    second = shared(layout, tree, "two")
    assert (stored(layout, second) / "a").read_bytes() == b"same"
    assert inode(stored(layout, second) / "a") == inode(stored(layout, first) / "a")
    assert_sound(layout, second)


def test_who_holds_a_descriptor_of_the_source_cannot_change_the_object(
    layout: Layout, tree: Path
) -> None:
    with (tree / "a").open("wb", buffering=0) as builder:
        builder.write(b"first")
        manifest = ingest(layout.root, str(tree), "pkg", ours=True)
        builder.write(b"second")
        os.fchmod(builder.fileno(), 0o777)
    assert (stored(layout, manifest) / "a").read_bytes() == b"first"
    assert_sound(layout, manifest)


# -- references and rewriting --


def test_references_are_found_in_contents_names_and_targets(layout: Layout, tree: Path) -> None:
    ids = [ObjectId(bytes([number]) * 19 + b"z", f"dep{number}") for number in range(6)]
    (tree / "content").write_bytes(b"\0" + ids[0].path.encode() + b"/bin\0")
    (tree / f"name-{ids[1].text}").write_bytes(b"")
    (tree / "link").symlink_to(f"{ids[2].path}/lib")
    (tree / f"folder{ids[3].text}").mkdir()
    (tree / "far").write_bytes(b"-" * (MIB - 7) + ids[4].text.encode() + b"-" * 99)
    manifest = ingest(layout.root, str(tree), "pkg", candidates=ids)
    assert manifest.references == tuple(sorted(ids[:5]))
    assert not manifest.refers_to_itself
    assert_sound(layout, manifest)


def test_its_own_digest_is_rewritten_everywhere(layout: Layout, tree: Path) -> None:
    own = SCRATCH.path.encode()
    (tree / "run").write_bytes(b"#!" + own + b"/bin/sh\n" + own)
    (tree / "run").chmod(0o755)
    border = b"." * (MIB - 15) + own + b"." * (MIB - 40) + own + b"tail"
    (tree / "large").write_bytes(border)
    (tree / "link").symlink_to(f"{SCRATCH.path}/run")
    (tree / "other").symlink_to(f"{OTHER.path}/run")
    manifest = take_output(layout, tree, OTHER)
    final = manifest.id.path.encode()
    path = stored(layout, manifest)
    assert manifest.refers_to_itself
    assert manifest.references == (OTHER,)
    assert (path / "run").read_bytes() == b"#!" + final + b"/bin/sh\n" + final
    assert (path / "run").stat().st_mode & 0o777 == 0o555
    assert (path / "large").read_bytes() == border.replace(own, final)
    assert os.readlink(path / "link") == f"{manifest.id.path}/run"
    assert_sound(layout, manifest)


def test_identity_does_not_hang_on_the_scratch_path(layout: Layout, tree: Path) -> None:
    (tree / "a").write_text(f"see {SCRATCH.path}/a")
    (tree / "l").symlink_to(SCRATCH.path)
    first = take_output(layout, tree)
    salted = identity.scratch("pkg", "out", "audit")
    (tree / "a").write_text(f"see {salted.path}/a")
    (tree / "l").unlink()
    (tree / "l").symlink_to(salted.path)
    assert ingest_outputs(layout.root, {salted: str(tree)})[salted] == first


def test_a_self_reference_is_not_the_same_as_zeros(layout: Layout, tree: Path) -> None:
    (tree / "a").write_bytes(SCRATCH.text.encode() + b"\0" * 32)
    first = take_output(layout, tree)
    (tree / "a").write_bytes(b"\0" * 32 + SCRATCH.text.encode())
    assert take_output(layout, tree).root != first.root
    assert take_output(layout, tree).id != first.id


def test_a_scratch_digest_in_a_name_is_refused(layout: Layout, tree: Path) -> None:
    (tree / "sub").mkdir()
    (tree / "sub" / f"log-{SCRATCH.text}").write_bytes(b"")
    with pytest.raises(OutputRefused, match=r"/sub/log-.* the output's own digest in its name"):
        take_output(layout, tree)


def outputs(tree: Path, *names: str) -> tuple[dict[ObjectId, str], dict[str, ObjectId]]:
    ids = {name: identity.scratch("pkg", name) for name in names}
    for name in names:
        (tree / name).mkdir()
    return {oid: str(tree / name) for name, oid in ids.items()}, ids


def test_another_outputs_digest_in_a_name_is_refused(layout: Layout, tree: Path) -> None:
    paths, ids = outputs(tree, "out", "lib")
    (tree / "out" / ids["lib"].text).mkdir()
    with pytest.raises(OutputRefused, match="another output's digest in its name"):
        ingest_outputs(layout.root, paths)


def test_outputs_may_refer_to_each_other(layout: Layout, tree: Path) -> None:
    paths, ids = outputs(tree, "out", "lib", "doc")
    out, lib, doc = (ids[name].path for name in ("out", "lib", "doc"))
    (tree / "out" / "run").write_text(f"{out} needs {lib}/x and {lib} and {OTHER.path}")
    (tree / "out" / "run").chmod(0o755)
    (tree / "out" / "only-lib").write_text(f"{lib}")
    (tree / "out" / "link").symlink_to(f"{lib}/x:{out}")
    (tree / "lib" / "x").write_text(f"{lib} and {doc}")
    (tree / "doc" / "big").write_bytes(b"." * (MIB - 3) + doc.encode())
    final = ingest_outputs(layout.root, paths, candidates=[OTHER])
    ids_now = {name: final[ids[name]].id for name in ids}
    now = {name: oid.path for name, oid in ids_now.items()}
    path = stored(layout, final[ids["out"]])
    run = path / "run"
    assert run.read_text() == f"{now['out']} needs {now['lib']}/x and {now['lib']} and {OTHER.path}"
    assert run.stat().st_mode & 0o777 == 0o555
    assert (path / "only-lib").read_text() == now["lib"]
    assert os.readlink(path / "link") == f"{now['lib']}/x:{now['out']}"
    assert final[ids["out"]].references == tuple(sorted([ids_now["lib"], OTHER]))
    assert final[ids["lib"]].references == (ids_now["doc"],)
    assert final[ids["doc"]].references == ()
    for manifest in final.values():
        assert_sound(layout, manifest)


def test_outputs_that_name_each_other_are_the_same_whatever_the_scratch_paths(
    layout: Layout, tree: Path
) -> None:
    found = []
    for salt in ("", "audit"):
        out, lib = (identity.scratch("pkg", name, salt) for name in ("out", "lib"))
        for oid, text in ((out, f"{out.path} {lib.path}"), (lib, lib.path)):
            (tree / f"{oid}").mkdir()
            (tree / f"{oid}" / "f").write_text(text)
        final = ingest_outputs(layout.root, {x: str(tree / f"{x}") for x in (out, lib)})
        found.append((final[out], final[lib]))
    assert found[0] == found[1]


def test_outputs_that_refer_to_each_other_in_a_cycle_are_refused(
    layout: Layout, tree: Path
) -> None:
    paths, ids = outputs(tree, "out", "lib")
    (tree / "out" / "f").write_text(ids["lib"].path)
    (tree / "lib" / "f").write_text(ids["out"].path)
    with pytest.raises(OutputRefused, match=r"cycle: pkg.* -> pkg"):
        ingest_outputs(layout.root, paths)
    assert os.listdir(layout.objects) == []


def test_a_file_and_a_link_may_be_outputs(layout: Layout, tree: Path) -> None:
    out, lib = (identity.scratch("pkg", name) for name in ("out", "lib"))
    (tree / "o").write_text(f"{out} {lib}")
    (tree / "l").symlink_to(f"{lib.path}/x")
    final = ingest_outputs(layout.root, {out: str(tree / "o"), lib: str(tree / "l")})
    assert stored(layout, final[out]).read_text() == f"{final[out].id} {final[lib].id}"
    assert final[lib].root == link(f"{final[lib].id.path}/x".encode())
    for manifest in final.values():
        assert_sound(layout, manifest)


# -- what goes wrong --


def test_a_whole_object_is_not_hashed_again_where_it_shares_inodes(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "a").write_bytes(b"a")
    manifest = shared(layout, tree, "pkg")

    def read(path: str) -> bytes:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("store.objects.tree_check.file_digest", read)
    assert shared(layout, tree, "pkg") == manifest
    assert os.listdir(layout.trash) == []


def test_an_object_is_compared_while_others_may_place_theirs(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "a").write_bytes(b"a")
    ingest(layout.root, str(tree), "pkg")
    asked = []
    real = differs

    def compare(*args: object) -> bool:
        fd = os.open(layout.objects, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
        asked.append(args)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("store.objects.placing.differs", compare)
    ingest(layout.root, str(tree), "pkg")
    assert len(asked) == 1


def test_an_object_of_unshared_files_is_read_and_its_damage_mended(
    layout: Layout, tree: Path
) -> None:
    (tree / "a").write_bytes(b"good")
    manifest = ingest(layout.root, str(tree), "pkg")
    path = stored(layout, manifest)
    path.chmod(0o755)
    (path / "a").unlink()
    (path / "a").write_bytes(b"bad!")
    for entry, mode in ((path / "a", 0o444), (path, 0o555)):
        entry.chmod(mode)
        os.utime(entry, ns=(10**9, 10**9))
    assert ingest(layout.root, str(tree), "pkg") == manifest
    assert_sound(layout, manifest)


def test_what_a_cut_left_half_made_is_replaced(layout: Layout, tree: Path) -> None:
    (tree / "sub").mkdir()
    (tree / "sub" / "a").write_bytes(b"whole")
    (tree / "b").write_bytes(b"whole too")
    manifest = ingest(layout.root, str(tree), "pkg")
    path = stored(layout, manifest)
    path.chmod(0o700)
    (path / "b").unlink()
    Path(f"{layout.manifests}/{manifest.id}").unlink()
    assert ingest(layout.root, str(tree), "pkg") == manifest
    assert_sound(layout, manifest)
    assert [os.listdir(folder) for folder in (layout.trash, layout.tmp)] == [[], []]


def test_a_damaged_manifest_is_replaced(layout: Layout, tree: Path) -> None:
    manifest = ingest(layout.root, str(tree), "pkg")
    record = Path(f"{layout.manifests}/{manifest.id}")
    record.chmod(0o644)
    record.write_bytes(b"")
    assert ingest(layout.root, str(tree), "pkg") == manifest
    assert_sound(layout, manifest)


def many(tree: Path) -> None:
    (tree / "sub").mkdir()
    for number in range(5):
        (tree / "sub" / f"{number}").write_bytes(b"%d" % number + SCRATCH.text.encode())
    (tree / "big").write_bytes(b"b" * (MIB + 1))


@pytest.mark.parametrize(
    "step", ["write", "pwrite", "symlink", "fsync", "rename", "utime", "mkdir"]
)
def test_a_full_disk_is_said_and_leaves_nothing_behind(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    many(tree)
    (tree / "link").symlink_to("x")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(StoreFull):
            take_output(layout, tree)
    assert os.listdir(layout.tmp) == []
    assert_sound(layout, take_output(layout, tree))


def test_outputs_that_would_not_fit_are_refused_before_the_disk_is_full(
    layout: Layout, tree: Path
) -> None:
    disk = os.statvfs(layout.tmp)
    free = disk.f_bavail * disk.f_frsize
    (tree / "a").touch()
    os.truncate(tree / "a", free - 100 * MIB)
    began = time.monotonic()
    with pytest.raises(DiskReserve, match=r"/a does not fit: less than 200\.0 MiB"):
        ingest_outputs(layout.root, {SCRATCH: str(tree)}, reserve=200 * MIB)
    assert time.monotonic() - began < 10, "nothing of it was written"
    assert os.listdir(layout.tmp) == []
    os.truncate(tree / "a", 2 * MIB)
    manifests = ingest_outputs(layout.root, {SCRATCH: str(tree)}, reserve=200 * MIB)
    assert_sound(layout, manifests[SCRATCH])


def test_an_interruption_leaves_nothing_behind(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(tree)
    paths, ids = outputs(tree, "out", "lib")
    (tree / "out" / "f").write_text(ids["lib"].path)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(finishing, "finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest_outputs(layout.root, {**paths, SCRATCH: str(tree)})
    monkeypatch.undo()
    assert os.listdir(layout.tmp) == []


def test_files_are_on_disk_before_they_are_named(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "a").write_bytes(b"a")
    steps: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "rename")}

    def tell(name: str) -> object:
        def call(*args: object, **kwargs: object) -> object:
            steps.append(name)
            return real[name](*args, **kwargs)

        return call

    for name in real:
        monkeypatch.setattr(os, name, tell(name))
    ingest(layout.root, str(tree), "pkg")
    assert steps.index("fsync") < steps.index("rename")
    assert steps[-2:] == ["fsync", "fsync"]


@pytest.mark.slow
def test_two_processes_may_take_in_the_same_tree_at_once(layout: Layout, tree: Path) -> None:
    for number in range(20):
        (tree / f"{number}").write_bytes(b"%d" % number)
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for _ in range(5):
                    ingest(layout.root, str(tree), "pkg")
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert os.listdir(layout.trash) == []
    assert_sound(layout, ingest(layout.root, str(tree), "pkg"))


def test_a_file_that_is_read_in_parts_hashes_like_a_small_one(layout: Layout, tree: Path) -> None:
    for size in (0, MIB - 1, MIB, MIB + 1, 2 * MIB + 31):
        data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        (tree / "f").write_bytes(data)
        manifest = ingest(layout.root, str(tree / "f"), "f")
        assert manifest.root == file(file_digest(data), size)


def test_a_tree_that_holds_the_store_is_refused(layout: Layout, tree: Path) -> None:
    above = os.path.dirname(layout.root)
    with pytest.raises(UsageError, match="cannot hold itself"):
        ingest(layout.root, above, "everything")
    assert os.listdir(layout.tmp) == []


def test_a_sparse_file_stays_one(layout: Layout, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as stream:
        stream.seek((4 << 20) + 5)
        stream.write(b"in the middle")
        stream.truncate((80 << 20) + 3)
    if sparse.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("no holes on this file system")
    manifest = ingest(layout.root, str(sparse), "sparse")
    found = os.stat(layout.object(manifest.id))
    assert found.st_size == (80 << 20) + 3
    assert found.st_blocks * 512 < 1 << 20
    assert check_object(layout.root, manifest) == []


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-40, -31, -16, -1, 0, 5])
def test_a_sparse_file_that_names_its_object_stays_one(
    layout: Layout, tmp_path: Path, shift: int
) -> None:
    sparse, place = tmp_path / "sparse", (4 << 20) + shift
    with sparse.open("wb") as stream:
        for at, text in ((0, OTHER.text), (place, SCRATCH.text)):
            stream.seek(at)
            stream.write(text.encode())
        stream.truncate((16 << 20) + 3)
    if sparse.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("no holes on this file system")
    manifest = take_output(layout, sparse, OTHER)
    assert manifest.refers_to_itself
    assert manifest.references == (OTHER,)
    assert_sound(layout, manifest)
    with stored(layout, manifest).open("rb") as stream:
        found = os.fstat(stream.fileno())
        stream.seek(place)
        assert stream.read(digest.TEXT_SIZE + 1) == manifest.id.text.encode() + b"\0"
    assert found.st_size == (16 << 20) + 3
    assert found.st_blocks * 512 < 1 << 20


def test_what_is_rewritten_is_written_however_little_the_kernel_takes(
    layout: Layout, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "a").write_bytes((SCRATCH.text.encode() + b"x" * 100_000) * 3)
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:7001], at))
    manifest = take_output(layout, tree)
    assert_sound(layout, manifest)
    assert (stored(layout, manifest) / "a").read_bytes().count(manifest.id.text.encode()) == 3
