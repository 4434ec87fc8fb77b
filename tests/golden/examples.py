"""The records whose bytes are committed here: one small, fixed example of every kind.

A file ``NAME.txt`` holds the encoding in hex, 32 bytes a line, and the digest that the format
derives from it. The files were made once with :func:`text`, when the format was
fixed; they change only together with the context strings in ``store/digest.py``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from store import canon, digest
from store.digest import DigestKind
from store.model import identity
from store.model.derivation import Derivation, Ref, Resolved, Source
from store.model.file_tree import Directory, file, link
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.model.realisation import Realisation

HELLO = digest.file_digest(b"hello\n")
SHELL = ObjectId(bytes(range(20)), "dash-0.5.12")
LIBC = ObjectId(bytes(range(100, 120)), "musl-1.2.5")

INNER = Directory(((b"run", file(HELLO, 6, executable=True)),))
TOP = Directory(
    (
        (b"bin", INNER.node()),
        (b"caf\xe9", file(digest.file_digest(b""), 0)),
        (b"sh", link(SHELL.path.encode() + b"/bin/sh")),
    )
)
SOURCE = Source(
    "hello-1.0.tar.gz", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", ("a:b",)
)
SHELL_REF = Ref(bytes(range(32)), "out", "dash-0.5.12")
DERIVATION = Derivation(
    "hello-1.0",
    "x86_64-linux-musl",
    f"{SHELL_REF}/bin/sh",
    ("-c", f"echo {SOURCE.ref()}"),
    (("PATH", f"{SHELL_REF}/bin"), ("out", identity.scratch_path("hello-1.0"))),
    SHELL_REF,
    (SOURCE.ref(),),
    (LIBC,),
    ("out", "doc"),
)
RESOLVED = DERIVATION.resolve({SHELL_REF: SHELL, SOURCE.ref(): ObjectId(b"s" * 20, SOURCE.name)})
WITH_FILES = replace(
    DERIVATION,
    args=("-eu", "/build/build.sh"),
    files=(
        ("build.sh", f"cp {SOURCE.ref()} .\n{SHELL_REF}/bin/sh patches/caf\u00e9\n"),
        ("patches/0001.patch", ""),
    ),
)
RESOLVED_WITH_FILES = WITH_FILES.resolve(
    {SHELL_REF: SHELL, SOURCE.ref(): ObjectId(b"s" * 20, SOURCE.name)}
)
OBJECT = identity.object_id("hello-1.0", TOP.node().digest(), (SHELL, LIBC), True)
REALISATION = Realisation(
    RESOLVED.digest, "out", OBJECT, "ann", "forge", "full", HELLO, 1700000000, 61_000, 1 << 27
)
SIGNERS = ("anne:" + "A" * 43 + "=", "bert:" + "B" * 43 + "=")
SIGNED = replace(REALISATION, origin=Origin(How.SIGNED, b"/srv/fixpoint", SIGNERS))
MANIFEST = Manifest(
    OBJECT, (SHELL, LIBC), True, TOP.node(), {item.node().payload: item for item in (INNER, TOP)}
)


class Record(Protocol):
    """A value that has an encoding."""

    def encode(self) -> bytes:
        """The canonical bytes."""
        ...


@dataclass(frozen=True)
class Example:
    """A record's encoding and what the format makes of it; both are recomputed by the tests."""

    encoding: bytes
    result: str


def _hex(value: bytes) -> str:
    return value.hex()


EXAMPLES = {
    "directory": Example(TOP.encode(), _hex(TOP.node().payload)),
    "tree": Example(canon.encode(TOP.node().to_fields()), _hex(TOP.node().digest())),
    "blanked-file": Example(
        canon.encode([HELLO, [0, 40, 300]]), _hex(identity.blanked_file(HELLO, [0, 40, 300]))
    ),
    "object": Example(
        canon.encode(
            [
                "hello-1.0",
                TOP.node().digest(),
                [[SHELL.digest, SHELL.name], [LIBC.digest, LIBC.name]],
                True,
            ]
        ),
        OBJECT.path,
    ),
    "source": Example(
        canon.encode([SOURCE.name, "sha256", bytes.fromhex(SOURCE.sha256), False]),
        _hex(SOURCE.digest),
    ),
    "source-stored": Example(SOURCE.encode(), _hex(SOURCE.digest)),
    "derivation": Example(DERIVATION.encode(), _hex(DERIVATION.digest)),
    "resolved": Example(RESOLVED.encode(), _hex(RESOLVED.digest)),
    "derivation-files": Example(WITH_FILES.encode(), _hex(WITH_FILES.digest)),
    "resolved-files": Example(RESOLVED_WITH_FILES.encode(), _hex(RESOLVED_WITH_FILES.digest)),
    "scratch": Example(
        canon.encode(["hello-1.0", "doc", ""]), identity.scratch("hello-1.0", "doc").path
    ),
    "placeholder": Example(canon.encode([SHELL_REF.node, "out"]), str(SHELL_REF)),
    "realisation": Example(REALISATION.encode(), _hex(REALISATION.digest())),
    "realisation-stored": Example(SIGNED.stored(), _hex(SIGNED.digest())),
    "manifest": Example(MANIFEST.encode(), MANIFEST.id.path),
}

KEYED = {
    "directory": DigestKind.DIRECTORY,
    "tree": DigestKind.TREE,
    "blanked-file": DigestKind.BLANKED_FILE,
    "object": DigestKind.OBJECT,
    "source": DigestKind.SOURCE,
    "derivation": DigestKind.DERIVATION,
    "resolved": DigestKind.RESOLVED,
    "derivation-files": DigestKind.DERIVATION,
    "resolved-files": DigestKind.RESOLVED,
    "scratch": DigestKind.SCRATCH,
    "placeholder": DigestKind.PLACEHOLDER,
    "realisation": DigestKind.REALISATION,
}
"""Values whose result is the keyed digest of the encoding, in hex or as a path's text form."""

DECODERS: dict[str, Callable[[bytes], Record]] = {
    "directory": Directory.decode,
    "source-stored": Source.decode,
    "derivation": Derivation.decode,
    "resolved": Resolved.decode,
    "derivation-files": Derivation.decode,
    "resolved-files": Resolved.decode,
    "realisation": Realisation.decode,
    "manifest": Manifest.decode,
}


def text(example: Example) -> str:
    """Return the contents of an example's file."""
    lines = textwrap.wrap(example.encoding.hex(), 64)
    return "\n".join(["encoding:", *lines, "result:", example.result, ""])
