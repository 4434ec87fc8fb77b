"""The libraries of the extra ``sbom``: their absence, and the words that both forms share."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Final
from urllib.parse import quote
from uuid import UUID, uuid5

from store.errors import UsageError

ENGINE: Final = "fixpoint-store"

CREATED: Final = datetime.fromtimestamp(1, UTC)
"""The time that all builds have, too: a bill depends on its content alone."""

_NAMESPACE: Final = UUID("6c3f0d52-6a0b-5f5e-9d0e-0f1f5a2b7c11")

MODULES: Final = {
    "cyclonedx": ("cyclonedx", "cyclonedx-python-lib"),
    "spdx": ("spdx_tools", "spdx-tools"),
}
"""By form: the module that draws it, and the Python package that has it."""


def check_extra(form: str) -> None:
    """Raise UsageError if the library for a form is not installed; none is loaded."""
    module, package = MODULES[form]
    found = None
    with contextlib.suppress(ImportError, ValueError):  # a module of no file
        found = find_spec(module)
    if found is None:
        raise UsageError(
            f"a bill of materials in this form needs Python's package {package}, which is missing",
            hint="install the extra `sbom` of fixpoint-store; docs/sbom.md says how",
        )


def numbered(text: str, number: UUID) -> str:
    """Return a document with a number made from its text in the place of ``number``."""
    return text.replace(str(number), str(uuid5(_NAMESPACE, text)))


def as_uri(text: str) -> str:
    """Return a locator or path with escapes for characters that no URI has."""
    return quote(text, safe=":/?#[]@!$&'()*+,;=%~")


def package_url(name: str, version: str) -> str:
    """Return the purl of a package as upstream has it: of no registry."""
    return f"pkg:generic/{quote(name, safe='')}@{quote(version, safe='')}"
