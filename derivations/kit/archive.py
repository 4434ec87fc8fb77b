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
    seconds: int = 0
    """The time that it usually takes to unpack; 0 when it is of no interest."""

    def derivation(self) -> Derivation:
        """Return what unpacks it: the object ``<name>-source-<version>``."""
        ref = self.source.ref()
        return Derivation(
            name=f"{self.name}-source-{self.version}",
            system=SYSTEM,
            builder=UNPACK,
            args=(f"archive={ref}", *self.options),
            inputs=(ref,),
        )


def debian(
    name: str,
    version: str,
    path: str,
    sha256: str,
    options: tuple[str, ...] = ("strip=1",),
    seconds: int = 0,
) -> Archive:
    """A file from Debian's pool, at ``path`` below ``pool/main``.

    It is an upstream archive or, where a recipe asks for nothing to be built, a binary package. The
    pool's ``.orig`` files are pinned because every mirror has them for years; so it has a release's
    packages.
    """
    file = path.rpartition("/")[2]
    if ".orig" not in file and not file.endswith(".deb"):
        raise EvaluationError(
            f"{name}: {file} is neither an upstream archive nor a package of Debian's pool"
        )
    return Archive(
        name, version, Source(file, sha256, (f"debian:pool/main/{path}",)), options, seconds
    )
