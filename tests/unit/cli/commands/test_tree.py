"""How a build graph is drawn."""

from __future__ import annotations

from store.cli.commands.tree import WIDEST, _margin


def test_the_margin_of_a_deep_graph_has_a_bound() -> None:
    margin, widest = "", 0
    for level in range(1, 10_000):
        margin = _margin(margin, "├─ ", level)
        widest = max(widest, len(margin))
        if level == WIDEST // 3:
            assert margin == "│  " * level
        if level == WIDEST // 3 + 1:
            assert margin == f"… level {level}: "
    assert widest <= WIDEST
