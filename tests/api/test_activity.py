"""The routes of the activity log (spec/activity-store.md 4 to 6, spec/http-api.md 12)."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.activity.logs import NOON, row, run
from tests.activity.test_captures import CHAT
from tests.api.conftest import Answer, Serve, Served

from hotbay.activity.captures import Capture
from hotbay.activity.row import Row, Tokens

ROWS = "/api/metrics/activity"
STATS = "/api/metrics/stats"
X_ROWS = "/api/x/activity"
TOTALS = "/api/x/activity/totals"
HOUR = 3600


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine stand in Greenwich."""
    yield from zone(monkeypatch, "UTC")


def zone(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def fill(served: Served, *rows: Row, capture: Capture | None = None) -> None:
    """Have rows in the log, all with the same capture."""
    store = served.app._activity.store
    for each in rows:
        store.add_later(lambda made=(each, capture): made)
    await store.flush()


async def ids(served: Served, target: str) -> list[int]:
    answer = await served.get(target)
    assert answer.status == 200, answer.body
    return [entry["id"] for entry in answer.json["data"]]


# -- rows, as llama-swap shows them ----------------------------------------------------------------

SAMPLE = row(
    timestamp=1_932_962_828.9,
    path="/v1/chat/completions",
    content_type="application/json",
    tokens=Tokens(12, -1, -1, 40, 9, 310.5, 28.25),
    duration_ms=455,
    metadata={"fifo_priority": "0"},
)


@pytest.mark.usefixtures("utc")
async def test_the_sample_of_the_spec(serve: Serve) -> None:
    served = await serve()
    await fill(served, SAMPLE, capture=Capture("/", [], None, [], b"x"))
    assert (await served.get(ROWS)).json == {
        "data": [
            {
                "id": 1,
                "timestamp": "2031-04-03T06:07:08Z",
                "model": "lily",
                "req_path": "/v1/chat/completions",
                "resp_content_type": "application/json",
                "resp_status_code": 200,
                "tokens": {
                    "cache_tokens": 12,
                    "draft_tokens": -1,
                    "draft_acc_tokens": -1,
                    "input_tokens": 40,
                    "output_tokens": 9,
                    "prompt_per_second": 310.5,
                    "tokens_per_second": 28.25,
                },
                "duration_ms": 455,
                "has_capture": True,
                "metadata": {"fifo_priority": "0"},
            }
        ],
        "page": 1,
        "limit": 25,
        "total": 1,
        "total_pages": 1,
    }


async def test_an_error_is_told_and_nothing_is_omitted_but_the_empty(serve: Serve) -> None:
    served = await serve()
    await fill(served, row(status=500, error="disk full"))
    (entry,) = (await served.get(ROWS)).json["data"]
    assert entry["error_msg"] == "disk full"
    assert "metadata" not in entry
    assert entry["has_capture"] is False
    assert entry["resp_content_type"] == entry["req_path"] == ""


async def test_times_have_the_offset_of_this_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve()
    await fill(served, row(timestamp=1_932_962_828))
    for _ in zone(monkeypatch, "Asia/Kolkata"):
        (entry,) = (await served.get(ROWS)).json["data"]
        assert entry["timestamp"] == "2031-04-03T11:37:08+05:30"


async def test_an_empty_log(serve: Serve) -> None:
    served = await serve()
    expected = {"data": [], "page": 3, "limit": 25, "total": 0, "total_pages": 0}
    assert (await served.get(f"{ROWS}?page=3")).json == expected


async def test_pages(serve: Serve) -> None:
    served = await serve()
    await fill(served, row(), row(), row())
    for page, expected in ((1, [3, 2]), (2, [1]), (3, []), (10**15, [])):
        answer = (await served.get(f"{ROWS}?limit=2&page={page}")).json
        assert [entry["id"] for entry in answer["data"]] == expected
        assert (answer["page"], answer["limit"]) == (page, 2)
        assert (answer["total"], answer["total_pages"]) == (3, 2)


async def test_memory_keeps_the_newest(serve: Serve) -> None:
    served = await serve({"metricsMaxInMemory": 4})
    await fill(served, *[row()] * 6)
    answer = (await served.get(ROWS)).json
    assert [entry["id"] for entry in answer["data"]] == [6, 5, 4, 3]
    assert answer["total"] == 4


async def test_filters(serve: Serve) -> None:
    served = await serve()
    await fill(served, *(row(model, timestamp=NOON + n) for n, model in enumerate("abcab")))
    for query, expected in {
        "": [5, 4, 3, 2, 1],
        "model=a": [4, 1],
        "model=a&model=%20&model=b": [5, 4, 2, 1],
        "model=%20a%20": [4, 1],
        "model=&model=%20": [5, 4, 3, 2, 1],
        "model=d": [],
        "model=A": [],
        "min_id=2&max_id=4": [4, 3, 2],
        "min_id=3": [5, 4, 3],
        "max_id=2": [2, 1],
        "max_id=%202%20": [2, 1],
        "max_id=": [5, 4, 3, 2, 1],
        "min_id=9223372036854775807": [],
        "min_id=+2&order=asc&max_id=007": [2, 3, 4, 5],
        "start=2031-04-02T12:00:01Z": [5, 4, 3, 2],
        "start=2031-04-02T12:00:01.999Z": [5, 4, 3, 2],
        "end=2031-04-02T12:00:01Z": [2, 1],
        "start=2031-04-02T14:00:02%2B02:00&end=2031-04-02T10:30:03-01:30": [4, 3],
        "start=2031-04-02T12:00:02Z&end=2031-04-02T12:00:02Z": [3],
        "min_id=2&max_id=4&start=2031-04-02T12:00:01Z&model=a": [4],
        "limit=2&limit=x&page=2": [3, 2],
        "sort=id&order=ASC": [1, 2, 3, 4, 5],
        "sort=%20&order=": [5, 4, 3, 2, 1],
        "status=404&outcome=failed&q=nothing": [5, 4, 3, 2, 1],  # not known here
    }.items():
        assert await ids(served, f"{ROWS}?{query}") == expected, query
    answer = (await served.get(f"{ROWS}?model=a&model=b&limit=3")).json
    assert (answer["total"], answer["total_pages"]) == (4, 2)


START = "invalid 'start' timestamp, use RFC3339 format"
END = "invalid 'end' timestamp, use RFC3339 format"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("start=yesterday&end=x", START),
        ("start=2031-04-02", START),
        ("start=2031-04-02T12:00:00", START),
        ("start=2031-04-02T12:00:00+02:00", START),  # a plus is a blank
        ("start=2031-13-02T12:00:00Z", START),
        ("start=2031-04-02T12:00:00%2B24:00", START),
        ("start=2031-04-02T24:00:00Z", START),
        ("start=2031-04-02T12:00Z", START),
        ("start=%D9%A2031-04-02T12:00:00Z", START),
        ("end=1", END),
        (
            "start=2031-04-02T12:00:01Z&end=2031-04-02T12:00:00Z&min_id=0",
            "start must be before end",
        ),
        ("min_id=0&max_id=0", "min_id must be >= 1"),
        ("min_id=x", "min_id must be >= 1"),
        ("min_id=1.5", "min_id must be >= 1"),
        ("min_id=9223372036854775808", "min_id must be >= 1"),
        ("max_id=-1&limit=0", "max_id must be >= 1"),
        ("max_id=1_0", "max_id must be >= 1"),
        ("min_id=3&max_id=2&limit=x", "min_id must be <= max_id"),
        ("limit=many&page=0", "invalid limit"),
        ("limit=%D9%A2", "invalid limit"),
        ("limit=0&page=0", "limit must be between 1 and 999"),
        ("limit=1000", "limit must be between 1 and 999"),
        ("page=0&sort=x", "page must be >= 1"),
        ("page=x", "page must be >= 1"),
        ("sort=capture&order=x", "invalid sort column"),
        ("sort=ID", "invalid sort column"),
        ("order=up", "order must be asc or desc"),
    ],
)
async def test_a_parameter_that_cannot_be_used(serve: Serve, query: str, message: str) -> None:
    served = await serve()
    for path in (ROWS, X_ROWS):
        answer = await served.get(f"{path}?{query}")
        assert (answer.status, answer.error) == (400, message)


