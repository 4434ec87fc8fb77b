"""One build as a plain action: the folder that the server sees, and the taking of its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from store import digest
from store.errors import ServerUnusable
from store.events import Phase
from store.farm.remote_build import LEVEL, remote_build
from store.job_errors import BuildFailed, OutputMissing
from store.jobs.job import Job
from store.jobs.lower import scratch_ids
from store.local.store import Store
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.model.result import Result
from store.objects.ingest import ingest
from store.reapi.blob import Message, blob_of, digest_message, read_digest
from store.reapi.messages import message
from store.reapi.server import Server
from tests.unit.farm.memory_server import MemoryServer

NODE = Resolved("toy", "x86_64-linux", "/bin/sh", ("-e",), (("KEY", "value"),), None, (), ("out",))
OUT = str(scratch_ids(NODE)["out"])
TREE = {"bin/tool": b"a tool", "share/text": b"a text"}


def add(store: Store, name: str, place: Path) -> ObjectId:
    manifest = ingest(store.layout.root, str(place), name)
    store.objects.register([manifest])
    return manifest.id


def folder(place: Path, *names: str) -> Path:
    """A folder with files of these names, each with its name as the text."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    return place


def built(
    store: Store,
    server: MemoryServer,
    node: Resolved = NODE,
    closure: Sequence[ObjectId] = (),
    told: list[object] | None = None,
) -> Result:
    work = store.workspaces.make()
    job = Job(
        node.digest, node.digest, node, work, closure, log=f"{store.layout.root}/log", retries=0
    )
    emit = (lambda event: None) if told is None else told.append
    return remote_build(cast(Server, server), store.layout, job, emit)


def file_output(server: MemoryServer, data: bytes, path: str = f"store/{OUT}") -> Message:
    result = message("ActionResult")(stdout_raw=b"said\n", stderr_raw=b"warned\n")
    result.output_files.add(path=path, digest=digest_message(server.put(blob_of(data))))
    return result


def tree_output(server: MemoryServer) -> Message:
    """A result whose output is a folder with two folders in it."""
    top, below = message("Directory")(), []
    for path, data in TREE.items():
        name, _, file = path.partition("/")
        child = message("Directory")()
        child.files.add(name=file, digest=digest_message(server.put(blob_of(data))))
        below.append(child)
        top.directories.add(
            name=name, digest=digest_message(blob_of(child.SerializeToString()).digest)
        )
    tree = message("Tree")(root=top, children=below)
    result = message("ActionResult")()
    kept = digest_message(server.put(blob_of(tree.SerializeToString())))
    result.output_directories.add(path=f"store/{OUT}", tree_digest=kept)
    return result


def parsed(server: MemoryServer, kind: str, wanted: Any) -> Any:
    """A message that the server holds."""
    return message(kind).FromString(server.blobs[read_digest(wanted)])


def action(server: MemoryServer) -> Any:
    assert server.action is not None
    return message("Action").FromString(server.blobs[server.action])


def names(entries: Any) -> list[str]:
    return [each.name for each in entries]


def below(server: MemoryServer, top: Any, name: str) -> Any:
    """The folder of this name in another one."""
    (found,) = [each for each in top.directories if each.name == name]
    return parsed(server, "Directory", found.digest)


def test_an_output_is_taken_into_the_store_with_its_log(store: Store) -> None:
    server = MemoryServer()
    server.answer = lambda skip_cache: file_output(server, b"made there")
    told: list[object] = []
    result = built(store, server, told=told)
    (made,) = result.outputs
    assert Path(store.layout.object(made.id)).read_bytes() == b"made there"
    assert (made.output, made.id.name, result.level) == ("out", "toy", LEVEL)
    log = Path(store.layout.root, "log").read_bytes()
    assert log == b"said\nwarned\n"
    assert result.log == digest.file_digest(log)
    phases = [event.phase for event in told if isinstance(event, Phase)]
    assert phases[0] == "upload"
    assert "download" in phases


def test_a_folder_is_taken_in_as_it_is(store: Store) -> None:
    server = MemoryServer()
    server.answer = lambda skip_cache: tree_output(server)
    (made,) = built(store, server).outputs
    for path, data in TREE.items():
        assert Path(store.layout.object(made.id), path).read_bytes() == data


