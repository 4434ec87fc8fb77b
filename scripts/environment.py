"""Set up the virtual environment that the scripts run in: ``environment.py KIND CHECKOUT PLACE``.

It is made under a name of its own, and tried; then ``PLACE/KIND`` is pointed at it. So one that is
there is whole, however a set-up was interrupted. Two set-ups at once wait for each other.

An environment in its checkout holds no path of it: both may be moved or copied. Only the standard
library is at hand here.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

EXTRAS = {"store": None, "test": "test"}
PROJECT = "pyproject.toml"
INSTALLED = "tried.txt"  # in the environment: the requirements that were installed, and tried
STAMP = "tried.toml"  # in the environment: a copy of the project file that it was made for

SETTINGS = (
    *("CACHE_DIR", "CERT", "CLIENT_CERT", "CONFIG_FILE", "CONSTRAINT", "DEFAULT_TIMEOUT"),
    *("DISABLE_PIP_VERSION_CHECK", "EXTRA_INDEX_URL", "FIND_LINKS", "INDEX_URL"),
    *("KEYRING_PROVIDER", "NO_CACHE_DIR", "NO_INDEX", "PROXY", "RETRIES", "TIMEOUT"),
    *("TRUSTED_HOST",),
)
"""Settings of pip's that say where packages come from; others say where they go, or whether."""

SWITCHED_OFF = (
    *("DRY_RUN", "IGNORE_REQUIRES_PYTHON", "NO_DEPS", "PRE", "REQUIRE_HASHES"),
    *("REQUIRE_VIRTUALENV", "USER"),
)
"""Settings that a configuration file of pip's may switch on, too."""

TRIAL = """
import importlib, importlib.metadata, json, os, sys
checkout, names = json.loads(sys.argv[1])
versions = {}
for name in names:
    files = importlib.metadata.files(name) or []
    found = {file.parts[0].partition(".")[0] for file in files if file.suffix in (".py", ".so")}
    usual = name.replace("-", "_")
    # A name with a dot is that of a module in a folder that others share.
    wanted = usual if "." in name or usual in found else min(filter(str.isidentifier, found))
    module = importlib.import_module(wanted)
    file = os.path.realpath(module.__file__ or list(module.__path__)[0])  # some are namespaces
    if not file.startswith(os.path.realpath(sys.prefix) + os.sep):
        raise ImportError(f"{name} was found elsewhere: {file}")
    versions[name] = importlib.metadata.version(name)
if "cryptography" in names:
    import cryptography.hazmat.primitives.asymmetric.ed25519
import store
if os.path.realpath(os.path.dirname(store.__file__)) != os.path.realpath(f"{checkout}/store"):
    raise ImportError(f"store was found elsewhere: {store.__file__}")
print(json.dumps(versions))
"""
"""Run by a new environment: imports the packages, and prints the versions by name."""


RUN_BESIDE = b"""#!/bin/sh
'''exec' "$(dirname -- "$(readlink -f -- "$0")")/python" -I "$0" "$@"
' '''
"""
"""How a Python script begins that is run by the interpreter in its own folder."""


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
        if isinstance(error, FileExistsError):
            hint = "it is no folder: remove it"
        raise SetUpFailed(f"cannot make {place}: {error.strerror}; {hint}") from error
    _wait_for(lock, place)
    current = place / kind
    stamp = (checkout / PROJECT).read_bytes()
    wanted = "\n".join(requirements(checkout / PROJECT, kind)) + "\n"
    if not _has(current, wanted):
        _say(f"setting up Python packages in {place} (once)")
        started = time.monotonic()
        _clear(place, kind)
        fresh = Path(tempfile.mkdtemp(prefix=f"{kind}.", dir=place))
        fresh.chmod(0o755)
        try:
            _install(fresh, wanted.splitlines())
            _name_checkout(fresh, checkout, place)
            _forget_place(fresh)
            _try(fresh, checkout, wanted.splitlines())
            (fresh / INSTALLED).write_text(wanted)
            _point(current, fresh.name)
        finally:
            _clear(place, kind)  # what was there before; or the fresh one, if this failed
        _say(f"done in {time.monotonic() - started:.0f} s")
    _replace(current / STAMP, stamp)


