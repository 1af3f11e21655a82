"""What a client is told when the engine refuses its request (spec/lifecycle.md 8)."""

from __future__ import annotations

from typing import NamedTuple

from hotbay.core.effects import Refusal, Refused

UNKNOWN_MODEL = "no router for requested model"


class Told(NamedTuple):
    """Status, message, and the code where it does not follow from the status."""

    status: int
    message: str
    code: str | None = None


def describe(refused: Refused, model: str, router: str) -> Told:
    """Return what to answer to who asked for `model`; `router` is `group` or `matrix`."""
    detail = refused.detail
    match refused.refusal:
        case Refusal.UNKNOWN_MODEL | Refusal.REMOVED:
            return Told(404, UNKNOWN_MODEL)
        case Refusal.CONCURRENCY:
            return Told(429, "Too many requests", "concurrency_limit")
        case Refusal.QUEUE_FULL:
            return Told(429, "Too many requests are waiting", "queue_full")
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
