"""Withdrawal of trust in a key: objects that only it signed are no realisations any more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from store.errors import FormatError
from store.index.writing import Writer
from store.local.store import Store
from store.model.origin import How, Origin
from store.model.realisation import Realisation
from store.signing.keys import PublicKey


class Withdrawn(NamedTuple):
    """``forgotten`` are records that nothing speaks for now, ``kept`` those that another key signed
    as well."""

    forgotten: list[Realisation]
    kept: list[Realisation]


def withdraw(store: Store, keys: Collection[PublicKey]) -> Withdrawn:
    """Forget what only these keys signed, in one transaction. Objects stay where they are.

    Raises StoreReadOnly, NotOwner and other StorageErrors.
    """
    store.check_writable()

    def transaction(txn: Writer) -> Withdrawn:
        done = Withdrawn([], [])
        for record in list(txn.realisations.all()):
            signers = record.origin.signers
            left = tuple(line for line in signers if _key(line) not in keys)
            if left == signers:
                continue
            txn.realisations.remove(record)
            if left:
                origin = Origin(How.SIGNED, record.origin.place, left)
                txn.realisations.add(replace(record, origin=origin))
            (done.kept if left else done.forgotten).append(record)
        return done

    return store.index.write(transaction)


def signing_keys(store: Store) -> list[PublicKey]:
    """Return the keys that signed records of this store, each once."""
    lines = {line for record in store.realisations.all() for line in record.origin.signers}
    return [key for line in sorted(lines) if (key := _key(line)) is not None]


def _key(line: str) -> PublicKey | None:
    try:
        return PublicKey.parse(line)
    except FormatError:
        return None
