"""Packages of the kernel's kind: a configuration, then make."""

from __future__ import annotations

from derivations.kit.build import BUILD_TOOLS, Build, Phase


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
    words = " ".join(("make -C /build/src", *variables))
    lines = [f"{words} {base}"]
    for setting in settings:
        name, _, value = setting.partition("=")
        lines.append(f"sed -i '/^{name}=/d; /^# {name} is not set/d' /build/src/.config")
        if value != "n":
            lines.append(f"echo '{name}={value}' >> /build/src/.config")
    # Settings that come with the others take their defaults; one that was not kept is an error.
    lines.append(f"yes '' 2> /dev/null | {words} oldconfig > /build/obj/oldconfig")
    lines += [
        f"grep -q '^{setting}$' /build/src/.config"
        for setting in settings
        if not setting.endswith("=n")
    ]
    return Build(
        (
            Phase("configure", tuple(lines)),
            Phase("build", (f"{words} {build}".rstrip(),)),
            Phase("install", ("cd /build/src", *install)),
        ),
        (*BUILD_TOOLS, *tools),
        in_tree=True,
    )