SORTED: dict[str, Callable[[Row], Any]] = {
    "time": lambda row: row.timestamp,
    "model": lambda row: row.model.encode(),
    "req_path": lambda row: row.path.encode(),
    "resp_status_code": lambda row: row.status,
    "resp_content_type": lambda row: row.content_type.encode(),
    "cached": lambda row: row.tokens.cache,
    "prompt": lambda row: row.tokens.input,
    "generated": lambda row: row.tokens.output,
    "drafted": lambda row: row.tokens.draft,
    "prompt_speed": lambda row: row.tokens.prompt_per_second,
    "gen_speed": lambda row: row.tokens.tokens_per_second,
    "duration": lambda row: row.duration_ms,
    "id": lambda _: 0,
}


def test_every_column_can_be_sorted_by() -> None:
    from hotbay.activity.queries import SORT_COLUMNS

    assert SORTED.keys() == SORT_COLUMNS.keys()


async def test_sorting_and_ties(serve: Serve) -> None:
    rows = [
        row(
            model=("a", "B", "ä", "b")[n % 4],
            timestamp=NOON - n % 3,
            status=(200, 404)[n % 2],
            path=("/b", "/B", "/a")[n % 3],
            content_type=("x", "", "X")[n % 3],
            tokens=Tokens(n % 2, n % 3, 0, n % 4, n % 5, n % 3 / 2, n % 4 / 3),
            duration_ms=n % 4,
        )
        for n in range(20)
    ]
    served = await serve()
    await fill(served, *rows)
    for name, key in SORTED.items():
        for order in ("asc", "desc"):
            numbered = sorted(
                enumerate(rows, 1),
                key=lambda pair: (key(pair[1]), pair[0]),
                reverse=order == "desc",
            )
            expected = [number for number, _ in numbered]
            found = await ids(served, f"{ROWS}?sort={name}&order={order}")
            assert found == expected, (name, order)
            page = await ids(served, f"{ROWS}?sort={name}&order={order}&limit=7&page=2")
            assert page == expected[7:14], (name, order)


