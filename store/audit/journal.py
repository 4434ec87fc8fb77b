"""Findings of rebuilds, noted in a file as they are reached: another audit goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from store.audit.subjects import AuditSubject
from store.display import quoted
from store.errors import FormatError, UsageError, storage_error
from store.model.verdict import AuditFinding, Verdict
from store.sandbox.variation import CONTROL, Variation
from store.signing.record import from_record, to_record

_Place: TypeAlias = tuple[bytes, str, str | None]
"""A realisation's key, an output, and the name of a variation."""

MODE: Final = 0o644


class RebuildJournal:
    """The findings in the file at ``path``, in lines as ``--json`` writes them. A missing file has
    none; a last line that was cut off counts for nothing.

    Raises UsageError for a file of something else, so that nothing is added to it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[_Place, AuditFinding] = {}
        data = self._read()
        whole, _, self._cut = data.rpartition(b"\n")
        for number, line in enumerate(whole.split(b"\n") if whole else (), start=1):
            try:
                self._keep(from_record(line))
            except FormatError as error:
                raise UsageError(
                    f"{quoted(path)} is no journal of an audit: line {number}: {error.message}",
                    hint="name a file that `audit rebuild --journal` wrote, or one to be made",
                ) from error

    def _read(self) -> bytes:
        try:
            with open(self._path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise storage_error(error, "cannot read the journal") from error

    def _keep(self, finding: AuditFinding) -> None:
        if finding.key is not None:
            self._known[finding.key, finding.output, finding.variation] = finding

    def known(
        self, subject: AuditSubject, variations: Sequence[Variation]
    ) -> list[AuditFinding] | None:
        """Return the noted findings of a subject, one for each output and variation. None where one
        is lacking, was of a rebuild that failed, or compared with objects of another record."""
        found = []
        for name in _names(subject, variations):
            for output, objects in subject.case.recorded.items():
                finding = self._known.get((subject.case.key, output, name))
                if finding is None or finding.verdict is Verdict.FAILED:
                    return None
                if name in (None, CONTROL.name) and finding.expected not in objects:
                    return None
                found.append(finding)
        return found

    def note(self, findings: Iterable[AuditFinding]) -> None:
        """Add findings to the file. Raises StorageError."""
        lines = [json.dumps(to_record(finding)).encode() + b"\n" for finding in findings]
        try:
            if self._cut:
                os.truncate(self._path, os.path.getsize(self._path) - len(self._cut))
                self._cut = b""
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
            with open(fd, "ab", buffering=0) as file:
                file.write(b"".join(lines))
        except OSError as error:
            raise storage_error(error, "cannot write the journal") from error


def _names(subject: AuditSubject, variations: Sequence[Variation]) -> list[str | None]:
    """Return the names of the variations that findings of a subject have."""
    if subject.kind == "fetch":
        return [None]
    varied = variations if subject.kind == "build" else ()
    return [CONTROL.name, *(variation.name for variation in varied)]
