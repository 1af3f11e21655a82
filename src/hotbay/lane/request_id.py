"""The name of a request in logs, rows, traces and at the model server: `X-Request-ID`.

Owns which names of clients are accepted, and the numbering of requests without one.
"""

from __future__ import annotations

import itertools
import re
import secrets

LONGEST = 128
"""Characters of a name that is accepted; UUIDs and the ids of known proxies are shorter."""

_SAFE = re.compile(rb"[A-Za-z0-9._:/+=@~-]{1,%d}" % LONGEST)
"""What can stand unquoted in a log line, a shell, a URL's query or a header."""

_run = secrets.token_hex(6)
_numbers = itertools.count(1)


def request_id(offered: bytes | None) -> str:
    """Return the name that the client offers if it is safe and not too long, otherwise a new one.

    A new one is unique: some random digits for this run of the program, and a number.
    """
    if offered is not None and _SAFE.fullmatch(offered):
        return offered.decode("ascii")
    return f"{_run}-{next(_numbers):x}"
