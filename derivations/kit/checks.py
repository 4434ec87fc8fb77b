"""``NAME.check``: a build of its own whose input is the package, so a new check rebuilds nothing.

Each check can be waived, with a reason: ``static``, ``version``, ``version PROGRAM``, ``pc``,
``pc NAME``, ``paths``, ``scripts``, ``references``.

Each fault is two lines: the file with its fault, and the remedy in the recipe.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from derivations.kit.build import Phase
from derivations.kit.recipe import Recipe
from derivations.kit.script import BUILD, assignments, own_phase_lines, phase_lines
from derivations.kit.world_script import view_lines
from store.errors import EvaluationError
from store.model.derivation import Ref

CHECKS = ("static", "version", "pc", "paths", "scripts", "references")
_PC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
"""The name of a ``.pc`` file as a pattern of the shell that fits nothing else."""


def check_script(
    recipe: Recipe,
    package: Ref,
    result: str,
    libraries: Sequence[Ref],
    allowed: Sequence[Ref],
    others: Mapping[str, Ref] = MappingProxyType({}),
) -> str:
    """The text of the check of ``package``. Its output, at ``result``, holds the findings.
    ``libraries`` are those that the package needs, itself the first; ``allowed`` are the objects
    that it may refer to. Its outputs but ``out`` are ``others``, by name: they may refer to each
    other, and each is looked at."""
    allowed = (*allowed, *others.values())
    waived = {name for name, _ in recipe.waive}
    _check_waivers(recipe)
    lines = ["set -eu", *_FAULTS, f"cd {BUILD}", f"out={package}", f"result={result}"]
    lines += assignments({name: str(ref) for name, ref in others.items()})
    lines += [*view_lines(libraries), f"mkdir {BUILD}/obj", 'mkdir "$result"']
    lines += [_waiver_line(name, reason) for name, reason in recipe.waive]
    for phase in _phases(recipe, package, allowed, waived):
        lines += phase
    for name, ref in others.items():
        for phase in _phases_of_other(name, ref, package, allowed, waived):
            lines += phase
    return "\n".join(lines) + "\n"


def _waiver_line(name: str, reason: str) -> str:
    """Return the line that writes a waived check and its reason down, for those who ask."""
    words = shlex.quote(name), shlex.quote(" ".join(reason.split()))
    return f"printf '%s\\t%s\\n' {' '.join(words)} >> \"$result/waived\""


def _check_waivers(recipe: Recipe) -> None:
    programs = {words.split()[0] for words in recipe.programs}
    for name, _ in recipe.waive:
        check, space, which = name.partition(" ")
        one = (check == "version" and which in programs) or (
            check == "pc" and _PC_NAME.fullmatch(which)
        )
        if not one if space else check not in CHECKS:
            raise EvaluationError(
                f"the recipe {recipe.name!r} waives {name!r}",
                hint=f"checks: {', '.join(CHECKS)}; version PROGRAM, pc NAME",
            )


def _phases(
    recipe: Recipe, package: Ref, allowed: Sequence[Ref], waived: set[str]
) -> Iterable[list[str]]:
    """Yield the lines of each phase."""
    yield phase_lines(Phase("programs", tuple(_programs(recipe, waived))))
    if "static" not in waived:
        yield own_phase_lines("static", _STATIC)
    if "pc" not in waived:
        skipped = sorted(name.split()[1] for name in waived if name.startswith("pc "))
        yield phase_lines(_pkg_config(tuple(skipped)))
    if "paths" not in waived:
        yield own_phase_lines("paths", _PATHS)
    if "scripts" not in waived:
        yield own_phase_lines("scripts", _scripts(allowed))
    if "references" not in waived:
        yield own_phase_lines("references", _references(package, allowed))
    if recipe.check:
        yield phase_lines(Phase("check", tuple(_own(recipe.check))))


def _phases_of_other(
    name: str, ref: Ref, package: Ref, allowed: Sequence[Ref], waived: set[str]
) -> Iterable[list[str]]:
    """Yield the lines of each phase for another output than ``out``, which is ``$out`` here. The
    licence is in the first one."""
    checks = {
        "static": _STATIC,
        "paths": _PATHS[:-1],
        "scripts": tuple(_scripts((package, *allowed))),
        "references": tuple(_references(package, allowed)),
    }
    for check, lines in checks.items():
        if check not in waived:
            yield own_phase_lines(f"{check}-{name.replace('_', '-')}", (f"out={ref}", *lines))


@cache
def _pkg_config(skipped: tuple[str, ...]) -> Phase:
    return Phase("pkg-config", tuple(_libraries(skipped)))


_FAULTS = (
    'fault() { echo "$1"; echo "  in the recipe: $2"; exit 1; }',
    "step=",
    "trap '"
    'test $? = 0 || test -z "$step" || echo "this line of check in the recipe fails: $step"'
    "' EXIT",
)
"""The beginning of every check. A line of the recipe's own may say nothing when it fails."""


