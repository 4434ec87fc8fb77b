"""Compiled recipes are kept, and used for the very source that they were made of."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import sys
from pathlib import Path
from types import CodeType

import pytest

from store.errors import FormatError
from store.model.derivation import Derivation
from store.recipes import compiled_modules
from store.recipes.compiled_modules import CompiledModules, lent, refresh, refreshed
from store.recipes.evaluate import evaluation
from tests.unit.recipes.test_evaluate import HOSTILE

fresh = itertools.count()

STAGES = """
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation
from {package}.words import WORD

def catalogue(seeds, seed):
    node = Derivation("hello", "x86_64-linux", "/bin/sh", (WORD,))
    return Catalogue({{"hello": Package("hello", node.digest)}}, collect([node]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of recipes with a package name that no other test imported."""
    recipes = tmp_path / f"compiled{next(fresh)}"
    recipes.mkdir()
    (recipes / "stages.py").write_text(STAGES.format(package=recipes.name))
    (recipes / "words.py").write_text("WORD = 'first'\n")
    seed = tmp_path / "bootstrap-seeds" / "debian"
    seed.mkdir(parents=True)
    (seed / "seed.json").write_text(json.dumps({}))
    return recipes


def word(folder: Path, said: list[str] | None = None) -> str:
    """Return what the recipes evaluate to; compiled ones are kept beside them."""
    lines = [] if said is None else said
    path = str(folder.parent / "modules")
    answer = evaluation(str(folder), "debian", said=lines.append, modules=path)
    (node,) = answer.catalogue.nodes.values()
    assert isinstance(node, Derivation)
    return node.args[0]


def made(folder: Path) -> CompiledModules:
    modules = CompiledModules()
    assert modules.update(str(folder))
    return modules


def kept(folder: Path) -> bytes:
    return (folder.parent / "modules").read_bytes()


def test_an_evaluation_keeps_what_it_compiled(folder: Path) -> None:
    assert word(folder) == "first"
    assert kept(folder) == made(folder).encode()
    assert (folder.parent / "modules").stat().st_mode & 0o777 == 0o600
    before = (folder.parent / "modules").stat().st_ino
    assert word(folder) == "first"
    assert (folder.parent / "modules").stat().st_ino == before


def test_a_changed_recipe_is_compiled_again(folder: Path) -> None:
    assert word(folder) == "first"
    (folder / "words.py").write_text("WORD = 'other'\n")
    assert word(folder) == "other"
    assert kept(folder) == made(folder).encode()


def test_a_change_that_does_not_show_counts(folder: Path) -> None:
    modules = made(folder)
    path = folder / "words.py"
    assert modules.code(str(path), b"WORD = 'other'\n").co_consts[0] == "other"
    assert modules.code(str(path), path.read_bytes()).co_consts[0] == "first"


def test_only_what_changed_is_compiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = made(folder)
    (folder / "words.py").write_text("WORD = 'a longer one'\n")
    compiled: list[str] = []
    real = compiled_modules._compile

    def counted(path: str, source: bytes) -> CodeType:
        compiled.append(path)
        return real(path, source)

    monkeypatch.setattr(compiled_modules, "_compile", counted)
    assert modules.update(str(folder))
    assert compiled == [str(folder / "words.py")]
    assert not modules.update(str(folder))
    (folder / "words.py").unlink()
    assert modules.update(str(folder))
    assert compiled == [str(folder / "words.py")]


def test_kept_code_is_that_of_its_source(folder: Path) -> None:
    text = b"def f(x):\n    for each in {'one', 'two', 'three'}:\n        yield each, x, 1.5, ...\n"
    (folder / "words.py").write_bytes(text)
    path = str(folder / "words.py")
    found = made(folder).code(path, text)
    assert found == compile(text, path, "exec", dont_inherit=True)
    assert found == CompiledModules().code(path, text)
    assert found.co_filename == path


def test_what_is_no_module_is_not_compiled(folder: Path) -> None:
    before = made(folder).encode()
    (folder / ".venv").mkdir()
    (folder / ".venv" / "far.py").write_text("x = 1\n")
    (folder / "with-dash.py").write_text("x = 1\n")
    (folder / "wrong.py").write_text("x = (\n")
    (folder / "long.py").write_bytes(b"#" * (compiled_modules.LONGEST + 1))
    (folder / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.py")
    assert made(folder).encode() == before


def test_damage_and_another_python_are_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = made(folder).encode()
    assert CompiledModules.decode(data).encode() == data
    with pytest.raises(FormatError, match="bytes that were written"):
        CompiledModules.decode(data[:-1] + b"x")
    monkeypatch.setattr(sys, "version", "9.9")
    with pytest.raises(FormatError, match="another Python"):
        CompiledModules.decode(data)


def test_a_damaged_file_is_made_anew(folder: Path) -> None:
    (folder.parent / "modules").write_bytes(b"damage")
    assert word(folder) == "first"
    assert kept(folder) == made(folder).encode()


def test_a_file_that_others_can_write_is_not_used(folder: Path) -> None:
    word(folder)
    (folder.parent / "modules").chmod(0o666)
    with lent(str(folder.parent / "modules")) as fd:
        assert os.fstat(fd).st_size == 0


def test_a_file_is_sealed_before_recipes_run(folder: Path) -> None:
    path = str(folder.parent / "modules")
    with lent(path) as fd:
        refresh(os.dup(fd), str(folder))
        with pytest.raises(PermissionError):
            os.pwrite(fd, b"planted", 0)
    assert kept(folder) == made(folder).encode()


def test_a_seal_that_the_kernel_adds_hinders_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, no_programs = os.memfd_create, 0x08  # as with the sysctl vm.memfd_noexec
    monkeypatch.setattr(os, "memfd_create", lambda name, flags: real(name, flags | no_programs))
    try:
        with lent(str(folder.parent / "modules")) as fd:
            refresh(os.dup(fd), str(folder))
    except OSError:
        pytest.skip("this kernel has no such seal")
    assert kept(folder) == made(folder).encode()


def test_what_another_process_refreshed_is_read_from_its_beginning(folder: Path) -> None:
    for _ in range(2):  # it read nothing at first, and then all
        with lent(str(folder.parent / "modules")) as fd:
            refresh(os.dup(fd), str(folder))
            assert refreshed(os.dup(fd)).encode() == made(folder).encode()
    with lent(None) as fd:
        os.pwrite(fd, b"half of it", 0)
        assert not refreshed(os.dup(fd)).update(str(folder / "missing"))


ORDER = """
from {package} import many

def in_order():
    names = {{value for name, value in vars(many).items() if name.startswith("Class")}}
    return " ".join(each.__name__ for each in names)

WORD = in_order()
"""


def test_what_was_kept_changes_no_order_of_objects(folder: Path) -> None:
    (folder / "many.py").write_text("".join(f"class Class{n}:\n    x = {n}\n" for n in range(40)))
    (folder / "words.py").write_text(ORDER.format(package=folder.name))
    (node,) = evaluation(str(folder), "debian").catalogue.nodes.values()
    assert isinstance(node, Derivation)
    assert [word(folder) for _ in range(3)] == [node.args[0]] * 3


def test_many_modules_that_nobody_imports_take_little_time(folder: Path) -> None:
    size = compiled_modules.LONGEST - 8
    for number in range(20):
        (folder / f"z{number}.py").write_text("#" * size)
    found = made(folder)
    kinds = [os.path.basename(path)[:1] for path in found._entries]
    assert len(kinds) == 2 + compiled_modules.SOURCES // compiled_modules.LONGEST - 1
    assert kinds[:2] == [b"s", b"w"]
    assert CompiledModules.decode(found.encode()).update(str(folder)) is False


def test_recipes_are_compiled_where_the_end_of_processes_is_ignored(folder: Path) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as a parent may have left it
    try:
        assert word(folder) == "first"
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert kept(folder) == made(folder).encode()


def test_what_was_not_sealed_is_not_kept(folder: Path) -> None:
    path = str(folder.parent / "modules")
    with lent(path) as fd:
        os.pwrite(fd, b"planted", 0)
    with lent(path) as fd:
        os.pwrite(fd, b"planted", 0)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    assert not Path(path).exists()


def test_recipes_cannot_change_what_is_kept(folder: Path) -> None:
    writing = "".join(f"call('pwrite', {fd}, b'planted', 7, 0)\n" for fd in range(3, 64))
    (folder / "words.py").write_text(f"{HOSTILE}\n{writing}WORD = 'hostile'\n")
    assert word(folder) == "hostile"
    assert kept(folder) == made(folder).encode()


def test_a_warning_is_shown_each_time(folder: Path) -> None:
    (folder / "words.py").write_text("WORD = 'first'\nassert (WORD, 'never false')\n")
    for _ in range(2):
        said: list[str] = []
        assert word(folder, said) == "first"
        assert any("SyntaxWarning" in line for line in said)


def test_where_nothing_can_be_kept_recipes_are_evaluated(folder: Path) -> None:
    path = str(folder.parent / "missing" / "modules")
    answer = evaluation(str(folder), "debian", modules=path)
    assert len(answer.catalogue.nodes) == 1
