"""Files that people and other programs write, each with its errors and examples."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from store.audit import ledger_file as ledger
from store.errors import EvaluationError, FormatError, InvalidName
from store.gc import settings
from store.model.catalogue import Catalogue, Package
from store.model.names import ObjectId
from store.recipes import catalogues, evaluate
from store.signing import keyring
from store.signing.keys import PrivateKey
from tests.golden import examples


def in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    """A parser of a file that is called ``name``."""

    def parse(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            read(path)

    return parse


def read_ledger(path: Path) -> None:
    """A value that was read is written, and read again, as it was."""
    found = ledger.read(str(path))
    ledger.write(str(path), found.values())
    assert ledger.read(str(path)) == found


def read_seed(path: Path) -> None:
    """Beside a folder of recipes."""
    for name, value in evaluate.read_seeds(str(path.parents[2] / "recipes")).items():
        assert name == "debian"
        assert isinstance(value, dict)


def read_settings(data: bytes) -> None:
    """Sizes and times are no less than nothing."""
    found = settings.parse(data)
    assert (found.min_free or 0) >= 0
    assert found.older_than is None or found.older_than >= 0


def read_size(data: bytes) -> None:
    """Whatever a user writes for a size or a time."""
    text = data.decode("utf-8", "replace")
    assert (settings.parse_size(text) or 0) >= 0
    assert (settings.parse_duration(text) or 0) >= 0


def read_catalogue(data: bytes) -> None:
    """A kept catalogue, all of its nodes."""
    _, _, found = catalogues.decode(data)
    for node in found.nodes.values():
        assert node.encode()


def a_ledger() -> list[bytes]:
    """Two entries, one of them not built."""
    made = [
        ledger.LedgerEntry(
            "debian", "gcc", "out", bytes(32), ObjectId.parse("0" * 32 + "-gcc-14.2")
        ),
        ledger.LedgerEntry("zig", "gcc", "out", bytes(32), None),
    ]
    with tempfile.TemporaryDirectory() as folder:
        ledger.write(f"{folder}/ledger.tsv", made)
        return [Path(folder, "ledger.tsv").read_bytes()]


def a_catalogue() -> list[bytes]:
    """A source and a build of it."""
    node = examples.DERIVATION
    kept = Catalogue(
        {"hello": Package("hello", node.digest, "1", "greets")},
        {node.digest: node, examples.SOURCE.digest: examples.SOURCE},
    )
    return [catalogues.encode(bytes(32), {(False, b"/x"): (1, 2)}, kept)]


def some_keys() -> list[bytes]:
    """A file of trusted keys."""
    return [f"# mine\n{PrivateKey(bytes(32), 'fuzz').public}\n".encode()]


SEED = b'{"name": "debian", "files": [{"path": "pool/x.deb", "sha256": "00", "size": 1}]}'
SETTINGS = (
    b'[collect]\nmin-free = "10 GiB"\nmax-free = "30 GiB"\nolder-than = "7d"\n'
    b"keep-derivations = true\n"
)

Reading = tuple[Callable[[bytes], object], tuple[type[Exception], ...], Callable[[], list[bytes]]]

FILES: dict[str, Reading] = {
    "ledger": (in_file("ledger.tsv", read_ledger), (EvaluationError,), a_ledger),
    "seed": (
        in_file("bootstrap-seeds/debian/seed.json", read_seed),
        (EvaluationError,),
        lambda: [SEED],
    ),
    "settings": (read_settings, (ValueError,), lambda: [SETTINGS]),
    "size": (read_size, (), lambda: [b"10 GiB", b"7d", b"1.5G"]),
    "catalogue": (read_catalogue, (FormatError, InvalidName), a_catalogue),
    "trusted-keys": (
        in_file("trusted", lambda path: keyring.read_public(str(path))),
        (FormatError,),
        some_keys,
    ),
}
"""Each file's parser, its errors, and examples."""
