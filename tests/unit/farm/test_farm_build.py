"""Results of workers: they count as far as a trusted key signed them, for this build and tree."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from store import digest
from store.cache import zstd
from store.cache.reapi_cache import head_without_pack
from store.errors import ServerUnusable
from store.farm.derivation_action import FAILURE, REASON, add_contents, add_output
from store.farm.farm_build import farm_build
from store.farm.farm_objects import FarmBuilt, ObjectBlobs
from store.job_errors import BuildFailed, LogTooLarge
from store.jobs.job import Job
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.model.manifest import Manifest
from store.model.origin import How
from store.model.realisation import Realisation
from store.reapi.blob import EMPTY, BlobDigest, Message, blob_of, digest_message, read_digest
from store.reapi.messages import message
from store.reapi.server import Server
from store.reapi.shared_work import SharedWork
from store.reapi.tree_messages import map_tree
from store.signing import envelope, statement
from store.signing.keys import PrivateKey
from tests.unit.cache.caches import manifest_of
from tests.unit.farm.memory_server import MemoryServer

NODE = Resolved("toy", "x86_64-linux", "/bin/sh", (), (), None, (), ("out",))
OTHER = replace(NODE, args=("other",))
TOY = manifest_of("toy", [b"what was built"])
FARM = PrivateKey.generate("farm")
STRANGER = PrivateKey.generate("stranger")


def record_of(node: Resolved, manifest: Manifest, output: str = "out") -> Realisation:
    return Realisation(
        node.digest, output, manifest.id, "user", "host", "full", digest.file_digest(b""), 1, 2
    )


def result_of(
    server: MemoryServer,
    *,
    node: Resolved = NODE,
    signed: Manifest = TOY,
    sent: Manifest = TOY,
    tree: bytes | None = None,
    key: PrivateKey = FARM,
    output: str = "out",
    files: BlobDigest = EMPTY,
) -> Message:
    """A result with an object that was sent, whose Tree message is ``files``, and a statement about
    one that was signed."""
    head = server.put(blob_of(zstd.compress(head_without_pack(sent, ()).encode())))
    told = statement.provenance(
        record_of(node, signed, output), node, key.public, tree or signed.root.digest()
    )
    sealed = server.put(blob_of(envelope.seal(told, [key]).encode()))
    result = message("ActionResult")()
    add_output(result, output, ObjectBlobs(head, files), sealed)
    return result


def built(server: MemoryServer, folder: Path) -> FarmBuilt:
    job = Job(NODE.digest, NODE.digest, NODE, str(folder), log=str(folder / "log"), retries=0)
    layout = Layout(str(folder))
    emit = cast(Any, lambda event: None)
    return farm_build([FARM.public], layout, job, cast(Server, server), emit)


def test_a_signed_result_counts_as_signed(tmp_path: Path) -> None:
    server = MemoryServer()
    server.answer = lambda skip_cache: result_of(server)
    found = built(server, tmp_path)
    (record,) = found.records
    assert (record.object, record.level, record.origin.how) == (TOY.id, "full", How.SIGNED)
    assert record.origin.signers == (str(FARM.public),)
    assert server.runs == 1


@pytest.mark.parametrize(
    "lie",
    [
        {"key": STRANGER},
        {"node": OTHER},
        {"output": "doc"},
        {"sent": manifest_of("toy", [b"something else"])},
        {"signed": manifest_of("other", [b"what was built"])},
        {"tree": bytes(32)},
    ],
    ids=["key", "derivation", "output", "object", "name", "tree"],
)
def test_a_result_that_was_not_signed_for_this_counts_nothing(
    tmp_path: Path, lie: dict[str, Any]
) -> None:
    server = MemoryServer()
    server.answer = lambda skip_cache: result_of(server, **lie)
    with pytest.raises(ServerUnusable):
        built(server, tmp_path)
    assert server.runs == 2


def test_what_the_servers_cache_has_of_others_is_made_anew(tmp_path: Path) -> None:
    server = MemoryServer()
    server.answer = lambda skip_cache: result_of(server, key=FARM if skip_cache else STRANGER)
    assert built(server, tmp_path).result.outputs[0].id == TOY.id


@pytest.mark.parametrize("lost", ["none", "head", "tree", "file"])
def test_a_kept_result_of_which_a_part_is_lost_is_made_again(tmp_path: Path, lost: str) -> None:
    server = MemoryServer()
    server.cached = True
    data = b"what was built"
    tree = map_tree(TOY, {digest.file_digest(data): hashlib.sha256(data).digest()})

    def answer(skip_cache: bool) -> Message:
        whole, file = server.put(blob_of(tree.tree())), server.put(blob_of(data))
        result = result_of(server, files=whole)
        if not skip_cache and lost != "none":
            head = read_digest(result.output_files[0].digest)
            del server.blobs[{"head": head, "tree": whole, "file": file}[lost]]
        return result

    server.answer = answer
    (made,) = built(server, tmp_path).result.outputs
    assert made.id == TOY.id
    assert server.runs == (1 if lost == "none" else 2)


def test_blobs_that_lack_or_are_no_statement_are_an_error(tmp_path: Path) -> None:
    server = MemoryServer()

    def lacking(skip_cache: bool) -> Message:
        result = result_of(server)
        server.blobs = {} if skip_cache else dict.fromkeys(server.blobs, b"[]")
        return result

    server.answer = lacking
    with pytest.raises(ServerUnusable):
        built(server, tmp_path)


def test_an_output_of_one_build_is_an_input_of_another_without_being_here(tmp_path: Path) -> None:
    server = MemoryServer()
    server.shared = SharedWork()
    server.answer = lambda skip_cache: result_of(server)
    (toy,) = built(server, tmp_path).result.outputs
    user = replace(NODE, name="user", inputs=(toy.id,))
    user_manifest = manifest_of("user", [b"another"])
    server.answer = lambda skip_cache: result_of(
        server, node=user, signed=user_manifest, sent=user_manifest
    )
    job = Job(user.digest, user.digest, user, str(tmp_path), (str(toy.id),), retries=0)
    emit = cast(Any, lambda event: None)
    found = farm_build([FARM.public], Layout(str(tmp_path)), job, cast(Server, server), emit)
    assert set(found.objects) == {user_manifest.id}


def test_the_reason_of_a_failure_is_short_and_steers_no_terminal(tmp_path: Path) -> None:
    server = MemoryServer()

    def failed(skip_cache: bool) -> Message:
        result = message("ActionResult")(exit_code=31)
        reason = server.put(blob_of(b"\x1b[2J\nhacked"))
        result.output_files.add(path=FAILURE, digest=digest_message(reason))
        return result

    server.answer = failed
    with pytest.raises(BuildFailed) as caught:
        built(server, tmp_path)
    assert "\x1b" not in caught.value.message
    server.put(long := blob_of(b"x" * (REASON + 1)))
    result = message("ActionResult")(exit_code=31)
    result.output_files.add(path=FAILURE, digest=digest_message(long.digest))
    server.answer = lambda skip_cache: result
    with pytest.raises(BuildFailed) as caught:
        built(server, tmp_path)
    assert "xxx" not in caught.value.message
    result.output_files[0].contents = b"x" * (REASON + 1)
    with pytest.raises(BuildFailed) as caught:
        built(server, tmp_path)
    assert "xxx" not in caught.value.message


def test_what_stands_in_a_result_is_not_asked_for(tmp_path: Path) -> None:
    server = MemoryServer()

    def inlined(skip_cache: bool) -> Message:
        result = result_of(server)
        result.stdout_raw = b"a log"
        add_contents(result, map(blob_of, server.blobs.values()))
        server.blobs = {}
        return result

    server.answer = inlined
    assert built(server, tmp_path).result.outputs[0].id == TOY.id
    assert (tmp_path / "log").read_bytes() == b"a log"


def test_a_log_has_its_bound(tmp_path: Path) -> None:
    server = MemoryServer()
    result = message("ActionResult")()
    result.stdout_digest.hash, result.stdout_digest.size_bytes = "0" * 64, 1 << 40
    server.answer = lambda skip_cache: result
    with pytest.raises(LogTooLarge):
        built(server, tmp_path)
