"""How long a client is ready to wait for the beginning of its answer.

Owns the two headers that say so: `X-Request-Timeout: SECONDS`, and `Prefer: wait=SECONDS`
(RFC 7240 4.3).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_WAIT = re.compile(rb"""(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])""", re.IGNORECASE)


class TimeLimitError(ValueError):
    """`X-Request-Timeout` is no number of seconds; the message is for the client."""


def time_limit(fields: Mapping[bytes, bytes]) -> float | None:
    """Return the seconds, None if the client does not say; the first header counts over the second.

    A preference that cannot be understood or met is ignored, as RFC 7240 2 demands.

    Raises:
        TimeLimitError: there is an `X-Request-Timeout`, but not with a positive number.
    """
    written = fields.get(b"x-request-timeout")
    if written is not None:
        return _seconds(written)
    preference = _WAIT.search(fields.get(b"prefer", b""))
    return (float(preference[1]) or None) if preference is not None else None


def _seconds(written: bytes) -> float:
    try:
        seconds = float(written)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        text = written.decode("latin-1")
        raise TimeLimitError(
            f"X-Request-Timeout must be a positive number of seconds, not {text!r}"
        )
    return seconds
