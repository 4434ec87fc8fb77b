"""How the findings of audits are drawn."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from store.cli.commands.audits import drawing
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict

ONE, TWO = (ObjectId(bytes([number]) * 20, "pair") for number in (1, 2))
SAME = AuditFinding("pair", "out", "rebuild", Verdict.REPRODUCED, ONE, ONE, seconds=3.0)
OTHER = replace(
    SAME,
    verdict=Verdict.DIFFERS,
    actual=TWO,
    variation="clock",
    detail="it has the time in it",
    differences=(Difference("bin/x", "content", 12, ".rodata", "00 / 01"),),
    logs=("one.log",),
    kept="kept/pair",
)


def test_what_differs_has_its_notes_below() -> None:
    top, *below = drawing.lines(OTHER)
    assert top.split()[:3] == ["differs", "pair", "clock"]
    text = "\n".join(below)
    for part in ("the time in it", ONE.path, TWO.path, "log: one.log", "kept: kept/pair"):
        assert part in text
    assert "bin/x: content at byte 12, in .rodata: 00 / 01" in text


def test_of_many_differences_the_first_are_drawn() -> None:
    many = replace(OTHER, differences=(Difference("x", "missing"),) * (drawing.LISTED + 3))
    assert "    and 3 more differences" in drawing.lines(many)


@pytest.mark.parametrize(
    ("finding", "title"),
    [
        (SAME, "pair"),
        (replace(SAME, output="lib"), "pair^lib"),
        (replace(SAME, counterpart="stage1.pair"), "pair = stage1.pair"),
        (replace(SAME, seeds=("debian", "zig")), "pair (debian = zig)"),
        (replace(SAME, seeds=("zig", "zig")), "pair (zig)"),
    ],
)
def test_a_title_names_what_is_compared(finding: AuditFinding, title: str) -> None:
    assert drawing.title(finding) == title


def test_the_sum_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawing.show([SAME, OTHER], as_json=True) == 2
    out, err = capsys.readouterr()
    assert [json.loads(each)["verdict"] for each in out.splitlines()] == ["reproduced", "differs"]
    assert err == "1 reproduced, 1 differs\n"
    assert drawing.summary([]) == "nothing was found that could be compared"
