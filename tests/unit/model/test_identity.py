"""The parts that identity depends on, and those that it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import digest
from store.errors import FormatError, InvalidName
from store.model import file_tree, identity
from store.model.derivation import Derivation, Ref, Source
from store.model.file_tree import Directory
from store.model.names import ObjectId
from store.model.realisation import Realisation
from tests.amounts import example_count
from tests.golden.examples import DERIVATION, LIBC, REALISATION, RESOLVED, SHELL, SHELL_REF, SOURCE
from tests.unit.model import strategies as some

QUICK = settings(max_examples=example_count(40))
OTHER = Ref(b"o" * 32, "out", "other")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "hello-1.1"},
        {"system": "x86_64-linux-musm"},
        {"builder": "/bin/sh"},
        {"args": DERIVATION.args[:1]},
        {"args": DERIVATION.args[::-1]},
        {"args": ("-c", "")},
        {"env": DERIVATION.env[:1]},
        {"env": (*DERIVATION.env, ("x", ""))},
        {"env": (("PATH", ""), DERIVATION.env[1])},
        {"env": (("PATI", DERIVATION.env[0][1]), DERIVATION.env[1])},
        {"rootfs": None},
        {"rootfs": OTHER},
        {"inputs": ()},
        {"inputs": (replace(SOURCE.ref(), output="lib"),)},
        {"inputs": (OTHER,)},
        {"objects": ()},
        {"objects": (SHELL,)},
        {"outputs": ("out",)},
        {"outputs": ("doc", "out")},
        {"files": (("a", ""),)},
    ],
)
def test_every_field_of_a_derivation_counts(change: dict[str, Any]) -> None:
    assert replace(DERIVATION, **change).digest != DERIVATION.digest


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x"},
        {"system": "x"},
        {"builder": "/x"},
        {"args": ()},
        {"env": ()},
        {"rootfs": None},
        {"rootfs": LIBC},
        {"inputs": ()},
        {"outputs": ("out",)},
        {"files": (("a", ""),)},
    ],
)
def test_every_field_of_a_resolved_derivation_counts(change: dict[str, Any]) -> None:
    assert replace(RESOLVED, **change).digest != RESOLVED.digest


def test_a_source_is_its_name_hash_and_bit_and_not_where_it_is_from() -> None:
    assert replace(SOURCE, locators=("b:c", "d:e")).digest == SOURCE.digest
    assert replace(SOURCE, name="x").digest != SOURCE.digest
    assert replace(SOURCE, sha256="0" * 64).digest != SOURCE.digest
    assert replace(SOURCE, executable=True).digest != SOURCE.digest


@pytest.mark.parametrize(
    "change",
    [
        {"key": b"k" * 32},
        {"output": "doc"},
        {"object": SHELL},
        {"builder": "x"},
        {"host": "x"},
        {"level": "none"},
        {"log": None},
        {"started": 1},
        {"duration": 1},
        {"max_rss": 1},
        {"signature": b""},
    ],
)
def test_every_field_of_a_realisation_counts(change: dict[str, Any]) -> None:
    changed: Realisation = replace(REALISATION, **change)
    assert changed.digest() != REALISATION.digest()


def one(name: bytes, node: file_tree.Node) -> bytes:
    return Directory(((name, node),)).node().digest()


def test_everything_of_a_tree_counts() -> None:
    content = digest.file_digest(b"a")
    trees = [
        one(b"a", file_tree.file(content, 1)),
        one(b"b", file_tree.file(content, 1)),
        one(b"a", file_tree.file(content, 1, executable=True)),
        one(b"a", file_tree.file(content, 2)),
        one(b"a", file_tree.file(digest.file_digest(b"b"), 1)),
        one(b"a", file_tree.link(b"a")),
        one(b"a", file_tree.link(b"b")),
        one(b"a", Directory(()).node()),
        one(b"a", Directory(((b"a", file_tree.file(content, 1)),)).node()),
        Directory(()).node().digest(),
        file_tree.file(content, 1).digest(),
        file_tree.link(b"a").digest(),
    ]
    assert len(set(trees)) == len(trees)


def test_everything_of_an_object_counts() -> None:
    top = file_tree.link(b"x").digest()
    ids = [
        identity.object_id("a", top, (), False),
        identity.object_id("b", top, (), False),
        identity.object_id("a", file_tree.link(b"y").digest(), (), False),
        identity.object_id("a", top, (SHELL,), False),
        identity.object_id("a", top, (ObjectId(SHELL.digest, "x"),), False),
        identity.object_id("a", top, (SHELL, LIBC), False),
        identity.object_id("a", top, (), True),
    ]
    assert len({oid.digest for oid in ids}) == len(ids)
    for references in ((LIBC, SHELL), (SHELL, SHELL)):
        with pytest.raises(FormatError):
            identity.object_id("a", top, references, False)


def test_offsets_of_self_references_count() -> None:
    content = b"c" * 32
    found = [identity.blanked_file(content, at) for at in ([], [0], [1], [0, 1], [0, 40])]
    assert len(set(found)) == len(found)
    assert found[0] == content
    for wrong in ([1, 0], [1, 1]):
        with pytest.raises(FormatError):
            identity.blanked_file(content, wrong)


@pytest.mark.slow
@QUICK
@given(some.NAMES, some.OUTPUTS, some.DERIVATIONS)
def test_the_scratch_path_hangs_on_name_and_output_alone(
    name: str, output: str, derivation: Derivation
) -> None:
    found = identity.scratch(name, output)
    made = replace(derivation, name=name, outputs=(output,))
    final = identity.object_id(made.ref(output).name, b"t" * 32, (), True)
    assert found.name == final.name
    assert len(found.path) == len(final.path) == len(made.ref(output).placeholder.path)
    assert identity.scratch(name, output, "salt").digest != found.digest
    assert len(identity.scratch(name, output, "salt").path) == len(found.path)
    assert identity.scratch(name + "0", output).digest != found.digest
    assert identity.scratch(name, output + "0").digest != found.digest


def test_name_and_output_are_not_run_together() -> None:
    assert identity.scratch("a-b", "out").digest != identity.scratch("a", "b").digest
    with pytest.raises(InvalidName):
        identity.scratch("a", "B")


# -- resolution --


def realised(derivation: Derivation, seed: bytes) -> dict[Ref, ObjectId]:
    return {
        ref: ObjectId(digest.file_digest(seed + ref.node + ref.output.encode())[:20], ref.name)
        for ref in derivation.refs
    }


@pytest.mark.slow
@QUICK
@given(some.DERIVATIONS, st.data())
def test_placeholders_are_replaced_everywhere(derivation: Derivation, data: st.DataObject) -> None:
    refs = derivation.refs
    if not refs:
        return
    ref = data.draw(st.sampled_from(refs))
    text = f"{ref}/bin:{ref}:{ref.placeholder.text}{ref.placeholder.text}"
    derivation = replace(
        derivation,
        builder=f"{ref}/sh",
        args=("x", text),
        env=(("A", text), ("B", "plain")),
        files=(("a", f"{text}\0"), ("b/c", "plain")),
    )
    objects = realised(derivation, b"")
    oid = objects[ref]
    resolved = derivation.resolve(objects)
    expected = f"{oid}/bin:/store/{oid}:{oid.text}{oid.text}"
    assert resolved.builder == f"{oid.path}/sh"
    assert resolved.args == ("x", f"/store/{expected}")
    assert resolved.env == (("A", f"/store/{expected}"), ("B", "plain"))
    assert resolved.files == (("a", f"/store/{expected}\0"), ("b/c", "plain"))
    assert ref.placeholder.text.encode() not in resolved.encode()
    assert set(resolved.inputs) == {objects[item] for item in derivation.inputs} | set(
        derivation.objects
    )
    assert resolved.rootfs == (objects[derivation.rootfs] if derivation.rootfs else None)


def needing(source: Source) -> Derivation:
    ref = source.ref()
    return Derivation(
        "user", "s", f"{ref}/b", (f"{ref}",), (("A", f"{ref}"),), ref, (ref,), (), ("out",)
    )


def test_inputs_that_came_out_the_same_cut_off_early() -> None:
    other = replace(SOURCE, sha256="0" * 64)
    first, second = needing(SOURCE), needing(other)
    assert first.digest != second.digest
    oid = ObjectId(b"r" * 20, SOURCE.name)
    key = first.resolve({SOURCE.ref(): oid}).digest
    assert second.resolve({other.ref(): oid}).digest == key
    assert second.resolve({other.ref(): ObjectId(b"R" * 20, SOURCE.name)}).digest != key


def test_two_inputs_that_came_out_as_one_object_are_one() -> None:
    other = replace(SOURCE, sha256="0" * 64)
    refs = tuple(sorted([SOURCE.ref(), other.ref()]))
    oid = ObjectId(b"r" * 20, SOURCE.name)
    derivation = Derivation("user", "s", "/b", inputs=refs, objects=(oid,))
    assert derivation.resolve(dict.fromkeys(refs, oid)).inputs == (oid,)


def test_an_input_without_its_object_cannot_be_resolved() -> None:
    with pytest.raises(KeyError):
        DERIVATION.resolve({SHELL_REF: SHELL})


@pytest.mark.parametrize(
    "change",
    [
        {"name": ".x"},
        {"name": ""},
        {"name": "n" * 201},
        {"builder": "sh"},
        {"args": ("a\0",)},
        {"env": (("", "x"),)},
        {"env": (("a=b", "x"),)},
        {"env": (("b", ""), ("a", ""))},
        {"env": (("a", ""), ("a", "x"))},
        {"inputs": (OTHER, OTHER)},
        {"objects": (LIBC, SHELL)},
        {"outputs": ()},
        {"outputs": ("out", "out")},
        {"outputs": ("Out",)},
        {"files": (("b", ""), ("a", ""))},
        {"files": (("a", ""), ("a", "x"))},
        {"builder": "builtin:unpack", "files": (("a", ""),)},
    ],
)
def test_a_derivation_that_breaks_a_rule_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises((FormatError, InvalidName)):
        replace(DERIVATION, **change)


def test_an_output_that_is_not_there_cannot_be_referred_to() -> None:
    assert DERIVATION.ref("doc").name == "hello-1.0-doc"
    with pytest.raises(InvalidName):
        DERIVATION.ref("lib")
