"""Random values of the model."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from store.model import file_tree
from store.model.build_files import BuildFiles
from store.model.derivation import Derivation, Ref, Resolved, Source
from store.model.file_tree import Directory, Node
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation

Build = TypeVar("Build", Derivation, Resolved)

NAMES = st.from_regex(r"[A-Za-z0-9_+=?-][A-Za-z0-9._+=?-]{0,12}", fullmatch=True)
OUTPUTS = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
DIGESTS = st.binary(min_size=32, max_size=32)
IDS = st.builds(ObjectId, st.binary(min_size=20, max_size=20), NAMES)
SIZES = st.integers(0, 2**40)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)

FILES = st.builds(
    lambda content, size, x: file_tree.file(content, size, executable=x),
    DIGESTS,
    SIZES,
    st.booleans(),
)
LINKS = st.binary(min_size=1, max_size=20).map(file_tree.link)
ENTRY_NAMES = st.binary(min_size=1, max_size=9).filter(
    lambda name: name not in (b".", b"..") and b"/" not in name and b"\0" not in name
)


def _directory(entries: dict[bytes, Node]) -> Directory:
    return Directory(tuple(sorted(entries.items(), key=lambda item: item[0])))


DIRECTORIES = st.dictionaries(ENTRY_NAMES, FILES | LINKS, max_size=4).map(_directory)
SOURCES = st.builds(
    Source,
    NAMES,
    DIGESTS.map(bytes.hex),
    st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    st.booleans(),
)
REFS = st.builds(Ref, DIGESTS, OUTPUTS, NAMES)
ARGS = st.lists(TEXTS, max_size=3).map(tuple)
ENV = st.dictionaries(TEXTS.filter(lambda key: key and "=" not in key), TEXTS, max_size=3).map(
    lambda env: tuple(sorted(env.items()))
)
BUILDERS = TEXTS.map(lambda text: "/" + text) | st.just("builtin:unpack")
PARTS = st.from_regex(r"[A-Za-z0-9_+=?@,~][A-Za-z0-9._+=?@,~-]{0,5}", fullmatch=True)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
FILE_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def _files(found: dict[str, str]) -> BuildFiles:
    """Return those of the files that are no folders of others."""
    return tuple(
        (path, text)
        for path, text in sorted(found.items())
        if not any(other.startswith(f"{path}/") for other in found)
    )


BUILD_FILES = st.dictionaries(PATHS, FILE_TEXTS, max_size=3).map(_files)


def _with_files(node: Build, files: BuildFiles) -> Build:
    return node if node.builder.startswith("builtin:") else replace(node, files=files)


OUTPUT_LISTS = st.lists(OUTPUTS, min_size=1, max_size=3, unique=True).map(tuple)
ID_LISTS = st.lists(IDS, max_size=3, unique=True).map(lambda ids: tuple(sorted(ids)))
DERIVATIONS: st.SearchStrategy[Derivation] = st.builds(
    Derivation,
    NAMES,
    TEXTS,
    BUILDERS,
    ARGS,
    ENV,
    st.none() | REFS,
    st.lists(REFS, max_size=3, unique=True).map(lambda refs: tuple(sorted(refs))),
    ID_LISTS,
    OUTPUT_LISTS,
)
RESOLVED: st.SearchStrategy[Resolved] = st.builds(
    Resolved, NAMES, TEXTS, BUILDERS, ARGS, ENV, st.none() | IDS, ID_LISTS, OUTPUT_LISTS
)
DERIVATIONS = st.builds(_with_files, DERIVATIONS, BUILD_FILES)
RESOLVED = st.builds(_with_files, RESOLVED, BUILD_FILES)
REALISATIONS = st.builds(
    Realisation,
    DIGESTS,
    OUTPUTS,
    IDS,
    TEXTS,
    TEXTS,
    st.sampled_from(["full", "none", "fetch"]),
    st.none() | DIGESTS,
    SIZES,
    SIZES,
    SIZES,
    st.none() | st.binary(max_size=64),
)


def _manifest(
    oid: ObjectId, references: tuple[ObjectId, ...], itself: bool, below: list[Directory]
) -> Manifest:
    entries = {b"d%d" % number: item.node() for number, item in enumerate(below)}
    top = _directory(entries)
    return Manifest(
        oid, references, itself, top.node(), {item.node().payload: item for item in (*below, top)}
    )


MANIFESTS = st.builds(_manifest, IDS, ID_LISTS, st.booleans(), st.lists(DIRECTORIES, max_size=3))
