"""Objects whose closures hold two objects of one output of a derivation.

Two objects are of one derivation when one key was realised to both. So are two that the same build
made from inputs of one derivation. Where no key was realised to two objects, nothing is mixed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from store.errors import StoreError
from store.index.reading import Reader
from store.model.derivation import Resolved
from store.model.names import ObjectId
from store.verify.finding import Finding


class Alike:
    """Classes of objects that are of one derivation; ``first`` is the one that stands for its
    class."""

    def __init__(self) -> None:
        self._above: dict[ObjectId, ObjectId] = {}

    def first(self, oid: ObjectId) -> ObjectId:
        """Return the object that stands for this one's class: itself when it has none."""
        while oid in self._above:
            oid = self._above[oid]
        return oid

    def join(self, groups: Iterable[set[ObjectId]]) -> bool:
        """Put the objects of each group into one class; returns whether any were in several."""
        grown = False
        for oids in groups:
            firsts = sorted(set(map(self.first, oids)))
            for other in firsts[1:]:
                self._above[other] = firsts[0]
                grown = True
        return grown

    def classes(self) -> list[list[ObjectId]]:
        """Return each class of several objects, sorted."""
        found: dict[ObjectId, list[ObjectId]] = {}
        for oid in self._above:
            found.setdefault(self.first(oid), []).append(oid)
        return [sorted([first, *others]) for first, others in sorted(found.items())]


def check_mixed(txn: Reader) -> Iterator[Finding]:
    """Yield a finding for each object that refers to a mixture, and to no object that is mixed
    itself."""
    alike = _alike(txn)
    for oids in alike.classes():
        reached = {}
        for oid in oids:
            number = txn.objects.number(oid)
            if number is not None:
                reached[oid] = txn.graph.reaching([oid])
        yield from _mixed_by(txn, reached)


def _mixed_by(txn: Reader, reached: Mapping[ObjectId, set[int]]) -> Iterator[Finding]:
    """Return the mixed objects. ``reached`` has the numbers of all that refers to each object of a
    class, and its own."""
    counts: dict[int, int] = {}
    for numbers in reached.values():
        for number in numbers:
            counts[number] = counts.get(number, 0) + 1
    mixed = {number for number, count in counts.items() if count > 1}
    for number in sorted(mixed):
        if mixed.isdisjoint(txn.graph.below(number)):
            oid = txn.by_number.id(number)
            held = " and ".join(each.path for each in reached if number in reached[each])
            detail = (
                f"its closure holds {held}, which are objects of one derivation; `store delete` it "
                "with its referrers, and realise it again"
            )
            yield Finding("mixed", oid.path, detail, oid)


def _alike(txn: Reader) -> Alike:
    alike, made = Alike(), dict[tuple[bytes, str], set[ObjectId]]()
    for record in txn.realisations.all():
        made.setdefault((record.key, record.output), set()).add(record.object)
    grown = alike.join(made.values())
    if not grown:
        return alike
    builds = _builds(txn, {key for key, _ in made})
    # Each round goes one derivation up.
    while grown:
        of_one: dict[tuple[bytes, str], set[ObjectId]] = {}
        members = {oid for oids in alike.classes() for oid in oids}
        for key, node in builds.items():
            if members.isdisjoint(_named(node)):
                continue
            common = _with_firsts(node, alike.first)
            for output in node.outputs:
                of_one.setdefault((common, output), set()).update(made.get((key, output), ()))
                # One that was built from the first itself is of the same derivation.
                of_one[common, output] |= made.get((common, output), set())
        grown = alike.join(of_one.values())
    return alike


def _builds(txn: Reader, keys: Iterable[bytes]) -> dict[bytes, Resolved]:
    found = {}
    for key in keys:
        try:
            node = txn.nodes.get(key)
        except StoreError:
            continue  # a finding already
        if isinstance(node, Resolved):
            found[key] = node
    return found


def _named(node: Resolved) -> tuple[ObjectId, ...]:
    return node.inputs if node.rootfs is None else (*node.inputs, node.rootfs)


def _with_firsts(node: Resolved, first: Callable[[ObjectId], ObjectId]) -> bytes:
    """Return the digest of the build with each input replaced by the object that stands for its
    class."""
    texts = {oid.text: first(oid).text for oid in _named(node) if first(oid) != oid}
    pattern = re.compile("|".join(map(re.escape, texts)) or "(?!)")

    def replaced(text: str) -> str:
        return pattern.sub(lambda match: texts[match.group()], text)

    return Resolved(
        node.name,
        node.system,
        replaced(node.builder),
        tuple(map(replaced, node.args)),
        tuple((key, replaced(value)) for key, value in node.env),
        None if node.rootfs is None else first(node.rootfs),
        tuple(sorted(set(map(first, node.inputs)))),
        node.outputs,
        tuple((path, replaced(text)) for path, text in node.files),
    ).digest
