"""What a client is told when the engine refuses its request (spec/lifecycle.md 8)."""

from __future__ import annotations

import math
from typing import NamedTuple

from hotbay.core.effects import Refusal, Refused

UNKNOWN_MODEL = "no router for requested model"


class Told(NamedTuple):
    """Status, message, and the code where it does not follow from the status."""

    status: int
    message: str
    code: str | None = None


_ALWAYS = {
    Refusal.UNKNOWN_MODEL: Told(404, UNKNOWN_MODEL),
    Refusal.REMOVED: Told(404, UNKNOWN_MODEL),
    Refusal.CONCURRENCY: Told(429, "Too many requests", "concurrency_limit"),
    Refusal.QUEUE_FULL: Told(429, "Too many requests are waiting", "queue_full"),
}
"""What is said whatever the model."""


def retry_after(refused: Refused) -> int:
    """Return the whole seconds after which another try makes sense, at least 1 (design 6)."""
    return max(1, math.ceil(refused.retry_after))


def describe(refused: Refused, model: str, router: str, not_ready: str = "") -> Told:
    """Return what to answer to who asked for `model`; `router` is `group` or `matrix`.

    `not_ready` says why the request may not start the model, if it may not.
    """
    detail = refused.detail
    match refused.refusal:
        case Refusal.NOT_READY if not_ready:
            return Told(409, not_ready)
        case Refusal.NOT_READY:
            return Told(503, f"[{model}] process is not ready")
        case Refusal.START_FAILED:
            return Told(500, f"unspecific error: {detail}")
        case Refusal.UNLOADED:
            return Told(500, f"unspecific error: {router}: model unloaded")
        case Refusal.SHUTTING_DOWN:
            return Told(500, f"unspecific error: {router} is shutting down")
        case Refusal.PLANNER_FAILED:
            return Told(500, detail)
        case Refusal.NO_TARGET:
            return Told(503, detail)
        case Refusal.TOO_SLOW:
            late = f"the deadline of the request cannot be met: {model} would need about {detail} s"
            return Told(503, late, "deadline_unreachable")
        case Refusal.BROKEN:
            return Told(502, f"model {model}: the connection to its model server broke")
        case always:
            return _ALWAYS[always]
