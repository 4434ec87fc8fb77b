"""``python -m tests.fuzz``: coverage-guided fuzzing of the parsers with atheris, for long runs.

Each target runs in a process of its own. Needs the package ``atheris``, which nothing else does.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Fuzz the targets that the command line names; 1 when one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="all by default")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--corpus", help="a folder in which what was found is kept")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return _fuzz(given.one, given.seconds, Path(given.corpus))
    from tests.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus = Path(given.corpus or folder)
        chosen = given.targets or list(TARGETS)
        return max([_start(name, given.seconds, corpus / name) for name in chosen])


def _start(name: str, seconds: int, corpus: Path) -> int:
    corpus.mkdir(parents=True, exist_ok=True)
    words = ["--one", name, "--seconds", str(seconds), "--corpus", str(corpus)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *words],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    lines = done.stderr.splitlines()
    counted = [line for line in lines if line.startswith("Done ")]
    print(f"{name}: {counted[-1] if counted else 'failed'}", flush=True)
    if done.returncode != 0:
        print("\n".join(line[:300] for line in lines if line[:1] != "#"), flush=True)
    return 1 if done.returncode else 0


def _fuzz(name: str, seconds: int, corpus: Path) -> int:
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["store", "tarfile", "zipfile", "configparser"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    for number, example in enumerate(target.examples()):
        (corpus / f"example-{number}").write_bytes(example)
    os.chdir(corpus.parent)  # where a failing input is written
    options = [f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-max_len=8192", "-timeout=20"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={name}-", str(corpus)], target.accepts)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
