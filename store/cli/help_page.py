"""Help pages on terminals of any width."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click

USUAL: Final = 50
"""Columns that click's own pages have at least."""

LEAST: Final = 20


class HelpPage(click.HelpFormatter):
    """A page as click writes it. On a terminal of fewer columns than click expects, it is as
    narrow as that, and the names of options have a third of it."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        super().__init__(indent_increment, width, max_width)
        if width is None:
            import shutil  # a page alone needs it, and it takes long to load

            left = shutil.get_terminal_size().columns - 2
            self.width = self.width if left >= USUAL else max(left, LEAST)

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write names with their explanations."""
        third = self.width // 3 if self.width < USUAL else col_max
        super().write_dl(rows, min(col_max, third), col_spacing)
