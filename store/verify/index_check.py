"""The index against itself and against manifests."""

from __future__ import annotations

import faulthandler
import struct
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain, repeat
from operator import lt
from typing import TYPE_CHECKING

from store.errors import CorruptObject, FormatError, InvalidName
from store.index.reading import Reader
from store.local.store import Store
from store.model.names import ObjectId
from store.system.forking import ForkedCall
from store.verify.finding import REBUILD_INDEX, Finding
from store.verify.mixed import check_mixed

if TYPE_CHECKING:
    from store.verify.object_check import ObjectLook

MANY = 4096
"""Objects that are looked up together."""


UNREADABLE = (CorruptObject, FormatError, InvalidName, struct.error)
"""Errors of reading a value that this program would not have written."""


def index_findings(root: str, meanwhile: Callable[[], object] | None = None) -> list[Finding]:
    """Return the faults of the index of the store at ``root``, by a process that may die of it;
    ``meanwhile`` is called here while that one works.

    Raises CorruptObject or HelperEnded when the index cannot be read from end to end, and the
    errors of :meth:`Store.open`. To be asked before this process opens the store.
    """

    def work() -> list[Finding]:
        faulthandler.disable()  # That it dies of a damaged page is provided for, and no news.
        return check_index(Store.open(root))

    call = ForkedCall(work)
    try:
        if meanwhile is not None:
            meanwhile()
        return call.result()
    finally:
        call.cancel()


def check_index(store: Store) -> list[Finding]:
    """Return every contradiction between the tables, on one snapshot."""
    with store.index.read() as txn:
        found = [*_shapes(txn), *_objects(txn), *_realisations(txn), *_roots(store, txn)]
        # Where tables contradict each other, references are not to be relied on.
        return found or list(check_mixed(txn))


def _index(table: str, detail: str, oid: ObjectId | None = None) -> Finding:
    return Finding("index", f"index/{table}", f"{detail}; {REBUILD_INDEX}", oid)


def _shapes(txn: Reader) -> Iterator[Finding]:
    try:
        txn.by_number.next_number()
    except UNREADABLE as error:
        yield _index("meta", str(error))
    for table, detail in txn.misshapen():
        yield _index(table, detail)


def _objects(txn: Reader) -> Iterator[Finding]:
    numbers = array("I", txn.by_number.numbers())
    there = set(numbers)
    if txn.objects.count() != len(numbers):
        yield _index("ids", f"{txn.objects.count()} digests for {len(numbers)} objects")
    agreed = 0
    for start in range(0, len(numbers), MANY):
        many = numbers[start : start + MANY]
        named = _are_named_right(txn, many)
        told = _all_told(txn, many, there) if named else None
        if told is not None:
            agreed += told
            continue
        for number in many:
            agreed += yield from _object(txn, number, there, named)
    # So many pairs of ``referrers`` are right: only when there are others, each is looked at.
    if agreed != txn.graph.referrer_count():
        yield from _referrers(txn, there)


def _are_named_right(txn: Reader, numbers: Sequence[int]) -> bool:
    """Return whether each of these has a record, by whose digest it is found."""
    try:
        digests = [oid.digest for oid in txn.by_number.identities(numbers)]
    except UNREADABLE:
        return False
    by_digest = [number for _, number in sorted(zip(digests, numbers, strict=True))]
    return txn.objects.numbers_of(digests) == by_digest


def _all_told(txn: Reader, numbers: Sequence[int], there: set[int]) -> int | None:
    """Return how many pairs of ``referrers`` these objects have; None when some of their references
    are wrong or untold, or have to be looked at object by object."""
    try:
        below = txn.graph.below_each(numbers)
    except UNREADABLE:
        return None
    others = list(chain.from_iterable(below))
    by = list(chain.from_iterable(map(repeat, numbers, map(len, below))))
    if (
        len(set(zip(by, others, strict=True))) == len(others)
        and all(map(lt, others, by))
        and there.issuperset(others)
        and txn.graph.are_told(by, others)
    ):
        return len(others)
    return None


def _object(
    txn: Reader, number: int, there: set[int], named: bool
) -> Generator[Finding, None, int]:
    """Yield the faults of an object's entries, which may be known to be ``named`` right; returns
    how many pairs of ``referrers`` it has."""
    try:
        below = set(txn.graph.below(number))
        oid = None if named else txn.by_number.record(number).id
    except UNREADABLE as error:
        yield _index("objects", str(error))
        return 0
    if oid is not None and txn.objects.number_of_digest(oid.digest) != number:
        yield _index("ids", f"the digest of {oid} leads to another object", oid)
    right = {other for other in below if other < number and other in there}
    told = {other for other in right if txn.graph.are_told([number], [other])}
    if len(told) < len(below):
        oid = txn.by_number.record(number).id
        for other in sorted(below - right):
            yield _index("references", f"{oid} refers to number {other}, no object", oid)
        for other in sorted(right - told):
            yield _index("referrers", f"{oid} is not among those of number {other}", oid)
    return len(told)


def _referrers(txn: Reader, there: set[int]) -> Iterator[Finding]:
    """Yield objects that are listed as referrers of an object, and are not."""
    try:
        for number, other in txn.graph.every_referrer():
            if number not in there or other not in there or not _refers(txn, other, number):
                yield _index("referrers", f"number {other} does not refer to number {number}")
    except UNREADABLE as error:
        yield _index("referrers", str(error))


def _refers(txn: Reader, number: int, other: int) -> bool:
    try:
        return other in txn.graph.below(number)
    except UNREADABLE:
        return True  # a finding already


def _realisations(txn: Reader) -> Iterator[Finding]:
    try:
        for record in txn.realisations.all():
            number = txn.objects.number_of_digest(record.object.digest)
            if number is not None and txn.by_number.record(number).id != record.object:
                name = f"{txn.by_number.record(number).id} goes by {record.object}"
                yield Finding("realisation", "index/realisations", name, record.object)
            if all(made != record for made in txn.realisations.makers(record.object)):
                name = f"{record.object} does not lead to {record.key.hex()}^{record.output}"
                yield Finding("realisation", "index/makers", name, record.object)
            unfit = txn.realisations.why_unfit(record)
            if unfit:
                yield Finding(
                    "realisation", "index/realisations", f"{unfit}; {REBUILD_INDEX}", record.object
                )
    except UNREADABLE as error:
        yield Finding("realisation", "index/realisations", f"{error!s}; {REBUILD_INDEX}")


def _roots(store: Store, txn: Reader) -> Iterator[Finding]:
    try:
        for root in store.roots.unregistered(txn):
            yield _index(
                "roots", f"{root.name} keeps {root.holds}, which is not registered", root.holds
            )
    except UNREADABLE as error:
        yield _index("roots", str(error))


def differences(txn: Reader, item: ObjectLook) -> Iterator[Finding]:
    """Yield how the index differs from the manifest of a registered object."""
    if item.facts is None or not txn.objects.has(item.id):
        return
    try:
        record = txn.objects.record(item.id)
        told = tuple(txn.graph.references(item.id)), record.refers_to_itself, record.size
    except UNREADABLE as error:
        yield _index("objects", str(error), item.id)
        return
    names = ("references", "self-reference", "size")
    for name, ours, theirs in zip(names, told, item.facts, strict=True):
        if ours != theirs:
            detail = f"another {name} than in the manifest; {REBUILD_INDEX}"
            yield Finding("record", item.id.path, detail, item.id)