def _own(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        yield f"step={shlex.quote(line)}"
        yield line


def _fault(wrong: str, remedy: str) -> str:
    """Return the command that ends the check. ``wrong`` and ``remedy`` stand between double
    quotation marks: variables of the shell are put in."""
    return f'fault "{wrong}" "{remedy}"'


def _if(command: str, wrong: str, remedy: str) -> str:
    """Return the command that ends the check if another one finds anything: its output ends the
    sentence about the fault."""
    return f"if {command} > found; then {_fault(f'{wrong}: $(head -n 20 found)', remedy)}; fi"


def _unless(command: str, wrong: str, remedy: str) -> str:
    """Return the command that ends the check if another one fails."""
    return f"{command} || {_fault(wrong, remedy)}"


def _literal(text: str) -> str:
    """Return a text of the recipe's as it stands between double quotation marks."""
    return re.sub(r'(["$`\\])', r"\\\1", text)


def _waiver(check: str) -> str:
    return f"waive=(('{check}', 'the reason'),)"


def _programs(recipe: Recipe, waived: set[str]) -> Iterable[str]:
    """Each program is there, and says the version that is pinned."""
    install = r"install files below \$out, in folders such as bin and share"
    yield _unless('test -d "$out"', "$out: is no folder", install)
    for words in recipe.programs:
        name, _, arguments = words.partition(" ")
        program, said = f'"$out/bin/{name}"', arguments or "--version"
        there = f"$out/bin/{name}: there is no such program; bin has $(ls $out/bin | tr '\\n' ' ')"
        named = f"programs names {name}: install it, or write the name that it has"
        yield _unless(f"test -x {program}", there, named)
        if waived.isdisjoint(("version", f"version {name}")):
            yield f"{program} {said} > said 2>&1 < /dev/null || true"
            other = f"with {_literal(said)} it does not say {recipe.version}, but: $(head said)"
            yield _unless(
                f'grep -qF -e "{recipe.version}" said',
                f"$out/bin/{name}: {other}",
                f"programs=('{name} WORDS',), with the words that make it say its version,"
                f" or {_waiver(f'version {name}')}",
            )
            yield f'grep -m 1 -F -e "{recipe.version}" said | head -c 200 >> "$result/versions"'


_STATIC = (
    # Of what is no ELF file it complains, which says nothing; without it nothing would be found.
    "command -v readelf",
    # It says the name of a file if there are several: the first is one that is not read.
    'find "$out" -type f \\( -perm -100 -o -name "*.so*" \\) -exec readelf -hldW /dev/null {} +'
    " > headers 2> errors || true",
    r"""awk '/^File: / { file = $0 } /INTERP|\(NEEDED\)/ { print file ":" $0 }' headers > loaded""",
    _if(
        "grep . loaded",
        "asks for a loader or a library",
        rf"link it statically (does its build heed \$LDFLAGS?), or {_waiver('static')}",
    ),
    _if(
        'find "$out" -name "*.so" -o -name "*.so.*" | grep .',
        "is a shared library",
        "an option of build such as --disable-shared, or a line that removes it;"
        f" or {_waiver('static')}",
    ),
)

_PATHS = (
    _if(
        'find "$out" -name "*.la" | grep .',
        "is a file of libtool",
        f"a line of build that removes it, or {_waiver('paths')}",
    ),
    _if(
        'ls -d "$out/share/info" 2> /dev/null',
        "holds manuals of a form that nothing here reads",
        f"a line of build that removes it, or {_waiver('paths')}",
    ),
    _if(
        f'grep -rlF -e {BUILD}/ "$out"',
        "holds a path of the build",
        "an option of build that keeps it out, or a line that changes the file (sed -i);"
        f" or {_waiver('paths')}",
    ),
    _unless(
        'test -n "$(ls "$out/share/licenses" 2> /dev/null)"',
        "$out/share/licenses: no licence is installed",
        "licences=('FILE',), the files of the source that hold it",
    ),
)


def _libraries(skipped: Iterable[str]) -> Iterable[str]:
    """A program links with each library that pkg-config knows."""
    cases = "".join(f"        {name}) continue ;;\n" for name in skipped)
    case = f"    case $name in\n{cases}    esac\n" if cases else ""
    waiver = _waiver("pc $name")
    known = _unless(
        'flags=$(pkg-config --cflags --libs "$name")',
        "$file: pkg-config does not find all that it requires",
        f"add it to needs, or {waiver}",
    )
    links = _unless(
        "$CXX -x c++ main.c -x none -o main $flags",
        "$file: no program links with $flags",
        f"add the library that is missing to needs, or {waiver}",
    )
    runs = _unless("./main", "$file: a program linked with $flags does not run", waiver)
    yield "echo 'int main(void) { return 0; }' > main.c"
    yield (
        'for file in "$out"/lib/pkgconfig/*.pc "$out"/share/pkgconfig/*.pc\n'
        "do\n"
        '    test -f "$file" || continue\n'
        "    name=${file##*/}\n"
        "    name=${name%.pc}\n"
        f"{case}"
        f"    {known}\n"
        f"    {links}\n"
        f"    {runs}\n"
        '    echo "$name" >> "$result/linked"\n'
        "done"
    )


def _scripts(allowed: Sequence[Ref]) -> Iterable[str]:
    """A script's interpreter is one of the system's, or of an object that the package runs."""
    folders = ["/bin", *map(str, allowed)]
    patterns = " | ".join(f"'#!{space}{each}/'*" for each in folders for space in ("", " "))
    other = _fault(
        "$file: its interpreter is neither in /bin nor of a package that it runs: $first",
        f"runs=('ROLE',) and a line of build that writes its path, or {_waiver('scripts')}",
    )
    yield (
        'find "$out" -type f -perm -100 | while read -r file\n'
        "do\n"
        "    first=$(head -c 120 \"$file\" | tr -d '\\0' | head -n 1)\n"
        "    case $first in\n"
        f'        {patterns} | "#!$out/"*) ;;\n'
        f"        '#!'*) {other} ;;\n"
        "    esac\n"
        "done"
    )


def _references(package: Ref, allowed: Sequence[Ref]) -> Iterable[str]:
    """No object is referred to but those that the recipe names; all there are stand in /store."""
    yield f'echo "{package}" > allowed'
    for ref in allowed:
        yield f'echo "{ref}" >> allowed'
    yield "ls -d /store/* | grep -vxFf allowed > others || true"
    yield "sed 's|/store/||; s|-.*||' others > digests"
    # Without any, grep would take each line for one of them.
    yield (
        'if test -s digests && grep -rlFf digests "$out" > files\n'
        "then\n"
        "    while read -r file\n"
        "    do\n"
        '        named=$(grep -aohFf digests "$file" | sort -u | grep -Ff - others)\n'
        '        echo "$file: refers to" $named\n'
        "    done < files > found\n"
        f"    {_REFERRING}\n"
        "fi"
    )


_REFERRING = _fault(
    "$(head -n 20 found)",
    "runs=('ROLE',) if its programs run or read that, or a line of build that removes the path;"
    f" or {_waiver('references')}",
)
