"""The lines of a failed build's log that are shown."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from store.jobs.log_excerpt import END, WIDTH, excerpt

OTHERS = [f"CC other{n}.o" for n in range(60)]
AT_ERROR = ["a.c:3:5: error: 'x' undeclared (first use in this function)", "    3 | x", "      | ^"]


def shown(folder: Path, *lines: str) -> tuple[str, ...]:
    log = folder / "log"
    log.write_text("".join(f"{line}\n" for line in lines))
    return excerpt(str(log))


def test_the_end_of_a_log_is_lines_that_can_be_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"first\n" + b"y" * 3_000_000 + b"\n\x1b[2Jlast\n")
    assert excerpt(str(log)) == ("y" * (WIDTH - 1) + "…", "\ufffd[2Jlast")
    log.write_bytes(b"no end of line")
    assert excerpt(str(log)) == ("no end of line",)
    log.write_bytes(b"")
    assert excerpt(str(log)) == ()
    assert excerpt(str(tmp_path / "none")) == ()


def test_a_short_log_is_shown_whole(tmp_path: Path) -> None:
    lines = ["@phase build", *AT_ERROR, *OTHERS[: END - 4]]
    assert shown(tmp_path, *lines) == tuple(lines)


@pytest.mark.parametrize(
    "complaint",
    [
        AT_ERROR[0],
        "a.c:1:10: fatal error: none.h: No such file or directory",
        "a.s:7: Error: no such instruction: `frob'",
        "ld: a.o: in function `main': a.c:(.text+0x5): undefined reference to `frob'",
        "/bin/sh: frob: not found",
        "sh: line 3: frob: command not found",
        "ModuleNotFoundError: No module named 'frob'",
    ],
)
def test_a_complaint_far_from_the_end_is_shown_first(tmp_path: Path, complaint: str) -> None:
    before, after = OTHERS[:30], ["    3 | x", "      | ^", *OTHERS, "make: *** [all] Error 1"]
    found = shown(tmp_path, "@phase build", *before, complaint, *after)
    assert found[:3] == (complaint, "    3 | x", "      | ^")
    assert found[3] == f"… {len(after) - 2 - END} more lines …"
    assert found[4:] == tuple(after[-END:])


def test_the_first_complaint_is_shown_and_no_other(tmp_path: Path) -> None:
    found = shown(tmp_path, *AT_ERROR, *OTHERS, "b.c:1:1: error: later", *OTHERS)
    assert found[0] == AT_ERROR[0]
    assert not any("later" in line for line in found)


def test_a_phase_that_passed_has_no_complaint(tmp_path: Path) -> None:
    configure = ["@phase configure", "conftest.c:1:1: error: not here", *OTHERS]
    for after in (OTHERS, OTHERS[:3]):
        lines = [*configure, "@phase build", *after]
        assert shown(tmp_path, *lines) == tuple(lines[-END:])


def test_words_that_only_look_like_a_complaint_are_none(tmp_path: Path) -> None:
    likes = [
        "CC terror: x.o",
        "checking for error_at_line... no",
        "checking whether gcc: not foundry",
    ]
    assert shown(tmp_path, *likes, *OTHERS) == tuple(OTHERS[-END:])


def test_no_line_is_shown_twice_and_none_is_lacking_without_a_word(tmp_path: Path) -> None:
    for after in range(END + 9):
        lines = [*AT_ERROR, *OTHERS[:after]]
        found = shown(tmp_path, *lines)
        if after <= END + 1:
            assert found == tuple(lines)
        else:
            end = OTHERS[after - END : after]
            assert found == (*AT_ERROR, f"… {after - END} more lines …", *end)


def test_a_log_of_many_megabytes_takes_a_moment(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for text in (b"error: ", b"\n", b"x", b": not found"):
        log.write_bytes(text * (20_000_000 // len(text)))
        began = time.process_time()
        found = excerpt(str(log))
        assert time.process_time() - began < 1
        assert all(len(line) <= WIDTH for line in found)
