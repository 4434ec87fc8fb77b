"""The parsers of foreign bytes, each with its errors and examples that it accepts."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from store import canon
from store.audit.explain import explain
from store.errors import FormatError, InvalidName
from store.fetch import indexes, mirrors
from store.fetch.transport import Page
from store.index.filesystem import filesystem_of
from store.job_errors import BadArchive
from store.model import locators
from store.model.derivation import Derivation, Resolved, Source
from store.model.file_tree import Directory
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.realisation import Realisation
from store.model.verdict import AuditFinding, Verdict
from store.signing import claims, envelope, record, statement, strict, verdicts
from store.signing.keys import PrivateKey, PublicKey
from store.unpack import archives, extract, selection
from store.unpack.compression import Meter
from tests.fuzz.files import FILES
from tests.golden import examples

LIMIT = 1 << 20
"""Bytes and entries that a fuzzed archive may come to."""


@dataclass(frozen=True)
class Target:
    """``parse`` takes any bytes, and raises nothing but ``errors``."""

    parse: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    examples: Callable[[], list[bytes]]

    def accepts(self, data: bytes) -> bool:
        """Return whether ``data`` was parsed; False when it was refused as it should be."""
        try:
            self.parse(data)
        except self.errors:
            return False
        return True


_CODEC = (FormatError, InvalidName)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _read_text(data: bytes) -> str:
    """As configuration files are read."""
    return data.decode("utf-8", "replace")


# -- records --


def _decode_canon(data: bytes) -> None:
    value = canon.decode(data)
    assert canon.encode(value) == data, "a record has one form only"


def _codec(
    kind: type[Manifest | Derivation | Resolved | Source | Realisation | Directory],
) -> Target:
    def parse(data: bytes) -> None:
        assert kind.decode(data).encode() == data, "a record has one form only"

    return Target(parse, _CODEC, lambda: _encoded(kind))


def _encoded(kind: type[object]) -> list[bytes]:
    values = (value for value in vars(examples).values() if type(value) is kind)
    return [value.encode() for value in values]  # type: ignore[attr-defined]


def _object_id(data: bytes) -> None:
    text = _text(data)
    assert str(ObjectId.parse(text)) == text


def _object_path(data: bytes) -> None:
    assert _text(data).startswith(ObjectId.from_path(_text(data)).path)


# -- archives --


def _members(data: bytes) -> None:
    for member in archives.members(io.BytesIO(data), Meter(LIMIT, LIMIT)):
        assert not member.path.startswith("/")
        assert ".." not in member.path.split("/")
        for _ in member.chunks():
            pass


def _unpack(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive, target = Path(folder, "archive"), Path(folder, "tree")
        archive.write_bytes(data)
        options = selection.UnpackOptions(limits=selection.UnpackLimits(LIMIT, 1000))
        try:
            extract.unpack([str(archive)], str(target), options)
        finally:
            assert sorted(os.listdir(folder)) == ["archive", "tree"], "it left its folder"
            assert archive.read_bytes() == data


@cache
def _tar(compression: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as tar:  # type: ignore[call-overload]
        for name, kind, link in (
            *(("d", tarfile.DIRTYPE, ""), ("d/f", tarfile.REGTYPE, "")),
            *(("d/s", tarfile.SYMTYPE, "/etc/passwd"), ("h", tarfile.LNKTYPE, "d/f")),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 5 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"hello"))
        long = tarfile.TarInfo("n" * 150)
        long.size = 1
        tar.addfile(long, io.BytesIO(b"x"))
    return out.getvalue()


@cache
def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d/f", "hello" * 20)
        link = zipfile.ZipInfo("s")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


@cache
def _deb() -> bytes:
    data = _tar("gz")
    head = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (b"data.tar.gz", 0, 0, 0, b"100644", len(data))
    note = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (b"debian-binary", 0, 0, 0, b"100644", 4)
    return b"!<arch>\n" + note + b"2.0\n" + head + data


def _archives() -> list[bytes]:
    return [_tar(), _tar("gz"), _tar("bz2"), _tar("xz"), _zip(), _deb()]


def _explain(data: bytes) -> None:
    """The bytes against themselves with one changed, and with some missing."""
    half = len(data) // 2
    for other in (data[:half] + b"\xff" + data[half + 1 :], data[: half // 2], data[:-1]):
        place = explain(data, other)
        assert (place is None) == (data == other)


def _contents() -> list[bytes]:
    header = b"\x7fELF\2\1\1" + bytes(33) + (64).to_bytes(8, "little") + bytes(10)
    elf = header + b"\x40\0\2\0\1\0" + bytes(64)
    section = (b"\1\0\0\0\3\0\0\0" + bytes(16) + b"\xc0" + bytes(7) + b"\6").ljust(64, b"\0")
    return [elf + section + b"\0.text", *_archives(), b"some\nlines\nof text\n"]


def _options(data: bytes) -> None:
    options = selection.UnpackOptions.parse(_text(data).split("\n"))
    assert selection.UnpackOptions.parse(options.args()) == options
    options.destination("some/path/in/it", is_link=False)


# -- configuration, indexes, pages --


def _apt(data: bytes) -> None:
    text = _read_text(data)
    entries = mirrors.parse_one_line(text) + mirrors.parse_deb822(text)
    settings = mirrors.parse_apt_config(text)
    found = mirrors.AptConfiguration(tuple(mirrors.order(entries)), settings)
    list(found.targets("pool/main/h/hello/hello.tar.gz"))
    for uri in mirrors.parse_mirror_list(text):
        if not uri.startswith("mirror+file"):  # would read any file of this machine
            mirrors.usable_bases(uri)


def _pip(data: bytes) -> None:
    found = indexes.configuration(indexes.parse_pip_config(_read_text(data)))
    assert isinstance(found.indexes, tuple)


def _page(media_type: str) -> Callable[[bytes], None]:
    def parse(data: bytes) -> None:
        page = Page("https://localhost/simple/hello/", media_type, _read_text(data))
        for link in indexes.links_to("hello-1.0.tar.gz", page):
            assert isinstance(link, str)

    return parse


def _locator(data: bytes) -> None:
    locators.check_locator(_text(data))


def _mounts(data: bytes) -> None:
    filesystem_of("/var/lib/fixpoint", _text(data))


# -- what others publish --


def _published(data: bytes) -> None:
    found = envelope.parse(data)
    envelope.check(found, ())
    claims.claims(found.payload)


def _public_key(data: bytes) -> None:
    key = PublicKey.parse(_text(data))
    assert PublicKey.parse(str(key)) == key
    assert not key.verifies(b"x" * 64, b"message")


_SOURCES = b"""deb [arch=amd64] http://localhost/debian stable main contrib
# a comment
Types: deb deb-src
URIs: http://localhost/debian https://localhost:8080/x
Suites: stable
Components: main
Enabled: yes

