"""The packages that a change of the recipes touches: those whose derivations differ."""

from __future__ import annotations

import os
import tempfile

from store.display import quoted
from store.errors import EvaluationError
from store.model.catalogue import Catalogue
from store.model.project_archive import DOCS, PARTS
from store.operations.commit_tree import CommitTree
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
    tree = CommitTree(folder, revision)
    parts = {name, seeds, *PARTS, *DOCS}
    with tempfile.TemporaryDirectory(prefix="fixpoint-") as made:
        place = os.path.realpath(made)
        tree.write({tree.within(os.path.join(folder, part)) for part in parts}, place)
        there = os.path.join(place, tree.within(recipes))
        if not os.path.isdir(there):
            raise EvaluationError(
                f"git has no recipes at {quoted(revision)}: there is no folder {quoted(name)}",
                file=folder,
                hint="the folder of recipes has to be in a git repository that has this revision",
            )
        try:
            return evaluate(there, session.seed, session.evaluation_seconds)
        except EvaluationError as error:
            # Its files are removed before somebody reads this.
            above = os.path.dirname(there)
            raise EvaluationError(
                f"the recipes at {quoted(revision)} do not evaluate: "
                + error.message.replace(f"{above}/", ""),
                hint=error.hint or "choose a revision whose recipes evaluate",
            ) from error
