"""Pins are found in the syntax and replaced byte by byte."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from scripts.pinning import calls
from scripts.pinning.calls import Pin, Unreadable
from store.errors import StoreError

TOP = Path(__file__).resolve().parents[3]
SHA = "ab" * 32
RECIPE = f'''\
"""Zürich: a file with more bytes than characters."""
from derivations.kit import Recipe, debian as pinned, debian_patches, pypi, url

é = pinned(\t"z/zlib/zlib_1.3.dfsg+really1.3.1.orig.tar.gz",   # é
  '{SHA}', version="1.3.1")
two = [debian_patches("z/zlib/zlib_1.3.1-1.debian.tar.xz", "{SHA}", "a.patch", "b.patch"),
       pypi("Flit_core-3.9.tar.gz", "{SHA}")]
three = url("https://x.test/" "a-1.tar.gz", "{SHA}", name="a", version="1")
'''.encode()


def pins(data: bytes) -> list[Pin]:
    found = list(calls.read(Path("x/zlib.py"), data))
    assert all(isinstance(each, Pin) for each in found), found
    return [each for each in found if isinstance(each, Pin)]


def test_every_kind_of_pin_is_found_with_its_place() -> None:
    one, two, three, four = pins(RECIPE)
    assert [pin.kind for pin in (one, two, three, four)] == list(calls.KINDS)
    assert (one.name, one.archive.version, one.line, one.column) == ("zlib", "1.3.1", 4, 6)
    assert (one.source, one.module) == ("zlib", "zlib")
    assert (two.name, two.patches) == ("zlib-debian", ("a.patch", "b.patch"))
    assert (three.name, three.archive.version) == ("flit-core", "3.9")
    assert four.address.value == "https://x.test/a-1.tar.gz"
    for pin in (one, two, three):
        for literal in (pin.address, pin.sha256):
            assert RECIPE[literal.start + 1 : literal.stop - 1].decode() == literal.value


def test_only_the_literals_are_replaced() -> None:
    one, _, _, four = pins(RECIPE)
    assert one.version
    other = "cd" * 32
    changes = [(one.version, "2"), (one.sha256, other), (four.address, "https://y.test/b.zip")]
    fresh = calls.rewrite(RECIPE, changes)
    assert fresh == (
        RECIPE.replace(f"'{SHA}'".encode(), f'"{other}"'.encode())
        .replace(b'version="1.3.1"', b'version="2"')
        .replace(b'"https://x.test/" "a-1.tar.gz"', b'"https://y.test/b.zip"')
    )
    assert calls.rewrite(RECIPE.replace(b"\n", b"\r\n"), []) == RECIPE.replace(b"\n", b"\r\n")


def test_a_text_is_written_so_that_it_stays_a_text() -> None:
    for text in ('a"b', "a\\", "é", "a'b"):
        assert ast.literal_eval(calls.written(text)) == text
    assert calls.written("a\n\udc80b") == '"ab"'


def test_line_ends_of_other_systems_move_no_literal() -> None:
    data = RECIPE.replace(b"\n", b"\r\n")
    assert calls.rewrite(data, [(pins(data)[0].address, "z/zlib/zlib_2.orig.tar.gz")]) == (
        data.replace(b"zlib_1.3.dfsg+really1.3.1.orig", b"zlib_2.orig")
    )


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("debian(PATH, 'x')", "PATH is no literal text"),
        ("debian(f'{p}', 'x')", "is no literal text"),
        ("debian('x')", "without the address"),
        ("debian('z/zlib/zlib.zip', 'x')", "neither an upstream archive"),
        ("debian('z/z/z_1.orig.tar.xz', 'x', version=V)", "V is no literal text"),
        ("url('https://x.test/a.zip', 'x')", "wants a name and a version"),
        ("url('x.test/a.zip', '00', name='a', version='1')", "is not a locator"),
        ("debian('z/z/a b_1.orig.tar.xz', '00')", "is not a locator"),
    ],
)
def test_a_call_that_cannot_be_read_is_reported_with_its_line(call: str, reason: str) -> None:
    code = f"from derivations.kit.sources import debian, url\n\nA = {call}\n"
    [found] = calls.read(Path("a.py"), code.encode())
    assert isinstance(found, Unreadable)
    assert found.line == 3 and reason in found.reason


def test_functions_of_the_same_name_from_elsewhere_are_no_pins() -> None:
    code = "from elsewhere import debian\nA = debian('x', 'y')\nB = other.url('x', 'y')\n"
    assert not list(calls.read(Path("a.py"), code.encode()))


@pytest.mark.parametrize(
    ("start", "call"),
    [
        ("from derivations import kit as k", "k.debian"),
        ("from .. import kit", "kit.debian"),
        ("import derivations.kit", "derivations.kit.debian"),
        ("import derivations.kit.sources as s", "s.debian"),
        ("from derivations.kit import sources as s", "s.debian"),
    ],
)
def test_the_kit_is_known_by_any_name(start: str, call: str) -> None:
    code = f"{start}\nA = {call}('z/zlib/zlib_1.orig.tar.gz', '{SHA}')\n"
    [pin] = pins(code.encode())
    assert (pin.name, pin.line) == ("zlib", 2)


def test_a_mark_of_the_encoding_moves_no_literal() -> None:
    line = f"from derivations.kit import debian; A = debian('z/a/a_1.orig.tar.gz', '{SHA}')\n"
    data = b"\xef\xbb\xbf" + line.encode()
    [pin] = pins(data)
    assert calls.rewrite(data, [(pin.address, "z/a/a_2.orig.tar.gz")]) == data.replace(
        b"'z/a/a_1.orig.tar.gz'", b'"z/a/a_2.orig.tar.gz"'
    )


def test_a_pin_in_another_encoding_is_left_to_a_person() -> None:
    code = "# coding: latin-1\nfrom derivations.kit import debian\n"
    code += f"é = debian('z/zlib/zlib_1.orig.tar.gz', '{SHA}')\n"
    [found] = calls.read(Path("a.py"), code.encode("latin-1"))
    assert found == Unreadable(Path("a.py"), 3, "the file is in another encoding than UTF-8")


@pytest.mark.parametrize("text", ["x = " + "-" * 200_000 + "1", "x = " + "1+" * 100_000 + "1"])
def test_a_file_that_is_nested_too_deeply_is_an_error_with_its_name(text: str) -> None:
    with pytest.raises(StoreError, match=r"a\.py is nested too deeply"):
        list(calls.read(Path("a.py"), text.encode()))


def test_no_more_than_files_that_an_evaluation_reads_are_read(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / ".#a.py").symlink_to("me@machine.1:2")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "b.py").write_text("(")
    os.mkfifo(tmp_path / "pipe.py")
    found = calls.find(tmp_path)
    assert found == ([], [Unreadable(tmp_path / "pipe.py", 1, "neither a file nor a link to one")])


def test_a_file_that_is_no_python_is_an_error_with_its_name() -> None:
    with pytest.raises(StoreError, match=r"a\.py is no Python"):
        list(calls.read(Path("a.py"), b"("))


def test_all_pins_of_the_tree_can_be_read() -> None:
    found, unreadable = calls.find(TOP / "derivations")
    assert not unreadable
    assert {"coreutils", "gcc", "linux", "xz"} <= {pin.name for pin in found}
