"""What an activity row says of a request that failed (spec/request-pipeline.md 8.4)."""

from __future__ import annotations

from typing import Any

import msgspec

LONGEST = 500
"""Bytes of a message; more is cut off."""

# The texts of the IANA registry as Go's net/http has them, which is what llama-swap writes; those
# of Python's http.HTTPStatus differ from version to version.
_TEXTS = {
    100: "Continue",
    101: "Switching Protocols",
    102: "Processing",
    103: "Early Hints",
    200: "OK",
    201: "Created",
    202: "Accepted",
    203: "Non-Authoritative Information",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    207: "Multi-Status",
    208: "Already Reported",
    226: "IM Used",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    414: "Request URI Too Long",
    415: "Unsupported Media Type",
    416: "Requested Range Not Satisfiable",
    417: "Expectation Failed",
    418: "I'm a teapot",
    421: "Misdirected Request",
    422: "Unprocessable Entity",
    423: "Locked",
    424: "Failed Dependency",
    425: "Too Early",
    426: "Upgrade Required",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Unavailable For Legal Reasons",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    506: "Variant Also Negotiates",
    507: "Insufficient Storage",
    508: "Loop Detected",
    510: "Not Extended",
    511: "Network Authentication Required",
}


class _ErrorBody(msgspec.Struct):
    error: Any = None
    message: Any = None
    detail: Any = None


_ERROR_BODY = msgspec.json.Decoder(_ErrorBody)


def is_success(status: int) -> bool:
    """Whether a status is one of success; llama-swap knows only 200 as such."""
    return 200 <= status < 300


def failure_message(status: int, body: bytes) -> str:
    """Say in a few words why a request failed; `body` is decompressed."""
    try:
        told = _ERROR_BODY.decode(body)
    except (ValueError, RecursionError):
        return status_text(status)
    inner = told.error.get("message") if isinstance(told.error, dict) else None
    for text in (inner, told.error, told.message, told.detail):
        if isinstance(text, str) and (trimmed := text.strip()):
            return shortened(trimmed)
    return status_text(status)


def status_text(status: int) -> str:
    """Return a status with its name, such as `502 Bad Gateway`, or `HTTP 599` if it has none."""
    return f"{status} {_TEXTS[status]}" if status in _TEXTS else f"HTTP {status}"


def shortened(message: str) -> str:
    """Cut a message to `LONGEST` bytes of UTF-8, at a character's end, and mark the cut."""
    encoded = message.encode("utf-8", "replace")
    if len(encoded) <= LONGEST:
        return message
    return encoded[:LONGEST].decode("utf-8", "ignore") + "..."
