"""A checkout sets up its Python packages, and is itself wherever it is copied or moved to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from store.system import kernel
from tests.integration.conftest import TOP

LAUNCHED = ("scripts", "store", "derivations", "bootstrap-seeds", "pyproject.toml")

SMALL = ("blake3", "click", "lmdb", "msgpack")
"""Packages that ``store list`` imports. Each has few files."""

# Of pip and of Python: each alone once made a set-up that did not work, or ended it.
HOSTILE = {
    **{f"PIP_{name}": "1" for name in ("DRY_RUN", "USER", "NO_DEPS", "REQUIRE_VIRTUALENV")},
    **{f"PIP_{name}": "/nowhere/pip" for name in ("TARGET", "PREFIX", "ROOT", "REPORT", "PYTHON")},
    **{"PIP_REQUIRE_HASHES": "1", "PIP_IGNORE_INSTALLED": "1", "PIP_PLATFORM": "win32"},
    **{f"PYTHON{name}": "/nowhere/python" for name in ("HOME", "STARTUP", "PYCACHEPREFIX")},
    **{"PYTHONUSERBASE": "/nowhere", "PYTHONNOUSERSITE": "1", "PYTHONWARNINGS": "error"},
    **{"VIRTUAL_ENV": "/nowhere/venv", "PYTHONOPTIMIZE": "2", "PYTHONSAFEPATH": "1"},
}


def run(
    command: Path | str, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [command, *words],
        env=kept | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def version(checkout: Path | str, env: dict[str, str] | None = None) -> str:
    """Return what the checkout says it is."""
    done = run(f"{checkout}/scripts/store", "--version", env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def mark(checkout: Path, text: str) -> Path:
    """Let a checkout say that it is another version; returns it."""
    page = checkout / "store" / "cli" / "direct.py"
    page.write_text(
        re.sub(r'VERSION: Final = "[^"]*"', f'VERSION: Final = "{text}"', page.read_text())
    )
    return checkout


def copy(checkout: Path, to: Path, name: str) -> Path:
    """Copy a checkout with all that was set up in it, as ``cp -a`` does, and mark the copy."""
    subprocess.run(["cp", "-a", checkout, to], check=True)
    return mark(to, name)


def index_settings() -> dict[str, str]:
    """Return where packages come from on this machine, as variables of pip."""
    known = subprocess.run(
        ["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    lines = [line.split("=", 1) for line in known.stdout.splitlines() if "=" in line]
    index = {
        "PIP_" + key.rpartition(".")[2].replace("-", "_").upper(): value.strip("'")
        for key, value in lines
        if key.rpartition(".")[2] in ("index-url", "extra-index-url", "find-links", "cert")
    }
    return {name: value.replace("\\n", " ") for name, value in index.items()}


def copy_sources(checkout: Path, to: Path) -> Path:
    """Copy a checkout without that which was set up in it; returns the copy."""
    to.mkdir()
    subprocess.run(["cp", "-a", *(checkout / name for name in LAUNCHED), to], check=True)
    return to


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that was set up, in an environment as bad as can be."""
    top = tmp_path_factory.mktemp("set-up")
    made, pip = copy_sources(TOP, top / "original"), top / "pip.conf"
    pip.write_text("[install]\nuser = true\ntarget = /nowhere\nprefix = /nowhere\ndry-run = yes\n")
    mark(made, "original")
    assert version(made, {**HOSTILE, **index_settings(), "PIP_CONFIG_FILE": str(pip)}) == "original"
    assert not Path("/nowhere").exists()
    return made


