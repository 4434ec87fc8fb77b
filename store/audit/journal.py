"""Findings of rebuilds, noted in a file as they are reached: another audit goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from store.audit.subjects import AuditSubject
from store.display import quoted
from store.errors import FormatError, UsageError, output_error, storage_error
from store.model.verdict import AuditFinding, Verdict
from store.sandbox.variation import CONTROL, JOINT, Variation, suffice
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
        self._joint: dict[tuple[bytes, str], list[str]] = {}
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
            remedy = "name another file with --journal"
            raise storage_error(error, "cannot read the journal", remedy=remedy) from error

    def _keep(self, finding: AuditFinding) -> None:
        if finding.key is None:
            return
        of = (finding.key, finding.output)
        if finding.variation == CONTROL.name:  # the first of a new examination
            for name in self._joint.pop(of, ()):
                del self._known[*of, name]
        elif finding.variation is not None and JOINT in finding.variation:
            names = self._joint.setdefault(of, [])
            if finding.variation not in names:
                names.append(finding.variation)
        elif finding.variation is not None:  # comes before those of several together
            self._forget_joint(of, finding.variation)
        self._known[*of, finding.variation] = finding

    def known(
        self, subject: AuditSubject, variations: Sequence[Variation]
    ) -> list[AuditFinding] | None:
        """Return the noted findings of a subject, one for each output and variation. None where one
        is lacking, was of a rebuild that failed, or compared with objects of another record."""
        found = []
        for name, output in self._places(subject, variations):
            finding = self._known.get((subject.case.key, output, name))
            if finding is None or finding.verdict is Verdict.FAILED:
                return None
            compared = name in (None, CONTROL.name)
            if compared and not _compares(finding, subject):
                return None
            found.append(finding)
        return found

    def _places(
        self, subject: AuditSubject, variations: Sequence[Variation]
    ) -> Iterator[tuple[str | None, str]]:
        """Yield the variation and the output of each finding that a subject has to have."""
        outputs = subject.case.recorded
        if subject.kind == "fetch":
            yield from ((None, output) for output in outputs)
            return
        names = [item.name for item in variations] if subject.kind == "build" else []
        if not (names and self._is_without_control(subject, variations)):
            names.insert(0, CONTROL.name)
        yield from ((name, output) for name in names for output in outputs)
        for output in outputs:
            for joint in self._joint.get((subject.case.key, output), ()):
                if set(joint.split(JOINT)) <= set(names):
                    yield joint, output

    def _is_without_control(self, subject: AuditSubject, variations: Sequence[Variation]) -> bool:
        """Return True if all was reproduced in builds of which none had to have nothing varied. A
        control that is noted and differs counts: with it, they may have been compared with another
        object than those that came out before, or with the same at a fixed time."""
        key, outputs = subject.case.key, subject.case.recorded
        controls = (self._known.get((key, output, CONTROL.name)) for output in outputs)
        found = [self._known.get((key, output, v.name)) for output in outputs for v in variations]
        return (
            suffice(variations)
            and all(
                item is not None and item.verdict is Verdict.REPRODUCED and _compares(item, subject)
                for item in found
            )
            and not any(
                item is not None and item.verdict is Verdict.DIFFERS and _compares(item, subject)
                for item in controls
            )
        )

    def _forget_joint(self, of: tuple[bytes, str], variation: str) -> None:
        """Forget the findings of several variations together, ``variation`` among them, from before
        it was tried anew."""
        names = self._joint.get(of, [])
        for name in [name for name in names if variation in name.split(JOINT)]:
            names.remove(name)
            del self._known[*of, name]

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
            raise output_error(error, "the journal", self._path) from error


def _compares(finding: AuditFinding, subject: AuditSubject) -> bool:
    """Return True if the finding compares with an object that is recorded now."""
    return finding.expected in subject.case.recorded[finding.output]
