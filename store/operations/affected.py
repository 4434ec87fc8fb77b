"""The packages that a change of the recipes touches: those whose derivations differ."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile

from store.display import quoted
from store.errors import EvaluationError
from store.model.catalogue import Catalogue
from store.model.project_archive import DOCS, PARTS
from store.operations.session import Session
from store.recipes.evaluate import evaluate
from store.recipes.seeds import seeds_folder


def affected(session: Session, revision: str) -> list[str]:
    """Return the packages whose derivations differ from those of the recipes at a revision of git,
    or which are new; of several names for one node, the shortest. Sorted.

    Raises EvaluationError, also where the recipes are not in git.
    """
    before = _evaluated_at(session, revision).packages
    names: dict[bytes, str] = {}
    for name, package in session.catalogue.packages.items():
        if name not in before or before[name].node != package.node:
            known = names.setdefault(package.node, name)
            names[package.node] = min(known, name, key=lambda text: (len(text), text))
    return sorted(names.values())


def _evaluated_at(session: Session, revision: str) -> Catalogue:
    """Return the catalogue of a commit: of its recipes, and of the parts beside them."""
    recipes = os.path.realpath(session.recipes)
    folder, name = os.path.split(recipes)
    seeds = os.path.basename(seeds_folder(recipes))
    # As a digest, a revision is no option, whatever a user wrote.
    wanted = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    commit = _git(folder, revision, *wanted).decode().strip()
    parts = sorted({name, seeds, *PARTS, *DOCS})
    there = _git(folder, revision, "ls-tree", "-z", "--name-only", commit, "--", *parts)
    found = (name, *filter(None, there.decode("utf-8", "surrogateescape").split("\0")))
    data = _git(folder, revision, "archive", "--format=tar", commit, "--", *found)
    with tempfile.TemporaryDirectory(prefix="fixpoint-") as place:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(place, filter="data")
        try:
            return evaluate(f"{place}/{name}", session.seed, session.evaluation_seconds)
        except EvaluationError as error:
            # Its files are removed before somebody reads this.
            raise EvaluationError(
                f"the recipes at {quoted(revision)} do not evaluate: "
                + error.message.replace(f"{place}/", ""),
                hint=error.hint or "choose a revision whose recipes evaluate",
            ) from error


def _git(folder: str, revision: str, *words: str) -> bytes:
    """Return the output of git in a folder; EvaluationError if it fails."""
    command = ["git", "-C", folder, *words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise EvaluationError(f"git cannot be started: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise EvaluationError(
            f"git has no recipes at {quoted(revision)}" + (f": {quoted(said)}" if said else ""),
            file=folder,
            hint=_remedy(folder, said),
        )
    return done.stdout


def _remedy(folder: str, said: str) -> str:
    """Return the hint for a revision that git does not find, or does not want to look for."""
    if "dubious ownership" in said:
        return "the repository is another user's, and git looks at it for its owner alone"
    words = ["git", "-C", folder, "rev-parse", "--is-shallow-repository"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.stdout.strip() == b"true":
        return "the clone is shallow: `git fetch --unshallow --tags` brings the other revisions"
    return "the folder of recipes has to be in a git repository that has this revision"
