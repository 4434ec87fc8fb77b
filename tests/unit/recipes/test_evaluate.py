"""Evaluation names the file and line that are to blame."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import py_compile
import signal
import sys
import time
from pathlib import Path

import pytest

from store.errors import Cycle, EvaluationError, FormatError
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation
from store.quantities import limit_text
from store.recipes import answer
from store.recipes import evaluate as evaluate_module
from store.recipes.evaluate import EvaluationLimits, evaluate, evaluation, read_seeds
from store.system import kernel

RECIPES = str(Path(__file__).resolve().parents[3] / "derivations")
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
fresh = itertools.count()

GOOD = """
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation

def catalogue(seeds, seed):
    node = Derivation("hello", "x86_64-linux", "/bin/sh", ("-c", seeds[seed]["say"]))
    return Catalogue({"hello": Package("hello", node.digest)}, collect([node]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of recipes with a package name that no other test imported."""
    recipes = tmp_path / f"recipes{next(fresh)}"
    recipes.mkdir()
    (recipes / "__init__.py").touch()
    seed = tmp_path / "bootstrap-seeds" / "debian"
    seed.mkdir(parents=True)
    (seed / "seed.json").write_text(json.dumps({"say": "echo hi"}))
    return recipes


def blamed(folder: Path) -> EvaluationError:
    with pytest.raises(EvaluationError) as caught:
        evaluate(str(folder))
    return caught.value


def test_a_catalogue_comes_from_recipes_and_seeds(folder: Path) -> None:
    (folder / "stages.py").write_text(GOOD)
    catalogue = evaluate(str(folder))
    assert catalogue.nodes[catalogue.ref("hello").node].name == "hello"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("\n\nimport nothing_of_that_name\n", 3, "nothing_of_that_name"),
        ("def catalogue(seeds, seed):\n    a = 1\n    return a / 0\n", 3, "ZeroDivisionError"),
        (GOOD.replace('"hello", "x86', '".hello", "x86'), 6, "cannot name"),
        ("import sys\nsys.exit()\n", 2, "SystemExit"),
        ("class Odd(BaseException): pass\nraise Odd('x')\n", 2, "Odd: x"),
    ],
)
def test_a_recipe_that_does_not_evaluate_is_named(
    folder: Path, text: str, line: int, says: str
) -> None:
    (folder / "stages.py").write_text(text)
    error = blamed(folder)
    assert error.file == str(folder / "stages.py")
    assert error.line == line
    assert says in error.message
    assert error.message.startswith(f"{error.file}:{line}: ")


def test_the_recipe_is_blamed_rather_than_the_kit(folder: Path) -> None:
    kit = folder / "kit"
    kit.mkdir()
    (kit / "__init__.py").write_text("def check(x):\n    raise ValueError('no ' + x)\n")
    (folder / "gcc.py").write_text(f"from {folder.name}.kit import check\n\n\ncheck('cc')\n")
    (folder / "stages.py").write_text(f"from {folder.name} import gcc\n")
    error = blamed(folder)
    assert (error.file, error.line) == (str(folder / "gcc.py"), 4)
    assert "no cc" in error.message


def test_a_folder_beside_the_recipes_is_read_if_it_is_an_engine(folder: Path) -> None:
    (folder / "stages.py").write_text(f"{GOOD}\nprint(open({str(folder.parent)!r} + '/store/a'))")
    engine = folder.parent / "store"
    engine.mkdir()
    (engine / "a").touch()
    assert "outside of the recipes' folder" in blamed(folder).message
    (engine / "__init__.py").touch()
    answer = evaluation(str(folder), "debian")
    assert (False, os.fsencode(engine / "a")) in answer.reads


def test_a_seed_that_is_no_json_is_named(folder: Path) -> None:
    (folder / "stages.py").write_text(GOOD)
    path = folder.parent / "bootstrap-seeds" / "debian" / "seed.json"
    path.write_text("{\n  nonsense")
    error = blamed(folder)
    assert (error.file, error.line) == (str(path), 2)


@pytest.mark.parametrize(
    "text",
    ["[]", "7", '{"a": ' + "9" * 5000 + "}", "[" * 100_000, "\udc80"],
    ids=["a list", "a number", "too long a number", "too deep", "no UTF-8"],
)
def test_a_seed_that_is_something_else_is_named(folder: Path, text: str) -> None:
    seed = folder.parent / "bootstrap-seeds" / "debian" / "seed.json"
    seed.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(EvaluationError, match=r"seed\.json"):
        read_seeds(str(folder))


def test_an_unknown_seed_and_an_empty_folder_are_said(folder: Path) -> None:
    assert "no stages.py" in blamed(folder).message
    (folder / "stages.py").write_text(GOOD)
    with pytest.raises(EvaluationError, match=r"^no seed is named 'zig'"):
        evaluate(str(folder), "zig")


def test_something_else_than_a_catalogue_is_refused(folder: Path) -> None:
    (folder / "stages.py").write_text("def catalogue(seeds, seed):\n    return {}\n")
    assert "no catalogue" in blamed(folder).message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("node.digest)}, c", "b'n' * 32)}, c", "the package 'hello' without its node"),
        ('"/bin/sh"', '"builtin:frob"', "whose builder 'builtin:frob' is unknown"),
        (
            '"/bin/sh"',
            '"/bin/sh", rootfs=Derivation("root", "x", "/bin/sh").ref(), args=',
            "'hello' without its input 'root'",
        ),
        ('Package("hello", n', 'Package("hel\\x1b[31mlo", n', "a package called"),
        ('Package("hello", n', 'Package("a^b", n', "a package called"),
        ('Package("hello", n', 'Package("", n', "a package called"),
        ("node.digest)}, c", "node.digest, '1\\n2')}, c", "a text that cannot be shown"),
        ("node.digest)}, c", "node.digest, '1', '\\x1b[2J')}, c", "a text that cannot be shown"),
    ],
)
def test_a_catalogue_that_lacks_something_is_refused(
    folder: Path, old: str, new: str, says: str
) -> None:
    text = GOOD.replace(old, new).replace("args=, ", "args=")
    (folder / "stages.py").write_text(text)
    error = blamed(folder)
    assert error.file == str(folder / "stages.py")
    assert says in error.message


# -- recipes look at recipes, and compute ---------------------------------------------------------

REFUSED = """
open("/etc/hostname").read()
open(f"{HERE}/../outside.txt").read()
open(f"{HERE}/out").read()
open(f"{HERE}/away/hostname").read()
open("data.txt")
open(f"{HERE}/fifo")
open(f"{HERE}/data.txt", "a")
open(f"{HERE}/data.txt", "r+")
open(f"{HERE}/fresh", "x")
io.open("/etc/hostname")
io.FileIO("/etc/hostname")
io.open_code("/etc/hostname")
io.TextIOWrapper(io.BufferedReader(io.FileIO("/proc/self/environ")))
pathlib.Path("/proc/sys/kernel/hostname").read_text()
pathlib.Path("/proc/self/maps").read_bytes()
pathlib.Path(HERE, "fresh").touch()
pathlib.Path(HERE, "fresh").mkdir()
pathlib.Path(HERE, "fresh").symlink_to("x")
pathlib.Path(HERE, "fresh").hardlink_to(f"{HERE}/data.txt")
pathlib.Path(HERE, "data.txt").write_text("x")
pathlib.Path(HERE, "data.txt").unlink()
pathlib.Path(HERE, "data.txt").rename("x")
pathlib.Path(HERE, "data.txt").chmod(0o600)
pathlib.Path(HERE, "data.txt").owner()
pathlib.Path("/etc/hostname").exists()
pathlib.Path.home()
list(pathlib.Path("/usr").iterdir())
list(pathlib.Path("/etc").glob("*"))
glob.glob("/etc/*")
os.listdir("/")
os.listdir(".")
os.listdir(f"{HERE}/..")
os.listdir(f"{HERE}/away")
os.listdir(os.open(HERE, os.O_RDONLY))
list(os.scandir("/etc"))
os.path.exists("/etc/hostname")
os.path.exists(f"{HERE}/away/../etc/hostname")
os.path.exists(f"{HERE}/away/../{HERE}/data.txt")
os.stat(f"{HERE}/../bootstrap-seeds/far/../beside")
open(f"{HERE}/in/../../outside.txt")
open(f"{os.path.dirname(os.__file__)}/LICENSE.txt")
os.path.exists(f"{os.path.dirname(os.__file__)}/site-packages")
os.listdir(os.path.dirname(os.__file__))
os.path.islink("/etc/localtime")
os.path.getsize("/etc/passwd")
os.path.realpath("/proc/self/exe")
os.path.expanduser("~")
os.readlink("/proc/self/cwd")
os.access(f"{HERE}/data.txt", os.R_OK)
os.statvfs(HERE)
os.getxattr(f"{HERE}/data.txt", "user.x")
os.open(f"{HERE}/data.txt", os.O_RDWR)
os.open("data.txt", os.O_RDONLY, dir_fd=os.open(HERE, os.O_RDONLY))
os.stat("data.txt", dir_fd=os.open(HERE, os.O_RDONLY))
os.getpid()
os.getppid()
os.getuid()
os.getgroups()
os.getlogin()
os.uname()
os.cpu_count()
os.sched_getaffinity(0)
os.umask(0)
os.getloadavg()
os.sysconf("SC_NPROCESSORS_ONLN")
os.get_terminal_size()
os.times()
os.urandom(8)
os.getrandom(8)
os.system("true")
os.popen("true").read()
os.fork()
os.forkpty()
os.execv("/bin/true", ["true"])
os.posix_spawn("/bin/true", ["true"], {})
os.spawnv(os.P_WAIT, "/bin/true", ["true"])
os.kill(1, 0)
os.killpg(1, 0)
os.abort()
os._exit(0)
os.chdir("/tmp")
os.putenv("A", "b")
os.environ.__setitem__("A", "b")
os.makedirs(f"{HERE}/x/y")
os.truncate(f"{HERE}/data.txt", 0)
os.utime(f"{HERE}/data.txt")
os.mkfifo(f"{HERE}/x")
os.memfd_create("x")
os.pipe()
os.dup2(1, 3)
os.write(3, b"x")
os.setpriority(os.PRIO_PROCESS, 0, 19)
sys.modules["time"].time()
sys.modules["time"].monotonic_ns()
sys.modules["time"].localtime()
sys.modules["time"].sleep(1)
sys.modules["datetime"].datetime.now()
sys.modules["datetime"].date.today()
sys.modules["posix"].getuid()
sys.settrace(None)
sys.setprofile(None)
sys._current_frames()
json.codecs.open("/etc/hostname")
input()
breakpoint()
import time
import datetime
import random
import secrets
import uuid
import socket
import ssl
import http.client
import urllib.request
from urllib import request
import subprocess
import multiprocessing
import concurrent.futures
import asyncio
import threading
import _thread
import ctypes
import mmap
import fcntl
import signal
import resource
import platform
import sysconfig
import locale
import getpass
import pwd
import tempfile
import shutil
import importlib
import runpy
import site
import gc
import faulthandler
import pickle
import sqlite3
import blake3
import cryptography
import store.layout.paths
import store.recipes
from store.system import kernel
from store.recipes.catalogues import load
import outside
import tests
__import__("time")
exec("import socket")
eval("__import__('subprocess')")
type("x", (), {}) and __builtins__["__import__"]("random")
"""

ALLOWED = """
open(f"{HERE}/data.txt").read()
open(f"{HERE}/in", "rb").read()
open(f"{HERE}/sub/../data.txt").read()
open(f"{HERE}/below/../file").read()
os.path.exists(f"{HERE}/nothing/../data.txt")
open(f"{HERE}/../bootstrap-seeds/far/pin").read()
open(json.__file__).readline()
pathlib.Path(__file__).resolve().parent.name
pathlib.Path(HERE, "data.txt").read_text()
sorted(path.name for path in pathlib.Path(HERE).glob("*.txt"))
os.listdir(HERE)
[(entry.name, entry.is_file()) for entry in os.scandir(f"{HERE}/sub")]
list(os.walk(f"{HERE}/sub"))
os.path.exists(f"{HERE}/nothing")
os.stat(f"{HERE}/data.txt").st_mtime
os.getcwd()
dict(os.environ)
os.environ.get("HOME"), os.getenv("PATH")
sys.argv, sys.executable
hash("text"), {"a", "b", "c"}
print("a line")
sys.stdin.read()
import tomllib
from urllib.parse import quote
import store.model.names
import derivations.kit
"""

TRYING = """
import glob, io, json, os, pathlib, sys
from store.errors import EvaluationError
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation

HERE = os.path.dirname(__file__)

def attempt(text):
    try:
        try:
            code = compile(text, "<try>", "eval")
        except SyntaxError:
            code = compile(text, "<try>", "exec")
        return f"did {eval(code, globals())!r}"
    except EvaluationError as error:
        return f"refused: {error.message}"
    except BaseException as error:
        return f"failed: {error!r}"

def catalogue(seeds, seed):
    found = tuple(map(attempt, seeds[seed]["say"].strip().splitlines()))
    node = Derivation("tried", "x86_64-linux", "/bin/sh", found)
    return Catalogue({"tried": Package("tried", node.digest)}, collect([node]))
"""


def tried(folder: Path, lines: str) -> dict[str, str]:
    """Return the result of each line in a recipe."""
    (folder / "stages.py").write_text(TRYING)
    (folder.parent / "outside.txt").write_text("x")
    (folder.parent / "outside.py").write_text("x = 1")
    (folder.parent / "json.py").write_text("raise SystemExit('not the library')")
    for name, target in {
        "out": "../outside.txt",
        "away": "/etc",
        "in": "data.txt",
        "below": "sub/deep",
        "../bootstrap-seeds/far": "../elsewhere/far",
    }.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    (folder / "data.txt").write_text("data")
    (folder / "sub" / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "sub" / "file").write_text("a file")
    (folder.parent / "elsewhere" / "far").mkdir(parents=True, exist_ok=True)
    (folder.parent / "elsewhere" / "far" / "pin").write_text("far")
    (folder.parent / "elsewhere" / "beside").touch()
    if not (folder / "fifo").exists():
        os.mkfifo(folder / "fifo")
    seed = folder.parent / "bootstrap-seeds" / "debian" / "seed.json"
    seed.write_text(json.dumps({"say": lines}))
    catalogue = evaluate(str(folder))
    node = catalogue.nodes[catalogue.ref("tried").node]
    assert isinstance(node, Derivation)
    return dict(zip(lines.strip().splitlines(), node.args, strict=True))


def test_what_is_not_pure_is_refused(folder: Path) -> None:
    wrong = {
        line: result
        for line, result in tried(folder, REFUSED).items()
        if not result.startswith("refused: ")
    }
    assert not wrong, "\n".join(f"{line}: {result}" for line, result in wrong.items())
    assert (folder / "data.txt").read_text() == "data"
    assert sorted(os.listdir(folder)) == [
        *("__init__.py", "away", "below", "data.txt", "fifo", "in", "out", "stages.py", "sub")
    ]


def test_recipes_read_recipes(folder: Path) -> None:
    found = tried(folder, ALLOWED)
    wrong = {line: result for line, result in found.items() if not result.startswith("did ")}
    assert not wrong
    assert found["dict(os.environ)"] == "did {}"
    assert found['os.environ.get("HOME"), os.getenv("PATH")'] == "did (None, None)"
    assert found['os.stat(f"{HERE}/data.txt").st_mtime'] == "did 1"


@pytest.mark.slow
def test_nothing_of_the_caller_shows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ALLOWED + "repr(object())\nrepr(sys.flags)\nsys.getdefaultencoding()\nsys.path\n"
    first = tried(folder, lines)
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTHONSTARTUP", str(folder / "stages.py"))
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.chdir(folder)
    before = os.umask(0o077)
    try:
        assert tried(folder, lines) == first
    finally:
        os.umask(before)


SHIFTING = """
import os
HERE = os.path.dirname(__file__)

class Equal(str):
    def __eq__(self, other):
        return True
    def __hash__(self):
        return hash(f"{HERE}/stages.py")
    def startswith(self, *other):
        return True

class Shifting:
    asked = 0
    def __fspath__(self):
        self.asked += 1
        return f"{HERE}/stages.py" if self.asked == 1 else "/etc/passwd"

os.stat(f"{HERE}/stages.py")
"""


@pytest.mark.parametrize("look", ["open", "os.stat", "os.listdir", "os.readlink"])
def test_a_path_that_equals_another_one_is_not_taken_for_it(folder: Path, look: str) -> None:
    (folder / "stages.py").write_text(f"{SHIFTING}\n{look}(Equal('/etc/passwd'))\n{GOOD}")
    assert "outside of the recipes' folder" in blamed(folder).message


def test_a_path_is_asked_for_its_text_once(folder: Path) -> None:
    size = "str(os.stat(Shifting()).st_size)"
    text = f"{SHIFTING}\n{GOOD}".replace('seeds[seed]["say"]', size)
    (folder / "stages.py").write_text(text)
    (node,) = evaluate(str(folder)).nodes.values()
    assert isinstance(node, Derivation)
    assert node.args == ("-c", str(len(text)))


HOSTILE = """
import builtins, os, sys

HERE = os.path.dirname(__file__)
cells = [cell.cell_contents for cell in os.lstat.__closure__]
next(value for value in cells if hasattr(value, "reads"))._busy = True
load = next(
    value
    for value in (cell.cell_contents for cell in builtins.__import__.__closure__)
    if callable(value)
)
for name in ("_ctypes", "_socket"):
    sys.modules.pop(name, None)
sys.modules.pop("ctypes", None)
ctypes = load("ctypes")
libc = ctypes.CDLL(None, use_errno=True)

def attempt(action):
    try:
        return f"did {action()}"
    except OSError as error:
        return f"refused {error.errno}"

def call(name, *args):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*args)
    return f"refused {ctypes.get_errno()}" if result == -1 else f"did {result}"

found = [attempt(lambda: open(path, mode)) for path, mode in (
    ("/etc/passwd", "r"), ("/proc/self/environ", "r"), (HERE + "/fresh", "w"),
    (HERE + "/stages.py", "r+"), ("/tmp/fixpoint-planted", "w"), ("/dev/shm/planted", "w"))]
path = os.fsencode(HERE) + b"/stages.py"
found += [call(*words) for words in (
    ("fork",), ("socket", 2, 1, 0), ("socket", 1, 1, 0), ("chmod", path, 0o777),
    ("unlink", path), ("rename", path, path + b"x"), ("mkdir", path + b"d", 0o700),
    ("kill", os.sys.maxsize % 4096, 0), ("execv", b"/bin/true", None),
    ("symlink", b"x", path + b"l"), ("truncate", path, 0), ("utime", path, None),
    ("getrandom", ctypes.create_string_buffer(8), 8, 0), ("uname", bytes(512)),
    ("getrusage", 0, bytes(512)), ("sysinfo", bytes(512)), ("getpid",))]

"""


def test_code_that_gets_round_python_is_held_by_the_kernel(folder: Path) -> None:
    text = HOSTILE + GOOD.replace('("-c", seeds[seed]["say"])', "tuple(found)")
    (folder / "stages.py").write_text(text)
    (node,) = evaluate(str(folder)).nodes.values()
    assert isinstance(node, Derivation)
    try:
        kernel.landlock_version()
    except OSError:
        pytest.skip("this kernel has no Landlock")
    assert {text.split()[0] for text in node.args} == {"refused"}, node.args
    assert (folder / "stages.py").read_text() == text
    assert sorted(os.listdir(folder)) == ["__init__.py", "stages.py"]


@pytest.mark.parametrize(
    "name", ["json", "store", "os", "my-recipes", "recipes.d", "für", "a b'\n"]
)
def test_the_folder_may_have_any_name(folder: Path, name: str) -> None:
    other = folder.with_name(name)
    folder.rename(other)
    (other / "kit.py").write_text("WORD = 'hello'\n")
    (other / "stages.py").write_text("from .kit import WORD\n" + GOOD)
    assert evaluate(str(other)).package("hello")


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["debian", "zig"])
def test_our_recipes_depend_on_no_order_of_sets(seed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = evaluate(RECIPES, seed)
    monkeypatch.setattr(evaluate_module, "HASH_SEED", "4711")
    again = evaluate(RECIPES, seed)
    assert list(again.packages.items()) == list(found.packages.items())
    assert list(again.nodes) == list(found.nodes)


def test_names_beside_the_recipes_do_not_hide_the_library(folder: Path) -> None:
    for name in ("json", "dataclasses", "store", "blake3", "msgpack", "re", "sitecustomize"):
        (folder.parent / f"{name}.py").write_text("raise SystemExit('not the library')")
    (folder / "json.py").write_text("raise SystemExit('not the library')")
    (folder / "stages.py").write_text("import json, dataclasses, re\n" + GOOD)
    assert evaluate(str(folder)).package("hello")


@pytest.mark.slow
def test_compiled_files_are_neither_read_nor_written(folder: Path) -> None:
    planted = folder / "planted.py"
    planted.write_text("WORD = 'planted'\n")
    pyc = py_compile.compile(str(planted), invalidation_mode=UNCHECKED)
    assert pyc is not None
    planted.write_text("WORD = 'written'\n")
    (folder / "stages.py").write_text(
        "from .planted import WORD\n" + GOOD.replace('seeds[seed]["say"]', "WORD")
    )
    node = evaluate(str(folder)).nodes.values()
    assert [getattr(value, "args", ()) for value in node] == [("-c", "written")]
    assert os.listdir(folder / "__pycache__") == [os.path.basename(pyc)]
    (folder / "planted.py").unlink()
    assert "planted" in blamed(folder).message


@pytest.mark.slow
def test_a_checkout_that_cannot_be_written_evaluates(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "bytecode"))
    (folder / "stages.py").write_text("import configparser, shlex\n" + GOOD)
    assert evaluate(str(folder)).package("hello")
    assert not any("configparser" in path.name for path in tmp_path.rglob("*.pyc"))


def test_what_recipes_print_goes_to_the_caller_and_not_to_standard_output(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "stages.py").write_text(
        "import sys\nprint('one')\nprint('two', file=sys.stderr)\n"
        "print('three', file=sys.__stdout__)\nprint('x' * 10**6)\n" + GOOD
    )
    said: list[str] = []
    evaluation(str(folder), "debian", said=said.append)
    assert said[:3] == ["one", "two", "three"]
    assert sum(map(len, said)) <= 65_536
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "while True:\n    try:\n        1 / 0\n    except BaseException: pass",
        "sum(range(10 ** 15))",
        "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')",
    ],
    ids=["a loop", "a loop that catches all", "in C", "an expression"],
)
def test_an_evaluation_without_end_is_ended_and_its_line_named(folder: Path, loop: str) -> None:
    error = ended(folder, f"{REACHED}\n{loop}\n")
    assert error.file == str(folder / "stages.py")
    assert error.line in range(2, 7)
    assert error.hint
    assert "STORE_EVALUATION_TIMEOUT" in error.hint


REACHED = "print('reached', flush=True)"


def ended(folder: Path, text: str) -> EvaluationError:
    """The error of recipes that have no end, and first of all have ``REACHED``. Beside other work
    the start of Python alone may take all of the time: then they get more."""
    (folder / "stages.py").write_text(text)
    for seconds in (0.25, 0.5, 1.0, 4.0, 20.0):
        said: list[str] = []
        with pytest.raises(EvaluationError) as caught:
            evaluation(str(folder), "debian", EvaluationLimits(seconds=seconds), said.append)
        assert f"did not end within {limit_text(seconds)}" in caught.value.message
        if said:
            return caught.value
    pytest.fail("no evaluation came to its recipes")


def test_the_line_is_named_in_a_folder_of_any_name(folder: Path) -> None:
    other = folder.with_name("für \\'x'")
    folder.rename(other)
    error = ended(other, f"{REACHED}\nwhile True: pass\n")
    assert (error.file, error.line) == (str(other / "stages.py"), 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nx = bytearray(10**9)\n", "more memory"),
        ("\nx = []\nwhile True: x.append('x' * 10**6)\n", "more memory"),
        ("\ndef f(): f()\nf()\n", "RecursionError"),
        ("\nraise KeyboardInterrupt\n", "KeyboardInterrupt"),
        ("\nraise GeneratorExit\n", "GeneratorExit"),
        ("class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E\n", "be shown"),
        (
            "import store.errors as e\nraise e.EvaluationError('', file=__file__, line=1 << 99)\n",
            ":6",
        ),
        ("class E(Exception):\n    def __str__(self): raise self\nraise E\n", "cannot be shown"),
        ("\nraise Exception('x' * 10**6 + chr(0xdc80))\n", "Exception"),
        ("\n\0\n", "null bytes"),
        ("x = '\xff'\n", "SyntaxError"),
        ("\nfrom . import nothing\n", "cannot import name 'nothing'"),
        ("\nfrom .nothing import x\n", "nothing"),
        ("\nfrom ... import x\n", "beyond top-level"),
    ],
)
def test_what_ends_an_evaluation_is_an_error_of_the_recipe(
    folder: Path, text: str, says: str
) -> None:
    (folder / "stages.py").write_bytes(text.encode("latin-1"))
    with pytest.raises(EvaluationError) as caught:
        evaluation(str(folder), "debian", EvaluationLimits(memory=512 << 20))
    assert says in caught.value.message
    assert caught.value.file == str(folder / "stages.py")


@pytest.mark.parametrize("text", ["x = " + "-" * 200_000 + "1", "x = " + "1+" * 50_000 + "1"])
def test_a_module_that_is_nested_too_deeply_is_named_itself(folder: Path, text: str) -> None:
    (folder / "deep.py").write_text(text)
    (folder / "stages.py").write_text(f"import {folder.name}.deep\n{GOOD}")
    error = blamed(folder)
    assert error.message.endswith("is nested too deeply to be compiled")
    assert error.file == str(folder / "deep.py")


def test_a_module_with_nul_bytes_is_named_itself(folder: Path) -> None:
    (folder / "stages.py").write_text("from . import wrong\n")
    (folder / "wrong.py").write_bytes(b"x = 1\0\n")
    with pytest.raises(EvaluationError, match="null bytes") as caught:
        evaluation(str(folder), "debian")
    assert caught.value.file == str(folder / "wrong.py")


def test_the_hint_of_an_error_of_the_models_stays(folder: Path) -> None:
    (folder / "stages.py").write_text("from store.model.names import check_name\ncheck_name('')\n")
    with pytest.raises(EvaluationError, match="cannot name a store object") as caught:
        evaluation(str(folder), "debian")
    assert "1 to 200 of" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('{"hello": Pack', '{"hello": str, 1: Pack', "sound catalogue"),
        ('Package("hello", node.digest)', "None", "sound catalogue"),
        ('Package("hello", node.digest)', "Package(7, node.digest)", "sound catalogue"),
        ('Package("hello", node.digest)', 'Package("hello", "digest")', "sound catalogue"),
        ("collect([node])", "{b'n' * 32: node}", "sound catalogue"),
        ("collect([node])", "None", "sound catalogue"),
        ('seeds[seed]["say"]', "7", "TypeError"),
        ('seeds[seed]["say"]', "chr(0xdc80)", "no canonical form"),
        (
            'Package("hello", node.digest)',
            'Package("hello", node.digest, chr(0xd800))',
            "sound cat",
        ),
    ],
)
def test_what_is_no_sound_catalogue_is_refused(folder: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    (folder / "stages.py").write_text(GOOD.replace(old, new))
    assert says in blamed(folder).message


def test_a_node_under_another_ones_digest_is_refused() -> None:
    node = Derivation("hello", "x86_64-linux", "/bin/sh")
    forged = Catalogue({}, {b"n" * 32: node})
    with pytest.raises(FormatError, match="another one's digest"):
        answer.decode(answer.encode(forged, {}), 0, 0)


def test_errors_keep_their_class(folder: Path) -> None:
    (folder / "stages.py").write_text(
        "from store.errors import Cycle\n\nraise Cycle(['a', 'b', 'a'])\n"
    )
    with pytest.raises(Cycle) as caught:
        evaluate(str(folder))
    assert caught.value.exit_code == 13
    assert (caught.value.line, "a -> b -> a" in caught.value.message) == (3, True)


def test_a_file_that_cannot_be_read_is_told_in_words(folder: Path) -> None:
    (folder / "stages.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('gone').read_text()\n"
    )
    error = blamed(folder)
    assert error.message.endswith(f":2: cannot read '{folder}/gone': No such file or directory")
    assert "Errno" not in error.message


@pytest.mark.slow
def test_what_the_folder_of_seeds_links_to_is_read(folder: Path) -> None:
    seeds = folder.parent / "bootstrap-seeds"
    elsewhere = folder.parent / "elsewhere"
    (seeds / "debian").rename(elsewhere)
    (seeds / "debian").symlink_to("../elsewhere")
    (folder.parent / "pins.json").write_text("{}")
    (seeds / "pins.json").symlink_to(folder.parent / "pins.json")
    reading = "from pathlib import Path\nSEEDS = Path(__file__).parents[1] / 'bootstrap-seeds'\n"
    text = reading + "(SEEDS / 'pins.json').read_text()\n" + GOOD
    (folder / "stages.py").write_text(text)
    assert evaluate(str(folder)).package("hello")
    seeds.rename(folder.parent / "seeds")
    seeds.symlink_to("seeds")
    assert evaluate(str(folder)).package("hello")


def test_the_module_stages_may_not_be_a_link_to_elsewhere(folder: Path) -> None:
    (folder.parent / "outside.py").write_text(GOOD)
    (folder / "stages.py").symlink_to("../outside.py")
    assert "which leads to" in blamed(folder).message
    (folder / "stages.py").unlink()
    (folder / "inside.py").write_text(GOOD)
    (folder / "stages.py").symlink_to("inside.py")
    assert evaluate(str(folder)).package("hello")


def test_the_child_ends_with_the_process_that_started_it(folder: Path) -> None:
    (folder / "stages.py").write_text("while True: pass\n")
    pid = os.fork()
    if pid == 0:
        try:
            evaluation(str(folder), "debian", EvaluationLimits(seconds=30))
        finally:
            os._exit(1)

    def children() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if os.fsencode(folder) in path.read_bytes().split(b"\0"):
                    found.append(path.parent.name)
        return found

    deadline = time.monotonic() + 10
    while not children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert children()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not children()


def test_a_process_that_cannot_start_is_told_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "stages.py").write_text(GOOD)
    program = "print('said', flush=True); raise OSError(28, 'No space left on device')"
    command = [sys.executable, "-I", "-c", program]
    monkeypatch.setattr("store.recipes.evaluate._command", lambda *_: command)
    lines: list[str] = []
    with pytest.raises(EvaluationError) as caught:
        evaluation(str(folder), "debian", said=lines.append)
    assert lines == ["said"]
    assert "an answer (status 1): No space left on device" in caught.value.message
