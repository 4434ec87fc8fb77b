"""The worker's side of a server that hands out actions: *leases*, which it gets and gives back.

The server has to hear from a worker every few seconds, or it gives its leases to others. That is
done here, so the worker itself may be busy for hours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final

from store.reapi import status
from store.reapi.blob import Message
from store.reapi.channel import CallFailed, Channel
from store.reapi.messages import message
from store.reapi.process_messages import Leased, LeaseEnd, LeaseWithdrawn, TakenUp

API: Final = "google.devtools.remoteworkers.v1test2"

LONG_POLL: Final = 20.0
"""Seconds that the server may take to answer a worker without a lease."""

FIRST_POLL: Final = 5.0
"""Seconds that the server may take to take up a worker."""

HEARTBEAT: Final = 2.0
"""Seconds between two reports of a worker that has a lease."""

PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before each try after a report failed; the last one is repeated."""

SHORT: Final = 0.05
"""Seconds in which a server answers that does not wait for leases."""

GIVEN_BACK: Final = status.UNAVAILABLE
"""The status of a lease that somebody else is to have."""

RESTS: Final = (2.0, 5.0, 10.0, 20.0)
"""Seconds without leases after each that was given back: a worker with a full disk would else get
one after the other, before all workers that are busy. The last one is repeated."""

_OK, _UNHEALTHY, _TERMINATING = 1, 2, 4  # of a worker
_ACTIVE, _COMPLETED = 2, 4  # of a lease


