"""The forms in which the control plane answers (spec/http-api.md 1 and 2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hotbay.lane.errors import error_headers, render_error


def json_answer(
    value: object, headers: dict[str, str] | None = None, *, status: int = 200
) -> Response:
    """Answer with one JSON value; mappings of the configuration may be in it."""
    body = msgspec.json.encode(value, enc_hook=_plain)
    return Response(body, status, headers, "application/json")


def text_answer(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with plain text."""
    return Response(text, status, headers, "text/plain; charset=utf-8")


def error_answer(request: Request, status: int, message: str) -> Response:
    """Answer with an error in the form that the request accepts."""
    error = render_error(status, message, accept=request.headers.get("accept", ""))
    headers = {name.decode(): value.decode() for name, value in error_headers(status)}
    headers["Content-Type"] = error.content_type
    return Response(error.body, status, headers)


def rest_of(request: Request, segments: int) -> str:
    """Return what follows the first `segments` segments of the path, fully percent-decoded."""
    raw: bytes = request.scope["raw_path"]
    parts = raw.decode("latin-1").split("/", segments + 1)
    return unquote(parts[segments + 1]) if len(parts) > segments + 1 else ""


def _plain(value: object) -> object:
    """Return a read-only mapping as the encoder knows it."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