# -- statistics ------------------------------------------------------------------------------------


async def test_the_statistics_of_the_spec(serve: Serve) -> None:
    served = await serve()
    speeds = ((10, -1), (20, 7), (30, 0), (40, 7))
    await fill(
        served,
        *(
            row(tokens=Tokens(cache, -1, -1, 25, output, prompt, generation))
            for (prompt, generation), cache, output in zip(
                speeds, (-1, 0, 5, -1), (1, 2, 3, 4), strict=True
            )
        ),
    )
    expected: dict[str, Any] = {
        "total_requests": 4,
        "total_input_tokens": 100,
        "total_output_tokens": 10,
        "total_cache_tokens": 5,
        "prompt_histogram": {
            "bins": [1, 1, 0, 1, 1],
            "min": 10,
            "max": 40,
            "binSize": 6,
            "p50": 25,
            "p95": 38.5,
            "p99": pytest.approx(39.7),
        },
        "gen_histogram": {
            "bins": [2], "min": 7, "max": 7, "binSize": 0, "p50": 7, "p95": 7, "p99": 7
        },
    }  # fmt: skip
    assert (await served.get(STATS)).json == expected
    assert (await served.get(f"{STATS}?model=%20lily")).json == expected
    assert (await served.get(f"{STATS}?model=&model=other")).json == expected
    assert (await served.get(f"{STATS}?model=other")).json == {
        "total_requests": 0,
        "total_input_tokens": 0,
        "total_output_tokens": 0,
        "total_cache_tokens": 0,
        "prompt_histogram": None,
        "gen_histogram": None,
    }


# -- captures --------------------------------------------------------------------------------------

CAPTURE = Capture(
    "/v1/chat/completions",
    [(b"content-type", b"application/json"), (b"authorization", b"[REDACTED]")],
    b'{"model":"lily"}',
    [(b"content-type", b"text/event-stream; charset=utf-8")],
    CHAT,
)


