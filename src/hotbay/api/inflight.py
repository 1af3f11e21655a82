"""Cancelling a request in progress: `/api/inflight/{id}/cancel` (spec/http-api.md 11)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hotbay.api.answers import error_answer, json_answer
from hotbay.api.services import services_of


async def cancel(request: Request) -> Response:
    """End everything that is done for a request; its entry goes when that has happened."""
    text = request.path_params["id"]
    known = text.isascii() and text.isdigit() and len(text) < 19
    if known and services_of(request).activity.recorder.cancel(int(text)):
        return json_answer({"msg": "ok"})
    return error_answer(request, 404, "inflight request not found")
