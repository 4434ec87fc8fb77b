"""The user's own folders: from the environment, else from the password database; never ``~``."""

from __future__ import annotations

import os

from store.display import quoted
from store.errors import StorageError


def find_home() -> str | None:
    """Return the absolute path of the user's home folder: ``$HOME``, else the database's; or None.

    A ``$HOME`` that is empty or no absolute path does not count.
    """
    found = os.environ.get("HOME", "")
    return found if os.path.isabs(found) else _recorded(None) or None


def home_folder(instead: str = "name the store with --root or $STORE_ROOT") -> str:
    """Act as :func:`find_home`; raises StorageError where there is none, with a hint of what else
    to do ``instead`` of setting HOME."""
    found = find_home()
    if found is None:
        raise StorageError(
            "this user has no home folder: HOME is not set to an absolute path, and the password "
            f"database has none for user {os.geteuid()}",
            hint=f"set HOME; or {instead}",
        )
    return found


def expand_home(path: str) -> str:
    """Return ``path`` with a leading ``~`` or ``~NAME`` replaced by that user's home folder.

    No shell does so behind ``--root=``, in a unit file or between quotation marks. A folder that is
    called ``~`` is written ``./~``. Raises StorageError where there is no such folder.
    """
    head, slash, rest = path.partition("/")
    if not head.startswith("~"):
        return path
    folder = home_folder("write the whole path") if head == "~" else _recorded(head[1:])
    if not folder:
        raise StorageError(
            f"{quoted(path)} begins with the home folder of a user that does not exist",
            hint=f"write ./{path} for a path in the current folder",
        )
    return folder + slash + rest


def data_folder() -> str:
    """Return ``$XDG_DATA_HOME``, else ``~/.local/share``. Raises StorageError."""
    return _xdg("XDG_DATA_HOME") or os.path.join(home_folder(), ".local/share")


def config_folder() -> str:
    """Return ``$XDG_CONFIG_HOME``, else ``~/.config``. Raises StorageError."""
    found = _xdg("XDG_CONFIG_HOME")
    return found or os.path.join(home_folder("name a folder by XDG_CONFIG_HOME"), ".config")


def cache_folder() -> str:
    """Return ``$XDG_CACHE_HOME``, else ``~/.cache``. Raises StorageError."""
    found = _xdg("XDG_CACHE_HOME")
    return found or os.path.join(home_folder("name a folder by XDG_CACHE_HOME"), ".cache")


def settings_folder(variable: str, name: str) -> str:
    """Return the folder that a variable names, else ``fixpoint/NAME`` in the user's folder of
    settings. Raises StorageError."""
    return os.environ.get(variable) or os.path.join(config_folder(), "fixpoint", name)


def _xdg(variable: str) -> str:
    """Return the folder that a variable names; "" for none."""
    found = os.environ.get(variable, "")
    # The specification: a path that is not absolute is to be ignored.
    return found if os.path.isabs(found) else ""


def _recorded(name: str | None) -> str:
    """Return the home folder in the password database, of this user if ``name`` is None; "" for
    none."""
    import pwd

    try:
        entry = pwd.getpwuid(os.geteuid()) if name is None else pwd.getpwnam(name)
    except (KeyError, ValueError):
        return ""
    return entry.pw_dir if os.path.isabs(entry.pw_dir) else ""