async def test_a_capture(serve: Serve) -> None:
    served = await serve()
    await fill(served, row(), capture=CAPTURE)
    expected = {
        "id": 1,
        "req_path": "/v1/chat/completions",
        "req_headers": {"Content-Type": "application/json", "Authorization": "[REDACTED]"},
        "req_body": base64.b64encode(b'{"model":"lily"}').decode(),
        "resp_headers": {"Content-Type": "text/event-stream; charset=utf-8"},
        "resp_body": base64.b64encode(CHAT).decode(),
    }
    assert (await served.get("/api/captures/1")).json == expected
    full = (await served.get("/api/x/captures/1")).json
    reassembled = full.pop("reassembled")
    assert full == expected
    assert reassembled["format"] == "chat"
    assert reassembled["complete"] is True
    (choice,) = reassembled["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["parts"] == [
        {"type": "reasoning", "text": "Let me think."},
        {"type": "text", "text": "It is fine. ☀"},
        {"type": "tool_call", "text": '{"at":"it"}', "id": "c1", "name": "look"},
    ]


async def test_parts_that_are_not_kept_are_null(serve: Serve) -> None:
    served = await serve()
    await fill(served, row(), capture=Capture("/", [], b"", [], None))
    await fill(served, row(), capture=Capture("/", [], None, [], b"{}"))
    first, second = [(await served.get(f"/api/x/captures/{n}")).json for n in (1, 2)]
    assert (first["req_body"], first["resp_body"], first["reassembled"]) == ("", None, None)
    assert (second["req_body"], second["resp_body"], second["reassembled"]) == (None, "e30=", None)


@pytest.mark.parametrize("prefix", ["/api", "/api/x"])
async def test_captures_that_there_are_not(serve: Serve, prefix: str) -> None:
    served = await serve()
    await fill(served, row())
    for name in ("1", "2", "-1", "0", "%2B1", "9223372036854775807"):
        answer = await served.get(f"{prefix}/captures/{name}")
        assert (answer.status, answer.error) == (404, "capture not found"), name
    for name in ("x", "1.0", "0x1", "1_0", "%20", "%D9%A1", "9223372036854775808"):
        answer = await served.get(f"{prefix}/captures/{name}")
        assert (answer.status, answer.error) == (400, "invalid capture ID"), name


async def test_whether_there_is_a_capture_is_looked_up_at_the_moment(serve: Serve) -> None:
    served = await serve({"captureBuffer": 1})
    await fill(served, row(), capture=Capture("/", [], None, [], os.urandom(700_000)))
    assert (await served.get(ROWS)).json["data"][0]["has_capture"] is True
    await fill(served, row(), capture=Capture("/", [], None, [], os.urandom(700_000)))
    newest, oldest = (await served.get(ROWS)).json["data"]
    assert newest["has_capture"] is True
    assert oldest["has_capture"] is False


# -- what only hotbay knows ------------------------------------------------------------------------

FULL = row(
    error="odd",
    path="/chat/completions",
    metadata={"selector": "any"},
    duration_ms=500,
    outcome="cancelled by client",
    requested="fast-lily",
    asked_path="/v/chat/completions",
    request_id="abc",
    remote="192.0.2.7",
    session="s-1",
    user_agent="curl/8",
    stream=True,
    attempts=2,
    response_bytes=1000,
    queue_ms=100,
    swap_ms=20,
    load_ms=30,
    first_byte_ms=190,
)


async def test_everything_that_is_known_of_a_row(serve: Serve) -> None:
    served = await serve()
    await fill(served, FULL)
    entry = (await served.get(f"{X_ROWS}/1")).json
    basic = (await served.get(ROWS)).json["data"][0]
    assert entry.items() >= basic.items()
    assert {name: value for name, value in entry.items() if name not in basic} == {
        "outcome": "cancelled by client",
        "requested": "fast-lily",
        "asked_path": "/v/chat/completions",
        "request_id": "abc",
        "remote_ip": "192.0.2.7",
        "session": "s-1",
        "user_agent": "curl/8",
        "stream": True,
        "attempts": 2,
        "resp_bytes": 1000,
        "first_byte_ms": 190,
        "phases_ms": {
            "queued": 100, "swapping": 20, "loading": 30, "forwarded": 40, "answering": 310
        },
    }  # fmt: skip
    listed = (await served.get(X_ROWS)).json
    assert listed["data"] == [entry]
    assert (listed["total"], listed["total_pages"]) == (1, 1)


