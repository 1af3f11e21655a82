"""Preflights: any OPTIONS request is answered here and never forwarded (spec/http-api.md 2.2)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS = "Content-Type, Authorization, Accept, X-Requested-With"
_MAX_AGE = "86400"
_TOKEN_MARKS = frozenset("!#$%&'*+-.^_`|~")


def preflight(request: Request) -> Response:
    """Allow what is asked for, as far as it is well-formed."""
    wanted = request.headers.get("access-control-request-headers", "")
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _names(wanted) if wanted else _HEADERS,
            "Access-Control-Max-Age": _MAX_AGE,
        },
    )


def _names(listing: str) -> str:
    """Return the well-formed field names (RFC 9110 5.1) of a comma-separated list."""
    names = (name.strip() for name in listing.split(","))
    return ", ".join(name for name in names if name and all(map(_is_token_character, name)))


def _is_token_character(character: str) -> bool:
    return (character.isascii() and character.isalnum()) or character in _TOKEN_MARKS