def test_the_server_sees_the_inputs_and_nothing_else(store: Store, tmp_path: Path) -> None:
    needed = add(store, "needed", folder(tmp_path / "a", "lib/x.a", "y.h"))
    single = tmp_path / "single"
    single.write_text("one file")
    alone = add(store, "alone", single)
    rootfs = add(store, "rootfs", folder(tmp_path / "r", "bin/sh", "etc/passwd", "proc/1"))
    node = replace(
        NODE,
        rootfs=rootfs,
        inputs=tuple(sorted((needed, alone))),
        files=(("patches/one.patch", "text"), ("run.sh", "true")),
    )
    server = MemoryServer()
    out = f"store/{scratch_ids(node)['out']}"
    server.answer = lambda skip_cache: file_output(server, b"", out)
    built(store, server, node, (needed, alone, rootfs))
    top = parsed(server, "Directory", action(server).input_root_digest)
    assert names(top.directories) == ["bin", "build", "etc", "store"]
    assert names(below(server, top, "etc").files) == ["group", "hosts", "passwd"]
    build = below(server, top, "build")
    assert (names(build.files), names(build.directories)) == (["run.sh"], ["patches"])
    assert build.files[0].node_properties.unix_mode.value == 0o644
    objects = below(server, top, "store")
    assert names(objects.directories) == sorted([str(needed), str(rootfs)])
    assert names(objects.files) == [str(alone)]
    assert server.blobs[read_digest(objects.files[0].digest)] == b"one file"
    assert names(below(server, objects, str(needed)).files) == ["y.h"]


def test_the_command_has_the_builders_words_and_environment(store: Store) -> None:
    server = MemoryServer()
    server.answer = lambda skip_cache: file_output(server, b"")
    built(store, server)
    asked = action(server)
    command = parsed(server, "Command", asked.command_digest)
    assert list(command.arguments)[-2:] == ["/bin/sh", "-e"]
    assert list(command.output_paths) == [f"store/{OUT}"]
    environment = {each.name: each.value for each in command.environment_variables}
    assert environment["KEY"] == "value"
    properties = {each.name: each.value for each in asked.platform.properties}
    assert (properties["ISA"], properties["OSFamily"]) == ("x86-64", "linux")


def test_a_builder_that_fails_leaves_the_end_of_its_log(store: Store) -> None:
    def failed(_: bool) -> Message:
        return message("ActionResult")(exit_code=3, stderr_raw=b"no such header\n")

    with pytest.raises(BuildFailed, match="no such header") as refused:
        built(store, MemoryServer(failed))
    assert refused.value.tail == ("no such header",)


def test_a_lacking_output_is_missing_and_others_are_left_there(store: Store) -> None:
    server = MemoryServer()
    server.answer = lambda skip_cache: file_output(server, b"", "store/../../elsewhere")
    with pytest.raises(OutputMissing, match="without making its output 'out'"):
        built(store, server)
    assert not Path(store.layout.root, "elsewhere").exists()


def test_a_tree_that_is_none_is_the_servers_fault(store: Store) -> None:
    server = MemoryServer()

    def answer(_: bool) -> Message:
        result = tree_output(server)
        tree = message("Tree")()
        tree.root.directories.add(name="low", digest=digest_message(blob_of(b"lost").digest))
        kept = server.put(blob_of(tree.SerializeToString()))
        result.output_directories[0].tree_digest.CopyFrom(digest_message(kept))
        return result

    server.answer = answer
    with pytest.raises(ServerUnusable, match="the tree of an output lacks a folder"):
        built(store, server)


@pytest.mark.parametrize("lost", ["tree", "file"])
def test_a_kept_result_of_which_a_part_is_lost_is_made_again(store: Store, lost: str) -> None:
    server = MemoryServer()
    server.cached = True

    def answer(skip_cache: bool) -> Message:
        result = tree_output(server)
        if not skip_cache:
            tree = read_digest(result.output_directories[0].tree_digest)
            del server.blobs[tree if lost == "tree" else blob_of(TREE["share/text"]).digest]
        return result

    server.answer = answer
    (made,) = built(store, server).outputs
    assert Path(store.layout.object(made.id), "share/text").read_bytes() == TREE["share/text"]
    assert server.runs == 2


def test_a_fresh_result_of_which_a_part_is_lost_is_an_error_at_once(store: Store) -> None:
    server = MemoryServer()

    def answer(skip_cache: bool) -> Message:
        result = tree_output(server)
        del server.blobs[blob_of(TREE["share/text"]).digest]
        return result

    server.answer = answer
    with pytest.raises(ServerUnusable, match="lacks 1 files of an output"):
        built(store, server)
    assert server.runs == 1