async def test_what_is_not_known_is_null(serve: Serve) -> None:
    served = await serve()
    await fill(served, row(status=500))
    entry = (await served.get(f"{X_ROWS}/1")).json
    assert entry["outcome"] == "failed"
    unknown = {name for name, value in entry.items() if value is None}
    assert unknown == {
        "requested", "asked_path", "request_id", "remote_ip", "session", "user_agent", "stream",
        "attempts", "resp_bytes", "first_byte_ms", "phases_ms",
    }  # fmt: skip


async def test_rows_that_there_are_not(serve: Serve) -> None:
    served = await serve()
    missing = await served.get(f"{X_ROWS}/1")
    assert (missing.status, missing.error) == (404, "activity not found")
    invalid = await served.get(f"{X_ROWS}/one")
    assert (invalid.status, invalid.error) == (400, "invalid activity ID")


async def test_more_filters(serve: Serve) -> None:
    served = await serve()
    await fill(
        served,
        row(status=200, path="/v1/embeddings", remote="::1", outcome="done"),
        row(status=404, path="/v1/completions", error="No 100% such_thing", outcome="failed"),
        row(status=499, path="/v1/completions", session="s-1", outcome="cancelled by client"),
        row(status=499, path="/v1/completions", session="s-2", outcome="cancelled by operator"),
        row(status=429, path="/v1/rerank", metadata={"selector": "ANY"}, outcome="refused"),
        row(status=502, path="/v1/rerank", user_agent="OpenAI/Python"),
    )
    for query, expected in {
        "status=404": [2],
        "status=4xx": [5, 4, 3, 2],
        "status=4XX&status=200": [5, 4, 3, 2, 1],
        "outcome=done": [1],
        "outcome=failed": [6, 2],
        "outcome=cancelled": [4, 3],
        "outcome=cancelled%20by%20client&outcome=refused": [5, 3],
        "path=/v1/rerank": [6, 5],
        "path=/v1/rerank&path=/v1/embeddings": [6, 5, 1],
        "client=::1": [1],
        "session=s-1": [3],
        "q=such_thing": [2],
        "q=100%25": [2],
        "q=SUCH": [2],
        "q=suchxthing": [],
        "q=!": [],
        "q=any": [5],
        "q=openai": [6],
        "q=lily": [6, 5, 4, 3, 2, 1],
        "q=%20": [6, 5, 4, 3, 2, 1],
        "status=4xx&path=/v1/completions&session=s-2&outcome=cancelled&min_id=2": [4],
    }.items():
        assert await ids(served, f"{X_ROWS}?{query}") == expected, query


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=ok", "invalid status 'ok', write it as in 404 or 4xx"),
        ("status=20", "invalid status '20', write it as in 404 or 4xx"),
        ("outcome=great", "invalid outcome 'great', there are done, failed, refused, cancelled,"),
        (f"q={'x' * 201}", "q must not be longer than 200 characters"),
    ],
)
async def test_a_filter_that_cannot_be_used(serve: Serve, query: str, message: str) -> None:
    served = await serve()
    for path in (X_ROWS, f"{X_ROWS}/export"):
        answer = await served.get(f"{path}?{query}")
        assert answer.status == 400
        assert answer.error.startswith(message)


async def test_what_is_kept_is_told(serve: Serve, tmp_path: Path) -> None:
    served = await serve({"metricsMaxInMemory": 7, "captureBuffer": 2})
    await fill(served, row(), capture=CAPTURE)
    kept = (await served.get(X_ROWS)).json["store"]
    assert 0 < kept.pop("capture_bytes") < 2 << 20
    assert kept == {
        "persistent": False,
        "keep_rows": 7,
        "keep_days": None,
        "dropped_rows": 0,
        "captures": 1,
        "capture_limit": 2 << 20,
    }
    store = {"path": str(tmp_path / "a.db"), "keepDays": 30}
    kept = (await (await serve({"store": store})).get(X_ROWS)).json["store"]
    assert (kept["persistent"], kept["keep_rows"], kept["keep_days"]) == (True, None, 30)