@pytest.fixture(scope="module")
def small_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that was set up with few packages: most of a set-up's time is theirs, and tests
    of when there is one, or where, need no more."""
    made = copy_sources(TOP, tmp_path_factory.mktemp("small") / "small")
    project = made / "pyproject.toml"
    text = project.read_text()
    wanted = tomllib.loads(text)["project"]["dependencies"]
    for each in wanted:
        if not each.startswith(SMALL):
            text = text.replace(f'    "{each}",\n', "", 1)
    assert len(tomllib.loads(text)["project"]["dependencies"]) == len(SMALL)
    project.write_text(text)
    assert version(mark(made, "small")) == "small"
    return made


def test_an_environment_holds_no_path_of_its_checkout(checkout: Path) -> None:
    assert version(checkout, {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere"}) == "original"
    texts = [path for path in (checkout / ".venv").rglob("*") if path.suffix not in (".pyc", ".so")]
    found = [
        path for path in texts if path.is_file() and os.fsencode(checkout) in path.read_bytes()
    ]
    assert not found
    assert all(
        not os.readlink(path).startswith(str(checkout)) for path in texts if path.is_symlink()
    )


def test_a_copy_runs_its_own_code_and_recipes(checkout: Path, tmp_path: Path) -> None:
    other = copy(checkout, tmp_path / "copy", "copy")
    recipe = other / "derivations" / "bash.py"
    recipe.write_text(recipe.read_text().replace("The GNU shell", "A copied shell"))
    assert (version(other), version(checkout)) == ("copy", "original")
    listed = run(other / "scripts" / "store", "--root", str(tmp_path / "root"), "list")
    assert "A copied shell" in listed.stdout, listed.stderr
    assert "setting up" not in listed.stderr


@pytest.mark.parametrize("name", ["-x it's", 'a"$HOME`id`b*[?]', os.fsdecode(b"f\xc3\xbcr\xff\n")])
def test_a_checkout_may_be_moved_anywhere(checkout: Path, tmp_path: Path, name: str) -> None:
    other = copy(checkout, tmp_path / "before", "moved")
    other.rename(tmp_path / name)
    assert version(tmp_path / name) == "moved"
    link, another = tmp_path / "link", tmp_path / f"{name}.link\n"
    link.symlink_to(name)
    another.symlink_to(tmp_path / "link" / "scripts" / "store")
    assert version(link) == "moved"
    assert run(another, "--version").stdout.split()[-1] == "moved"
    done = run(another, "--root", str(tmp_path / "root"), "show", "a b'\n")
    assert "a b'\\n\" is neither" in done.stderr, "words go through as they are"


def test_a_copy_with_a_link_to_the_originals_packages_is_still_itself(
    checkout: Path, tmp_path: Path
) -> None:
    other = mark(copy_sources(checkout, tmp_path / "copy"), "linked")
    (other / ".venv").symlink_to(checkout / ".venv")
    assert version(other) == "linked"


def test_what_does_not_work_any_more_is_set_up_anew(small_checkout: Path, tmp_path: Path) -> None:
    other = copy(small_checkout, tmp_path / "copy", "again")
    python = other / ".venv" / "store" / "bin" / "python"
    packages = next(python.parents[1].glob("lib/python3*/site-packages"))
    for name, word in (("click", "--help"), ("lmdb", "list")):
        shutil.rmtree(packages / name)
        shutil.copy(other / "pyproject.toml", packages.parents[2] / "tried.toml")
        done = run(other / "scripts" / "store", word, env={"STORE_ROOT": str(tmp_path)})
        assert done.returncode == 1
        assert f"No module named '{name}'" in done.stderr
        assert "run it again" in done.stderr
        assert "Traceback" not in done.stderr
    python.unlink()
    python.write_text("#!/nowhere/sh\n")
    python.chmod(0o755)
    (other / ".venv" / "store.interrupted" / "lib").mkdir(parents=True)
    both = [
        subprocess.Popen(
            [other / "scripts" / "store", "--version"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate() for process in both]
    assert [out.split()[-1] for out, _ in said] == ["again", "again"], said
    assert sum("setting up" in err for _, err in said) == 1, said
    assert not (other / ".venv" / "store.interrupted").exists()


@pytest.mark.parametrize("lost", ["lib/python3*/site-packages/checkout.pth", "pyvenv.cfg"])
def test_what_lacks_its_frame_is_set_up_anew_at_once(
    small_checkout: Path, tmp_path: Path, lost: str
) -> None:
    other = copy(small_checkout, tmp_path / "copy", "again")
    next((other / ".venv" / "store").glob(lost)).unlink()
    assert version(other) == "again"


def test_what_was_not_installed_is_not_taken_for_done(checkout: Path, tmp_path: Path) -> None:
    other = mark(copy_sources(checkout, tmp_path / "copy"), "never")
    (tmp_path / "bin").mkdir()
    # A pip that says yes to everything.
    (tmp_path / "bin" / "python3").write_text(
        f'#!/bin/sh\ncase "$*" in *pip*) exit ;; esac\nexec {shutil.which("python3")} "$@"\n'
    )
    (tmp_path / "bin" / "python3").chmod(0o755)
    pip = tmp_path / "pip"
    pip.mkdir()
    (pip / "pip.py").write_text("")
    work = other / "scripts" / "environment.py"
    work.write_text(work.read_text().replace('"-P", "-m", "pip"]', f'"{pip}/pip.py"]'))
    for _ in range(2):
        done = run(other / "scripts" / "store", "--version")
        assert done.returncode == 1
        assert "does not work" in done.stderr
        assert "No package metadata was found for backports.zstd" in done.stderr
    assert os.listdir(other / ".venv") == ["lock"]


@pytest.mark.root(reason="mounts, which only root can")
def test_a_checkout_on_a_read_only_disk_uses_the_users_cache(
    small_checkout: Path, tmp_path: Path
) -> None:
    other = mark(copy_sources(small_checkout, tmp_path / "copy"), "cached")
    place = tmp_path / "disk\n"
    place.mkdir()
    try:
        kernel.mount(str(other), str(place), None, kernel.MS_BIND)
    except OSError as error:
        pytest.skip(f"cannot mount: {error}")
    try:
        kernel.mount(
            "none", str(place), None, kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY
        )
        cache = tmp_path / "ca'che\n"
        assert version(place, {"XDG_CACHE_HOME": str(cache)}) == "cached"
        assert (cache / f"fixpoint{place}" / ".venv" / "store").is_symlink()
    finally:
        kernel.umount(str(place))
    assert not (other / ".venv").exists()


@pytest.mark.parametrize("home", ["", "relative", "~", ".."])
def test_a_home_that_is_no_absolute_path_does_not_count(home: str) -> None:
    text = 'self=$1; . "${self%/*}/environment.sh"; HOME=$2; home'
    done = run("sh", "-c", text, "sh", f"{TOP}/scripts/store", home)
    assert done.stdout.startswith("/"), done.stderr
