"""Source archives: files fixed by hash, and the trees unpacked from them."""

from __future__ import annotations

from dataclasses import dataclass

from store.errors import EvaluationError
from store.model.derivation import Derivation, Source

UNPACK = "builtin:unpack"
SYSTEM = "x86_64-linux"


@dataclass(frozen=True)
class Archive:
    """An archive and how to unpack it; ``options`` are those of ``builtin:unpack``.

    ``name`` is the short name by which a recipe's steps find the tree: ``$<name>_source``.
    """

    name: str
    version: str
    source: Source
    options: tuple[str, ...] = ("strip=1",)

    def derivation(self) -> Derivation:
        """What unpacks it: the object ``<name>-source-<version>``."""
        ref = self.source.ref()
        return Derivation(
            name=f"{self.name}-source-{self.version}",
            system=SYSTEM,
            builder=UNPACK,
            args=(f"archive={ref}", *self.options),
            inputs=(ref,),
        )


def debian(
    name: str, version: str, path: str, sha256: str, options: tuple[str, ...] = ("strip=1",)
) -> Archive:
    """An upstream archive from Debian's pool, at ``path`` below ``pool/main``.

    The pool's ``.orig`` files are pinned because every mirror has them for years.
    """
    file = path.rpartition("/")[2]
    if ".orig" not in file:
        raise EvaluationError(f"{name}: {file} is not an upstream archive of Debian's pool")
    return Archive(name, version, Source(file, sha256, (f"debian:pool/main/{path}",)), options)
