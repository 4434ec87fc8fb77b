"""The parts of recipes, and how a stage turns them into derivations. Pure: no I/O.

A recipe is data. Whatever can be wrong with it is found here, when it is evaluated, and not an
hour into a build.
"""

from derivations.kit.archive import Archive, debian
from derivations.kit.phases import autotools, phase
from derivations.kit.recipe import BUILD_TOOLS, Phase, Recipe, variant
from derivations.kit.rootfs import rootfs
from derivations.kit.seed import Seed
from derivations.kit.stage import CatalogueBuilder, PackageSet, Stage

__all__ = [
    "BUILD_TOOLS",
    "Archive",
    "CatalogueBuilder",
    "PackageSet",
    "Phase",
    "Recipe",
    "Seed",
    "Stage",
    "autotools",
    "debian",
    "phase",
    "rootfs",
    "variant",
]
