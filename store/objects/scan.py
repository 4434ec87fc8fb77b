"""Finding object digests in bytes, at memory speed.

Every digest's text is 32 characters of one alphabet, so only runs of at least 32 such characters
need a closer look, however many digests are looked for. Every eighth byte is looked at first: a
run of 32 holds four of those in a row. Where the sample says little (text), all bytes are mapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from store.digest import ALPHABET, TEXT_SIZE

OVERLAP = TEXT_SIZE - 1
"""Bytes of a chunk that have to be looked at again with the next one."""

_IN, _OUT = b"x", b"."
_MAP = bytes(_IN[0] if chr(byte) in ALPHABET else _OUT[0] for byte in range(256))
_RUN = _IN * TEXT_SIZE
_SAMPLED_RUN = _IN * 4

_MANY = 512
"""One sampled run in so many samples: mapping all bytes is cheaper than looking at each."""

_LONG = 4096
"""Runs longer than this are searched for each digest, which is bounded whatever they hold."""


class Scanner:
    """Looks for a set of digest texts of 32 characters."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = {text.encode("ascii") for text in texts}

    def find(self, data: bytes) -> list[tuple[int, bytes]]:
        """Each occurrence in ``data``: its offset and the text, ascending."""
        if not self._texts or len(data) < TEXT_SIZE:
            return []
        found: list[tuple[int, bytes]] = []
        for start, end in _runs(data):
            if end - start > _LONG:
                found += sorted(self._find_each(data, start, end))
                continue
            for offset in range(start, end - OVERLAP):
                text = data[offset : offset + TEXT_SIZE]
                if text in self._texts:
                    found.append((offset, text))
        return found

    def _find_each(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        for text in self._texts:
            offset = data.find(text, start, end)
            while offset >= 0:
                yield offset, text
                offset = data.find(text, offset + 1, end)


def _runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Where runs of 32 characters or more of the alphabet start and end."""
    sample = data[7::8].translate(_MAP)
    if sample.count(_SAMPLED_RUN) * _MANY > len(sample):
        yield from _mapped_runs(data.translate(_MAP), 0)
        return
    first = sample.find(_SAMPLED_RUN)
    while first >= 0:
        last = sample.find(_OUT, first + 4)
        last = len(sample) if last < 0 else last
        # Sample i stands for byte 8i+7: the run can reach seven bytes further at either end.
        start = 8 * first
        yield from _mapped_runs(data[start : 8 * last + 7].translate(_MAP), start)
        first = sample.find(_SAMPLED_RUN, last)


def _mapped_runs(mapped: bytes, base: int) -> Iterator[tuple[int, int]]:
    start = mapped.find(_RUN)
    while start >= 0:
        end = mapped.find(_OUT, start + TEXT_SIZE)
        end = len(mapped) if end < 0 else end
        yield base + start, base + end
        start = mapped.find(_RUN, end)
