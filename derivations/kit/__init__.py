"""The parts of recipes, and how a stage turns them into derivations. Pure: no I/O.

A recipe is data. Whatever can be wrong with it is found here, when it is evaluated, and not an
hour into a build.
"""

from derivations.kit.autotools import autotools
from derivations.kit.build import BUILD_TOOLS, Build, Phase, phase, phases
from derivations.kit.recipe import Recipe, variant
from derivations.kit.rootfs import rootfs
from derivations.kit.seed import Seed
from derivations.kit.sources import Archive, debian, debian_patches, pypi, url
from derivations.kit.stage import CatalogueBuilder, PackageSet, Stage

__all__ = [
    "BUILD_TOOLS",
    "Archive",
    "Build",
    "CatalogueBuilder",
    "PackageSet",
    "Phase",
    "Recipe",
    "Seed",
    "Stage",
    "autotools",
    "debian",
    "debian_patches",
    "phase",
    "phases",
    "pypi",
    "rootfs",
    "url",
    "variant",
]
