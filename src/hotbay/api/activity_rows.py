"""How a row of the activity log is shown: as JSON, and as a line of CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from hotbay.activity.row import Row, Stored


def basic_entry(stored: Stored, captures: Container[int]) -> dict[str, Any]:
    """Return a row as llama-swap shows it (spec/activity-store.md 4)."""
    number, row = stored
    tokens = row.tokens
    entry: dict[str, Any] = {
        "id": number,
        "timestamp": timestamp(row.timestamp),
        "model": row.model,
        "req_path": row.path,
        "resp_content_type": row.content_type,
        "resp_status_code": row.status,
        "tokens": {
            "cache_tokens": tokens.cache,
            "draft_tokens": tokens.draft,
            "draft_acc_tokens": tokens.draft_accepted,
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "prompt_per_second": tokens.prompt_per_second,
            "tokens_per_second": tokens.tokens_per_second,
        },
        "duration_ms": row.duration_ms,
        "has_capture": number in captures,
    }
    if row.error:
        entry["error_msg"] = row.error
    if row.metadata:
        entry["metadata"] = row.metadata
    return entry


def full_entry(stored: Stored, captures: Container[int]) -> dict[str, Any]:
    """Return everything that is known of a row; what is not known is null."""
    row = stored.row
    return basic_entry(stored, captures) | {
        "error_msg": row.error,
        "metadata": row.metadata,
        "outcome": row.outcome,
        "requested": row.requested or None,
        "asked_path": row.asked_path or None,
        "request_id": row.request_id or None,
        "remote_ip": row.remote or None,
        "session": row.session or None,
        "user_agent": row.user_agent or None,
        "stream": row.stream,
        "attempts": row.attempts,
        "resp_bytes": row.response_bytes,
        "first_byte_ms": row.first_byte_ms,
        "phases_ms": _phases(row),
    }


def timestamp(seconds: float) -> str:
    """Return a moment with whole seconds in the zone of this machine (RFC 3339)."""
    try:
        text = datetime.fromtimestamp(int(seconds)).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):  # no date that anybody can write
        return "0001-01-01T00:00:00Z"
    return text.replace("+00:00", "Z")


def _phases(row: Row) -> dict[str, int] | None:
    """Return what the time was spent with; None if only the whole is known."""
    if row.queue_ms is None or row.swap_ms is None or row.load_ms is None:
        return None
    waited = row.queue_ms + row.swap_ms + row.load_ms
    first_byte = row.duration_ms if row.first_byte_ms is None else row.first_byte_ms
    return {
        "queued": row.queue_ms,
        "swapping": row.swap_ms,
        "loading": row.load_ms,
        "forwarded": max(0, first_byte - waited),
        "answering": max(0, row.duration_ms - first_byte),
    }


COLUMNS = (
    "id", "timestamp", "model", "req_path", "resp_status_code", "outcome", "error_msg",
    "resp_content_type", "duration_ms", "input_tokens", "output_tokens", "cache_tokens",
    "draft_tokens", "draft_acc_tokens", "prompt_per_second", "tokens_per_second", "queued_ms",
    "swapping_ms", "loading_ms", "forwarded_ms", "answering_ms", "first_byte_ms", "attempts",
    "stream", "resp_bytes", "requested", "asked_path", "request_id", "remote_ip", "session",
    "user_agent", "metadata",
)  # fmt: skip
"""Of CSV."""


def csv_head() -> bytes:
    """Return the line with the names of the columns."""
    return _lines([COLUMNS])


def csv_lines(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """Return full entries as lines (RFC 4180)."""
    return _lines(_cells(entry) for entry in entries)


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cells(entry: Mapping[str, Any]) -> list[object]:
    phases = entry["phases_ms"] or {}
    flat = {
        **entry,
        **entry["tokens"],
        **{f"{phase}_ms": spent for phase, spent in phases.items()},
        "metadata": msgspec.json.encode(entry["metadata"]).decode() if entry["metadata"] else "",
    }
    return [_cell(flat.get(column)) for column in COLUMNS]


def _cell(value: object) -> object:
    # Clients choose some of these texts, and a spreadsheet would calculate with them
    # (https://owasp.org/www-community/attacks/CSV_Injection).
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
