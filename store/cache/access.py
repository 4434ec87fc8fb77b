"""How a cache lets this user in: by a token or a client's certificate, from files or the
environment; users and passwords stand in a netrc file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from store.display import printable, reason
from store.errors import UnusableKey
from store.system.home import expand_home
from store.system.small import read_small

TOKEN: Final = "STORE_CACHE_TOKEN"  # noqa: S105 - a name
"""Names the token itself."""

TOKEN_FILE: Final = "STORE_CACHE_TOKEN_FILE"  # noqa: S105 - a name
"""Names a file with the token."""

CERTIFICATE: Final = "STORE_CACHE_CERTIFICATE"
"""Names a PEM file with a client's certificate, and perhaps its key."""

KEY: Final = "STORE_CACHE_KEY"
"""Names a PEM file with the certificate's key."""

HINT: Final = (
    f"put a user and password into ~/.netrc, a token into the file that ${TOKEN_FILE} names, or "
    f"let ${CERTIFICATE} and ${KEY} name a client's certificate and key"
)

_LONGEST_TOKEN: Final = 64 << 10


@dataclass(frozen=True)
class Access:
    """``token`` is sent to the caches themselves, over TLS or within this machine alone."""

    token: str = field(default="", repr=False)
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def of_environment(cls) -> Access:
        """Return what the environment says; UnusableKey for a token that cannot be read or sent."""
        file = os.environ.get(TOKEN_FILE)
        token = _token_in(file) if file else os.environ.get(TOKEN, "")
        token = token.strip()
        if not (token.isascii() and (token + "x").isprintable() and " " not in token):
            raise UnusableKey("the token for caches is not of printable ASCII characters")
        certificate, key = os.environ.get(CERTIFICATE), os.environ.get(KEY)
        return cls(
            token,
            expand_home(certificate) if certificate else None,
            expand_home(key) if key else None,
        )


def _token_in(file: str) -> str:
    try:
        return read_small(expand_home(file), _LONGEST_TOKEN).decode("ascii", "replace")
    except OSError as error:
        raise UnusableKey(
            f"cannot read the token in {printable(file)}: {reason(error)}",
            hint=f"${TOKEN_FILE} names that file",
        ) from error