# -- sums ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("utc")
async def test_sums_by_model_and_hour(serve: Serve) -> None:
    served = await serve()
    timed = Tokens(4, -1, -1, 100, 30, 50.0, 10.0)
    await fill(
        served,
        row("b", tokens=timed, duration_ms=10, queue_ms=1, swap_ms=2, load_ms=3, outcome="done"),
        row("a", tokens=timed, timestamp=NOON + HOUR, status=500),
        row("b", tokens=Tokens(input=7), timestamp=NOON + HOUR + 1, outcome="cancelled by client"),
    )
    answer = (await served.get(TOTALS)).json
    assert answer["by"] == "model"
    a, b = answer["data"]
    assert b == {
        "model": "b",
        "requests": 2,
        "failed": 0,
        "cancelled": 1,
        "input_tokens": 107,
        "output_tokens": 30,
        "cache_tokens": 4,
        "duration_ms": 10,
        "queued_ms": 1,
        "swapping_ms": 2,
        "loading_ms": 3,
        "prompt_per_second": 50,
        "tokens_per_second": 10,
    }
    assert (a["model"], a["requests"], a["failed"]) == ("a", 1, 1)
    hours = (await served.get(f"{TOTALS}?by=hour")).json["data"]
    assert [(entry["start"], entry["requests"]) for entry in hours] == [
        ("2031-04-02T12:00:00Z", 1),
        ("2031-04-02T13:00:00Z", 2),
    ]
    later = "start=2031-04-02T13:59:00Z"
    found = (await served.get(f"{TOTALS}?by=hour&model=b&{later}")).json["data"]
    assert [(e["start"], e["requests"], e["tokens_per_second"]) for e in found] == [
        ("2031-04-02T13:00:00Z", 1, None)
    ]
    assert (await served.get(f"{TOTALS}?end=2031-04-02T11:59:59Z")).json["data"] == []


async def test_days_are_those_of_this_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve()
    # In the night to 31 March 2030 the clocks of Berlin go from 2 to 3.
    evening = 1_901_138_400  # 23:00 there
    await fill(served, *(row(timestamp=evening + hours * HOUR) for hours in (-1, 0, 1, 23, 24)))
    for _ in zone(monkeypatch, "Europe/Berlin"):
        days = (await served.get(f"{TOTALS}?by=day")).json["data"]
        assert [(entry["start"], entry["requests"]) for entry in days] == [
            ("2030-03-30T00:00:00+01:00", 2),
            ("2030-03-31T00:00:00+01:00", 2),
            ("2030-04-01T00:00:00+02:00", 1),
        ]


async def test_sums_that_there_are_not(serve: Serve) -> None:
    served = await serve()
    answer = await served.get(f"{TOTALS}?by=week")
    assert (answer.status, answer.error) == (400, "by must be model, day or hour")
    assert (await served.get(f"{TOTALS}?start=x")).error == START


# -- export ----------------------------------------------------------------------------------------


async def test_all_rows_are_exported(serve: Serve) -> None:
    served = await serve({"metricsMaxInMemory": 5000})
    await fill(served, *[row()] * 2345)
    everything = list(range(2345, 0, -1))
    as_json = await served.get(f"{X_ROWS}/export")
    assert [entry["id"] for entry in as_json.json] == everything
    assert as_json.headers["Content-Disposition"] == 'attachment; filename="activity.json"'
    lines = await served.get(f"{X_ROWS}/export?format=ndjson&order=asc")
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    parsed = [json.loads(line) for line in lines.body.splitlines()]
    assert [entry["id"] for entry in parsed] == everything[::-1]
    assert parsed[0] == (await served.get(f"{X_ROWS}/1")).json
    table = await served.get(f"{X_ROWS}/export?format=csv&min_id=2&max_id=2300")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [int(line["id"]) for line in as_table(table)] == list(range(2300, 1, -1))


