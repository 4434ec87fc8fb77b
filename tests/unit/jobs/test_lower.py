"""Lowering fills in a request, and can move a build to other scratch paths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import OtherSystem
from store.jobs.lower import SYSTEM, BuildLimits, build_request, check_system, scratch_ids
from store.layout.paths import Layout
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Resolved
from store.model.identity import scratch_path
from store.model.names import ObjectId
from store.scheduler.build_options import BuildOptions
from store.scheduler.realise import Realiser

ROOT = ObjectId(b"\1" * 20, "root")
INPUT = ObjectId(b"\2" * 20, "input")
BUILD = Resolved(
    name="gcc-14",
    system="x86_64-linux",
    builder="/bin/sh",
    args=("-c", f"echo > {scratch_path('gcc-14')}"),
    env=(("lib", scratch_path("gcc-14", "lib")), ("out", scratch_path("gcc-14"))),
    rootfs=ROOT,
    inputs=(INPUT,),
    outputs=("out", "lib"),
    files=(("build.sh", f"cp x {scratch_path('gcc-14', 'lib')}"), ("empty", "")),
)


def test_a_request_names_objects_and_scratch_paths() -> None:
    limits = BuildLimits(4, timeout=60.0, disk_reserve=5)
    request = build_request(Layout("/s"), BUILD, (ROOT, INPUT), "/s/tmp/w", limits)
    assert request.store_dir == "/s/store"
    assert request.rootfs == str(ROOT)
    assert request.inputs == (str(ROOT), str(INPUT))
    assert request.outputs == tuple(str(oid) for oid in scratch_ids(BUILD).values())
    assert (request.cores, request.timeout, request.disk_reserve) == (4, 60.0, 5)
    assert request.args == BUILD.args
    assert request.files == BUILD.files


def test_a_salt_moves_every_mention_of_the_scratch_paths() -> None:
    usual = build_request(Layout("/s"), BUILD, (), "/w", BuildLimits(1))
    moved = build_request(Layout("/s"), BUILD, (), "/w", BuildLimits(1), salt="audit")
    text = repr(moved)
    assert not any(oid.text in text for oid in scratch_ids(BUILD).values())
    assert all(text.count(oid.text) for oid in scratch_ids(BUILD, "audit").values())
    assert len(repr(usual)) == len(text)
    assert moved.files[0] == ("build.sh", f"cp x /store/{moved.outputs[1]}")
    assert moved.env[1] == ("out", f"/store/{moved.outputs[0]}")


@pytest.mark.parametrize(
    "system", ["riscv64-linux", "aarch64-linux", "i686-linux", "x86_64-darwin", "", "X86_64-linux"]
)
def test_a_build_for_another_system_is_refused(system: str) -> None:
    with pytest.raises(OtherSystem, match="and this machine is x86_64-linux") as caught:
        build_request(Layout("/s"), replace(BUILD, system=system), (), "/w", BuildLimits(1))
    assert caught.value.hint


def test_a_builtin_is_done_on_every_machine() -> None:
    check_system(replace(BUILD, system="riscv64-linux", builder="builtin:unpack", files=()))
    check_system(BUILD)


def test_a_plan_with_a_build_for_another_system_is_refused(
    tmp_path: Path,
) -> None:
    here = Derivation("here", SYSTEM, "/bin/sh")
    there = Derivation("there", "riscv64-linux", "/bin/sh", inputs=(here.ref(),))
    catalogue = Catalogue({}, {node.digest: node for node in (here, there)})
    realiser = Realiser(Store.open(str(tmp_path / "root")), catalogue, BuildOptions(1, 1))
    assert realiser.plan([here.ref()]).builds == (here.digest,)
    with pytest.raises(OtherSystem, match="there is built on 'riscv64-linux' only"):
        realiser.plan([there.ref()])
