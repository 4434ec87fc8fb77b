"""``store image``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import click

from store.cli.context import Context
from store.cli.options import (
    F,
    RunOptions,
    json_option,
    link_option,
    run_options,
)
from store.cli.outputs import realise_image
from store.cli.parameter_types import PACKAGE, Size
from store.display import quoted
from store.errors import UsageError
from store.model.image_request import ImageRequest


@click.group("image")
def command() -> None:
    """Make an image of packages with all that they refer to: for a disk, for containers, as a tar.

    An image is an object of the store. It has the objects under /store, the packages' programs in
    /bin, and the usual folders; the same packages give the same bytes.
    """


_COMMON = ("as_json", "out_link")


@dataclass(frozen=True)
class _Run:
    """The arguments that all formats have in common."""

    context: Context
    packages: tuple[str, ...]
    name: str | None
    links: tuple[tuple[str, str], ...]
    given: dict[str, Any]

    def make(self, **wanted: Any) -> None:
        """Realise the image, and print its path."""
        request = ImageRequest(packages=self.packages, links=self.links, **wanted)
        realise_image(self.context, self.packages, request, self.name, **self.given)


def _image_options(function: F) -> F:
    """Add what all formats take, and hand it on as one ``run``."""

    @click.argument("packages", nargs=-1, required=True, metavar="PACKAGE…", type=PACKAGE)
    @click.option(
        "--name", metavar="NAME", help="Give the object this name (default: the package's own)."
    )
    @click.option(
        "--link",
        "links",
        multiple=True,
        metavar="PATH:TEXT",
        help="Make a symbolic link in the image, as of bin/sh:bash.",
    )
    @json_option("output or failure")
    @link_option
    @run_options
    @click.pass_obj
    @functools.wraps(function)
    def wrapped(*context: Any, **given: Any) -> Any:
        packages, name, links = (given.pop(key) for key in ("packages", "name", "links"))
        pairs = tuple(_pair("--link", text.lstrip("/"), ":", "PATH:TEXT") for text in links)
        chosen: RunOptions = given.pop("run")
        common = {key: given.pop(key) for key in _COMMON}
        common |= {"options": chosen.builds, "loudness": chosen.loudness, "caches": chosen.caches}
        return function(_Run(context[0], packages, name, pairs, common), **given)

    return wrapped  # type: ignore[return-value]


@command.command("disk", short_help="Make a disk that a kernel boots from.")
@_image_options
@click.option(
    "--size", type=Size(), metavar="SIZE", help="Make a disk of this size (default: the smallest)."
)
@click.option("--label", metavar="TEXT", default="", help="Name the root's file system so.")
def disk(run: _Run, size: int | None, label: str) -> None:
    """Make a disk: partition 1 is the root, an EROFS; the rest of --size is partition 2, empty.

    A kernel boots it without an initramfs by root=/dev/vda1 rootfstype=erofs ro.
    """
    run.make(format="disk", size=size, label=label)


@command.command("tar", short_help="Make a tar, for a chroot.")
@_image_options
def tar(run: _Run) -> None:
    """Make a tar, to be unpacked by root in an empty folder and entered with chroot."""
    run.make(format="tar")


@command.command("oci", short_help="Make a container's image.")
@_image_options
@click.option(
    "--entrypoint",
    multiple=True,
    metavar="WORD",
    help="Begin the container's command with this word; for several, repeat the option.",
)
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Set a variable.")
@click.option("--label", metavar="TEXT", default="", help="Tag the image so (default: latest).")
def oci(run: _Run, entrypoint: tuple[str, ...], env: tuple[str, ...], label: str) -> None:
    """Make a container's image: a folder in the layout of the Open Container Initiative.

    Each object has a layer of its own, which images share. $PATH is /bin, and without --entrypoint
    a container runs /bin/sh, if that is there.
    """
    pairs = tuple(_pair("--env", text, "=", "NAME=VALUE") for text in env)
    run.make(format="oci", entrypoint=entrypoint, env=pairs, label=label)


def _pair(option: str, text: str, between: str, form: str) -> tuple[str, str]:
    left, found, right = text.partition(between)
    if not found:
        raise UsageError(f"{option} takes {form}, and not {quoted(text)}")
    return left, right
