"""The event streams (spec/events-and-logs.md 6 to 10), of a whole application."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.activity.requests import about
from tests.api.conftest import LIMIT, Serve, Served
from tests.journeys.conftest import command

from hotbay.activity.hub import QUEUE, QUEUE_BYTES
from hotbay.api import sse

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES = "".join((REFERENCE / page).read_text() for page in ("events.md", "http.md"))
DOCUMENTED = frozenset(re.findall(r'["`](\w+)["`]', PAGES))
"""Members of events that the reference names."""

Message = tuple[str, Any]
"""Type and content."""


class EventSource:
    """Reads a stream as a browser does (WHATWG HTML 9.2.6)."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader) -> None:
        lines = head.decode().rstrip().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = dict(line.split(": ", 1) for line in lines[1:])
        self.last_id = ""
        self.comments = 0
        self._reader = reader
        self._text = b""

    async def event(self) -> Message:
        """Return name and data of the next event."""
        while True:
            block = await self._block()
            name, data = "message", []
            for line in block.split("\n"):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "":
                    self.comments += 1
                elif field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    self.last_id = value
            if data:
                content = json.loads("\n".join(data))
                assert set(_members(content)) <= DOCUMENTED
                return name, content

    async def message(self) -> Message:
        """Return the next message of llama-swap's."""
        name, data = await self.event()
        assert name == "message"
        assert data.keys() == {"type", "data"}
        content = json.loads(data["data"])
        assert set(_members(content)) <= DOCUMENTED
        return data["type"], content

    async def ended(self) -> None:
        """Read on to the proper end of the response."""
        with contextlib.suppress(EOFError):
            while True:
                await self.event()

    async def _block(self) -> str:
        async with asyncio.timeout(LIMIT):
            while b"\n\n" not in self._text:
                size = int(await self._reader.readuntil(b"\r\n"), 16)
                self._text += (await self._reader.readexactly(size + 2))[:-2]
                if size == 0:
                    raise EOFError
        block, _, self._text = self._text.partition(b"\n\n")
        return block.decode()


def _members(content: Any) -> Iterator[str]:
    """Yield the names of all members, but not those of headers and of the like."""
    if isinstance(content, list):
        for item in content:
            yield from _members(item)
    elif isinstance(content, dict):
        for name, value in content.items():
            yield name
            if name not in {"req_headers", "resp_headers", "metadata", "phases_ms", "capabilities"}:
                yield from _members(value)


