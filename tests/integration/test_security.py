"""Files of the store against builds and against other users, in every way that is known to us."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from store.local.store import Store
from store.objects.ingest import ingest
from tests.integration.conftest import Shop, others_path
from tests.integration.laboratory import INPUT, INPUT_FILE, NOBODY, OUTPUT, Lab, act_as

pytest_plugins = ["tests.integration.bench"]

# -- a build against its inputs --

ATTACKS = f"""
tree, tool, file = '/store/{INPUT}', '/store/{INPUT}/bin/tool', '/store/{INPUT_FILE}'
os.mkdir('/store/{OUTPUT}')
O_TMPFILE = 0o20200000
handle = os.open(file, os.O_RDONLY)
folder = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
path = os.open(file, os.O_PATH)
buffer = ctypes.create_string_buffer(b'changed')
AT_EMPTY_PATH, AT_SYMLINK_FOLLOW = 0x1000, 0x400
attempts = {{
    'a nameless file in an input': attempt(os.open, tree, O_TMPFILE | os.O_RDWR, 0o600),
    'a nameless file by the folder': attempt(os.open, '.', O_TMPFILE | os.O_RDWR, dir_fd=folder),
    'a new file by the folder': attempt(os.open, 'x', os.O_CREAT | os.O_WRONLY, dir_fd=folder),
    'opening again by descriptor': attempt(os.open, f'/proc/self/fd/{{handle}}', os.O_RDWR),
    'opening again by path descriptor': attempt(os.open, f'/proc/self/fd/{{path}}', os.O_WRONLY),
    'by the root of a process': attempt(os.open, f'/proc/self/root{{file}}', os.O_WRONLY),
    'by the folder of a process': attempt(os.open, f'/proc/self/cwd/..{{file}}', os.O_WRONLY),
    'a hard link beside it': attempt(os.link, tool, tree + '/bin/again'),
    'a hard link in the build': attempt(os.link, file, '/build/hard'),
    'a hard link in the temporary folder': attempt(os.link, tool, '/tmp/hard'),
    'a hard link in the output': attempt(os.link, tool, '/store/{OUTPUT}/hard'),
    'a hard link of a descriptor': call(265, handle, b'', -100, b'/build/linked', AT_EMPTY_PATH),
    'a hard link through proc': call(
        265, -100, f'/proc/self/fd/{{handle}}'.encode(), -100, b'/build/linked', AT_SYMLINK_FOLLOW
    ),
    'a rename over it': attempt(os.rename, '/store/{OUTPUT}', tree),
    'an exchange': call(316, -100, b'/store/{OUTPUT}', -100, tree.encode(), 2),
    'truncation': attempt(os.truncate, file, 0),
    'truncation by descriptor': attempt(os.ftruncate, handle, 0),
    'allocation': attempt(os.posix_fallocate, handle, 0, 100),
    'writing by a reading descriptor': attempt(os.write, handle, b'changed'),
    'a shared map': attempt(__import__('mmap').mmap, handle, 4),
    'ownership': attempt(os.chown, file, os.getuid(), os.getgid()),
    'mode by descriptor': attempt(os.fchmod, handle, 0o777),
    'mode of the folder': attempt(os.fchmod, folder, 0o777),
    'times by descriptor': attempt(os.utime, handle),
    'attributes': call(188, file.encode(), b'user.x', b'y', 1, 0),
    'inode flags': attempt(__import__('fcntl').ioctl, handle, 0x40086602, b'\\\\0' * 8),
    'a bind over the input': call(165, b'/build', tree.encode(), 0, 4096, 0),
    'a writable remount': call(165, 0, tree.encode(), 0, 4096 | 32, 0),
    'mount attributes': call(442, -100, tree.encode(), 0, b'\\\\0' * 32, 32),
    'another view of the mount': call(428, -100, tree.encode(), 1),
    'unmounting': call(166, tree.encode(), 2),
    'a file handle': call(304, -100, b'\\\\0' * 24, 2),
    'a kernel copy into it': call(326, handle, 0, handle, 0, 3, 0),
    'splicing into it': call(40, handle, handle, 0, 3),
    'removal': attempt(os.unlink, tool),
}}
for what, came in attempts.items():
    print(f'{{what}}: {{came}}')
