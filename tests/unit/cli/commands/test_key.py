"""Keys on the command line: distrust by a name."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from store.index.writing import Writer
from store.local.store import Store
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.signing.keys import PrivateKey
from tests.unit.cli.conftest import Line

ANNE, ANN, EVE = (
    PrivateKey(bytes([n]) * 32, name).public for n, name in enumerate(("anne", "ann", "eve"))
)


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def trusted(line: Line) -> str:
    return line.run("key", "list").stdout


def test_a_key_is_distrusted_by_its_name_or_a_beginning(line: Line) -> None:
    line.run("key", "trust", str(ANNE), str(ANN), str(EVE))
    assert line.run("key", "distrust", "ann").stdout == f"no longer trusted  {ANN}\n"
    assert line.run("key", "distrust", EVE.id[:8]).stdout == f"no longer trusted  {EVE}\n"
    assert trusted(line) == f"trusted  {ANNE}\n"


def test_a_beginning_of_several_is_refused_with_all_of_them(line: Line) -> None:
    line.run("key", "trust", str(ANNE), str(ANN), str(EVE))
    said = line.run("key", "distrust", "eve", "an", code=2).stderr
    assert str(ANNE) in said and str(ANN) in said and str(EVE) not in said
    assert trusted(line).count("trusted  ") == 3


def test_a_name_of_nothing_is_refused_and_an_unknown_key_is_said(
    line: Line, tmp_path: Path
) -> None:
    assert "neither a trusted key nor a file" in line.run("key", "distrust", "eve", code=60).stderr
    assert str(EVE) in line.run("key", "distrust", str(EVE)).stderr
    (tmp_path / "eve").write_text(f"{EVE}\n")
    line.run("key", "trust", str(tmp_path / "eve"))
    said = line.run("key", "distrust", "eve", cwd=tmp_path, code=2).stderr
    assert "a key and a file" in said and "./eve" in said
    assert "no longer trusted" in line.run("key", "distrust", "./eve", cwd=tmp_path).stdout


def test_a_key_that_is_open_to_others_stops_no_list_and_no_check(
    line: Line, tmp_path: Path
) -> None:
    keys = tmp_path / "config" / "fixpoint" / "keys"
    for name in ("good", "open"):
        line.run("key", "new", name)
    (keys / "open.key").chmod(0o644)
    (keys / "odd name.key").write_text("x")
    done = line.run("key", "list")
    assert done.stdout.startswith("own      good:") and done.stdout.count("\n") == 1
    assert "open cannot be used: " in done.stderr and "odd name cannot be used" in done.stderr
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "fixpoint-cache").write_text("1\n")
    for command in ("info", "check"):
        line.run("cache", command, str(tmp_path / "cache"))


def test_a_key_that_only_signed_something_here_has_a_name_too(line: Line, tmp_path: Path) -> None:
    oid = ObjectId(bytes(20), "hello")
    node = Resolved("hello", "x", "/bin/hello", ("build",))
    origin = Origin(How.SIGNED, b"/far", (str(EVE),))
    record = Realisation(node.digest, "out", oid, "u", "h", "full", None, 1, 1, origin=origin)

    def add(txn: Writer) -> None:
        txn.realisations.add(record)

    store = Store.open(str(line.root))
    store.index.write(partial(add))
    store.close()
    assert line.run("key", "distrust", "eve").stdout == f"no longer counts   {oid.path}\n"
    assert "neither" in line.run("key", "distrust", "eve", code=60).stderr
