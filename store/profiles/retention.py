"""The generations that are kept when old ones are deleted: by number, and by age."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from store.profiles.generations import Generation, superseded
from store.quantities import SECONDS, limit_text

_COUNT: Final = r"\d{1,9}"
_AGE: Final = r"(\d{1,9})([smhdw])"


class Retention(NamedTuple):
    """A generation is kept if it is among the ``newest`` ones, or was current within the last
    ``seconds``. The current one always is."""

    newest: int = 0
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> Retention | None:
        """Return the value of ``5``, ``30d`` or ``5,30d``; None for anything else."""
        count, seconds = 0, None
        parts = text.replace(" ", "").split(",")
        if len(parts) > 2:
            return None
        for part in parts:
            if re.fullmatch(_COUNT, part, re.ASCII) and not count:
                count = int(part)
            elif (match := re.fullmatch(_AGE, part, re.ASCII)) and seconds is None:
                seconds = float(match[1]) * SECONDS[match[2]]
            else:
                return None
        return cls(count, seconds) if count or seconds else None

    def __str__(self) -> str:
        age = [] if self.seconds is None else [limit_text(self.seconds)]
        return ",".join([*([str(self.newest)] if self.newest else []), *age])

    def leaving(self, found: Iterable[Generation], now: float) -> list[Generation]:
        """Return those of a profile's generations that are not kept, by number."""
        ordered = sorted(found)
        last = {each.number for each in ordered[-self.newest :]} if self.newest else set()
        until = superseded(ordered)
        return [
            each
            for each in ordered
            if not each.current and each.number not in last and not self._young(each, until, now)
        ]

    def _young(self, each: Generation, until: dict[int, float], now: float) -> bool:
        """Return whether it was the newest generation at some time within the last seconds."""
        return self.seconds is not None and until.get(each.number, now) >= now - self.seconds
