"""The files that are handed over to diffoscope, and that it is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from store.cli.commands.audits import diffoscope
from store.errors import StoreError
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Verdict
from tests.unit.gc.conftest import Stock, stock

__all__ = ["stock"]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of diffoscope's name; the file to which it appends its arguments."""
    file = tmp_path / "told"
    program = tmp_path / "bin" / "diffoscope"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {file}\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return file


def found(verdict: Verdict, expected: ObjectId | None, actual: ObjectId | None) -> AuditFinding:
    return AuditFinding("gcc", "out", "rebuild", verdict, expected, actual)


def test_it_is_looked_for_first(monkeypatch: pytest.MonkeyPatch, told: Path) -> None:
    diffoscope.check_installed()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(StoreError, match="is not installed"):
        diffoscope.check_installed()


def test_it_gets_what_differs_and_is_there(stock: Stock, told: Path) -> None:
    one, two = stock.make("one"), stock.make("two")
    gone = ObjectId(b"\x01" * 20, "gone")
    findings = [
        found(Verdict.REPRODUCED, one, one),
        found(Verdict.DIFFERS, one, None),
        found(Verdict.DIFFERS, one, gone),
        found(Verdict.DIFFERS, one, two),
    ]
    diffoscope.run(stock.store.layout, findings)
    place = stock.store.layout.object
    assert told.read_text().splitlines() == [f"-- {place(one)} {place(two)}"]
