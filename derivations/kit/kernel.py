"""Packages of the kernel's kind: a configuration, then make."""

from __future__ import annotations

from derivations.kit.build import BUILD_TOOLS, Build, Phase, check_settings
from derivations.kit.checked import checked
from store.errors import EvaluationError

_PATTERN = "[]\\*^$"
"""Characters that a pattern of grep's takes for more than themselves; a dot fits a dot, too."""


def _kept(setting: str) -> str:
    """Return the line that fails if the configuration is another."""
    name, _, value = setting.partition("=")
    if value == "n":
        return f"if grep '^{name}=' /build/src/.config; then exit 1; fi"
    if any(char in setting for char in _PATTERN):
        return f"grep -qxF -e '{setting}' /build/src/.config"
    return f"grep -q '^{setting}$' /build/src/.config"


@checked
def kernel(
    base: str,
    *settings: str,
    variables: tuple[str, ...] = (),
    build: str = "",
    install: tuple[str, ...],
    tools: tuple[str, ...] = (),
) -> Build:
    """The configuration that ``make BASE`` writes, with ``settings`` (``NAME=value``; ``n`` takes
    one out) over it; make in the source's tree; and ``install`` lines."""
    check_settings(settings, "kernel")
    for setting in settings:
        if "'" in setting or "\n" in setting:
            raise EvaluationError(
                f"kernel() has the setting {setting[:80]!r}, with a quotation mark or a line's end",
                hint='texts of a configuration stand between "',
            )
    words = " ".join(("make -C /build/src", *variables))
    lines = [f"{words} {base}"]
    for setting in settings:
        name, _, value = setting.partition("=")
        lines.append(f"sed -i '/^{name}=/d; /^# {name} is not set/d' /build/src/.config")
        # A setting that is not there takes its default, which may be yes.
        line = f"# {name} is not set" if value == "n" else setting
        lines.append(f"echo '{line}' >> /build/src/.config")
    # Settings that come with the others take their defaults; one that was not kept is an error.
    lines.append(f"yes '' 2> /dev/null | {words} oldconfig > /build/obj/oldconfig")
    lines += [_kept(setting) for setting in settings]
    return Build(
        (
            Phase("configure", tuple(lines)),
            Phase("build", (f"{words} {build}".rstrip(),)),
            Phase("install", ("cd /build/src", *install)),
        ),
        (*BUILD_TOOLS, *tools),
        in_tree=True,
    )
