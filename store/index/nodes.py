"""Nodes in their table: a letter for the kind, then the node's own record."""

from __future__ import annotations

from store.index.schema import Node
from store.model.derivation import Derivation, Resolved, Source

KINDS: dict[bytes, type[Node]] = {b"s": Source, b"d": Derivation, b"r": Resolved}
