"""A known key by its name, or by the beginning of its name, line or id."""

from __future__ import annotations

from collections.abc import Iterable

from store.display import quoted
from store.errors import UsageError
from store.signing.keys import PublicKey


def key_named(text: str, known: Iterable[PublicKey]) -> PublicKey | None:
    """Return the only known key that a text means, None when there is none. UsageError when it may
    be several.

    A whole name comes before the beginning of a name or line, and that before the beginning of an
    id.
    """
    keys = list(dict.fromkeys(known))
    for found in (
        [key for key in keys if key.name == text],
        [key for key in keys if text and str(key).startswith(text)],
        [key for key in keys if text and key.id.startswith(text.lower())],
    ):
        if len(found) > 1:
            raise UsageError(
                f"{quoted(text)} may be {len(found)} keys: {', '.join(sorted(map(str, found)))}",
                hint="give more of the key, or the whole of it",
            )
        if found:
            return found[0]
    return None
