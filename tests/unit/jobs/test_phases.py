"""The phases that a builder announces."""

from __future__ import annotations

from pathlib import Path

from store.jobs.phases import PhaseReader


def test_the_latest_whole_line_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    reader = PhaseReader(str(log))
    assert reader.latest() is None
    log.write_bytes(b"@phase unpack\nmore\n@phase configure\n@phase bui")
    assert reader.latest() == "configure"
    assert reader.latest() is None
    with log.open("ab") as stream:
        stream.write(b"ld\n")
    assert reader.latest() == "build"


def test_what_a_builder_writes_does_no_harm_on_a_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"@phase \x1b[2Jevil\xff" + b"x" * 5000 + b"\n")
    phase = PhaseReader(str(log)).latest()
    assert phase is not None
    assert phase.startswith("\\x1b[2Jevil\ufffdxxx")
    assert len(phase) <= 100
