"""Why one URL did not serve: in words, whether another try may help, and with a hint that fits."""

from __future__ import annotations

import email.message
import errno
import http.client
import re
import socket
import time
import urllib.error
import zlib
from collections.abc import Callable
from email.utils import mktime_tz, parsedate_tz

from store.display import printable
from store.fetch import tls
from store.fetch.bounds import Permanent, Slow, Transient

Clean = Callable[[str], str]

_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_REASON = 120
"""Characters of a server's own words."""

NO_URL = "this is not a URL that can be fetched"
PROXY = "$http_proxy and $https_proxy name the proxy: set or correct them if one is needed"
_DNS = f"check the host's name and this machine's resolver (/etc/resolv.conf); {PROXY}"
TRUST = "$SSL_CERT_FILE and $SSL_CERT_DIR name the certificates that this machine trusts"
_CERTIFICATE_HINTS = {
    **dict.fromkeys(
        (9, 10), "check this machine's clock: if it is wrong, good certificates seem invalid"
    ),
    **dict.fromkeys((62, 64), "the URL has to name the host as its certificate does"),
}
"""By OpenSSL's number: not valid yet, or any more; of another host, or address."""
_PYTHONS_WORDS = re.compile(r"\[[A-Z0-9_:]+( [A-Z0-9_]+)?\] | \(_ssl\.c:[0-9]+\)")
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"})
_CREDENTIALS = "put the user and password into ~/.netrc, or into the file that $NETRC names"
_PROXY_CREDENTIALS = (
    "the proxy wants a user and password: http://USER:PASSWORD@HOST in $http_proxy and $https_proxy"
)
_STATUS_HINTS = {
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    407: _PROXY_CREDENTIALS,
    408: "the server was not quick enough; try again later",
    429: "the server wants fewer requests; try again later",
}
_TUNNEL = "Tunnel connection failed:"
_GONE = "the file is missing on the server; give the recipe another locator"
_THEIRS = "the trouble is the server's; try again later"
_LOCAL_HINTS = {
    errno.EACCES: "this user may not read it; give it that right, or copy the file",
    errno.EPERM: "this user may not read it; give it that right, or copy the file",
    errno.ENOENT: "put the file there, or give the recipe another locator",
}


def of(error: Exception, clean: Clean = str) -> Transient | Permanent:
    """Return any error of a try as one of the two kinds: a wrong URL or certificate stays wrong.

    ``clean`` takes secrets out of words that may be a server's.
    """
    if isinstance(error, Transient | Permanent):
        return error
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return of(error.reason, clean)
    if isinstance(error, urllib.error.URLError):
        return Permanent(_words(error.reason, clean))
    if isinstance(error, OSError):
        return _of_system(error, clean)
    if isinstance(error, http.client.InvalidURL | UnicodeError | OverflowError):
        return Permanent(NO_URL)
    if isinstance(error, http.client.HTTPException | zlib.error):
        return Transient(f"its answer is not HTTP ({_words(error, clean) or type(error).__name__})")
    return Permanent(f"its answer cannot be used ({type(error).__name__})")


def of_status(status: int, phrase: str, headers: email.message.Message) -> Transient | Permanent:
    """Return an answer other than the file."""
    reason = f"{status} {short(phrase)}".strip()
    hint = _STATUS_HINTS.get(status)
    if hint is None:
        hint = _THEIRS if status >= 500 else _GONE if status in (404, 410) else None
    if status not in _PASSING_STATUS:
        return Permanent(reason, hint)
    return Transient(reason, _after(headers.get("Retry-After", "").strip()), hint)


def _after(text: str) -> float:
    """Return the seconds until the time that a server names, as a number or a date; 0 for anything
    else."""
    if text.isascii() and text.isdecimal():
        return float(text) if len(text) < 10 else 0.0
    date = seconds_of(text)
    return 0.0 if date is None else max(0.0, date - time.time())


def seconds_of(date: str) -> float | None:
    """Return the Unix seconds of a date in a header; None for anything else."""
    try:
        parts = parsedate_tz(date)
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError, TypeError, IndexError):  # no day of any year
        return None


def of_file(error: OSError) -> Permanent:
    """Return a local file that cannot be had."""
    return Permanent(describe(error), _LOCAL_HINTS.get(error.errno or 0))


def describe(error: object) -> str:
    """Return an exception as a reason in words; some of the network's have no text of their own."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def short(text: str) -> str:
    """Return foreign words, harmless to a terminal and not too many."""
    return printable(text[:_LONGEST_REASON])


def _of_system(error: OSError, clean: Clean) -> Transient | Permanent:
    text = _words(describe(error), clean)
    if tls.is_distrust(error):
        remedy = _CERTIFICATE_HINTS.get(getattr(error, "verify_code", 0), TRUST)
        text = getattr(error, "verify_message", text)
        return Permanent(f"the certificate is not trusted: {short(text)}", remedy)
    if tls.is_failure(error):
        return _of_tls(error)
    if isinstance(error, socket.gaierror):
        passing = error.errno == socket.EAI_AGAIN
        return Transient(text, hint=_DNS) if passing else Permanent(text, _DNS)
    if isinstance(error, TimeoutError):
        return Slow("no answer in time", hint=PROXY)
    if text.startswith(_TUNNEL):
        text = text.removeprefix(_TUNNEL).strip()
        hint = _PROXY_CREDENTIALS if text.startswith("407") else None
        return Transient(f"by the proxy: {text}", hint=hint)
    return Transient(text, hint=PROXY if _is_of_connecting(error) else None)


def _is_of_connecting(error: OSError) -> bool:
    return error.errno in (
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
    )


def _of_tls(error: OSError) -> Transient:
    """Return a failure of TLS that is none of a certificate."""
    if getattr(error, "reason", None) in _NO_TLS:
        return Transient("it does not speak TLS", hint="use an http: URL for this server")
    if tls.is_early_end(error):
        return Transient("the connection ended early")
    return Transient(f"no TLS: {short(_PYTHONS_WORDS.sub('', describe(error)))}")


def _words(text: object, clean: Clean) -> str:
    return short(clean(str(text)))
