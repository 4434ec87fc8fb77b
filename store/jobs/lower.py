"""Lowering: a resolved derivation becomes a request to the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from store.errors import OtherSystem
from store.layout.paths import Layout
from store.model import identity
from store.model.derivation import BUILTIN, Derivation, Resolved
from store.model.names import ObjectId
from store.sandbox.log_limit import MAX_LOG
from store.sandbox.request import BuildRequest
from store.system import kernel


@dataclass(frozen=True)
class BuildLimits:
    """The resources of a build. Times in seconds, ``disk_reserve`` in bytes that must stay free,
    ``max_log`` in bytes."""

    cores: int
    timeout: float | None = None
    max_silent: float | None = None
    disk_reserve: int = 0
    max_log: int = MAX_LOG


def scratch_ids(resolved: Resolved, salt: str = "") -> dict[str, ObjectId]:
    """Return where each output is built, by output name."""
    return {output: identity.scratch(resolved.name, output, salt) for output in resolved.outputs}


SYSTEM: Final = f"{kernel.machine()}-linux"
"""The system that this machine builds for. Another one needs an executor, and there is none yet."""


def check_system(node: Derivation | Resolved) -> None:
    """Raise ``OtherSystem`` for a derivation that cannot be built here. A builtin is our own work,
    and the same on every machine."""
    if node.system != SYSTEM and not node.builder.startswith(BUILTIN):
        raise OtherSystem(node.name, node.system, SYSTEM)


def build_request(
    layout: Layout,
    resolved: Resolved,
    closure: Sequence[ObjectId | str],
    work_dir: str,
    limits: BuildLimits,
    *,
    salt: str = "",
    log: str | None = None,
    jobserver: tuple[int, int] | None = None,
) -> BuildRequest:
    """Return the request that builds ``resolved`` in the physical folder ``work_dir``, where the
    log is too unless another ``log`` is given.

    ``closure`` holds the inputs and the root file system with everything they refer to, or of each
    its ``<digest>-<name>``. A ``salt`` builds at other scratch paths than the usual ones. Raises
    ``OtherSystem``.
    """
    check_system(resolved)
    if salt:
        resolved = _moved(resolved, salt)
    scratch = scratch_ids(resolved, salt)
    return BuildRequest(
        name=resolved.name,
        builder=resolved.builder,
        args=resolved.args,
        env=resolved.env,
        files=resolved.files,
        store_dir=layout.objects,
        rootfs=None if resolved.rootfs is None else str(resolved.rootfs),
        inputs=tuple(map(str, closure)),
        outputs=tuple(str(oid) for oid in scratch.values()),
        work_dir=work_dir,
        log_path=log or f"{work_dir}/log",
        jobserver=jobserver,
        cores=limits.cores,
        timeout=limits.timeout,
        max_silent=limits.max_silent,
        disk_reserve=limits.disk_reserve,
        max_log=limits.max_log,
    )


def _moved(resolved: Resolved, salt: str) -> Resolved:
    usual, other = scratch_ids(resolved), scratch_ids(resolved, salt)

    def move(text: str) -> str:
        for output in resolved.outputs:
            text = text.replace(usual[output].text, other[output].text)
        return text

    return replace(
        resolved,
        builder=move(resolved.builder),
        args=tuple(map(move, resolved.args)),
        env=tuple((key, move(value)) for key, value in resolved.env),
        files=tuple((path, move(text)) for path, text in resolved.files),
    )
