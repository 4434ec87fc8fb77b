"""Handing two trees over to diffoscope, which looks deeper than we do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable

from store.errors import StoreError
from store.layout.paths import Layout
from store.model.verdict import AuditFinding, Verdict

PROGRAM = "diffoscope"


def check_installed() -> None:
    """Raise StoreError, with how to install it, when diffoscope is not on ``$PATH``."""
    if shutil.which(PROGRAM) is None:
        raise StoreError(
            f"--diff needs {PROGRAM}, which is not installed",
            hint="apt install diffoscope-minimal, or pip install diffoscope",
        )


def run(layout: Layout, findings: Iterable[AuditFinding]) -> None:
    """Have the trees of every finding that differs compared; the report is standard output's.

    ``layout`` is of the store that holds the expected objects. Missing trees are left out.
    """
    for finding in findings:
        if finding.verdict is not Verdict.DIFFERS:
            continue
        if finding.expected is None or finding.actual is None:
            continue
        expected = layout.object(finding.expected)
        actual = finding.kept or layout.object(finding.actual)
        if os.path.lexists(expected) and os.path.lexists(actual):
            sys.stdout.flush()
            # Its status is 1 for a difference, which is no news.
            subprocess.run([PROGRAM, "--", expected, actual], check=False)
