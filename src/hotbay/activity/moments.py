"""Times as the API tells them: RFC 3339, with this machine's offset (spec/http-api.md 1)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def moment(seconds: float) -> datetime:
    """Return a time, in seconds since the epoch, as JSON's encoder writes it."""
    return datetime.fromtimestamp(seconds, UTC).astimezone()


def now() -> datetime:
    """Return the present likewise."""
    return moment(time.time())


def parse_moment(text: str) -> float | None:
    """Return the seconds since the epoch that a date with time and offset means, or None."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        return None
