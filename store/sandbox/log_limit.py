"""How much a build may log, apart from the request: options need it before anything is built."""

from __future__ import annotations

from typing import Final

MAX_LOG: Final = 256 << 20
"""Bytes of a log, unless the caller says otherwise."""
