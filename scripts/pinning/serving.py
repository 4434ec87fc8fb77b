"""Asking servers for a pinned file: an index lists files that the pool may lack."""

from __future__ import annotations

import functools

from store.fetch.locate import Machine, targets
from store.fetch.transport import Client, Permanent, Transient


def refusal(locator: str, machine: Machine) -> str | None:
    """Ask each server for the head of a file until one has it; return None then, else why not."""
    client = Client(ca_files=machine.ca_files(locator))
    reasons: list[str] = []

    def note(where: str, reason: str, hint: str | None = None) -> None:
        reasons.append(reason)

    for target in targets(locator, machine, functools.partial(Client.page, client), note):
        try:
            client.probe(target)
        except (Permanent, Transient) as error:
            reasons.append(str(error))
        else:
            return None
    return "; ".join(dict.fromkeys(reasons)) or "no server is known"
