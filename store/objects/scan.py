"""Finding object digests in bytes, at memory speed, however many are looked for.

Every digest's text is 32 characters of one alphabet, so it shows as eight of them in a row among
every fourth byte; only there a closer look is taken. The sample may say little, as in dumps in hex.
Then every third aligned group of eight bytes is looked up among all groups of eight in the texts:
24 bytes a look-up, whatever the data holds, so no input makes the scan crawl.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from store.digest import ALPHABET, TEXT_SIZE

OVERLAP = TEXT_SIZE - 1
"""Bytes of a chunk that have to be looked at again with the next one."""

_IN, _OUT = b"x", b"."
_MAP = bytes(_IN[0] if chr(byte) in ALPHABET else _OUT[0] for byte in range(256))
_RUN = _IN * TEXT_SIZE

_STEP = 4
_SAMPLED_RUN = _IN * (TEXT_SIZE // _STEP)

_DENSE = 192
"""One sampled run in so many samples: looking groups up is cheaper than looking at each run."""

_GROUP = 8
_STRIDE = 24
"""A text that starts anywhere holds exactly one group that starts less than 24 bytes into it and
at a multiple of 24."""

_BLOCK = _STRIDE << 11
"""Bytes that are looked at group by group when there is a hit among them."""


_PIECE = 1 << 18
"""Bytes after which texts that were found are not looked for any more."""


class Scanner:
    """Looks for a set of digest texts of 32 characters."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = frozenset(text.encode("ascii") for text in texts)
        """The texts to look for; without any, nothing is ever found."""
        self._groups: dict[int, list[tuple[int, bytes]]] | None = None

    def find(self, data: bytes, without: Collection[bytes] = ()) -> list[tuple[int, bytes]]:
        """Return each occurrence in ``data``: its offset and the text, ascending. Those of the
        texts ``without`` may be left out."""
        if not self.texts or len(data) < TEXT_SIZE:
            return []
        sample = data[_STEP - 1 :: _STEP].translate(_MAP)
        first = sample.find(_SAMPLED_RUN)
        if first < 0:
            return []
        if sample.count(_SAMPLED_RUN) * _DENSE > len(sample):
            return self._find_by_group(data, without)
        found: list[tuple[int, bytes]] = []
        while first >= 0:
            last = sample.find(_OUT, first + len(_SAMPLED_RUN))
            last = len(sample) if last < 0 else last
            # Sample i is byte 4i+3: the run can reach three bytes further at either end.
            found += self._find_in_run(data, _STEP * first, _STEP * last + _STEP - 1, without)
            first = sample.find(_SAMPLED_RUN, last)
        return found

    def texts_in(self, data: bytes, known: Collection[bytes] = ()) -> set[bytes]:
        """Return the texts that ``data`` holds, but for those that are ``known`` to be in it."""
        found = set(known)
        for start in range(0, len(data), _PIECE):
            # A text that was found may be all that there is, and is not looked for again.
            piece = data[start : start + _PIECE + OVERLAP] if len(data) > _PIECE else data
            found.update([text for _, text in self.find(piece, found)])
        return found.difference(known)

    def _find_in_run(
        self, data: bytes, start: int, end: int, without: Collection[bytes]
    ) -> list[tuple[int, bytes]]:
        piece = data[start:end]
        if len(piece) > 8 * TEXT_SIZE:
            return [(start + offset, text) for offset, text in self._find_by_group(piece, without)]
        if piece.translate(_MAP).find(_RUN) < 0:
            return []
        return [(start + at, text) for at, text in self._find_by_window(piece)]

    def _find_by_window(self, data: bytes) -> list[tuple[int, bytes]]:
        windows = ((at, data[at : at + TEXT_SIZE]) for at in range(len(data) - OVERLAP))
        return [(at, text) for at, text in windows if text in self.texts]

    def _find_by_group(self, data: bytes, without: Collection[bytes]) -> list[tuple[int, bytes]]:
        if self._groups is None:
            if len(data) < _STRIDE * len(self.texts):
                return self._find_by_window(data)  # making the groups would take longer
            self._groups = _groups(self.texts)
        groups = memoryview(data)[: len(data) // _GROUP * _GROUP].cast("Q")[:: _STRIDE // _GROUP]
        if self._groups.keys().isdisjoint(groups):
            return []
        found: list[tuple[int, bytes]] = []
        size = _BLOCK // _STRIDE
        for start in range(0, len(groups), size):
            block = groups[start : start + size]
            if not self._groups.keys().isdisjoint(block):
                found += self._hits(data, block, start * _STRIDE, without)
        return sorted(found)

    def _hits(
        self, data: bytes, block: memoryview, base: int, without: Collection[bytes]
    ) -> Iterator[tuple[int, bytes]]:
        assert self._groups is not None
        for index, group in enumerate(block):
            for shift, text in self._groups.get(group, ()):
                offset = base + index * _STRIDE - shift
                if text not in without and offset >= 0 and data.startswith(text, offset):
                    yield offset, text


def _groups(texts: Iterable[bytes]) -> dict[int, list[tuple[int, bytes]]]:
    """Return each group of eight bytes of the texts as memory holds it, with its places in them."""
    found: dict[int, list[tuple[int, bytes]]] = {}
    for text in texts:
        for shift in range(_STRIDE):
            group = memoryview(text[shift : shift + _GROUP]).cast("Q")[0]
            found.setdefault(group, []).append((shift, text))
    return found
