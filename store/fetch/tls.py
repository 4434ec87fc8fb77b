"""TLS, and nothing else may import ``ssl``: a Python without OpenSSL has http and files alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.display import printable
from store.fetch.bounds import Permanent

try:
    import ssl
except ImportError:
    HAS_TLS = False
else:
    HAS_TLS = True
if TYPE_CHECKING:
    from ssl import SSLContext as SSLContext  # noqa: PLC0414 - for others to name


def tls_context(ca_files: Sequence[str] = ()) -> SSLContext:
    """Return OpenSSL's defaults (SSL_CERT_FILE and SSL_CERT_DIR count), plus ``ca_files``. Raises
    Permanent where there is no TLS, and for a file that cannot be read."""
    if not HAS_TLS:
        raise Permanent(
            "https needs TLS, which this Python was built without",
            "give a http: or file: URL, or use a Python with the module ssl",
        )
    context = ssl.create_default_context()
    known = {os.path.realpath(ssl.get_default_verify_paths().cafile or "/")}
    for file in ca_files:
        path = os.path.realpath(file)
        if path in known or not os.path.exists(path):
            continue
        known.add(path)
        try:
            if os.path.isdir(path):
                context.load_verify_locations(capath=path)
            elif os.path.isfile(path):  # a fifo would be waited for
                context.load_verify_locations(cafile=path)
        except OSError as error:
            raise Permanent(
                f"no certificates can be read in {printable(path)}",
                "apt's or pip's configuration names that file",
            ) from error
    return context


def is_failure(error: BaseException) -> bool:
    """Return whether TLS itself failed."""
    return HAS_TLS and isinstance(error, ssl.SSLError)


def is_distrust(error: BaseException) -> bool:
    """Return whether the other side's certificate is not trusted; its ``verify_message`` says
    why."""
    return HAS_TLS and isinstance(error, ssl.SSLCertVerificationError)


def is_early_end(error: BaseException) -> bool:
    """Return whether the connection ended without TLS's own end."""
    return HAS_TLS and isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
