"""The systems among the recipes: ``systems/NAME.py`` becomes the package ``system.NAME``.

The object of a system is all of its root file system but the store: links to the programs of its
packages, the kernel, and its files. An image adds the objects that it refers to.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from derivations.kit.groups import check_name, constant
from derivations.kit.script import BUILD
from derivations.kit.system import TREE, System
from derivations.kit.system_files import executable, files
from derivations.kit.world import World
from derivations.kit.world_script import NAME
from store.errors import EvaluationError
from store.model.catalogue import SYSTEM, SYSTEMS
from store.model.derivation import Ref
from store.model.identity import scratch_path

MODULE = "system's module"


def publish(world: World, package: str, folder: Path) -> None:
    """Make every system in the folder ``folder/systems`` known, as ``system.NAME``."""
    for file in sorted((folder / SYSTEMS).glob("*.py")):
        if file.name.startswith(("_", ".")):  # hidden: an editor's lock or copy
            continue
        check_name(file.stem, MODULE, file)
        if not file.is_file():
            raise EvaluationError("is no file that could be read as a system", file=str(file))
        name, value = file.stem.replace("_", "-"), constant(file.stem)
        module = __import__(f"{package}.{SYSTEMS}.{file.stem}", fromlist=[value])
        system = getattr(module, value, None)
        if not isinstance(system, System):
            raise EvaluationError(f"there is no system {value}", file=str(file))
        if system.name != name:
            raise EvaluationError(
                f"the system {system.name!r} is in the module of {name!r}",
                file=str(file),
                line=_line(system, file),
                hint=f"a system {system.name} is in {system.name.replace('-', '_')}.py",
            )
        _publish(world, system, file)


def _publish(world: World, system: System, file: Path) -> None:
    for role in system.roles:
        if role not in world:
            from difflib import get_close_matches  # not where nothing is wrong

            near = get_close_matches(role, sorted(world.roles), 3)
            raise EvaluationError(
                f"the system {system.name!r} has the package {role!r}, which there is not",
                file=str(file),
                line=_line(system, file),
                hint=f"did you mean {', '.join(near)}?" if near else None,
            )
    packages = {role: world[role] for role in system.roles}
    texts = {f"{TREE}/{path}": text for path, text in files(system).items()}
    label = f"system-{system.name}"
    text = system_script(system, packages, scratch_path(label))
    world.publish_script(
        f"{SYSTEM}{system.name}",
        label=label,
        files=texts | {NAME: text},
        inputs=packages.values(),
        description=system.description,
        group=SYSTEMS,
    )


def _line(system: System, file: Path) -> int | None:
    """Return the line where a system is made; None if that is in another file than its own."""
    place, line = system.place
    return line if place == str(file) else None


def system_script(system: System, packages: Mapping[str, Ref], out: str) -> str:
    """Return the text of the build: the tree of files, and links into the packages."""
    lines = ["set -eu", f"out={out}", "echo '@phase install'"]
    lines += [f'cp -R {BUILD}/{TREE} "$out"', 'chmod -R u+w,go-w "$out"']
    scripts = sorted(path for path in files(system) if executable(path))
    lines += [f'chmod 755 "$out/{path}"' for path in scripts]
    lines += _links(system, packages)
    return "\n".join(lines) + "\n"


def _links(system: System, packages: Mapping[str, Ref]) -> Iterator[str]:
    yield 'mkdir -p "$out/bin" "$out/share/licenses" "$out/usr" "$out/boot"'
    yield 'ln -s ../bin "$out/usr/bin"'
    yield 'ln -s ../share "$out/usr/share"'
    yield 'ln -s /run/resolv.conf "$out/etc/resolv.conf"'
    yield 'ln -s /proc/mounts "$out/etc/mtab"'
    yield _LAY
    kernel = packages[system.kernel]
    yield _KERNEL.format(package=kernel, role=shlex.quote(system.kernel))
    # The base comes last: it fills the names that no other package has.
    for role, ref in sorted(packages.items(), key=lambda item: item[0] == system.base):
        if role == system.base:
            yield "base=yes"
        yield _PACKAGE.format(package=ref)
        if role == system.base:
            yield _BASE.format(package=ref)
        else:
            yield _PROGRAMS.format(package=ref, role=shlex.quote(role))
    zone = f"/share/zoneinfo/{system.time_zone}"
    yield f'ln -s {zone} "$out/etc/localtime"'
    if system.time_zone != "UTC":
        yield f'test -f "$out{zone}" || {{ echo "no package has {zone}"; exit 1; }}'


_KERNEL = """\
if test ! -f {package}/boot/bzImage
then
    echo "the system's kernel is no kernel: {role} has no boot/bzImage"
    exit 1
fi
ln -s {package}/boot/bzImage "$out/boot/bzImage"
"""
# A folder that one package has is a link, and one that several have holds links into each. Of files
# of one name, the system's own stays (it is no link), and so does another package's before the
# base's; any other two have to be equal.
_LAY = """\
base=
lay() (
    place=$2/${1##*/}
    if test ! -e "$1" && test ! -L "$1"
    then
        :
    elif test ! -e "$place" && test ! -L "$place"
    then
        ln -s "$1" "$place"
    elif test -d "$1" && test -d "$place"
    then
        if test -L "$place"
        then
            former=$(readlink "$place")
            rm "$place"
            mkdir "$place"
            for each in "$former"/*; do lay "$each" "$place"; done
        fi
        for each in "$1"/*; do lay "$each" "$place"; done
    elif test -n "$base" || { test -f "$place" && test ! -L "$place"; } || cmp -s "$1" "$place"
    then
        :
    else
        other=$(readlink "$place" || echo "a folder of another")
        echo "two packages have the file ${place#"$out/"}: $1 and $other"
        exit 1
    fi
)"""
_PACKAGE = """\
for each in {package}/share/*
do
    case ${{each##*/}} in
        doc | info) ;;
        *) lay "$each" "$out/share" ;;
    esac
done"""
_BASE = """\
for each in {package}/bin/*
do
    test -e "$out/bin/${{each##*/}}" || ln -s "$each" "$out/bin/"
done"""
_PROGRAMS = """\
for each in {package}/bin/*
do
    test -e "$each" || continue
    name=${{each##*/}}
    if test -e "$out/bin/$name"
    then
        echo "two packages have the program $name: {role} and $(readlink "$out/bin/$name")"
        exit 1
    fi
    ln -s "$each" "$out/bin/$name"
done"""
