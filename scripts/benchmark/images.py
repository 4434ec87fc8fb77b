"""Images of 40 MB: each format written and taken in, by processor seconds and by the clock."""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from store.jobs.image_job import write_image
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model.derivation import Resolved
from store.model.image_request import BUILDER, FORMATS, ImageRequest
from store.model.names import ObjectId
from store.objects.ingest import ingest
from store.system import removing

FILES = 2000
BYTES = 40_000_000
_LARGE = 10
"""Files that hold half of the bytes, as programs do."""


def make_package(folder: Path, number: int) -> None:
    """Write a package of a fifth of the files and bytes, no two of which are equal."""
    generator = random.Random(number)
    for name in range(FILES // 5):
        large = name < _LARGE // 5
        count = BYTES // 2 // _LARGE if large else BYTES // 2 // (FILES - _LARGE)
        place = folder / ("bin" if large else f"share/{name % 40}") / f"file-{number}-{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(generator.randbytes(count))


def packages(layout: Layout, folder: Path) -> list[ObjectId]:
    """Take five packages in."""
    found = []
    for number in range(5):
        make_package(folder / str(number), number)
        found.append(ingest(layout.root, str(folder / str(number)), f"package-{number}").id)
        shutil.rmtree(folder / str(number))
    return sorted(found)


def once(layout: Layout, form: str, oids: list[ObjectId], folder: Path) -> str:
    """Write an image and take it in; returns its path in the store."""
    request = ImageRequest(format=form, packages=tuple(oid.path for oid in oids))
    node = Resolved("image", "x86_64-linux", BUILDER, request.args(), inputs=tuple(oids))
    folder.mkdir()
    written = write_image(layout, node, oids, str(folder), 0)
    manifest = ingest(layout.root, written, f"image.{FORMATS[form]}", candidates=oids)
    shutil.rmtree(folder)
    path = layout.object(manifest.id)
    removing.remove(path)
    Path(layout.manifest(manifest.id)).unlink()
    return path


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds of one call."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - used, time.perf_counter() - began


@click.command("images")
@click.option("--folder", help="Work in this folder (default: that of temporary files).")
@click.option("--turns", default=5, show_default=True)
def command(folder: str | None, turns: int) -> None:
    """Write images of 40 MB in 2,000 files; the target is a second."""
    with tempfile.TemporaryDirectory(dir=folder) as top:
        layout = Layout(f"{top}/root")
        make_directories(layout)
        oids = packages(layout, Path(top))
        for form in FORMATS:
            figures = [
                measured(lambda form=form: once(layout, form, oids, Path(top, "work")))  # type: ignore[misc]
                for _ in range(turns)
            ]
            used, wall = (statistics.median(column) for column in zip(*figures, strict=True))
            print(f"image {form:5} processor {used * 1000:5.0f} ms  wall {wall * 1000:5.0f} ms")
        removing.remove(layout.root)
