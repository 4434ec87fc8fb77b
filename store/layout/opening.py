"""Looking at a store's root before anything below it is used: its owner, and its contents.

The root may be reached through links, as the caller's choice; nothing below it is. All of it
belongs to the owner of the root, and no other user can write there. So a store cannot lead astray:
neither its owner by a neighbour's hand, nor another user that may read it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Collection, Iterator

from store.display import quoted
from store.errors import CorruptObject, NotAStore, NotOwner, StorageError, storage_error
from store.layout.paths import Layout
from store.system import owned
from store.system.beneath import FOLDER

_ROOT = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_ITSELF = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

_MARK = b"This folder is a Fixpoint store. The command `store` looks after all that is in it.\n"

_OTHERS = {"lost+found"}
"""Names that a file system has at its top before anything is put there."""

_WRITING = stat.S_IWGRP | stat.S_IWOTH
_MOST_LINKS = 40
"""Links that the kernel follows on one way."""

_SHARED = stat.S_IRWXG | stat.S_IRWXO


def has_index(layout: Layout) -> bool:
    """Return whether the index's folder is there; StorageError when this user may not see that."""
    try:
        return stat.S_ISDIR(os.stat(layout.index).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise storage_error(error, "cannot look into the store") from error


def check_place(layout: Layout) -> None:
    """Raise StorageError where no store can be made: LMDB cannot open the path, or another store
    has its objects there."""
    root = layout.root
    try:
        root.encode()
    except UnicodeEncodeError:
        raise StorageError(
            f"no store can be at {quoted(os.fsencode(root))}: LMDB takes paths in UTF-8 alone",
            hint="choose another place with --root or $STORE_ROOT",
        ) from None
    above = Layout(os.path.dirname(os.path.realpath(root)))
    if os.path.realpath(root) == above.objects and has_index(above):
        raise StorageError(
            f"{root} is where the store {above.root} has its objects",
            hint=f"--root {above.root} is that store",
        )


def owner_of(layout: Layout) -> int | None:
    """Return the user to whom the store at the layout's root belongs; None where one can be made.

    Raises NotAStore when the root is a folder of something else; NotOwner when a part of the store
    is not its owner's; StorageError when a part is a link, or cannot be looked at.
    """
    try:
        root = os.open(layout.root, _ROOT)
    except FileNotFoundError:
        refuse_within(layout)
        refuse_led(layout)
        return None
    except OSError as error:
        raise storage_error(error, "cannot look into the store") from error
    try:
        if not _is_store(layout, root):
            _refuse_filled(layout, root)
            refuse_within(layout)
            refuse_led(layout)
            return None
        owner = os.fstat(root).st_uid
        _check(layout, root, owner)
        return owner
    except OSError as error:
        raise storage_error(error, "cannot look into the store") from error
    finally:
        os.close(root)


def check_files(layout: Layout, owner: int) -> None:
    """Raise CorruptObject when one of the index's files is none, and could lead elsewhere or be
    waited for; NotOwner when one is not the owner's, StorageError when it cannot be looked at."""
    for path in layout.files:
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(error, "cannot look into the store") from error
        if not stat.S_ISREG(found.st_mode):
            raise CorruptObject(
                f"{path} is not a file",
                hint="`store index rebuild` makes the index anew from the store directory",
            )
        _refuse_stranger(path, found.st_uid, owner)


def take(layout: Layout) -> None:
    """Make the root, a folder of this user's own, that of a store. Raises NotOwner and OSError."""
    # Its last part may be a link, as the caller's choice.
    root = owned.open_folder(os.path.realpath(layout.root))
    try:
        mode = stat.S_IMODE(os.fstat(root).st_mode)
        if owned.others_write(os.fstat(root)):
            os.fchmod(root, mode & ~_WRITING)
    finally:
        os.close(root)
    _mark(layout)


def _mark(layout: Layout) -> None:
    """Say in the root that it is a store, unless that is said. Raises NotOwner and OSError."""
    with contextlib.suppress(FileExistsError):
        marker = f"{os.path.realpath(layout.root)}/{_name(layout, layout.marker)}"
        fd = owned.open_file(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(fd, _MARK)
        finally:
            os.close(fd)


def settle(layout: Layout) -> None:
    """Bring the files below the root of this user's own store to the permissions for others.

    A store of an earlier version gets its mark, its private folders become so, and its lock files
    ones that nobody else has open. A change that fails (as on a disk that is full, or read-only) is
    left for another time. Raises StorageError when another user can write there.
    """
    refuse_shared(layout)
    with contextlib.suppress(OSError):
        _mark(layout)
        for path in layout.private:
            _close_to_others(layout, path)
        _make_private(f"{layout.index}/lock.mdb")


def open_way(layout: Layout) -> str | None:
    """Return a folder above the root, or a link on the way to it, by which a stranger can put
    another store in its place; None where none can be seen. Strangers are all but this user, root
    and the store's owner."""
    try:
        trusted = {0, os.geteuid(), os.stat(layout.root).st_uid, os.stat("/").st_uid}
    except OSError:
        return None
    if (link := _strange_link(layout, trusted)) is not None:
        return link
    for path in _above(layout.root):
        try:
            found = os.stat(path)
        except OSError:
            continue
        sticky = found.st_mode & stat.S_ISVTX
        if found.st_uid not in trusted or (owned.others_write(found) and not sticky):
            return path
    return None


def refuse_led(layout: Layout) -> None:
    """Raise NotOwner where another user's link leads to the root of a store that is to be made."""
    link = _strange_link(layout, {0, os.geteuid()})
    if link is not None:
        raise NotOwner(
            f"{link} is a link of user {os.lstat(link).st_uid}, and leads to a place for a store",
            hint="give the place itself with --root or $STORE_ROOT",
        )


def _strange_link(layout: Layout, trusted: Collection[int]) -> str | None:
    """Return a link on the way to the root that belongs to none of these users: its owner could
    turn it."""
    for link in _links(layout.root):
        with contextlib.suppress(OSError):
            if os.lstat(link).st_uid not in trusted:
                return link
    return None


def _links(root: str) -> Iterator[str]:
    """Yield the links that a path leads through, those that others lead to included."""
    here, parts, left = "/", os.path.abspath(root).split("/")[::-1], _MOST_LINKS
    while parts and left:
        part = parts.pop()
        path = os.path.normpath(os.path.join(here, part))
        try:
            target = os.readlink(path) if part not in ("", ".", "..") else None
        except OSError:
            target = None
        if target is None:
            here = path
            continue
        left -= 1
        yield path
        here = "/" if target.startswith("/") else here
        parts += target.split("/")[::-1]


def _above(root: str) -> Iterator[str]:
    """Yield the folders above a path, by its own name and by where its links lead."""
    for way in dict.fromkeys((os.path.abspath(root), os.path.realpath(root))):
        below, path = way, os.path.dirname(way)
        while path != below:
            yield path
            below, path = path, os.path.dirname(path)


def refuse_shared(layout: Layout) -> None:
    """Raise StorageError when another user can write to a folder of the layout."""
    for path in (layout.root, *layout.directories):
        with contextlib.suppress(FileNotFoundError):
            if owned.others_write(os.stat(path)):
                import shlex

                raise StorageError(
                    f"other users can write to {path}: nothing in it can be relied on",
                    hint=f"see that all in it is yours, then `chmod go-w {shlex.quote(path)}`",
                )


# -- whose it is ----------------------------------------------------------------------------------


def _is_store(layout: Layout, root: int) -> bool:
    """Return whether there is a store's mark; or its index, or all other folders: in one made
    before there was a mark."""
    mark = _seen(root, _name(layout, layout.marker))
    return (
        (mark is not None and not stat.S_ISDIR(mark.st_mode))
        or _seen(root, f"{_name(layout, layout.index)}/data.mdb") is not None
        or all(
            _seen(root, _name(layout, path)) is not None
            for path in layout.directories
            if path != layout.index
        )
    )


def _refuse_filled(layout: Layout, root: int) -> None:
    # A store that was being made, by a version that did not begin with its mark, has empty folders.
    own = {_name(layout, path) for path in layout.directories}
    try:
        names = set(_list(root, ".")) - _OTHERS
        if os.path.isfile(layout.config):  # settings may be written before there is a store
            names.discard(_name(layout, layout.config))
        filled = [name for name in names if name not in own or _list(root, name)]
    except OSError:
        filled = ["?"]
    if filled:
        raise NotAStore(
            f"{layout.root} is no store, and not empty",
            hint="give a new or an empty folder with --root or $STORE_ROOT",
        )


def refuse_within(layout: Layout) -> None:
    """Raise NotAStore when the root is below that of another store, which would collect it."""
    for path in _above(os.path.realpath(layout.root)):
        # A folder is no mark: other programs have one of this name, such as ~/.cache/fixpoint.
        marked = os.path.lexists(Layout(path).marker) and not os.path.isdir(Layout(path).marker)
        if marked or os.path.lexists(f"{path}/index/data.mdb"):
            raise NotAStore(
                f"{layout.root} is within the store {path}",
                hint=f"--root {path} is that store; give a folder elsewhere for another",
            )


def _list(root: int, name: str) -> list[str]:
    fd = os.open(name, FOLDER, dir_fd=root)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def _check(layout: Layout, root: int, owner: int) -> None:
    parts = (*layout.directories, layout.quarantine, layout.profiles, layout.launcher)
    for name in (_name(layout, path) for path in parts):
        found = _seen(root, name)
        if found is None:
            continue
        path = f"{layout.root}/{name}"
        if stat.S_ISLNK(found.st_mode):
            raise StorageError(
                f"{path} is a link, but all of a store must be below its root",
                hint="replace it by its target; or move the whole store, and link to its root",
            )
        _refuse_stranger(path, found.st_uid, owner)


def _refuse_stranger(path: str, user: int, owner: int) -> None:
    if user != owner:
        raise NotOwner(
            f"{path} belongs to user {user}, and the store to {owner}",
            hint="`store` uses a store only if all of it belongs to one user",
        )


def _seen(root: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=root, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _name(layout: Layout, path: str) -> str:
    return path[len(layout.root) + 1 :]


# -- permissions for others ----------------------------------------------------------------------


def _close_to_others(layout: Layout, path: str) -> None:
    try:
        mode = stat.S_IMODE(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    if not mode & _SHARED:
        return
    if path == layout.locks:
        # Another user may have one of these open, and keep a lock for as long as it likes.
        for name in os.listdir(path):
            _drop_shared(f"{path}/{name}")
    _change_mode(path, 0o700)


def _drop_shared(path: str) -> None:
    found = os.lstat(path)
    if stat.S_ISREG(found.st_mode) and found.st_mode & _SHARED:
        os.unlink(path)


def _make_private(path: str) -> None:
    """Take LMDB's lock file from others; a new one takes its place when no process uses it."""
    try:
        shared = os.lstat(path).st_mode & _SHARED
    except FileNotFoundError:
        return
    if shared:
        with _alone(os.path.dirname(path)) as alone:
            if alone:
                os.unlink(path)
            else:
                _change_mode(path, owned.PRIVATE_FILE)


@contextlib.contextmanager
def _alone(index: str) -> Iterator[bool]:
    """Return whether no process, of this version or an earlier one, has the index open for writing,
    and none can until the end."""
    with contextlib.ExitStack() as stack:
        for fd in (owned.open_folder(index), owned.open_lock(f"{index}/use")):
            stack.callback(os.close, fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
        yield True


def _change_mode(path: str, mode: int) -> None:
    # By a descriptor that reads nothing: closing another one would drop a lock of this process.
    fd = os.open(path, _ITSELF)
    try:
        if not stat.S_ISLNK(os.fstat(fd).st_mode):
            os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)
