"""Headers as people may see them: one value a name, no secrets (spec/request-pipeline.md 10.3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

REDACTED = "[REDACTED]"
_REDACTED = REDACTED.encode()
_SECRET = frozenset(
    {b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"}
)
_NAMES = 1024
"""Spellings that are remembered; clients use few, but could send any."""


def shown_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the first value of each name, under its canonical spelling, without `Host`."""
    shown: dict[str, str] = {}
    for name, value in headers:
        key, secret = _canonical(name)
        if key not in shown:
            shown[key] = REDACTED if secret else value.decode("utf-8", "replace")
    shown.pop("Host", None)
    return shown


def without_secrets(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers, of which the names are in lower case, as they are but for the secrets."""
    return [(name, _REDACTED if name in _SECRET else value) for name, value in headers]


@lru_cache(_NAMES)
def _canonical(name: bytes) -> tuple[str, bool]:
    """Return a name with a capital after each hyphen, as Go writes it, and whether it is secret."""
    spelled = "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))
    return spelled, name.lower() in _SECRET
