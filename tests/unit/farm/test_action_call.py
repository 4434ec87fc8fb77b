"""Answers of servers that run actions: which are tried again, and whose failure each is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from store.errors import ServerUnusable
from store.farm import action_call
from store.farm.action_call import ActionCall
from store.farm.encoded_action import EncodedAction
from store.job_errors import BuildTimeout
from store.model.derivation import Resolved
from store.reapi import server_calls
from store.reapi.blob import EMPTY, Blob, BlobDigest, blob_of
from store.reapi.messages import message
from store.reapi.process_messages import ExecutionEnd, ExecutionStage
from store.reapi.server import Server

NODE = Resolved("toy", "x86_64-linux", "/bin/sh", (), (), None, (), ("out",))
ACTION = blob_of(b"an action")


def answer(code: int = 0, *, exit_code: int = 0, cached: bool = False) -> ExecutionEnd:
    response = message("ExecuteResponse")(cached_result=cached)
    response.status.code = code
    response.result.exit_code = exit_code
    return ExecutionEnd(response.SerializeToString())


class Answers:
    """A server that gives these answers; it forgets each blob before each of them."""

    name = "grpc://farm.example:1"

    def __init__(self, *answers: ExecutionEnd) -> None:
        self.answers = list(answers)
        self.sent: list[BlobDigest] = []
        self.skipped: list[bool] = []
        self.again: list[str] = []

    def missing(self, digests: Sequence[BlobDigest]) -> set[BlobDigest]:
        return set(digests)

    def send(self, blobs: Sequence[Blob]) -> Iterator[int]:
        self.sent += [blob.digest for blob in blobs]
        yield 0

    def execute(
        self, action: BlobDigest, *, skip_cache: bool
    ) -> Iterator[ExecutionStage | ExecutionEnd]:
        self.skipped.append(skip_cache)
        yield ExecutionStage("EXECUTING", "operation")
        yield self.answers.pop(0)


def executed(server: Answers, retries: int = 2) -> Any:
    call = ActionCall(cast(Server, server), "toy", lambda phase: None, server.again.append)
    return call.run(EncodedAction(ACTION.digest, [ACTION]), retries)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_call, "PAUSE", 0.0)


@pytest.mark.parametrize("code", [9, 14])
def test_inputs_are_sent_again_after_a_failure_of_the_server(code: int) -> None:
    server = Answers(answer(code), answer())
    assert executed(server).exit_code == 0
    assert server.sent == [ACTION.digest] * 2
    assert server.again == [f"grpc://farm.example:1 could not run toy:  (code {code})"]


def test_after_an_internal_error_all_blobs_are_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The empty one, too: a server that lost its files says of it that it is there."""
    monkeypatch.setattr(server_calls, "UNASKED", 0)
    server = Answers(answer(13), answer(13), answer())
    server.missing = lambda digests: set()  # type: ignore[method-assign]
    assert executed(server).exit_code == 0
    assert set(server.sent) == {ACTION.digest, EMPTY}
    assert len(server.sent) == 2


def test_the_status_counts_before_the_exit_code() -> None:
    server = Answers(*[answer(13)] * 3)
    with pytest.raises(ServerUnusable, match="code 13"):
        executed(server)


def test_a_refusal_is_not_tried_again() -> None:
    server = Answers(answer(3), answer())
    with pytest.raises(ServerUnusable, match="code 3"):
        executed(server)
    assert len(server.answers) == 1


def test_the_builders_failure_is_not_the_servers() -> None:
    server = Answers(answer(exit_code=7))
    assert executed(server).exit_code == 7


def test_a_failure_out_of_the_servers_cache_is_tried_anew() -> None:
    server = Answers(answer(exit_code=7, cached=True), answer())
    assert executed(server).exit_code == 0
    assert server.skipped == [False, True]


def test_an_action_that_takes_too_long_is_a_timeout() -> None:
    with pytest.raises(BuildTimeout):
        executed(Answers(answer(4)))


def test_an_operation_that_failed_itself_is_tried_again() -> None:
    server = Answers(ExecutionEnd(b"", 14, "gone"), answer())
    assert executed(server).exit_code == 0


@pytest.mark.parametrize("retries", [0, 2])
def test_a_failure_that_was_kept_costs_no_try(retries: int) -> None:
    server = Answers(answer(exit_code=1, cached=True), answer(exit_code=1, cached=True))
    assert executed(server, retries).exit_code == 1
    assert server.skipped == [False, True]
    assert server.again == []
