"""The inputs that a job reads belong to the identity of its result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store.job_errors import BuildFailed
from store.jobs.job import Job, unpack
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.model.names import ObjectId

MINE, FOREIGN = ObjectId(b"\1" * 20, "mine"), ObjectId(b"\2" * 20, "foreign")


@pytest.mark.parametrize("args", [(FOREIGN,), (MINE, FOREIGN)])
def test_an_archive_that_is_no_input_is_not_unpacked(args: tuple[ObjectId, ...]) -> None:
    node = Resolved(
        name="tree",
        system="x86_64-linux",
        builder="builtin:unpack",
        args=tuple(f"archive={oid.path}" for oid in args),
        inputs=(MINE,),
    )
    job = Job(digest=b"", key=b"", node=node, work_dir="/nothing")
    with pytest.raises(BuildFailed, match="foreign is not among its inputs"):
        unpack(Layout("/nothing"), job, lambda event: None)
    with pytest.raises(BuildFailed):
        unpack(Layout("/nothing"), replace(job, node=replace(node, inputs=())), lambda event: None)
