"""Captured requests and answers: `/api/captures/{id}` and `/api/x/captures/{id}`."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hotbay.activity.captures import Capture
from hotbay.activity.transcript import transcript_of
from hotbay.api.activity import reading
from hotbay.api.activity_query import read_number
from hotbay.api.answers import error_answer
from hotbay.api.services import services_of


@reading()
async def capture(request: Request) -> Response:
    """Answer with a capture, as llama-swap does (spec/http-api.md 12)."""
    return await _answer(request, reassembled=False)


@reading()
async def full_capture(request: Request) -> Response:
    """Answer with a capture, and with what a streamed answer says when put together."""
    return await _answer(request, reassembled=True)


async def _answer(request: Request, *, reassembled: bool) -> Response:
    number = read_number(request.path_params["id"])
    if number is None:
        return error_answer(request, 400, "invalid capture ID")
    found = await services_of(request).activity.store.capture(number)
    if found is None:
        return error_answer(request, 404, "capture not found")
    body = await asyncio.to_thread(_rendered, number, found, reassembled=reassembled)
    return Response(body, media_type="application/json")


def _rendered(number: int, found: Capture, *, reassembled: bool) -> bytes:
    members: dict[str, Any] = {
        "id": number,
        "req_path": found.path,
        "req_headers": found.request_headers,
        "req_body": found.request_body,
        "resp_headers": found.response_headers,
        "resp_body": found.response_body,
    }
    if reassembled:
        members["reassembled"] = _transcript(found)
    return msgspec.json.encode(members)


def _transcript(found: Capture) -> object:
    kind = found.response_headers.get("Content-Type", "")
    if found.response_body is None or "text/event-stream" not in kind.lower():
        return None
    return transcript_of(found.response_body)
