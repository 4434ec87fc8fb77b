"""The summary of a run, in a few lines."""

from __future__ import annotations

from store.cli.live.progress import RunProgress
from store.cli.wording import counted
from store.quantities import bytes_text, seconds_text

LONGEST = 3
"""Builds that are named with their times."""

LONG = 60.0
"""Seconds of a build from which on it is of interest."""


def summary(progress: RunProgress, now: float) -> list[str]:
    """Return the lines; none where nothing was done."""
    if progress.began is None or not (progress.finished or progress.failures):
        return []
    done = _done(progress)
    missing = [
        f"{count} {word}"
        for count, word in (
            (len(progress.failures), "failed"),
            (_undone(progress), "not done"),
        )
        if count
    ]
    text = ", ".join([*done, *missing])
    lines = [f"{text} in {seconds_text(now - progress.began)}"]
    long = sorted((each for each in progress.built if each[0] >= LONG), reverse=True)
    if long and len(progress.built) > 1:
        named = (f"{name} {seconds_text(seconds)}" for seconds, name in long[:LONGEST])
        lines.append(f"longest: {', '.join(named)}")
    return lines


def _done(progress: RunProgress) -> list[str]:
    finished, downloads = progress.finished, progress.downloads
    parts = [f"{finished[kind]} {word}" for kind, word in _WORDS.items() if finished[kind]]
    if downloads.files:
        files = f"{counted(downloads.files, 'file')} fetched ({bytes_text(downloads.file_bytes)})"
        parts.append(files)
    if downloads.objects:
        objects = counted(downloads.objects, "object")
        parts.append(f"{objects} downloaded ({bytes_text(downloads.object_bytes)})")
    return parts


_WORDS = {"build": "built", "unpack": "unpacked", "image": "written", "reused": "made already"}


def _undone(progress: RunProgress) -> int:
    if progress.forecast is None:
        return 0
    return sum(each.state not in ("done", "failed") for each in progress.nodes.values())
