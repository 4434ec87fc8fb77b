"""Set up the virtual environment that the scripts run in: ``environment.py KIND CHECKOUT PLACE``.

It is made under a name of its own and then ``PLACE/KIND`` is pointed at it, so one that is there
is whole, however a set-up was interrupted. Two set-ups at once wait for each other. Only the
standard library is at hand here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

EXTRAS = {"store": None, "test": "test"}
REQUIREMENTS = "requirements.txt"  # in the environment: what was installed
STAMP = "pyproject.toml"  # in the environment: a copy of the one that it was made for


class SetUpFailed(Exception):
    """Said to the user as it is."""


def requirements(pyproject: Path, kind: str) -> list[str]:
    """The requirements that ``pyproject`` states for an environment of this kind."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extra = EXTRAS[kind]
    return [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else [])]


def set_up(kind: str, checkout: Path, place: Path) -> None:
    """Make ``place/kind`` fit the checkout. Raises SetUpFailed."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        hint = "set XDG_CACHE_HOME to a folder that you can write to"
        raise SetUpFailed(f"cannot make {place}: {error.strerror}; {hint}") from error
    fcntl.flock(lock, fcntl.LOCK_EX)
    current = place / kind
    stamp = (checkout / STAMP).read_bytes()
    wanted = "\n".join(requirements(checkout / STAMP, kind)) + "\n"
    if not _has(current, wanted):
        _say(f"setting up Python packages in {place} (once)")
        started = time.monotonic()
        _clear(place, kind)
        fresh = Path(tempfile.mkdtemp(prefix=f"{kind}.", dir=place))
        fresh.chmod(0o755)
        try:
            _install(fresh, wanted.splitlines())
            _site_packages(fresh).joinpath("checkout.pth").write_text(f"{checkout}\n")
            (fresh / REQUIREMENTS).write_text(wanted)
            _point(current, fresh.name)
        finally:
            _clear(place, kind)  # what was there before; or the fresh one, if this failed
        _say(f"done in {time.monotonic() - started:.0f} s")
    _replace(current / STAMP, stamp)


def _has(environment: Path, wanted: str) -> bool:
    """Whether an environment works and holds what is wanted already."""
    try:
        same = (environment / REQUIREMENTS).read_text() == wanted
    except OSError:
        return False
    return same and os.access(environment / "bin" / "python", os.X_OK)


def _install(environment: Path, wanted: list[str]) -> None:
    # The interpreter by its full version: if /usr/bin/python3 becomes another one, the link in the
    # environment breaks visibly, and a new environment is made.
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    pip = [sys.executable, "-m", "pip"]
    if _succeeds([*pip, "--python", sys.executable, "--version"]):
        _run([base, "-m", "venv", "--without-pip", str(environment)])
        pip += ["--python", str(environment / "bin" / "python")]
    elif _succeeds([base, "-c", "import ensurepip"]):
        _run([base, "-m", "venv", str(environment)])
        pip = [str(environment / "bin" / "python"), "-m", "pip"]
    else:
        raise SetUpFailed(f"{base} has no pip; install python3-pip, or python3-venv")
    quiet = ["-qq", "--no-input", "--disable-pip-version-check"]
    _run([*pip, "install", *quiet, "--prefer-binary", *wanted])


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(command: list[str]) -> None:
    """Run a command, its output on our standard error."""
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise SetUpFailed(f"this failed: {' '.join(command)}")


def _site_packages(environment: Path) -> Path:
    return next(environment.glob("lib/python3*/site-packages"))


def _point(link: Path, target: str) -> None:
    """Make ``link`` a symbolic link to ``target`` in one step."""
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    fresh = link.with_name(f"{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _clear(place: Path, kind: str) -> None:
    """Remove the environments of this kind that ``place/kind`` does not point at."""
    current = (place / kind).resolve()
    for path in place.glob(f"{kind}.*"):
        if path.is_dir() and not path.is_symlink() and path.resolve() != current:
            shutil.rmtree(path, ignore_errors=True)


def _say(text: str) -> None:
    print(f"store: {text}", file=sys.stderr, flush=True)


def main() -> int:
    kind, checkout, place = sys.argv[1:]
    try:
        set_up(kind, Path(checkout), Path(place))
    except SetUpFailed as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
