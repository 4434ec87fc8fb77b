"""The parts of recipes, and how a stage turns them into derivations. Pure: no I/O.

A recipe is data. Whatever can be wrong with it is found here, when it is evaluated, and not an
hour into a build.
"""

from derivations.kit import systems
from derivations.kit.autotools import autotools
from derivations.kit.build import BUILD_TOOLS, TRIPLET, Build, Phase, phase, phases
from derivations.kit.cmake import cmake
from derivations.kit.configure import configure
from derivations.kit.data import data
from derivations.kit.groups import Groups
from derivations.kit.kernel import kernel
from derivations.kit.links import Links
from derivations.kit.makefile import makefile
from derivations.kit.meson import meson
from derivations.kit.network import Network
from derivations.kit.perl import perl
from derivations.kit.project import project
from derivations.kit.python import bytecode, imports, python
from derivations.kit.recipe import Recipe, variant
from derivations.kit.rootfs import rootfs
from derivations.kit.seed import Seed
from derivations.kit.sources import Archive, debian, debian_patches, pypi, url
from derivations.kit.stage import CatalogueBuilder, PackageSet, Stage
from derivations.kit.system import Service, System, User
from derivations.kit.texts import texts
from derivations.kit.world import World

__all__ = [
    "BUILD_TOOLS",
    "TRIPLET",
    "Archive",
    "Build",
    "CatalogueBuilder",
    "Groups",
    "Links",
    "Network",
    "PackageSet",
    "Phase",
    "Recipe",
    "Seed",
    "Service",
    "Stage",
    "System",
    "User",
    "World",
    "autotools",
    "bytecode",
    "cmake",
    "configure",
    "data",
    "debian",
    "debian_patches",
    "imports",
    "kernel",
    "makefile",
    "meson",
    "perl",
    "phase",
    "phases",
    "project",
    "pypi",
    "python",
    "rootfs",
    "systems",
    "texts",
    "url",
    "variant",
]