@asynccontextmanager
async def listening(
    served: Served, target: str = "/api/events", *headers: str
) -> AsyncIterator[EventSource]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        head = "\r\n".join([f"GET {target} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""])
        writer.write(head.encode())
        async with asyncio.timeout(LIMIT):
            yield EventSource(await reader.readuntil(b"\r\n\r\n"), reader)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def until(
    read: Callable[[], Any], kind: str, matches: Callable[[Any], bool] = lambda _: True
) -> tuple[Any, list[Message]]:
    """Read until an event of this kind matches; return its content, and all before it."""
    seen: list[Message] = []
    while True:
        name, data = await read()
        if name == kind and matches(data):
            return data, seen
        seen.append((name, data))


def of(kind: str, seen: list[Message]) -> list[Any]:
    return [data for name, data in seen if name == kind]


INITIAL = ["logData", "logData", "modelStatus", "uiConfig", "profileChanged", "inflight"]


async def initial(source: EventSource) -> list[Any]:
    """Read what a stream begins with, and check its order."""
    messages = [await source.message() for _ in INITIAL]
    assert [kind for kind, _ in messages] == INITIAL
    return [data for _, data in messages]


# -- llama-swap's messages -------------------------------------------------------------------


async def test_the_head_is_that_of_an_event_stream(serve: Serve) -> None:
    served = await serve(a={})
    async with listening(served) as source:
        assert source.status == 200
        headers = {name.lower(): value for name, value in source.headers.items()}
        assert headers["content-type"] == "text/event-stream"
        assert headers["cache-control"] == "no-cache"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-accel-buffering"] == "no"
        assert "content-length" not in headers


async def test_a_stream_begins_with_the_six_messages_in_order(serve: Serve) -> None:
    top = {
        "ui": {"activity": {"session_id": ["X-Session", " x-session ", "X-Other"]}},
        "peers": {"far": {"proxy": "http://127.0.0.1:9", "models": ["rose", "iris"]}},
        "selectors": {"any": {"strategy": "pin", "targets": ["lily"]}},
    }
    served = await serve(
        top,
        lily={
            "name": "Lily ",
            "aliases": ["fast-lily"],
            "capabilities": {"in": ["text", "image"], "out": ["text"], "context": 8192},
        },
        hidden={"unlisted": True},
    )
    served.app.logs.proxy.info("said before")
    served.app.logs.model("lily").write(b"caf\xc3\xa9 \xff")
    async with listening(served) as source:
        proxy, upstream, status, ui, profile, inflight = await initial(source)

    assert proxy["source"] == "proxy"
    assert "said before" in proxy["data"]
    assert upstream == {"source": "upstream", "data": "café �"}
    plain = {"name": "", "description": "", "state": "stopped", "unlisted": False, "peerID": ""}
    peer = {**plain, "state": "", "peerID": "far"}
    assert status == [
        {"id": "hidden", **plain, "unlisted": True},
        {
            "id": "lily",
            **plain,
            "name": "Lily ",
            "aliases": ["fast-lily"],
            "capabilities": {"vision": True},
            "context_length": 8192,
        },
        {"id": "far/iris", **peer},
        {"id": "far/rose", **peer},
    ]
    assert ui == {"activity": {"session_id": ["X-Session", "X-Other"]}}
    assert profile == {"active": None}
    assert inflight == {"operation": "snapshot", "requests": []}


async def test_empty_logs_are_told_as_well(serve: Serve) -> None:
    served = await serve({"logLevel": "error"}, a={})
    async with listening(served) as source:
        proxy, upstream, *_ = await initial(source)

    assert (proxy["data"], upstream["data"]) == ("", "")


async def test_every_state_of_a_model_is_told(serve: Serve) -> None:
    served = await serve(a={}, b={})
    async with listening(served) as source:
        await initial(source)
        await served.use("a")
        await served.get("/unload")
        told: list[str] = []
        while told[-1:] != ["stopped"]:
            status, _ = await until(source.message, "modelStatus")
            told.append(next(entry["state"] for entry in status if entry["id"] == "a"))

    assert told == ["starting", "ready", "stopping", "stopped"]


async def test_a_change_of_the_profile_is_told_before_the_list_of_models(serve: Serve) -> None:
    served = await serve({"profiles": {"desk": {"pins": {"chat": "a"}}}}, a={})
    async with listening(served) as source:
        await initial(source)
        for _ in range(2):
            await served.ask("PUT", "/api/profiles/active", body={"name": "desk"})
        await served.ask("PUT", "/api/profiles/active", body={"name": None})
        kinds = []
        while len(kinds) < 4:
            kind, data = await source.message()
            if kind != "logData":
                kinds.append((kind, data["active"] if kind == "profileChanged" else None))

    assert kinds == [
        ("profileChanged", "desk"),
        ("modelStatus", None),
        ("profileChanged", None),
        ("modelStatus", None),
    ]


async def test_logs_are_told_from_their_sources_whole_and_once(serve: Serve) -> None:
    served = await serve(a={}, b={})
    logs = served.app.logs
    logs.model("a").write(b"old ")
    async with listening(served) as source:
        histories = await initial(source)
        logs.model("a").write(b"caf\xc3")
        logs.model("b").write(b"between")
        logs.model("a").write(b"\xa9\n")
        logs.proxy.info("from hotbay")
        pieces = []
        while not pieces or "from hotbay" not in pieces[-1]["data"]:
            pieces.append((await until(source.message, "logData"))[0])

    assert histories[1]["data"] == "old "
    assert [piece["data"] for piece in pieces if piece["source"] == "upstream"] == [
        "caf",
        "between",
        "é\n",
    ]
    assert pieces[-1] == {"source": "proxy", "data": "[INFO] from hotbay\n"}


async def test_a_request_in_progress_is_told(serve: Serve) -> None:
    served = await serve(a={})
    recorder = served.app._recorder
    early = recorder.begin(about(model="a"))
    async with listening(served) as source:
        *_, snapshot = await initial(source)
        assert [entry["id"] for entry in snapshot["requests"]] == [str(early.id)]
        late = recorder.begin(about(model="a"))
        late.granted(1)
        late.answered(200, [(b"content-type", b"text/plain")])
        late.ended("done", 200)
        told = [(await until(source.message, "inflight"))[0] for _ in range(3)]

    assert [message["operation"] for message in told] == ["upsert", "upsert", "remove"]
    assert told[0]["request"].keys() == snapshot["requests"][0].keys()
    assert told[0]["request"]["resp_headers"] == {}
    assert told[1]["request"]["resp_headers"] == {"Content-Type": "text/plain"}
    assert told[2]["id"] == str(late.id)


async def test_a_reload_leaves_streams_open_and_tells_what_is_new(
    serve: Serve, tmp_path: Any
) -> None:
    served = await serve(a={})
    file = tmp_path / "config.yaml"
    config = json.loads(file.read_text())
    config["models"]["b"] = config["models"]["a"]
    config["ui"] = {"activity": {"session_id": []}}
    async with listening(served) as source:
        await initial(source)
        file.write_text(json.dumps(config))
        await served.app.reload()
        ui, _ = await until(source.message, "uiConfig")
        status, _ = await until(source.message, "modelStatus")

    assert ui == {"activity": {"session_id": []}}
    assert [entry["id"] for entry in status] == ["a", "b"]


async def test_streams_end_whole_at_the_shutdown(serve: Serve) -> None:
    served = await serve(a={})
    async with listening(served) as source, listening(served, "/api/x/events") as own:
        await initial(source)
        await own.event()
        drained = asyncio.create_task(served.app.drain())
        await source.ended()
        await own.ended()
        await drained


async def test_a_silent_stream_is_kept_alive_by_comments(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT", 0.01)
    served = await serve(a={})
    async with listening(served) as source:
        await initial(source)
        served.app.logs.proxy_monitor.write(b"")  # empty pieces are not told
        while source.comments < 3:
            await source._block()
            source.comments += 1


async def test_a_reader_that_does_not_read_finds_marker_and_state_and_holds_up_nobody(
    serve: Serve,
) -> None:
    served = await serve(a={})
    log = served.app.logs.model("a")
    async with listening(served) as idle, listening(served) as busy:
        await initial(busy)
        size = 64 * 1024
        for number in range(4 * QUEUE_BYTES // size):
            log.write(b"%d" % (number % 10) * size)
            await until(busy.message, "logData", lambda data: data["source"] == "upstream")
        await served.use("a")  # the model is not held up
        await initial(idle)
        marker, seen = await until(
            idle.message,
            "logData",
            lambda data: "bytes dropped" in data["data"] and data["source"] == "upstream",
        )
        status, others = await until(idle.message, "modelStatus")
        again = [await idle.message() for _ in range(3)]

    found = re.fullmatch(r"\n— (\d+) bytes dropped —\n", marker["data"])
    assert found is not None
    assert int(found[1]) % size == 0
    received = sum(len(data["data"]) for data in of("logData", seen) if data["source"] != "proxy")
    assert received + int(found[1]) == 4 * QUEUE_BYTES
    assert {kind for kind, _ in others} <= {"logData"}  # hotbay's own lines about this were lost
    assert [kind for kind, _ in again] == ["uiConfig", "profileChanged", "inflight"]
    assert status[0]["state"] == "ready"


async def test_no_more_streams_than_allowed_are_open(serve: Serve) -> None:
    served = await serve({"limits": {"subscribers": 2}}, a={})
    async with listening(served) as one, listening(served, "/api/x/events") as two:
        await initial(one)
        await two.event()
        for target in ("/api/events", "/api/x/events", "/logs/stream"):
            refused = await served.get(target)
            assert (refused.status, "limits.subscribers" in refused.error) == (503, True)


@pytest.mark.parametrize("target", ["/api/events", "/api/x/events"])
async def test_the_head_of_a_stream_is_all_that_head_asks_for(serve: Serve, target: str) -> None:
    served = await serve(a={})
    answer = await served.ask("HEAD", target)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"


# -- hotbay's own events -------------------------------------------------------------------------


async def test_a_stream_begins_with_a_snapshot(serve: Serve) -> None:
    served = await serve(a={}, b={})
    await served.use("a")
    request = served.app._recorder.begin(about(model="a"))
    async with listening(served, "/api/x/events") as source:
        name, snapshot = await source.event()

    assert name == "snapshot"
    a, b = snapshot["models"]
    assert (a["id"], a["state"], a["failure"]) == ("a", "ready", None)
    assert len(a["load_seconds"]) == 1
    assert (b["id"], b["state"], b["load_seconds"]) == ("b", "stopped", [])
    assert snapshot["queue"] == {"swaps": [], "waiting": []}
    assert [entry["id"] for entry in snapshot["inflight"]] == [str(request.id)]
    assert snapshot["profile"] is None
    assert snapshot["config"]["result"] == "loaded"


async def test_a_swap_is_told_from_its_reason_to_its_load_time(serve: Serve) -> None:
    served = await serve(a={}, b={})
    await served.use("a")
    async with listening(served, "/api/x/events?types=swap,state") as source:
        await source.event()
        await served.use("b")
        seen: list[Message] = []
        while not (seen and seen[-1][1].get("to") == "ready"):
            seen.append(await source.event())

    assert [(name, data["model"]) for name, data in seen] == [
        ("swap", "b"),
        ("state", "a"),
        ("state", "a"),
        ("state", "b"),
        ("state", "b"),
    ]
    assert seen[0][1]["evict"] == ["a"]
    assert seen[1][1]["reason"] == "evicted for b"
    assert [data["to"] for _, data in seen[1:]] == ["stopping", "stopped", "starting", "ready"]
    assert 0 < seen[-1][1]["seconds"] < LIMIT


async def test_a_failed_start_is_told_with_its_reason(serve: Serve) -> None:
    served = await serve(a={"cmd": "false", "proxy": "http://127.0.0.1:9"})
    async with listening(served, "/api/x/events") as source:
        await source.event()
        await served.ask(
            "POST",
            "/v1/chat/completions",
            {"Content-Type": "application/json"},
            {"model": "a"},
        )
        failed, _ = await until(source.event, "start_failed")
    async with listening(served, "/api/x/events") as source:
        _, snapshot = await source.event()

    assert failed["model"] == "a"
    assert "exit status 1" in failed["reason"]
    assert snapshot["models"][0]["failure"]["reason"] == failed["reason"]


async def test_the_queue_is_told_and_whose_patience_has_ended(serve: Serve) -> None:
    top = {"routing": {"scheduler": {"settings": {"fifo": {"maxWait": 1}}}}}
    served = await serve(top, slow={"cmd": command(never=1)}, b={})
    headers = {"Content-Type": "application/json"}
    async with listening(served, "/api/x/events") as source, asyncio.TaskGroup() as tasks:
        await source.event()
        # One after the other: if b came first, it might be served before anybody waits for it.
        for count, model in enumerate(("slow", "b"), 1):
            tasks.create_task(served.ask("POST", "/v1/completions", headers, {"model": model}))
            queue, _ = await until(
                source.event, "queue", lambda data, count=count: len(data["waiting"]) == count
            )
        patience, _ = await until(source.event, "patience")
        asked = (await served.get("/api/x/queue")).json
        for model in ("b", "slow"):
            await served.ask("POST", f"/api/models/unload/{model}")

    waiting = {waiter["model"]: waiter for waiter in queue["waiting"]}
    assert waiting.keys() == {"slow", "b"}
    assert queue.keys() == asked.keys()
    assert queue["waiting"][0].keys() == asked["waiting"][0].keys()
    assert (patience["model"], patience["waited"] >= 1) in {("slow", True), ("b", True)}
    assert patience["request"] == waiting[patience["model"]]["request"]


async def test_a_reload_is_told_and_a_refused_one_with_its_problems(
    serve: Serve, tmp_path: Any
) -> None:
    served = await serve(a={}, b={})
    file = tmp_path / "config.yaml"
    config = json.loads(file.read_text())
    config["models"]["c"] = config["models"].pop("b")
    config["models"]["a"]["env"] = ["X=1"]
    async with listening(served, "/api/x/events?types=config") as source:
        await source.event()
        file.write_text(json.dumps(config))
        await served.app.reload()
        file.write_text("models: 7")
        await served.app.reload()
        _, reloaded = await source.event()
        _, refused = await source.event()

    assert reloaded["result"] == "reloaded"
    assert reloaded["models"] == {"added": ["c"], "removed": ["b"], "changed": ["a"]}
    assert refused["result"] == "refused"
    (problem,) = refused["problems"]
    assert (problem["line"], problem["column"], problem["path"]) == (1, 9, "models")


async def test_only_the_types_asked_for_are_sent(serve: Serve) -> None:
    served = await serve(a={})
    async with listening(served, "/api/x/events?types=log") as source:
        assert (await source.event())[0] == "snapshot"
        served.app._news.profile_changed("desk")
        served.app.logs.model("a").write(b"text")
        assert await source.event() == ("log", {"model": "a", "text": "text"})
        served.app.logs.proxy.info("more")
        assert await source.event() == ("log", {"model": None, "text": "[INFO] more\n"})


async def test_who_asks_for_logs_gets_at_first_what_has_been_written_and_by_whom(
    serve: Serve,
) -> None:
    served = await serve(a={}, b={})
    logs = served.app.logs
    logs.proxy.info("hello")
    logs.model("a").write(b"one\ntw")
    logs.model("b").write(b"other\n")
    logs.model("a").write(b"o\n")
    async with listening(served, "/api/x/events?types=log") as source:
        _, snapshot = await source.event()

    own, *others = snapshot["logs"]
    assert own["model"] is None
    assert own["text"].endswith("[INFO] hello\n")
    assert others == [
        {"model": "a", "text": "one\ntw"},
        {"model": "b", "text": "other\n"},
        {"model": "a", "text": "o\n"},
    ]


async def test_logs_are_sent_only_if_asked_for(serve: Serve) -> None:
    served = await serve(a={})
    async with listening(served, "/api/x/events") as source:
        _, snapshot = await source.event()
        assert "logs" not in snapshot
        served.app.logs.proxy.info("unheard")
        served.app._news.profile_changed("desk")
        assert (await source.event())[0] == "profile"


async def test_an_unknown_type_is_refused_with_the_known_ones(serve: Serve) -> None:
    served = await serve(a={})
    answer = await served.get("/api/x/events?types=state,stat")
    assert answer.status == 400
    assert answer.error.startswith("unknown event type 'stat'; there are activity, config,")


async def test_a_client_comes_back_to_where_it_was(serve: Serve) -> None:
    served = await serve(a={})
    news = served.app._news
    async with listening(served, "/api/x/events") as source:
        await source.event()
        news.profile_changed("one")
        await source.event()
        last = source.last_id
    news.profile_changed("two")
    async with listening(served, "/api/x/events", f"Last-Event-ID: {last}") as source:
        news.profile_changed("three")
        told = [await source.event() for _ in range(2)]

    assert [(name, data["active"]) for name, data in told] == [
        ("profile", "two"),
        ("profile", "three"),
    ]


@pytest.mark.parametrize("last", ["", "7", "0000-1", "{run}-999", "{run}-x", "{run}-" + "9" * 40])
async def test_a_client_that_cannot_come_back_gets_a_snapshot(serve: Serve, last: str) -> None:
    served = await serve(a={})
    header = f"Last-Event-ID: {last.replace('{run}', served.app._news.run)}"
    async with listening(served, "/api/x/events", header) as source:
        assert (await source.event())[0] == "snapshot"


async def test_a_reader_that_was_too_slow_is_told_and_gets_the_present_state(serve: Serve) -> None:
    served = await serve(a={})
    news = served.app._news
    async with listening(served, "/api/x/events") as source:
        assert (await source.event())[0] == "snapshot"
        for number in range(QUEUE + 3):  # in one turn of the loop, so that nothing is sent
            news.profile_changed(f"{number}")
        lost, seen = await until(source.event, "lost")
        name, snapshot = await source.event()

    assert len(seen) == QUEUE
    assert (lost["events"], lost["log_bytes"]) == (3, 0)
    assert (name, snapshot["profile"]) == ("snapshot", f"{QUEUE + 2}")


# -- cancelling --------------------------------------------------------------------------------


async def test_a_request_in_progress_can_be_cancelled(serve: Serve) -> None:
    served = await serve(a={})
    cancelled: list[bool] = []
    request = served.app._recorder.begin(about(cancel=lambda: cancelled.append(True)))
    answer = await served.ask("POST", f"/api/inflight/{request.id}/cancel")

    assert (answer.status, answer.json) == (200, {"msg": "ok"})
    assert cancelled == [True]


@pytest.mark.parametrize("name", ["0", "2", "-1", "1.0", "x", "%00", "²", "9" * 30])
async def test_an_unknown_request_cannot_be_cancelled(serve: Serve, name: str) -> None:
    served = await serve(a={})
    served.app._recorder.begin(about())
    answer = await served.ask("POST", f"/api/inflight/{quote(name, safe='%')}/cancel")
    assert (answer.status, answer.error) == (404, "inflight request not found")


# -- the last hour -------------------------------------------------------------------------------


async def test_the_last_hour_has_states_swaps_and_failures(serve: Serve) -> None:
    served = await serve(a={}, b={}, broken={"cmd": "false", "proxy": "http://127.0.0.1:9"})
    await served.use("a")
    await served.use("b")
    await served.ask(
        "POST", "/v1/chat/completions", {"Content-Type": "application/json"}, {"model": "broken"}
    )
    past = (await served.get("/api/x/timeline")).json

    assert [span["state"] for span in past["models"]["a"]] == [
        "starting",
        "ready",
        "stopping",
        "stopped",
    ]
    spans = past["models"]["a"]
    assert [span["to"] for span in spans[:-1]] == [span["from"] for span in spans[1:]]
    assert spans[-1]["to"] is None
    assert spans[2]["reason"] == "evicted for b"
    assert [(s["model"], s["evict"], s["seconds"] is None) for s in past["swaps"]] == [
        ("a", [], False),
        ("b", ["a"], False),
        ("broken", ["b"], True),
    ]
    assert [failure["model"] for failure in past["failures"]] == ["broken"]
    later = (await served.get(f"/api/x/timeline?after={quote(past['at'])}")).json
    assert later["swaps"] == later["failures"] == []
    assert [span["state"] for span in later["models"]["a"]] == ["stopped"]


@pytest.mark.parametrize("after", ["yesterday", "2031-04-05", "2031-04-05T06:07:08", "7"])
async def test_a_time_that_is_none_is_refused(serve: Serve, after: str) -> None:
    served = await serve(a={})
    answer = await served.get(f"/api/x/timeline?after={after}")
    assert (answer.status, answer.error) == (
        400,
        "invalid 'after' timestamp, use RFC3339 format",
    )
