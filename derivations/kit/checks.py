"""``NAME.check``: a build of its own whose input is the package, so a new check rebuilds nothing.

Each check can be waived, with a reason: ``static``, ``version``, ``version PROGRAM``, ``pc``,
``pc NAME``, ``paths``, ``scripts``, ``references``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from derivations.kit.build import Phase
from derivations.kit.recipe import Recipe
from derivations.kit.script import BUILD, phase_lines
from derivations.kit.world_script import view_lines
from store.errors import EvaluationError
from store.model.derivation import Ref

CHECKS = ("static", "version", "pc", "paths", "scripts", "references")


def check_script(
    recipe: Recipe, package: Ref, result: str, libraries: Sequence[Ref], allowed: Sequence[Ref]
) -> str:
    """The text of the check of ``package``. Its output, at ``result``, holds the findings.
    ``libraries`` are those that the package needs, itself the first; ``allowed`` are the objects
    that it may refer to."""
    waived = {name for name, _ in recipe.waive}
    _check_waivers(recipe)
    lines = ["set -eu", f"cd {BUILD}", f"out={package}", f"result={result}"]
    lines += [*view_lines(libraries), f"mkdir {BUILD}/obj", 'mkdir "$result"']
    lines += [_waiver_line(name, reason) for name, reason in recipe.waive]
    for phase in _phases(recipe, package, allowed, waived):
        lines += phase_lines(phase)
    return "\n".join(lines) + "\n"


def _waiver_line(name: str, reason: str) -> str:
    """Return the line that writes a waived check and its reason down, for those who ask."""
    words = shlex.quote(name), shlex.quote(" ".join(reason.split()))
    return f"printf '%s\\t%s\\n' {' '.join(words)} >> \"$result/waived\""


def _check_waivers(recipe: Recipe) -> None:
    programs = {words.split()[0] for words in recipe.programs}
    for name, _ in recipe.waive:
        check, _, which = name.partition(" ")
        known = check in CHECKS and (not which or check == "pc" or which in programs)
        if not known or (which and check not in ("version", "pc")):
            raise EvaluationError(
                f"the recipe {recipe.name!r} waives {name!r}",
                hint=f"checks: {', '.join(CHECKS)}; version PROGRAM, pc NAME",
            )


def _phases(
    recipe: Recipe, package: Ref, allowed: Sequence[Ref], waived: set[str]
) -> Iterable[Phase]:
    yield Phase("programs", tuple(_programs(recipe, waived)))
    if "static" not in waived:
        yield Phase("static", _STATIC)
    if "pc" not in waived:
        skipped = [name.split()[1] for name in waived if name.startswith("pc ")]
        yield Phase("pkg-config", tuple(_libraries(skipped)))
    if "paths" not in waived:
        yield Phase("paths", _PATHS)
    if "scripts" not in waived:
        yield Phase("scripts", tuple(_scripts(allowed)))
    if "references" not in waived:
        yield Phase("references", tuple(_references(package, allowed)))
    if recipe.check:
        yield Phase("check", recipe.check)


def _programs(recipe: Recipe, waived: set[str]) -> Iterable[str]:
    """Each program is there, and says the version that is pinned."""
    yield 'test -d "$out"'
    for words in recipe.programs:
        name, _, arguments = words.partition(" ")
        yield f'test -x "$out/bin/{name}"'
        if waived.isdisjoint(("version", f"version {name}")):
            yield f'"$out/bin/{name}" {arguments or "--version"} > said 2>&1 < /dev/null || true'
            yield f'grep -F -e "{recipe.version}" said || {{ head said; exit 1; }}'
            yield f'grep -m 1 -F -e "{recipe.version}" said | head -c 200 >> "$result/versions"'


_STATIC = (
    # Of what is no ELF file it complains, which says nothing; without it nothing would be found.
    "command -v readelf",
    'find "$out" -type f \\( -perm -100 -o -name "*.so*" \\) -exec readelf -hldW {} +'
    " > headers 2> errors || true",
    "if grep -E 'INTERP|\\(NEEDED\\)' headers; then exit 1; fi",
    'if find "$out" -name "*.so" -o -name "*.so.*" | grep .; then exit 1; fi',
)

_PATHS = (
    'if find "$out" -name "*.la" | grep .; then exit 1; fi',
    'if test -d "$out/share/info"; then exit 1; fi',
    f'if grep -rlF -e {BUILD}/ "$out"; then echo "a path of the build"; exit 1; fi',
    'test -n "$(ls "$out/share/licenses")"',
)


def _libraries(skipped: Iterable[str]) -> Iterable[str]:
    """A program links with each library that pkg-config knows."""
    cases = "".join(f"        {name}) continue ;;\n" for name in sorted(skipped))
    case = f"    case $name in\n{cases}    esac\n" if cases else ""
    yield "echo 'int main(void) { return 0; }' > main.c"
    yield (
        'for file in "$out"/lib/pkgconfig/*.pc "$out"/share/pkgconfig/*.pc\n'
        "do\n"
        '    test -f "$file" || continue\n'
        "    name=${file##*/}\n"
        "    name=${name%.pc}\n"
        f"{case}"
        '    flags=$(pkg-config --cflags --libs "$name")\n'
        "    $CXX -x c++ main.c -x none -o main $flags\n"
        "    ./main\n"
        '    echo "$name" >> "$result/linked"\n'
        "done"
    )


def _scripts(allowed: Sequence[Ref]) -> Iterable[str]:
    """A script's interpreter is one of the system's, or of an object that the package runs."""
    folders = ["/bin", *map(str, allowed)]
    patterns = " | ".join(f"'#!{space}{each}/'*" for each in folders for space in ("", " "))
    yield (
        'find "$out" -type f -perm -100 | while read -r file\n'
        "do\n"
        "    first=$(head -c 120 \"$file\" | tr -d '\\0' | head -n 1)\n"
        "    case $first in\n"
        f'        {patterns} | "#!$out/"*) ;;\n'
        "        '#!'*) echo \"$file: $first\"; exit 1 ;;\n"
        "    esac\n"
        "done"
    )


def _references(package: Ref, allowed: Sequence[Ref]) -> Iterable[str]:
    """No object is referred to but those that the recipe names; all there are stand in /store."""
    yield f'echo "{package}" > allowed'
    for ref in allowed:
        yield f'echo "{ref}" >> allowed'
    yield "ls -d /store/* | grep -vxFf allowed | sed 's|/store/||; s|-.*||' > digests"
    yield 'if test -s digests && grep -rlFf digests "$out"; then cat digests; exit 1; fi'
