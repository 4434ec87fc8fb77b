"""A shell in the sandbox of a build before anything ran, with each phase as a function to call."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from store.errors import UsageError
from store.jobs.lower import BuildLimits, build_request
from store.layout.paths import Layout
from store.model.derivation import BUILTIN, Resolved
from store.model.names import ObjectId
from store.model.phase_script import PhaseScript, phase_script
from store.sandbox.request import BuildRequest

FOLDER = "/tmp/phases"
"""The folder, as the shell sees it, with a script for each phase."""

FUNCTIONS = f"{FOLDER}/functions"
"""The file that the shell reads at its start."""


def phase_shell(
    layout: Layout,
    resolved: Resolved,
    closure: Sequence[ObjectId | str],
    work_dir: str,
    *,
    cores: int,
    line: str | None = None,
) -> BuildRequest:
    """Return the request for a shell in the sandbox of a build, or for this shell ``line``.

    The phases are written into ``work_dir``, which is empty. Raises UsageError for a node that is
    built without a sandbox, and OtherSystem.
    """
    if resolved.builder.startswith(BUILTIN):
        raise UsageError(
            f"{resolved.name} is unpacked by the store itself: there is no sandbox to enter"
        )
    _write(f"{work_dir}/tmp", resolved)
    request = build_request(layout, resolved, closure, work_dir, BuildLimits(cores=cores))
    if line is not None:
        return replace(request, builder="/bin/sh", args=("-c", f". {FUNCTIONS}\n{line}"))
    # Read by interactive shells alone; the file removes the variable again.
    env = (*request.env, ("ENV", FUNCTIONS))
    return replace(request, builder="/bin/sh", args=("-i",), env=env)


def _write(folder: str, resolved: Resolved) -> None:
    os.makedirs(f"{folder}/phases")
    for name, text in _files(resolved).items():
        with open(f"{folder}/phases/{name}", "x", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), 0o644)  # the build's user reads it, whatever our umask
    os.chmod(f"{folder}/phases", 0o755)


def _files(resolved: Resolved) -> dict[str, str]:
    """Return the shell's files: a script of its own for each phase, since a phase may end its
    shell."""
    script = phase_script(resolved)
    if script is None:
        build = shlex.join([resolved.builder, *resolved.args])
        script = PhaseScript("", "", (("build", f"exec {build}\n"),))
    files = {"prepare": script.variables + script.preparation}
    for at, (name, text) in enumerate(script.phases):
        file = re.sub(r"\W", "_", name, flags=re.ASCII)
        if file in files or file in ("functions", "all"):
            file = f"{file}_{at}"
        files[file] = script.variables + text
    names = [name for name in files if name != "prepare"]
    return files | {"functions": script.variables + _functions(names)}


def _functions(names: Sequence[str]) -> str:
    lines = [
        "unset ENV",
        "cd /build",
        f"/bin/sh -eu {FOLDER}/prepare || echo 'the preparation failed' >&2",
        *(f"phase_{name}() {{ /bin/sh -eu {FOLDER}/{name}; }}" for name in names),
        f'phase_all() {{ for each in {" ".join(names)}; do "phase_$each" || return; done; }}',
        "case $- in *i*)",
        f"  echo 'in order: {' '.join(f'phase_{name}' for name in names)}; all of them: phase_all'",
        f"  echo 'their scripts are in {FOLDER}'",
        "esac",
    ]
    return "\n".join(lines) + "\n"
