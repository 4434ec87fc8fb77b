"""Foreign values in messages: texts, names and causes, as people read them.

Every value from outside that an error or a line shows goes through one of these functions.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with a code in the place of each character that cannot be seen, could steer a
    terminal, or would break a line; and of each byte of a path that is no text."""
    if text.isprintable():
        return text
    pieces = (text[at : at + 4096] for at in range(0, len(text), 4096))
    return "".join("".join(c if c.isprintable() else _code(c) for c in piece) for piece in pieces)


LONGEST_QUOTE = 300
"""Characters of a text of others' that a message repeats."""


def quoted(value: object) -> str:
    """Return the value as a message shows it: a text, or the bytes of a name, printable and between
    quotation marks, cut if it is long; a number as it is; of anything else, the kind alone."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if value is None or isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    text = value if len(value) <= LONGEST_QUOTE else f"{value[:LONGEST_QUOTE]}…"
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{printable(text)}{mark}"


def reason(error: BaseException) -> str:
    """Return why something failed, in words, of an error of Python's."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is no UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    return printable(str(error) or type(error).__name__)


def _code(char: str) -> str:
    undecoded = "\udc80" <= char <= "\udcff"
    return f"\\x{ord(char) - 0xDC00:02x}" if undecoded else ascii(char)[1:-1]