Acquire::http::Proxy "http://localhost:3128";
"""

_PIP = b"[global]\nindex-url = https://user:word@localhost/simple\nextra_index_url =\n  a\n  b\n"
_HTML = b'<base href="x/"><a href="hello-1.0.tar.gz#sha256=00">hello</a><a href="//h/%20">'
_JSON = b'{"files": [{"url": "hello-1.0.tar.gz"}, {"url": "https://localhost/hello-1.0.tar.gz"}]}'
_FINDING = AuditFinding(
    "gcc",
    "out",
    "rebuild",
    Verdict.DIFFERS,
    examples.SHELL,
    examples.LIBC,
    examples.RESOLVED.digest,
)


def _finding() -> list[bytes]:
    return [json.dumps(record.to_record(_FINDING)).encode()]


@cache
def _statements() -> tuple[bytes, ...]:
    signer = PrivateKey(bytes(32), "fuzz").public
    made = statement.provenance(examples.REALISATION, examples.RESOLVED, signer, bytes(32))
    found = verdicts.verdict(_FINDING)
    assert found is not None
    return made, found


def _outcomes() -> list[bytes]:
    return [statement.outcome(bytes(32), examples.RESOLVED.name, examples.REALISATION, bytes(32))]


def _envelopes() -> list[bytes]:
    key = PrivateKey(bytes(32), "fuzz")
    return [envelope.seal(payload, [key]).encode() for payload in _statements()]


TARGETS = {
    "canon": Target(_decode_canon, (FormatError,), lambda: _encoded(Manifest)),
    "manifest": _codec(Manifest),
    "derivation": _codec(Derivation),
    "resolved": _codec(Resolved),
    "source": _codec(Source),
    "realisation": _codec(Realisation),
    "directory": _codec(Directory),
    "object-id": Target(_object_id, _CODEC, lambda: [b"0" * 32 + b"-name-1.0"]),
    "object-path": Target(_object_path, _CODEC, lambda: [b"/store/" + b"0" * 32 + b"-n/below"]),
    "members": Target(_members, (BadArchive,), _archives),
    "unpack": Target(_unpack, (BadArchive,), _archives),
    "explain": Target(_explain, (), _contents),
    "unpack-options": Target(
        _options,
        (InvalidName,),
        lambda: [b"strip=1\ninclude=a/**\nmove=a:b\nlink=c:d", b"nested=*"],
    ),
    "apt": Target(_apt, (), lambda: [_SOURCES]),
    "pip": Target(_pip, (), lambda: [_PIP]),
    "html-index": Target(_page("text/html"), (), lambda: [_HTML]),
    "json-index": Target(_page("application/vnd.pypi.simple.v1+json"), (), lambda: [_JSON]),
    "locator": Target(
        _locator,
        (InvalidName,),
        lambda: [b"debian:pool/main/h/x.gz", b"pypi:a-1.zip", b"http://h/"],
    ),
    "mounts": Target(_mounts, (), lambda: [b"36 35 98:0 / /var\\040x rw - ext4 /dev/x rw\n"]),
    "envelope": Target(_published, _CODEC, _envelopes),
    "statement": Target(claims.claims, _CODEC, lambda: list(_statements())),
    "outcome": Target(statement.read_outcome, _CODEC, _outcomes),
    "finding": Target(record.from_record, _CODEC, _finding),
    "strict-json": Target(lambda data: strict.document(data, LIMIT), _CODEC, _finding),
    "public-key": Target(
        _public_key, _CODEC, lambda: [str(PrivateKey(bytes(32), "fuzz").public).encode()]
    ),
    **{name: Target(*reading) for name, reading in FILES.items()},
}
"""Every target by its name."""
