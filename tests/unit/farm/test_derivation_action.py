"""Actions for workers of ours: read as they were written, and any others refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast
from unittest.mock import Mock

import pytest

from store.errors import FormatError, InvalidName, UnknownObject
from store.farm import derivation_action
from store.farm.derivation_action import (
    HEAD,
    INLINE,
    TREE,
    RequestLimits,
    add_contents,
    add_output,
    contents_in,
    output_places,
    properties,
    read_lease,
    read_request,
)
from store.farm.farm_objects import ObjectBlobs
from store.model.build_files import MOST_BYTES
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.reapi.blob import BlobDigest, Message, blob_of, digest_message, read_digest
from store.reapi.messages import message
from store.reapi.server import Server
from tests.unit.farm.memory_server import MemoryServer

INPUT = ObjectId.parse("0" * 32 + "-input")
PLACE = ObjectBlobs(blob_of(b"a head").digest, blob_of(b"a tree").digest)
NO_LIMITS = RequestLimits()
NODE = Resolved("toy", "x86_64-linux", "/bin/sh", (), (), None, (INPUT,), ("out",))


def nothing(digests: Sequence[BlobDigest]) -> dict[BlobDigest, bytes]:
    """No heads and trees of inputs."""
    return {}


def asked(server: MemoryServer, limits: RequestLimits = NO_LIMITS) -> Message:
    """The action for a derivation, whose blobs the server has."""
    action = derivation_action.derivation_action(NODE, {INPUT: PLACE}, limits, nothing)
    for blob in action.blobs:
        server.put(blob)
    return message("Action").FromString(server.blobs[action.digest])


def read(server: MemoryServer, action: Message) -> derivation_action.DerivationRequest:
    return read_request(cast(Server, server), action)


def test_a_script_of_any_length_comes_along() -> None:
    server = MemoryServer()
    node = replace(NODE, files=(("build.sh", "x" * MOST_BYTES),))
    action = derivation_action.derivation_action(node, {INPUT: PLACE}, NO_LIMITS, nothing)
    for blob in action.blobs:
        server.put(blob)
    assert read(server, message("Action").FromString(server.blobs[action.digest])).node == node


def with_root(server: MemoryServer, action: Message, change: Callable[[Any], None]) -> Message:
    """The action with another input root."""
    digest = read_digest(action.input_root_digest)
    top = message("Directory").FromString(server.blobs[digest])
    change(top)
    kept = server.put(blob_of(top.SerializeToString()))
    action.input_root_digest.CopyFrom(digest_message(kept))
    return action


def with_command(server: MemoryServer, action: Message, change: Callable[[Any], None]) -> Message:
    """The action with another command."""
    command = message("Command").FromString(server.blobs[read_digest(action.command_digest)])
    change(command)
    kept = server.put(blob_of(command.SerializeToString()))
    action.command_digest.CopyFrom(digest_message(kept))
    return action


def test_a_request_is_read_as_it_was_written() -> None:
    server = MemoryServer()
    request = read(server, asked(server, RequestLimits(12.5, 3.5, 1000)))
    assert (request.node, request.inputs) == (NODE, {INPUT: PLACE})
    assert request.limits == RequestLimits(13.0, 3.5, 1000)
    assert read(server, asked(server)).limits == RequestLimits()
    assert read(server, asked(server, RequestLimits(max_silent=1e12))).limits.max_silent


@pytest.mark.parametrize(
    "words", [["max-log=-1"], ["max-log=1", "max-log=2"], ["max-silent=nan"], ["other=1"], [""]]
)
def test_a_limit_of_another_form_is_refused(words: list[str]) -> None:
    server = MemoryServer()
    action = with_command(server, asked(server), lambda command: command.arguments.extend(words))
    with pytest.raises(FormatError, match="no limit"):
        read(server, action)


def test_a_worker_and_an_action_for_it_have_the_same_properties() -> None:
    action = asked(MemoryServer())
    told = {each.name: each.value for each in action.platform.properties}
    assert (
        told
        == properties("x86_64-linux")
        == {"ISA": "x86-64", "OSFamily": "linux", "fixpoint-worker": "2"}
    )


@pytest.mark.parametrize("words", [("/bin/sh", "-c", "id"), ("fixpoint", "2"), ()])
def test_any_other_command_is_refused(words: tuple[str, ...]) -> None:
    server = MemoryServer()
    action = asked(server)
    command = message("Command")(arguments=words)
    kept = server.put(blob_of(command.SerializeToString()))
    action.command_digest.CopyFrom(digest_message(kept))
    with pytest.raises(FormatError, match="is no build of a derivation"):
        read(server, action)


@pytest.mark.parametrize("words", [("fixpoint-build", "1"), ("fixpoint-build",)])
def test_a_client_of_another_version_is_named_as_that(words: tuple[str, ...]) -> None:
    def change(command: Message) -> None:
        command.arguments[:] = words

    server = MemoryServer()
    with pytest.raises(FormatError, match="another version of Fixpoint"):
        read(server, with_command(server, asked(server), change))


@pytest.mark.parametrize("name", ["../../etc/passwd", "x", "0" * 32 + "-../x", ""])
def test_an_input_is_named_as_an_object(name: str) -> None:
    def change(top: Message) -> None:
        for each, end in zip(top.files, (HEAD, TREE), strict=True):
            each.name = name + end

    server = MemoryServer()
    with pytest.raises((FormatError, InvalidName)):
        read(server, with_root(server, asked(server), change))


def without_a_tree(top: Message) -> None:
    del top.files[1:]


def with_another_tree(top: Message) -> None:
    top.files[1].name = "1" + top.files[1].name[1:]


def with_a_tree_twice(top: Message) -> None:
    top.files.append(top.files[1])


def with_another_file(top: Message) -> None:
    top.files.add(name="derivation", digest=top.files[0].digest)


@pytest.mark.parametrize(
    "change", [without_a_tree, with_another_tree, with_a_tree_twice, with_another_file]
)
def test_each_input_has_a_head_and_a_tree(change: Callable[[Any], None]) -> None:
    server = MemoryServer()
    with pytest.raises(FormatError, match="different objects"):
        read(server, with_root(server, asked(server), change))


def test_the_digest_of_an_input_counts_where_the_input_is_lacking() -> None:
    def change(top: Message) -> None:
        top.files[0].digest.hash = "none"

    server = MemoryServer()
    inputs = read(server, with_root(server, asked(server), change)).inputs
    assert INPUT in inputs
    with pytest.raises(FormatError, match="is no SHA-256"):
        inputs[INPUT]


def without_derivation(command: Message) -> None:
    del command.environment_variables[:]


def with_several_derivations(command: Message) -> None:
    command.environment_variables.append(command.environment_variables[0])


def with_another_encoding(command: Message) -> None:
    command.environment_variables[0].value += "="


def with_other_bytes(command: Message) -> None:
    command.environment_variables[0].value = "AAAA"


@pytest.mark.parametrize(
    "change",
    [without_derivation, with_several_derivations, with_another_encoding, with_other_bytes],
)
def test_a_request_has_all_of_its_parts_once(change: Callable[[Any], None]) -> None:
    server = MemoryServer()
    with pytest.raises(FormatError):
        read(server, with_command(server, asked(server), change))


def by_itself(action: Message) -> Message:
    """The action without its parts in itself, as one that is large."""
    action.ClearField("salt")
    return action


def test_a_small_request_is_read_by_no_question_and_a_large_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer()
    action = asked(server)
    reading = Mock(wraps=server._read)
    monkeypatch.setattr(server, "_read", reading)
    expected = read(server, action)
    reading.assert_not_called()
    assert read(server, by_itself(action)) == expected
    reading.assert_called_once()
    large = replace(NODE, files=(("build.sh", "x" * 20_000),))
    action = derivation_action.derivation_action(large, {INPUT: PLACE}, NO_LIMITS, nothing)
    (found,) = [blob.source for blob in action.blobs if blob.digest == action.digest]
    assert isinstance(found, bytes)
    assert not message("Action").FromString(found).salt


def salted(place: ObjectBlobs, bytes_of: dict[BlobDigest, bytes]) -> dict[BlobDigest, bytes]:
    """Heads and trees in an action that names an input at ``place``, which refers to another."""
    others = {ObjectId.parse("1" * 32 + "-other"): PLACE}
    inputs = {INPUT: place, **others}

    def read(digests: Sequence[BlobDigest]) -> dict[BlobDigest, bytes]:
        assert list(digests) == list(place)
        return bytes_of

    action = derivation_action.derivation_action(NODE, inputs, NO_LIMITS, read)
    (found,) = [blob.source for blob in action.blobs if blob.digest == action.digest]
    assert isinstance(found, bytes)
    server = MemoryServer()
    for blob in action.blobs:
        server.put(blob)
    request = read_request(cast(Server, server), message("Action").FromString(found))
    assert request.inputs == inputs
    return {each: data for each, data in request.known.items() if each in place}


def test_heads_and_trees_of_the_inputs_come_along_if_all_are_small() -> None:
    both = {blob_of(data).digest: data for data in (b"a head", b"a tree")}
    assert salted(ObjectBlobs(*both), both) == both
    head, tree = blob_of(b"a head"), blob_of(b"x" * 20_000)
    large = ObjectBlobs(head.digest, tree.digest)
    assert salted(large, {head.digest: b"a head", tree.digest: b"x" * 20_000}) == {}


def test_an_action_has_all_of_them_or_none() -> None:
    assert salted(PLACE, {PLACE.head: b"a head"}) == {}


@pytest.mark.parametrize("salt", [b"", b"salt", b"\x92\x01\x02", b"\x91\xc4\x01x", b"x" * 40_000])
def test_a_salt_that_has_other_things_is_passed_over(salt: bytes) -> None:
    server = MemoryServer()
    action = asked(server)
    expected = read(server, action)
    action.salt = salt
    assert read(server, action) == expected


def test_parts_that_are_too_large_or_lost_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MemoryServer()
    action = asked(server)
    with monkeypatch.context() as patch, pytest.raises(UnknownObject):
        patch.setattr(derivation_action, "SMALL", 10)
        read(server, action)
    server.blobs.clear()
    with pytest.raises(UnknownObject):
        read(server, by_itself(action))


def test_a_lease_is_an_action_or_its_digest() -> None:
    server = cast(Server, MemoryServer())
    with pytest.raises(FormatError):
        read_lease(server, b"\xff", named=False)
    with pytest.raises(FormatError, match="SHA-256"):
        read_lease(server, b"", named=True)


def test_outputs_are_read_as_they_were_written() -> None:
    result = message("ActionResult")()
    signed = blob_of(b"a statement").digest
    add_output(result, "out", PLACE, signed)
    assert output_places(result) == {"out": (PLACE, signed)}
    del result.output_files[-1]
    with pytest.raises(FormatError, match="without"):
        output_places(result)


def test_small_files_stand_in_the_result_and_count_as_their_digests_say() -> None:
    signed, large = blob_of(b"a statement"), blob_of(b"x" * (INLINE + 1))
    result = message("ActionResult")()
    add_output(result, "out", ObjectBlobs(large.digest, PLACE.tree), signed.digest)
    add_contents(result, [signed, large])
    assert contents_in(result) == {signed.digest: b"a statement"}
    (told,) = [each for each in result.output_files if each.contents]
    told.contents = b"b statement"
    assert not contents_in(result)
