"""A package with a library, a patch of each kind, a tool and a root file system."""

from __future__ import annotations

import pytest

from store.model.catalogue import Catalogue, GraphNode, Package, collect
from store.model.derivation import Derivation, Ref, Source


def source(name: str, sha256: str, *locators: str) -> Source:
    return Source(name, sha256 * 64, locators)


FILES = {
    "app": source("app_2.orig.tar.xz", "1", "debian:pool/main/a/app/app_2.orig.tar.xz"),
    "fixes": source("app_2-1.debian.tar.xz", "2", "debian:pool/main/a/app/app_2-1.debian.tar.xz"),
    "lib": source("lib-1.tar.gz", "3", "https://u:secret@lib.example/lib-1.tar.gz"),
    "ours": source("ours-1.tar", "5", "project:/home/me/checkout"),
    "seed": source("seed_1_amd64.deb", "4", "debian:pool/main/s/seed/seed_1_amd64.deb"),
}


def unpacked(name: str, file: Source, *options: str) -> Derivation:
    """A tree of a file's."""
    ref = file.ref()
    return Derivation(name, "s", "builtin:unpack", (f"archive={ref}", *options), inputs=(ref,))


def built(
    name: str,
    root: Ref,
    *inputs: Ref,
    tools: tuple[Ref, ...] = (),
    files: tuple[tuple[str, str], ...] = (),
) -> Derivation:
    path = ":".join([*(f"{tool}/bin" for tool in tools), "/bin"])
    return Derivation(
        name,
        "s",
        "/bin/sh",
        env=(("PATH", path),),
        rootfs=root,
        inputs=tuple(sorted({*inputs, *tools})),
        files=files,
    )


@pytest.fixture
def catalogue() -> Catalogue:
    root = unpacked("root", FILES["seed"])
    tool = built("tool-3", root.ref())
    lib_tree = unpacked("lib-source-1", FILES["lib"])
    lib = built("lib-1", root.ref(), lib_tree.ref(), tools=(tool.ref(),))
    app_tree = unpacked("app-source-2", FILES["app"])
    fixes = unpacked("app-debian-source-2-1", FILES["fixes"], "include=patches/CVE-1.patch")
    inputs = (app_tree.ref(), fixes.ref(), lib.ref())
    app = built(
        "app-2",
        root.ref(),
        *inputs,
        tools=(tool.ref(),),
        files=(("build.sh", "make\n"), ("patches/ours.patch", "why\n--- a\n")),
    )
    nodes: tuple[GraphNode, ...] = (
        root,
        tool,
        lib_tree,
        lib,
        app_tree,
        fixes,
        app,
        *FILES.values(),
    )
    packages = (
        Package("app", app.digest, "2", "It is used", "GPL-2.0-or-later", group="cli"),
        Package("lib", lib.digest, "1", "<it> is\tlinked", "Odd", homepage="no homepage"),
        Package(
            "stage1.tool", tool.digest, "3", licence="MIT OR Zlib", homepage="https://tool.org"
        ),
        Package("stage2.long-tool", tool.digest, "3"),
        Package("file", FILES["app"].digest),
        Package("ours", FILES["ours"].digest),
    )
    return Catalogue({each.name: each for each in packages}, collect(nodes))