"""


def inventory(top: Path) -> dict[str, tuple[int, int, int, int, bytes]]:
    """Every file below ``top``: mode, links, mtime, size and content."""
    found = {}
    for path in sorted([top, *top.rglob("*")]):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (
            *(status.st_mode, status.st_nlink, status.st_mtime_ns, status.st_size),
            content,
        )
    return found


def test_no_way_of_writing_reaches_an_input(lab: Lab) -> None:
    inputs = [Path(lab.store) / name for name in (INPUT, INPUT_FILE)]
    before = [inventory(path) for path in inputs]
    lines = lab.told(ATTACKS.replace("\\\\0", "\\0"))
    came = dict(line.rsplit(": ", 1) for line in lines)
    assert len(came) >= 30
    assert {what for what, result in came.items() if result == "ok"} == set()
    assert [inventory(path) for path in inputs] == before


def test_a_file_that_a_builder_still_holds_is_not_the_stores(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "root"))
    output = tmp_path / "output"
    output.mkdir()
    (output / "file").write_text("as built\n")
    os.link(output / "file", tmp_path / "second-name")
    held = os.open(output / "file", os.O_RDWR)
    manifest = ingest(store.layout.root, str(output), "held")
    os.pwrite(held, b"CHANGED!", 0)
    (tmp_path / "second-name").write_text("changed again\n")
    os.close(held)
    assert (Path(store.layout.object(manifest.id)) / "file").read_text() == "as built\n"
    store.close()


# -- other users against the store --


def everything(root: Path) -> Iterator[Path]:
    """The store and all that is in it, but for what a folder keeps from everybody else: trees of
    failed builds, which have a build's own /tmp in them.
    """
    yield root
    for path in root.iterdir():
        yield path
        if path.name != "failed":
            yield from path.rglob("*")
            continue
        for kept in path.iterdir():
            assert kept.stat().st_mode & 0o077 == 0


def test_nothing_in_a_store_is_writable_by_others_whatever_the_umask(
    shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine\n")
    (tmp_path / "mine").chmod(0o666)
    loose = Shop(tmp_path / "root", shop.recipes)
    commands = (
        *(("add", str(tmp_path / "mine")), ("list",), ("realise", "note"), ("verify",)),
        *(("root", "add", "kept", "note"), ("gc",)),
    )
    for words in commands:
        done = subprocess.run(
            loose.command(*words),
            env=loose.environment(),
            umask=0,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    for top in (loose.root, shop.root):
        statuses = {path: path.lstat() for path in everything(top) if not path.is_symlink()}
        open_ones = [str(path) for path, status in statuses.items() if status.st_mode & 0o022]
        assert open_ones == []
        assert {status.st_uid for status in statuses.values()} == {os.geteuid()}
        assert not [path for path, status in statuses.items() if status.st_mode & 0o7000]


@pytest.fixture
def opened(shop: Shop) -> Shop:
    """The session's store with something in it, in folders that others may pass through."""
    if os.geteuid() != 0:
        pytest.skip("becomes another user, which only root can")
    shop.path("realise", "hello")
    for folder in [shop.root, *shop.root.parents]:
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(folder.stat().st_mode | 0o011)
    return shop


def test_another_user_can_change_nothing_in_a_store(opened: Shop) -> None:
    paths = [str(path) for path in everything(opened.root) if not path.is_symlink()][:3000]
    ways = act_as(NOBODY, lambda: [f"{path}: {way}" for path in paths for way in _changes(path)])
    assert ways == []


def _changes(path: str) -> Iterator[str]:
    """The ways in which this process can change something in a store."""
    actions: dict[str, Callable[[], object]] = {
        "write": lambda: os.close(os.open(path, os.O_WRONLY | os.O_NOFOLLOW)),
        "create": lambda: os.close(os.open(f"{path}/planted", os.O_CREAT | os.O_WRONLY)),
        "mkdir": lambda: os.mkdir(f"{path}/planted-folder"),
        "mode": lambda: os.chmod(path, 0o777),
        "times": lambda: os.utime(path, (5, 5)),
        "unlink": lambda: os.unlink(path),
        "rename": lambda: os.rename(path, f"{path}-renamed"),
        "nameless": lambda: os.close(os.open(path, os.O_TMPFILE | os.O_RDWR)),
        "truncate": lambda: os.truncate(path, 0),
    }
    for name, action in actions.items():
        try:
            action()
        except OSError:
            continue
        yield name


@pytest.mark.parametrize(
    "words",
    [
        *(("add", "/etc/hostname"), ("realise", "killed"), ("root", "add", "theirs", "hello")),
        *(("root", "remove", "theirs"), ("gc",), ("delete", "hello")),
    ],
    ids=" ".join,
)
def test_every_command_that_writes_tells_others_that_they_are_not_the_owner(
    opened: Shop, others_python: str, words: tuple[str, ...]
) -> None:
    before = set(os.listdir(opened.root / "store"))
    done = others(opened, others_python).run(*words)
    assert done.returncode == 55, done.stderr
    assert "Traceback" not in done.stderr
    assert set(os.listdir(opened.root / "store")) == before


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--objects"),
        ("info", "hello"),
        ("verify", "hello"),
        ("run", "hello"),
        ("root", "list"),
    ],
    ids=" ".join,
)
def test_others_read_and_run(opened: Shop, others_python: str, words: tuple[str, ...]) -> None:
    done = others(opened, others_python).run(*words)
    assert done.returncode == 0, done.stderr


def others(shop: Shop, python: str) -> Shop:
    """The same store, used by another user."""
    environment = {"PYTHONPATH": others_path(), "HOME": "/"}
    return replace(shop, uid=NOBODY, python=python, env=environment)
