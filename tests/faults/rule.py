"""The rule: the index names only whole objects, and all that was reported done is there."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable

from store.errors import StoreError
from store.index.env import Index
from store.local.store import Store
from store.model.names import ObjectId
from store.objects.placing import BESIDE
from store.profiles.profile import Profile
from store.verify.finding import Finding
from store.verify.verifier import Verifier
from tests.faults.running import isolated

_NAME = re.compile(r"[0-9a-z]{32}-[A-Za-z0-9._+=?-]+")
_LEFT_OUT = re.compile(r"^(?:damaged|incomplete): [^:]+|^lost root: .*$", re.M)
_PATH = re.compile(r"/store/([0-9a-z]{32}-[A-Za-z0-9._+=?-]+)")
_PROMISE = re.compile(
    r"^(?:(?:\[\d+/\d+\] .* )?/store/\S+|repaired: /store/\S+ \(from .*\))$", re.M
)


def promised(*texts: str) -> set[str]:
    """The objects that a command said it has: its results, and those that it said were finished."""
    lines = (line for text in texts for line in _PROMISE.findall(text))
    return {name for line in lines for name in _PATH.findall(line)}


def left_out(text: str) -> set[str]:
    """The objects that a new index is said not to name, as they are not whole."""
    return {name for line in _LEFT_OUT.findall(text) for name in _NAME.findall(line)}


def left_by_swaps(root: str) -> list[str]:
    """Return entries of the store directory that swaps left beside their objects."""
    return [f"left: {name}" for name in os.listdir(f"{root}/store") if name.startswith(BESIDE)]


def violations(
    root: str, kept: Iterable[str] = (), facts: Iterable[str] = (), damaged: Iterable[str] = ()
) -> list[str]:
    """How the store at ``root`` breaks the rule; ``kept`` are objects that must be there, ``facts``
    the records that must be there, and ``damaged`` objects whose damage was there before."""
    try:
        return isolated(lambda: _violations(root, set(kept), set(facts), set(damaged)))
    except ChildProcessError as error:
        return [f"the store cannot be looked at: {error}"]


def _violations(root: str, kept: set[str], facts: set[str], damaged: set[str]) -> list[str]:
    store = Store.open(root)
    known = [oid for oid, _ in store.objects.all()]
    lost = [f"lost: {name}" for name in sorted(kept - {str(oid) for oid in known})]
    lost += [f"lost: {fact}" for fact in sorted(facts - _facts(store, kept))]
    broken = [line for oid in known if str(oid) not in damaged for line in _broken(store, oid)]
    return lost + broken + _verified(store, damaged)


def _verified(store: Store, damaged: set[str]) -> list[str]:
    """The damage that ``store verify --contents`` finds. It looks at more than objects, and shares
    no loop with the questions here, object by object."""
    found: list[Finding] = []
    Verifier(store, found.append, contents=True).run()
    return [str(item) for item in found if item.severity == "error" and not _of(item, damaged)]


def _of(finding: Finding, damaged: set[str]) -> bool:
    """Return whether a finding is about these objects."""
    return str(finding.object) in damaged


def _broken(store: Store, oid: ObjectId) -> list[str]:
    """Return the faults of an object that the index names."""
    try:
        findings = store.objects.check(oid)
        store.objects.closure([oid])
    except StoreError as error:
        findings = [f"{type(error).__name__}: {error}"]
    return [f"{oid}: {finding}" for finding in findings]


def facts(root: str, kept: Iterable[str]) -> frozenset[str]:
    """The roots of the store at ``root``, and the makers of the objects ``kept``."""
    return isolated(lambda: frozenset(_facts(Store.open(root), set(kept))))


def _facts(store: Store, kept: set[str]) -> set[str]:
    roots = {f"the root {root.name} of {root.recorded}" for root in store.roots.all()}
    made = {
        f"that {oid} is {record.output} of {record.key.hex()}"
        for oid, _ in store.objects.all()
        if str(oid) in kept
        for record in store.realisations.makers(oid)
    }
    return roots | made


def in_copy(path: str, kept: Iterable[str]) -> list[str]:
    """Return the faults of a copy of an index in which all of these objects but one have to be: the
    one that was added after it was first made."""
    try:
        known = isolated(lambda: _names_in_copy(path))
    except ChildProcessError as error:
        return [f"the copy of the index cannot be read: {error}"]
    lost = sorted(set(kept) - known)
    return [f"lost from the copy: {name}" for name in lost] if len(lost) > 1 else []


def _names_in_copy(path: str) -> set[str]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(path, f"{folder}/data.mdb")
        with Index.open(folder).read() as txn:
            list(txn.everything())
            return {str(oid) for oid, _ in txn.objects.all()}


def in_profile(root: str, states: Iterable[tuple[str, ...]]) -> list[str]:
    """Return how the default profile is in none of some states, each the names of its packages."""
    allowed = list(states)
    if not allowed:
        return []
    try:
        found = isolated(lambda: _installed(root))
    except ChildProcessError as error:
        return [f"the profile cannot be read: {error}"]
    return [] if found in allowed else [f"lost: the profile has {found}"]


def _installed(root: str) -> tuple[str, ...]:
    """The packages of the current generation, of which each link leads to something."""
    store = Store.open(root)
    profile = Profile(store, f"{store.layout.profiles}/default")
    for generation in profile.generations():
        profile.packages(generation)
    current = profile.current()
    assert current is not None
    for folder, _, files in os.walk(profile.path):
        for path in (os.path.join(folder, name) for name in files):
            if os.path.islink(path) and os.readlink(path).startswith("/store/"):
                assert os.path.lexists(root + os.readlink(path)), path
    return tuple(profile.packages(current).packages)


def objects(root: str) -> set[str]:
    """Return what the index of the store at ``root`` names."""
    return isolated(lambda: {str(oid) for oid, _ in Store.open(root).objects.all()})
