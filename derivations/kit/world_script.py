"""The script of a package of the world, as the file ``/build/build.sh``.

It makes one tree of the libraries that are linked in, applies the patches, runs the phases, and
takes the licence along.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from derivations.kit.build import TRIPLET, Phase
from derivations.kit.recipe import Recipe
from derivations.kit.script import BUILD, assignments, patch_lines, phase_lines, source_lines
from store.model.derivation import Ref

NEEDS = f"{BUILD}/needs"
PATCHES = "patches"
NAME = "build.sh"
INSTALL = "install"
"""The phase that writes the output, whatever the maker."""

ENVIRONMENT = (
    ("CMAKE_PREFIX_PATH", NEEDS),
    ("CPLUS_INCLUDE_PATH", f"{NEEDS}/include"),
    ("C_INCLUDE_PATH", f"{NEEDS}/include"),
    ("LIBRARY_PATH", f"{NEEDS}/lib"),
    ("PKG_CONFIG", f"{TRIPLET}-pkg-config"),
    ("PKG_CONFIG_PATH", f"{NEEDS}/lib/pkgconfig:{NEEDS}/share/pkgconfig"),
)
"""How compilers and build systems find the libraries: no option names them, so none is recorded."""


def build_script(
    recipe: Recipe, variables: Mapping[str, str], libraries: Sequence[Ref], patches: Sequence[str]
) -> str:
    """The text of a build; ``libraries`` are all that are linked in, ``patches`` paths of ours."""
    phases = (*recipe.build.phases, *_last_phases(recipe))
    return _script(recipe, variables, libraries, patches, phases)


def upstream_script(
    recipe: Recipe, variables: Mapping[str, str], libraries: Sequence[Ref], patches: Sequence[str]
) -> str:
    """The text of the build again, with upstream's own tests in the place of the installation.

    ``$out`` is the package, and ``$result`` the output: an empty file, so that no clock and no
    order of tests is in it. The log has the summary.
    """
    phases = [phase for phase in recipe.build.phases if phase.name != INSTALL]
    phases += [Phase("upstream", recipe.upstream), Phase("result", (': > "$result"',))]
    return _script(recipe, variables, libraries, patches, phases)


def _script(
    recipe: Recipe,
    variables: Mapping[str, str],
    libraries: Sequence[Ref],
    patches: Sequence[str],
    phases: Iterable[Phase],
) -> str:
    lines = ["set -eu", f"cd {BUILD}", *assignments(variables), *view_lines(libraries)]
    lines += [*source_lines(recipe), *patch_lines(recipe, patches)]
    for phase in phases:
        lines += phase_lines(phase)
    return "\n".join(lines) + "\n"


def view_lines(libraries: Iterable[Ref]) -> Iterable[str]:
    """Yield the lines that link the files of all libraries into one tree.

    Texts that hold a library's own path are copied, and name the tree instead: no path of a library
    can get into an output.
    """
    paths = " ".join(str(ref) for ref in libraries)
    if not paths:
        return
    yield f"mkdir {NEEDS}"
    yield f"for need in {paths}"
    yield "do"
    yield "    for part in include lib share"
    yield "    do"
    yield '        if test -d "$need/$part"'
    yield f'        then cp -Rs --no-preserve=mode "$need/$part" {NEEDS}/'
    yield "        fi"
    yield "    done"
    yield (
        '    find "$need" \\( -type f -o -type l \\)'
        " \\( -name '*.pc' -o -name '*.cmake' -o -path '*/bin/*-config' \\) > texts"
    )
    yield "    while read -r text"
    yield "    do"
    yield f'        copy={NEEDS}${{text#"$need"}}'
    yield '        mkdir -p "${copy%/*}"'
    yield '        rm -f "$copy"'
    yield f'        sed "s|$need|{NEEDS}|g" "$text" > "$copy"'
    yield '        case $copy in *-config) chmod 755 "$copy" ;; esac'
    yield "    done < texts"
    yield "done"
    yield f"PATH=$PATH:{NEEDS}/bin"


def _last_phases(recipe: Recipe) -> Iterable[Phase]:
    """No manuals of another form than the system's; and the licence, which each package has."""
    folder = f'"$out/share/licenses/{recipe.name}"'
    named = [f"cp -R --no-preserve=mode {shlex.quote(name)} {folder}/" for name in recipe.licences]
    find = (
        "find . -maxdepth 1 -type f \\( -iname 'copying*' -o -iname 'licen[cs]e*'"
        " -o -iname 'copyright*' -o -iname 'unlicense*' \\)"
        f" -exec cp --no-preserve=mode {{}} {folder}/ \\;"
    )
    tidy = (
        'rm -rf "$out/share/info" "$out/share/doc" "$out/share/gtk-doc"',
        'find "$out" -name "*.la" -exec rm {} +',
    )
    if recipe.source is None and not recipe.licences:
        yield Phase("tidy", tidy)
        return
    yield Phase(
        "tidy",
        (
            *tidy,
            f"mkdir -p {folder}",
            f"cd {BUILD}/src",
            find,
            *named,
            f'test -n "$(ls {folder})" || {{ echo "no file of the licence was found"; exit 1; }}',
        ),
    )
