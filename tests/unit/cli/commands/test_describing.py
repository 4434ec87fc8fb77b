"""``store show`` and ``store seeds``: facts of recipes and pins, before anything is built."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from store.cli.commands import show
from store.cli.commands.seeds import _count
from store.cli.context import Context
from store.model.derivation import Derivation
from tests.unit.cli.conftest import Line
from tests.unit.gc.conftest import Stock, stock

__all__ = ["stock"]


def test_show_has_the_derivation_line_by_line(reader: Line) -> None:
    text = reader.run("show", "--derivation", "patch").stdout.splitlines()
    assert text[0] == "kind: derivation"
    assert "name: patch-2.8" in text
    record = json.loads(reader.run("show", "--json", "patch").stdout)
    assert record["name"] == "patch-2.8"
    script = [f"  {each.expandtabs()}" for each in record["args"][-1].split("\n")]
    assert "\n".join(script) in "\n".join(text)


def test_show_explains_a_package(reader: Line) -> None:
    text = reader.run("show", "patch").stdout.splitlines()
    assert text[:2] == ["patch 2.8", "  Applies differences to files"]
    rows = {each[:13].strip(): each[13:] for each in text[2:] if each[0] != " "}
    assert rows["licence"] == "GPL-3.0-or-later"
    assert rows["also named"] == "stage1.patch"
    assert rows["from"].endswith("patch_2.8.orig.tar.xz")
    assert "cross.gcc" in rows["needs"].split(", ")
    assert rows["phases"] == "configure, build, install, check, verify"
    assert rows["in store"] == "not yet: `store realise patch`"
    package = json.loads(reader.run("show", "--json", "patch").stdout)["package"]
    assert package["names"] == ["patch", "stage1.patch"]
    assert package["sources"][0]["name"] == "patch_2.8.orig.tar.xz"
    assert package["paths"] == []


def test_show_says_where_a_package_of_the_world_stands(reader: Line) -> None:
    text = reader.run("show", "zlib").stdout.splitlines()
    rows = {each[:13].strip(): each[13:] for each in text[2:] if each[0] != " "}
    assert (rows["homepage"], rows["group"]) == ("https://zlib.net/", "libs")
    assert rows["check"] == "not yet: `store check zlib`"
    assert "zlib.check" not in rows["needed by"]
    package = json.loads(reader.run("show", "--json", "zlib").stdout)["package"]
    assert (package["homepage"], package["group"]) == ("https://zlib.net/", "libs")
    assert (package["check"], package["checked"]) == ("zlib.check", False)


def test_show_names_the_tests_of_a_packages_authors(reader: Line) -> None:
    text = reader.run("show", "jimtcl").stdout.splitlines()
    rows = {each[:13].strip(): each[13:] for each in text[2:] if each[0] != " "}
    assert rows["its tests"] == "not yet: `store check jimtcl --upstream`"
    package = json.loads(reader.run("show", "--json", "jimtcl").stdout)["package"]
    assert (package["upstream"], package["upstream_passed"]) == ("jimtcl.upstream", False)
    bare = json.loads(reader.run("show", "--json", "tree").stdout)["package"]
    assert (bare["upstream"], bare["upstream_passed"]) == (None, False)


def test_what_is_not_realised_cannot_be_resolved(reader: Line) -> None:
    said = reader.run("show", "--resolved", "patch", code=1).stderr
    assert "cannot be resolved: not all its inputs are realised" in said


@pytest.mark.slow
def test_seeds_are_listed_with_what_they_pin(reader: Line) -> None:
    text = reader.run("seeds").stdout
    assert "not in the store yet: `store realise seed.debian`" in text
    records = [json.loads(each) for each in reader.run("seeds", "--json").stdout.splitlines()]
    assert {record["seed"] for record in records} == {"debian", "tcc", "zig"}
    assert "tcc: Temporary" in text
    assert all(record["packed_bytes"] > 1 << 20 and record["licences"] for record in records)


def test_files_that_programs_wrote_are_listed(reader: Line) -> None:
    text = reader.run("seeds", "--generated").stdout
    assert "tcc chain-gcc3: gcc/gengtype-lex.c\n  made by flex, from gcc/gengtype-lex.l\n" in text
    records = [
        json.loads(each)
        for each in reader.run("seeds", "--generated", "--json").stdout.splitlines()
    ]
    assert {"musl", "chain-binutils", "chain-gcc10"} <= {record["source"] for record in records}
    assert all(record["made_by"] and record["from"] for record in records)


def test_files_of_a_seed_are_counted_through_all_folders(stock: Stock, tmp_path: Path) -> None:
    top = tmp_path / "seed"
    (top / "bin" / "below").mkdir(parents=True)
    (top / "bin" / "sh").write_text("#!")
    (top / "bin" / "sh").chmod(0o755)
    (top / "bin" / "below" / "text").write_text("four")
    (top / "link").symlink_to("bin/sh")
    oid = stock.store.objects.add(str(top), "seed")
    stock.store.close()
    context = Context(stock.store.layout.root, None, debug=False)
    assert _count(context, oid) == {"files": 2, "executables": 1, "bytes": 12}


def test_files_are_shown_with_their_texts_but_for_long_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = (("build.sh", "echo \x1b\n\tmake\n"), ("long", "x" * (show.LONGEST_SHOWN + 1)))
    node = Derivation("toy", "x86_64-linux", "/bin/sh", files=files)
    record = show.describe(node)
    assert record["files"] == dict(files)
    show._print(record)
    text = capsys.readouterr().out.splitlines()
    at = text.index("files:")
    assert text[at + 1 : at + 5] == [
        "  build.sh: 13 B",
        r"    echo \x1b",
        "            make",
        "  long: 16.0 KiB, see --json",
    ]
    show._print(show.describe(replace(node, files=())))
    assert "files" not in capsys.readouterr().out
