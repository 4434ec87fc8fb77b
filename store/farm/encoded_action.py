"""An action as blobs, of either kind: the platform, the timeout, and the action itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from store import canon
from store.errors import FormatError
from store.reapi.blob import Blob, BlobDigest, Message, blob_of, digest_message
from store.reapi.messages import message

_ISA: Final = {"x86_64": "x86-64", "aarch64": "arm-a64"}
"""The API's words for machines."""


SALT: Final = 16 << 10
"""Bytes of the parts of an action that its salt has, at most: the API has no other field of free
bytes there."""


@dataclass(frozen=True)
class EncodedAction:
    """``digest`` names the action; ``blobs`` are it and what it needs."""

    digest: BlobDigest
    blobs: Sequence[Blob] = field(repr=False)


class BlobsWithin(NamedTuple):
    """Further blobs that an action is to have in itself, and how they are read: those that cannot
    be had are left out."""

    digests: Sequence[BlobDigest]
    read: Callable[[Sequence[BlobDigest]], Mapping[BlobDigest, bytes]]


def kept(blobs: list[Blob], part: Message | bytes) -> Message:
    """Add a message or bytes to the blobs of an action; returns the message of its digest."""
    data = part if isinstance(part, bytes) else part.SerializeToString(deterministic=True)
    blob = blob_of(data)
    blobs.append(blob)
    return digest_message(blob.digest)


def system_properties(system: str) -> dict[str, str]:
    """Return the properties of a platform that a system stands for."""
    machine = system.partition("-")[0]
    return {"ISA": _ISA.get(machine, machine), "OSFamily": "linux"}


def encoded_action(
    blobs: Sequence[Blob],
    command: Message,
    root: Message,
    properties: Mapping[str, str],
    timeout: float | None,
    within: BlobsWithin | None = None,
) -> EncodedAction:
    """Return an action of these blobs, its command and itself. ``command`` gets the properties of
    the platform, ``root`` is the digest of the input root; ``timeout`` is in seconds.

    With ``within``, an action that is small has its command and these blobs in itself as well. If
    there is room for all blobs of ``within``, it has them, too.
    """
    parts = list(blobs)
    action = message("Action")(input_root_digest=root)
    for part in (command, action):
        for name, value in sorted(properties.items()):
            part.platform.properties.add(name=name, value=value)
    action.command_digest.CopyFrom(kept(parts, command))
    if timeout is not None:
        action.timeout.seconds = int(timeout) + 1
    if within is not None:
        action.salt = _salt(parts, within)
    kept(parts, action)
    return EncodedAction(parts[-1].digest, parts)


def _salt(parts: Sequence[Blob], within: BlobsWithin) -> bytes:
    room = SALT - sum(blob.digest.size for blob in parts)
    if room < 0:
        return b""
    salt = [blob.source for blob in parts]
    wanted = list(dict.fromkeys(within.digests))
    # By their sizes alone, so that the action is the same whoever asks for it.
    if sum(each.size for each in wanted) <= room:
        found = within.read(wanted)
        if len(found) == len(wanted):
            salt += [found[each] for each in wanted]
    return canon.encode(salt)


def parts_in(action: Message) -> dict[BlobDigest, bytes]:
    """Return the parts that an action has in itself, by their digests."""
    if not 0 < len(action.salt) <= 2 * SALT:
        return {}
    try:
        parts = canon.decode(action.salt)
    except FormatError:
        return {}  # another client's, which uses it as a salt
    return {blob_of(part).digest: part for part in parts if isinstance(part, bytes)}
