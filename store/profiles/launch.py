"""The launcher: a program that enters the store's namespace and becomes a program of a profile.

It is copied into the root of a store and runs there by itself, before each program: so it imports
next to nothing. ``store.sandbox.enter`` does the same for commands, with a message for each cause.
"""

import sys
from posix import (
    O_CLOEXEC,
    O_CREAT,
    O_PATH,
    O_RDONLY,
    O_WRONLY,
    chdir,
    close,
    execve,
    getcwd,
    getegid,
    geteuid,
    lstat,
    mkdir,
    open,
    read,
    readlink,
    scandir,
    symlink,
    uname,
    write,
)

TYPE_CHECKING = False  # the module of that name takes long to load
if TYPE_CHECKING:
    from collections.abc import Callable

LINK = "../../../launcher"
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY_NOSUID_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 7, 0x1000, 0x4000, 0x40000
SIGPIPE, SIGXFSZ, SIG_DFL = 13, 25, 0
ENOEXEC = 8

NUMBERS = {"open_tree": 428, "move_mount": 429, "mount_setattr": 442} | {
    "x86_64": {"unshare": 272, "mount": 165, "umount2": 166, "pivot_root": 155},
    "aarch64": {"unshare": 97, "mount": 40, "umount2": 39, "pivot_root": 41},
}.get(uname().machine, {})
"""Of system calls, by machine below 424."""


def load() -> "Callable[..., int]":
    """Return syscall(2), each of whose arguments is a number, bytes or None."""
    try:
        import _ctypes

        address = _ctypes.dlsym(_ctypes.dlopen(None, 2), "syscall")  # type: ignore[arg-type]
    except (ImportError, OSError):  # a static Python, which loads no library, has a module instead
        import _fixpoint_calls

        return _fixpoint_calls.syscall  # type: ignore[no-any-return]
    return lambda *args: _ctypes.call_function(address, args)


syscall = load()


def call(name: str, *args: "int | bytes | None") -> int:
    """Return the result of a system call; OSError with its name when that is -1."""
    result = syscall(NUMBERS.get(name, -1), *args)
    if result == -1:
        raise OSError(name)
    return result


def whole(path: str) -> bytes:
    """Return the bytes of a file of the kernel's."""
    fd, parts = open(path, O_RDONLY | O_CLOEXEC), []
    while part := read(fd, 65536):
        parts.append(part)
    close(fd)
    return b"".join(parts)


def put(path: str, data: bytes) -> None:
    """Write bytes into a file; one that is missing is made."""
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    write(fd, data)
    close(fd)


def found(path: str) -> tuple[str, str, str]:
    """Return the store's root, the generation's object and the program's name. Links are followed
    from the path that was started to a launcher of a generation."""
    for _ in range(40):
        folder, _, name = path.rpartition("/")
        target = readlink(path)
        if target == LINK:
            place = real(folder or ".")
            objects, _, oid = place.rpartition("/")[0].rpartition("/")
            return objects.rpartition("/")[0], oid, name
        path = target if target.startswith("/") else f"{folder or '.'}/{target}"
    raise OSError("readlink")


def real(folder: str) -> str:
    """Return the path of a folder without links: that of the kernel."""
    fd = open(folder, O_RDONLY | O_CLOEXEC)
    path = readlink(f"/proc/self/fd/{fd}")
    close(fd)
    return path


def enter(objects: str) -> None:
    """Make a root of its own for this process: the host's entries, and the folder as ``/store``."""
    user, group = geteuid(), getegid()
    try:
        if user:
            raise OSError
        call("unshare", CLONE_NEWNS)
    except OSError:
        call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
        put("/proc/self/setgroups", b"deny")
        put("/proc/self/uid_map", b"%d %d 1" % (user, user))
        put("/proc/self/gid_map", b"%d %d 1" % (group, group))
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    # Flags: a copy, close on exec, links themselves, all mounts below.
    proc = call("open_tree", -100, b"/proc", 1 | O_CLOEXEC | 0x100 | 0x8000)
    call("mount", b"tmpfs", b"/proc", b"tmpfs", 6, b"mode=0755,size=1m,nr_inodes=8192")
    chdir("/proc")
    mkdir("store")
    call("mount", objects.encode(errors="surrogateescape"), b"store", None, MS_BIND, None)
    restrict(b"store", MS_RDONLY_NOSUID_NODEV)
    mkdir("proc")
    call("move_mount", proc, b"", -100, b"proc", 4)
    close(proc)
    with scandir("/") as scan:
        for entry in scan:
            if entry.name not in ("store", "proc"):
                bind(entry.name)
    restrict(b".", 1)
    call("pivot_root", b".", b".")
    call("umount2", b".", 2)
    chdir("/")


