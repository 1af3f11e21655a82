"""Headers as people may see them: one value a name, no secrets (spec/request-pipeline.md 10.3)."""

from __future__ import annotations

from collections.abc import Iterable

REDACTED = "[REDACTED]"
_SECRET = frozenset(
    {b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"}
)


def shown_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the first value of each name, under its canonical spelling, without `Host`."""
    shown: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower == b"host":
            continue
        key = canonical_name(lower)
        if key not in shown:
            shown[key] = REDACTED if lower in _SECRET else value.decode("utf-8", "replace")
    return shown


def canonical_name(name: bytes) -> str:
    """Return a header's name with a capital after each hyphen, as Go writes it."""
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))
