"""Every record is read back as it was, and its bytes mean nothing else when they are changed."""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import canon
from store.errors import FormatError, InvalidName
from store.model import file_tree
from store.model.derivation import Derivation, Resolved, Source
from store.model.file_tree import Directory, Node, NodeKind
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation
from tests.amounts import example_count
from tests.golden import examples
from tests.unit.model import strategies as some

QUICK = settings(max_examples=example_count(40))


class Record(Protocol):
    def encode(self) -> bytes: ...


CODECS: list[tuple[type[Any], st.SearchStrategy[Any]]] = [
    (Directory, some.DIRECTORIES),
    (Source, some.SOURCES),
    (Derivation, some.DERIVATIONS),
    (Resolved, some.RESOLVED),
    (Realisation, some.REALISATIONS),
    (Manifest, some.MANIFESTS),
]
EXAMPLES: list[tuple[type[Any], Record]] = [
    (Directory, examples.TOP),
    (Source, examples.SOURCE),
    (Derivation, examples.DERIVATION),
    (Resolved, examples.RESOLVED),
    (Realisation, examples.REALISATION),
    (Manifest, examples.MANIFEST),
]


@pytest.mark.parametrize(("kind", "values"), CODECS)
def test_values_come_back(kind: type[Any], values: st.SearchStrategy[Any]) -> None:
    @QUICK
    @given(values)
    def check(value: Any) -> None:
        assert kind.decode(value.encode()) == value
        assert kind.decode(value.encode()).encode() == value.encode()

    check()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "values"), CODECS)
def test_changed_bytes_are_refused_or_mean_what_they_say(
    kind: type[Any], values: st.SearchStrategy[Any]
) -> None:
    @QUICK
    @given(values, st.data())
    def check(value: Any, data: st.DataObject) -> None:
        encoding = bytearray(value.encode())
        at = data.draw(st.integers(0, len(encoding) - 1))
        encoding[at] = data.draw(st.integers(0, 255))
        assert_refused_or_exact(kind, bytes(encoding))

    check()


@pytest.mark.parametrize(("kind", "value"), EXAMPLES)
def test_any_one_byte_changed_is_refused_or_means_what_it_says(
    kind: type[Any], value: Record
) -> None:
    encoding = value.encode()
    for at in range(len(encoding)):
        for new in (0, 1, 0x7F, 0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xCC, encoding[at] ^ 1):
            assert_refused_or_exact(kind, encoding[:at] + bytes([new]) + encoding[at + 1 :])
        assert_refused_or_exact(kind, encoding[:at])


def assert_refused_or_exact(kind: type[Any], data: bytes) -> None:
    try:
        value = kind.decode(data)
    except (FormatError, InvalidName):
        return
    assert value.encode() == data


@pytest.mark.parametrize(("kind", "value"), EXAMPLES)
def test_fields_of_another_type_or_number_are_refused(kind: type[Any], value: Record) -> None:
    values = canon.decode(value.encode())
    for wrong in ([*values, None], values[:-1]):
        if kind is not Directory:
            with pytest.raises(FormatError):
                kind.decode(canon.encode(wrong))
    for at in range(len(values)):
        with pytest.raises((FormatError, InvalidName)):
            kind.decode(canon.encode([*values[:at], -1, *values[at + 1 :]]))


@pytest.mark.parametrize(
    ("kind", "value"), [(Derivation, examples.DERIVATION), (Resolved, examples.RESOLVED)]
)
@pytest.mark.parametrize(
    "files",
    [[], None, [["a"]], [["a", b"x"]], [[b"a", "x"]], [["a", "x", "y"]], [["b", ""], ["a", ""]]],
)
def test_files_that_are_none_or_ill_formed_are_refused(
    kind: type[Any], value: Record, files: canon.Value
) -> None:
    values = canon.decode(value.encode())
    with pytest.raises(FormatError):
        kind.decode(canon.encode([*values, files]))
    some_files: list[canon.Value] = [["a", "x"]]
    assert kind.decode(canon.encode([*values, some_files])).files == (("a", "x"),)
    with pytest.raises(FormatError):
        kind.decode(canon.encode([*values, some_files, some_files]))


def node(name: bytes, size: int = 0) -> list[canon.Value]:
    return [name, 1, False, size, b"d" * 32]


@pytest.mark.parametrize(
    "entries",
    [
        [node(b"b"), node(b"a")],
        [node(b"a"), node(b"a")],
        [node(b"")],
        [node(b".")],
        [node(b"..")],
        [node(b"a/b")],
        [node(b"a\0")],
        [node(b"n" * 256)],
        [node(b"a", -1)],
        [[b"a", 3, False, 0, b"d" * 32]],
        [[b"a", True, False, 0, b"d" * 32]],
        [[b"a", 0, True, 0, b"d" * 32]],
        [[b"a", 2, True, 1, b"t"]],
        [[b"a", 2, False, 2, b"t"]],
        [[b"a", 2, False, 0, b""]],
        [[b"a", 2, False, 4096, b"t" * 4096]],
        [[b"a", 1, False, 0, b"d" * 31]],
        [["a", 1, False, 0, b"d" * 32]],
    ],
)
def test_a_directory_that_breaks_a_rule_is_refused(entries: canon.Value) -> None:
    with pytest.raises(FormatError):
        Directory.decode(canon.encode(entries))


def test_a_directory_holds_a_name_of_any_other_bytes() -> None:
    for name in (b"...", b"\xff", b"\n", b"n" * 255, b" "):
        Directory.decode(canon.encode([node(name)]))


def test_a_manifest_names_each_directory_once_and_lacks_none() -> None:
    values = canon.decode(examples.MANIFEST.encode())
    listing = values[5]
    assert isinstance(listing, list)
    for wrong in (listing[:1], listing[::-1], [*listing, listing[0]], [listing[0], *listing]):
        with pytest.raises(FormatError):
            Manifest.decode(canon.encode([*values[:5], wrong]))
    with pytest.raises(FormatError, match="version"):
        Manifest.decode(canon.encode([2, *values[1:]]))


def test_a_manifest_knows_its_size() -> None:
    assert examples.MANIFEST.size == 6 + len(examples.SHELL.path) + len("/bin/sh")


def test_a_directory_is_as_large_as_what_is_in_it() -> None:
    item = Directory(((b"a", file_tree.file(b"a" * 32, 5)), (b"b", file_tree.link(b"xyz"))))
    assert item.node() == Node(NodeKind.DIRECTORY, False, 8, item.node().payload)


@pytest.mark.parametrize(
    "text", ["", "x", "0" * 32, "0" * 32 + "-", "0" * 32 + "_a", "0" * 32 + "-.a", "e" * 32 + "-a"]
)
def test_what_is_no_object_identity(text: str) -> None:
    with pytest.raises((FormatError, InvalidName)):
        ObjectId.parse(text)


@QUICK
@given(some.IDS)
def test_an_object_identity_comes_back_from_its_text(oid: ObjectId) -> None:
    assert ObjectId.parse(str(oid)) == oid
    assert ObjectId.from_path(oid.path + "/bin/sh") == oid
    with pytest.raises(FormatError):
        ObjectId.from_path(f"/elsewhere/{oid}")