class BotSession:
    """One worker with one lease at a time. ``bot_id`` is its name: when it starts again, leases
    that it had are given to others at once. ``properties`` say what it can do."""

    def __init__(self, channel: Channel, bot_id: str, properties: Mapping[str, str]) -> None:
        self._channel = channel
        self._bot_id = bot_id
        self._properties = properties
        self._session = self._fresh()
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._leases: dict[str, Message] = {}
        self._call: object = None
        self._stopping = False
        self._stop = threading.Lock()
        self._reported = False  # the last report was of the end of a lease
        self._given_back = 0  # leases, one after the other
        self._unfit_until = 0.0

    def _fresh(self) -> Message:
        session = _message("BotSession")(bot_id=self._bot_id, status=_OK)
        device = session.worker.devices.add(handle=self._bot_id)
        for key, value in sorted(self._properties.items()):
            device.properties.add(key=key, value=value)
        return session

    # -- the worker's process --

    def follow(self) -> Iterator[TakenUp | Leased | LeaseWithdrawn]:
        """Yield that the server took the worker up, then leases, and those that are withdrawn,
        until :meth:`stop`. ServerUnusable if the server does not take the worker up; later failures
        are waited out."""
        failures, told = 0, False
        while not self._stopping:
            began = time.monotonic()
            try:
                found = list(self._round())
                failures = 0
            except CallFailed as error:
                if self._stopping:
                    break
                if not self._session.name and not failures and error.code != "DEADLINE_EXCEEDED":
                    raise self._channel.unusable(error) from error
                found = list(self._lost(error))
                self._changed.wait(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
            if self._session.name and not told:
                told = True
                yield TakenUp(self._session.name)
            yield from found
            # After a report of an end, an answer comes at once; the next question may wait.
            quick = not self._reported and time.monotonic() - began < SHORT
            self._wait(idle=not found and quick)

    def _wait(self, *, idle: bool) -> None:
        with self._lock:
            active = any(each.state == _ACTIVE for each in self._leases.values())
            ended = any(each.state == _COMPLETED for each in self._leases.values())
        resting = self._unfit_until - time.monotonic()
        if active and not ended:
            self._changed.wait(HEARTBEAT)
        elif resting > 0 and not ended:
            self._changed.wait(min(resting, HEARTBEAT))
        elif idle and not ended:
            self._changed.wait(SHORT * 4)
        self._changed.clear()

    def finish(self, end: LeaseEnd) -> None:
        """Report the end of a lease, soon; another one of the same does not count, but as a sign
        that this worker may not be fit."""
        with self._lock:
            lease = self._leases.get(end.id)
            if lease is not None and lease.state != _COMPLETED:
                _complete(lease, end)
            if end.code == GIVEN_BACK:
                rest = RESTS[min(self._given_back, len(RESTS) - 1)]
                self._given_back += 1
                self._unfit_until = time.monotonic() + rest
            else:
                self._given_back = 0
        self._changed.set()

    def stop(self) -> None:
        """Give leases back that have not ended, and take no more. Whoever asks again waits for the
        end of it."""
        with self._stop:
            if not self._stopping:
                self._give_back()

    def _give_back(self) -> None:
        self._stopping = True
        self._changed.set()
        with self._lock:
            call = self._call
        if call is not None:
            call.cancel()  # type: ignore[attr-defined]
        if not self._session.name:
            return
        self._session.status = _TERMINATING
        for _ in range(3):  # a lease may have been on its way
            with self._lock:
                for lease in self._leases.values():
                    if lease.state != _COMPLETED:
                        _complete(lease, LeaseEnd(lease.id, code=GIVEN_BACK, detail="it ends"))
            try:
                list(self._round(timeout=FIRST_POLL))
            except CallFailed:
                return  # the server finds out by itself
            if not self._leases:
                return

    # -- one report --

    def _round(self, timeout: float = LONG_POLL) -> Iterator[Leased | LeaseWithdrawn]:
        """Report, and take up the answer."""
        with self._lock:
            sent = dict(self._leases)
            if self._session.status != _TERMINATING:
                unfit = time.monotonic() < self._unfit_until
                self._session.status = _UNHEALTHY if unfit else _OK
            request = _message("BotSession")()
            request.CopyFrom(self._session)
            del request.leases[:]
            request.leases.extend(sent.values())
            ended = {name for name, each in sent.items() if each.state == _COMPLETED}
            self._reported = bool(ended)
        answer = self._asked(request, timeout)
        with self._lock:
            self._session.name, self._session.version = answer.name, answer.version
            told = {each.id: each for each in answer.leases if each.state in (1, _ACTIVE)}
            for name in sent.keys() - ended - told.keys():
                del self._leases[name]
                yield LeaseWithdrawn(name)
            for name in ended:
                self._leases.pop(name, None)
            for name in told.keys() - sent.keys():
                told[name].state = _ACTIVE
                self._leases[name] = told[name]
                yield _leased(told[name])

    def _asked(self, session: Message, timeout: float) -> Message:
        parent = self._channel.instance
        if session.name:
            request = _message("UpdateBotSessionRequest")(name=session.name, bot_session=session)
            name = "Bots.UpdateBotSession"
        else:
            request = _message("CreateBotSessionRequest")(parent=parent, bot_session=session)
            name, timeout = "Bots.CreateBotSession", FIRST_POLL
        call = self._channel.begin(f"{API}.{name}", request, timeout)
        with self._lock:
            self._call = call
            if self._stopping and session.status != _TERMINATING:
                call.cancel()
        return self._channel.answer(call)

    def _lost(self, error: CallFailed) -> Iterator[LeaseWithdrawn]:
        """Begin a new session if the server does not know this one any more."""
        if error.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"):
            return
        with self._lock:
            self._session = self._fresh()
            lost, self._leases = list(self._leases), {}
        yield from map(LeaseWithdrawn, lost)


def _message(name: str) -> Message:
    return message(f"{API}.{name}")


def _complete(lease: Message, end: LeaseEnd) -> None:
    lease.state = _COMPLETED
    lease.status.code, lease.status.message = end.code, end.detail
    lease.ClearField("payload")
    if not end.code:
        lease.result.Pack(message("ActionResult").FromString(end.result))


def _leased(lease: Message) -> Leased:
    action, digest = message("Action")(), message("Digest")()
    if lease.payload.Unpack(action):
        return Leased(lease.id, action.SerializeToString(), named=False)
    lease.payload.Unpack(digest)
    return Leased(lease.id, digest.SerializeToString(), named=True)