def _wait_for(lock: int, place: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say(f"waiting for another set-up in {place}")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _has(environment: Path, wanted: str) -> bool:
    """Return whether an environment works and holds all that is wanted already."""
    try:
        same = (environment / INSTALLED).read_text() == wanted
    except OSError:
        return False
    return same and _succeeds([str(environment / "bin" / "python"), "-I", "-c", "import store"])


def _install(environment: Path, wanted: list[str]) -> None:
    # The interpreter by its full version: if /usr/bin/python3 becomes another one, the link in the
    # environment breaks visibly, and a new environment is made.
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    pip = [sys.executable, "-P", "-m", "pip"]
    if _succeeds([*pip, "--python", sys.executable, "--version"]):
        _run([base, "-I", "-m", "venv", "--without-pip", str(environment)])
        pip += ["--python", str(environment / "bin" / "python")]
    elif _succeeds([base, "-I", "-c", "import ensurepip"]):
        _run([base, "-I", "-m", "venv", str(environment)])
        pip = [str(environment / "bin" / "python"), "-I", "-m", "pip"]
    else:
        raise SetUpFailed(f"{base} has no pip; install python3-pip, or python3-venv")
    quiet = ["-qq", "--no-input", "--disable-pip-version-check"]
    here = ["--no-user", "--target=", f"--prefix={environment}", "--root=/"]
    _run([*pip, "install", *quiet, *here, "--prefer-binary", *wanted])


def _environment() -> dict[str, str]:
    """The caller's environment without variables that change the work of Python and pip."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV", "__PYVENV"))
        or name in [f"PIP_{setting}" for setting in SETTINGS]
    }
    return kept | {f"PIP_{setting}": "0" for setting in SWITCHED_OFF}


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, env=_environment(), check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def _run(command: list[str]) -> None:
    """Run a command, its output on our standard error."""
    done = subprocess.run(
        command, stdout=sys.stderr, stdin=subprocess.DEVNULL, env=_environment(), check=False
    )
    if done.returncode:
        settings = " (pip's settings: `pip config list`)" if "pip" in command else ""
        raise SetUpFailed(f"this failed{settings}: {' '.join(command)}")


def _name_checkout(environment: Path, checkout: Path, place: Path) -> None:
    """Let the environment's Python find the checkout's modules."""
    site = _site_packages(environment)
    if place.parent == checkout:
        line = os.path.relpath(checkout, site)  # relative to the folder of the file itself
    else:
        line = f"import sys; sys.path.append({str(checkout)!a})"
    (site / "checkout.pth").write_text(f"{line}\n", encoding="ascii")


def _forget_place(environment: Path) -> None:
    """Let the programs in ``bin`` run the Python beside them, wherever that is by then."""
    config = environment / "pyvenv.cfg"
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    config.write_text("".join(line for line in lines if "command" not in line), encoding="utf-8")
    for path in (environment / "bin").iterdir():
        if path.name.lower().startswith("activate"):
            path.unlink()
        elif path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if content.startswith(b"#!") and os.fsencode(environment) in content:
                path.write_bytes(RUN_BESIDE + _without_start(content))


def _without_start(script: bytes) -> bytes:
    """A Python script without the line, or the three of a long path, that name its interpreter."""
    lines = script.split(b"\n", 3)
    return lines[3] if lines[0] == b"#!/bin/sh" else script.partition(b"\n")[2]


def _try(environment: Path, checkout: Path, wanted: list[str]) -> None:
    """Import the installed packages; SetUpFailed when it is not there as it was asked for."""
    needs = [_NEED.match(requirement) for requirement in wanted]
    names = [need[1] for need in needs if need]
    python = str(environment / "bin" / "python")
    command = [python, "-I", "-c", TRIAL, json.dumps([str(checkout), names])]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
    hint = "see whether `pip config list` sends packages elsewhere"
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise SetUpFailed(f"what was installed in {environment} does not work: {why}; {hint}")
    versions = json.loads(done.stdout)
    for need in needs:
        if need and not _fits(versions[need[1]], need[2]):
            found = f"{need[1]} {versions[need[1]]}"
            raise SetUpFailed(f"{found} was installed in {environment}, not {need[0]}; {hint}")


_NEED = re.compile(r"([A-Za-z0-9._-]+)((?:[<>=]=?[0-9.]+,?)*)$")


def _fits(version: str, bounds: str) -> bool:
    """Return whether a version is within bounds as in ``>=1.0,<2``."""
    for relation, bound in re.findall(r"([<>=]=?)([0-9.]+)", bounds):
        one, other = _release(version), _release(bound)
        fits = {">=": one >= other, "<=": one <= other, "<": one < other, ">": one > other}
        if not fits.get(relation, one == other):
            return False
    return True


def _release(version: str) -> list[int]:
    """The numbers of a version, without zeros at the end."""
    match = re.match(r"[0-9.]*", version)
    numbers = [int(part) for part in (match[0] if match else "").split(".") if part]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


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
    os.umask(0o022)
    try:
        set_up(kind, Path(checkout), Path(place))
    except SetUpFailed as error:
        _say(str(error))
        return 1
    except OSError as error:
        _say(f"cannot set up Python packages in {place}: {error.strerror}: {error.filename}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
