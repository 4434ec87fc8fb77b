"""Files beside a recipe, as texts for its build."""

from __future__ import annotations

from pathlib import Path

from store.errors import EvaluationError


def texts(recipe: str, *names: str, missing: bool = False) -> tuple[tuple[str, str], ...]:
    """The files of these names in the folder of a recipe (its ``__file__``), for ``files``, each by
    the last part of its name. ``missing``: one that is not there counts as empty."""
    files = [Path(recipe).parent / name for name in names]
    return tuple(
        (file.name, "" if missing and not file.exists() else read_text(file)) for file in files
    )


def read_text(file: Path) -> str:
    """Return the text of a file, with its line ends as they are: those of a patch are those of the
    files that it changes. EvaluationError if it is not UTF-8."""
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise EvaluationError(
            f"byte {error.start} is not UTF-8, as the files of a build have to be",
            file=str(file),
            hint="`iconv -t UTF-8` converts a text; what a patch cannot hold then, sed can change",
        ) from None