def bind(name: str) -> None:
    """Have an entry of the host's root at the same name in this folder. One that this user may not
    reach stays empty."""
    path = f"/{name}"
    mode = lstat(path).st_mode & 0o170000
    if mode == 0o120000:
        symlink(readlink(path), name)
        return
    if mode == 0o040000:
        mkdir(name)
    else:
        put(name, b"")
    target = name.encode(errors="surrogateescape")
    try:
        call("mount", b"/" + target, target, None, MS_BIND | MS_REC, None)
    except OSError:
        return


def restrict(target: bytes, flags: int) -> None:
    """Add flags to a mount, and make it private; before Linux 5.12 by a remount."""
    attributes = b"".join(n.to_bytes(8, sys.byteorder) for n in (flags, 0, MS_PRIVATE, 0))
    try:
        call("mount_setattr", -100, target, 0, attributes, len(attributes))
    except OSError:
        call("mount", None, target, None, 0x1020 | flags, None)


def changed(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return an environment in which launchers on the ``PATH`` give way to the programs: where the
    store is at ``/store``, they can be started as they are."""
    folders = environment.get(b"PATH", b"").split(b":")
    for at, folder in enumerate(folders):
        head, _, last = folder.rstrip(b"/").rpartition(b"/")
        if last == b"launchers" and there(head + b"/manifest.json"):
            folders[at] = head + b"/bin"
            if there(head + b"/sbin"):
                folders[at] += b":" + head + b"/sbin"
    return environment | {b"PATH": b":".join(folders)} if b"PATH" in environment else environment


def there(path: str | bytes) -> bool:
    """Return whether there is anything at a path, a link to nothing too."""
    try:
        lstat(path)
    except OSError:
        return False
    return True


def main(argv: list[str]) -> None:
    """Become the program that the launcher at ``argv[0]`` is for. Raises OSError."""
    import _signal  # type: ignore[import-not-found]

    root, oid, name = found(argv[0])
    if not there(f"/store/{oid}"):
        try:
            cwd: str | int = getcwd()
        except OSError:  # it was removed: an open descriptor alone leads there
            cwd = open(".", O_PATH | O_CLOEXEC)
        enter(f"{root}/store")
        chdir(cwd)
    # As it was when this process began: Python may have added to it.
    pairs = [each.partition(b"=") for each in whole("/proc/self/environ").split(b"\0")]
    environment = changed({key: value for key, _, value in pairs if key})
    for number in (SIGPIPE, SIGXFSZ):
        _signal.signal(number, SIG_DFL)
    generation = f"/store/{oid}"
    folder = "bin" if there(f"{generation}/bin/{name}") else "sbin"
    become(f"{generation}/{folder}/{name}", argv[1:], environment)


def become(program: str, words: list[str], environment: dict[bytes, bytes]) -> None:
    """Execute a program. A text without a first line that names its interpreter is a script of the
    shell's, as execvp(3) and all shells have it. Raises OSError."""
    try:
        execve(program, [program, *words], environment)
    except OSError as error:
        if error.errno != ENOEXEC or b"\0" in beginning(program):
            raise
        execve("/bin/sh", ["/bin/sh", program, *words], environment)


def beginning(path: str) -> bytes:
    """Return the first bytes of a file: in a program of another machine some are zero."""
    fd = open(path, O_RDONLY | O_CLOEXEC)
    data = read(fd, 256)
    close(fd)
    return data


if __name__ == "__main__":
    try:
        main(sys.argv)
    except OSError as error:
        why = error.strerror or f"the kernel refuses {error}, which makes a view with /store"
        what = f" ({error.filename})" if type(error.filename) is str else ""
        hint = "`store run` says more of it"
        sys.stderr.write(f"store: error: cannot start {sys.argv[0]}: {why}{what}\n  hint: {hint}\n")
        sys.exit(126 if error.strerror else 40)