def as_table(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


async def test_a_table_has_every_member_and_no_formulas(serve: Serve) -> None:
    served = await serve()
    odd = row(error='=1+"x",\n☀', user_agent="@sum", tokens=Tokens(cache=-1))
    await fill(served, FULL, odd)
    second, first = as_table(await served.get(f"{X_ROWS}/export?format=csv"))
    assert second["error_msg"] == '\'=1+"x",\n☀'
    assert second["user_agent"] == "'@sum"
    assert second["cache_tokens"] == "-1"
    assert second["queued_ms"] == second["stream"] == second["metadata"] == ""
    assert first["metadata"] == '{"selector":"any"}'
    assert first["forwarded_ms"] == "40"
    members = (await served.get(f"{X_ROWS}/1")).json
    names = {*members, *members["tokens"], *(f"{name}_ms" for name in members["phases_ms"])}
    assert names - first.keys() == {"tokens", "phases_ms", "has_capture"}


async def test_an_export_of_nothing(serve: Serve) -> None:
    served = await serve()
    assert (await served.get(f"{X_ROWS}/export")).json == []
    assert (await served.get(f"{X_ROWS}/export?format=ndjson")).body == b""
    assert as_table(await served.get(f"{X_ROWS}/export?format=csv")) == []
    head = await served.ask("HEAD", f"{X_ROWS}/export?format=csv")
    assert (head.status, head.body) == (200, b"")
    answer = await served.get(f"{X_ROWS}/export?format=xlsx")
    assert (answer.status, answer.error) == (400, "format must be csv, json or ndjson")


# -- the log's life --------------------------------------------------------------------------------


async def test_a_database_that_cannot_be_read(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    served = await serve({"store": {"path": str(path)}})
    await fill(served, row())
    run(path, "ALTER TABLE activity RENAME TO elsewhere")
    for target, message in {
        ROWS: "failed to get activity",
        STATS: "failed to get activity stats",
        X_ROWS: "failed to get activity",
        f"{X_ROWS}/1": "failed to get activity",
        f"{X_ROWS}/export": "failed to get activity",
        TOTALS: "failed to get activity",
    }.items():
        answer = await served.get(target)
        assert (answer.status, answer.error) == (500, message), target
    assert "no such table: activity" in served.log


async def test_a_file_outlives_the_program(serve: Serve, tmp_path: Path) -> None:
    store = {"path": str(tmp_path / "activity.db")}
    first = await serve({"store": store})
    await fill(first, FULL, capture=CAPTURE)
    before = (await first.get(X_ROWS)).json["data"]
    first.app.kill()
    await first.app.stop()
    second = await serve({"store": store})
    after = (await second.get(X_ROWS)).json["data"]
    assert before[0].pop("has_capture") is True
    assert after[0].pop("has_capture") is False
    assert after == before


async def reload(served: Served, tmp_path: Path, **top: Any) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | top))
    await served.app.reload()


async def test_a_reload_keeps_the_log(serve: Serve, tmp_path: Path) -> None:
    served = await serve()
    await fill(served, row(), row(), capture=CAPTURE)
    await reload(served, tmp_path, logLevel="debug")
    assert await ids(served, ROWS) == [2, 1]
    assert (await served.get("/api/captures/1")).status == 200
    await reload(served, tmp_path, metricsMaxInMemory=1, captureBuffer=0)
    assert (await served.get("/api/captures/1")).status == 404
    await fill(served, row())
    assert await ids(served, ROWS) == [3]


async def test_a_reload_with_another_path_opens_another_log(serve: Serve, tmp_path: Path) -> None:
    served = await serve()
    await fill(served, row(), row(), capture=CAPTURE)
    await reload(served, tmp_path, store={"path": str(tmp_path / "a.db")})
    assert await ids(served, ROWS) == []
    await fill(served, row("new"))
    answer = (await served.get(ROWS)).json["data"]
    assert [(entry["id"], entry["model"], entry["has_capture"]) for entry in answer] == [
        (1, "new", False)
    ]
    await reload(served, tmp_path, store={"path": str(tmp_path / "b.db")})
    assert await ids(served, ROWS) == []
    await reload(served, tmp_path, store={"path": str(tmp_path / "a.db")})
    assert await ids(served, ROWS) == [1]


async def test_a_reload_whose_log_cannot_be_opened_changes_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve()
    await fill(served, row())
    (tmp_path / "broken.db").write_text("no database " * 1000)
    await reload(served, tmp_path, store={"path": str(tmp_path / "broken.db")}, logLevel="error")
    assert "broken.db" in served.log
    assert served.app.config.log_level == "info"
    assert await ids(served, ROWS) == [1]
    await fill(served, row())
    assert await ids(served, ROWS) == [2, 1]
