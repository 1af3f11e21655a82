"""The log routes (spec/events-and-logs.md 4 and 5)."""

from __future__ import annotations

import asyncio
import gc
import re

import pytest
from tests.api.conftest import LIMIT, Serve, Served

from hotbay.runtime.logs import Subscription

INVALID = "invalid logger. Use 'proxy', 'upstream' or a model's ID"


@pytest.fixture
async def chatty(serve: Serve) -> Served:
    """Three models that have each written something, and a peer and a selector that have not."""
    top = {
        "logToStdout": "both",
        "peers": {"far": {"proxy": "http://127.0.0.1:9", "models": ["rose"]}},
        "selectors": {"s": {"strategy": "pin", "targets": ["lab"]}},
    }
    served = await serve(top, **{"lab": {"aliases": ["l/a"]}, "lab/deep": {}, "proxy": {}})
    for model in ("lab", "lab/deep", "proxy"):
        served.app.logs.model(model).write(f"output of {model}.\n".encode())
    served.app.logs.proxy.info("said by hotbay.")
    return served


async def test_the_history_is_what_went_to_standard_output(chatty: Served) -> None:
    answer = await chatty.get("/logs")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.body.decode()
    for part in ("output of lab.", "output of lab/deep.", "said by hotbay."):
        assert part in text


async def test_a_browser_that_opens_the_logs_is_sent_to_the_ui(chatty: Served) -> None:
    answer = await chatty.get("/logs", Accept="text/html,*/*")
    assert (answer.status, answer.headers["Location"]) == (302, "/ui/")


async def test_without_standard_output_the_history_is_empty(serve: Serve) -> None:
    served = await serve({"logToStdout": "none"})
    served.app.logs.proxy.info("said by hotbay.")
    assert (await served.get("/logs")).body == b""
    async with served.stream("/logs/stream/proxy") as stream:
        await stream.until(b"said by hotbay.")


@pytest.mark.parametrize(
    ("rest", "own", "others"),
    [
        ("", b"said by hotbay.", b""),
        ("/", b"output of lab/deep.", b""),
        ("/proxy", b"said by hotbay.", b"output"),
        ("/upstream", b"output of proxy.", b"said"),
        ("/lab", b"output of lab.", b"deep"),
        ("/l/a", b"output of lab.", b"deep"),
        ("/l%2Fa/tail", b"output of lab.", b"deep"),
        ("/lab/deep", b"output of lab/deep.", b"of lab."),
        ("/lab%2Fdeep", b"output of lab/deep.", b"of lab."),
        ("/lab/deep/tail", b"output of lab/deep.", b"of lab."),
        ("/lab/deeper", b"output of lab.", b"deep"),
    ],
)
async def test_a_stream_begins_with_the_history_of_its_log_and_goes_on(
    chatty: Served, rest: str, own: bytes, others: bytes
) -> None:
    async with chatty.stream(f"/logs/stream{rest}") as stream:
        assert stream.status == 200
        await stream.until(own)
        assert not others or others not in stream.seen
        chatty.app.logs.model("lab").write(b"live lab\n")
        chatty.app.logs.model("lab/deep").write(b"live deep\n")
        chatty.app.logs.proxy.info("live hotbay")
        live = b"live hotbay" if rest in {"", "/", "/proxy"} else b"live"
        await stream.until(live)


async def test_a_stream_has_its_head_at_once_and_no_length(serve: Serve) -> None:
    served = await serve(silent={})
    async with served.stream("/logs/stream/silent") as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/plain")
        assert stream.headers["x-content-type-options"] == "nosniff"
        assert stream.headers["x-accel-buffering"] == "no"
        assert "content-length" not in stream.headers


@pytest.mark.parametrize("query", ["no-history", "no-history=0", "a=b&no-history="])
async def test_the_history_can_be_left_out(chatty: Served, query: str) -> None:
    async with chatty.stream(f"/logs/stream/lab?{query}") as stream:
        chatty.app.logs.model("lab").write(b"live\n")
        await stream.until(b"live\n")
        assert stream.seen == b"live\n"


async def test_the_history_can_be_had_alone(chatty: Served) -> None:
    whole = chatty.app.logs.model("lab").history()
    assert whole
    answer = await chatty.get("/logs/stream/lab?no-follow")
    assert (answer.status, answer.body) == (200, whole)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_nothing_is_lost_or_repeated_between_history_and_live(serve: Serve) -> None:
    served = await serve(a={})
    log = served.app.logs.model("a")
    log.write(b"0.")
    async with served.stream("/logs/stream/a") as stream:
        log.write(b"1.")
        log.write(b"2.")
        await stream.until(b"2.")
        assert stream.seen == b"0.1.2."


@pytest.mark.parametrize("rest", ["ghost", "far/rose", "rose", "s", "Proxy", "%00"])
async def test_what_has_no_log_is_refused_with_the_names_that_do(chatty: Served, rest: str) -> None:
    answer = await chatty.get(f"/logs/stream/{rest}")
    assert (answer.status, answer.error) == (400, INVALID)


async def test_the_refusal_comes_as_the_client_accepts_it(chatty: Served) -> None:
    answer = await chatty.get("/logs/stream/ghost", Accept="text/plain")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.body == f"llama-swap: {INVALID}".encode()


def readers() -> int:
    """Return how many readers of logs are held by anybody."""
    gc.collect()
    return sum(isinstance(thing, Subscription) for thing in gc.get_objects())


async def test_a_reader_that_leaves_is_forgotten(serve: Serve) -> None:
    served = await serve(a={})
    before = readers()
    async with served.stream("/logs/stream/a"):
        assert readers() == before + 1
    await served.logged(r"\[INFO\] Request .*/logs/stream/a HTTP.* 200 .*")
    assert readers() == before


async def test_a_reader_that_does_not_read_loses_pieces_and_holds_up_nobody(serve: Serve) -> None:
    served = await serve(a={})
    log = served.app.logs.model("a")
    async with served.stream("/logs/stream/a") as idle, served.stream("/logs/stream/a") as busy:
        for number in range(50):
            for _ in range(100):
                log.write(b"." * 5_000)
            log.write(b"<%d>" % number)
            await busy.until(b"<%d>" % number)
        assert b"dropped" not in busy.seen
        await idle.until(b" bytes dropped ")
        log.write(b"live again")
        await idle.until(b"live again")
        assert re.search(rb"\n\xe2\x80\x94 \d+ bytes dropped \xe2\x80\x94\n", idle.seen)


async def test_no_more_streams_than_allowed_are_open(serve: Serve) -> None:
    served = await serve({"limits": {"subscribers": 2}}, a={})
    async with served.stream("/logs/stream/a"), served.stream("/logs/stream") as second:
        assert second.status == 200
        refused = await served.get("/logs/stream/proxy")
        assert refused.status == 503
        assert "limits.subscribers allows 2" in refused.error
    await served.logged(r".*/logs/stream/a HTTP.* 200 .*")
    await served.logged(r".*/logs/stream HTTP.* 200 .*")
    async with served.stream("/logs/stream/proxy") as third:
        assert third.status == 200


async def test_the_head_of_a_stream_is_answered_and_the_connection_goes_on(serve: Serve) -> None:
    served = await serve(a={})
    request = b"HEAD /logs/stream/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    async with asyncio.timeout(LIMIT):
        for _ in range(2):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200 ")
            assert b"x-accel-buffering: no" in head
            assert b"content-length" not in head
    writer.close()
    await writer.wait_closed()


async def test_streams_end_whole_when_the_logs_end(serve: Serve) -> None:
    served = await serve(a={})
    async with served.stream("/logs/stream/a") as stream:
        served.app.logs.model("a").write(b"last")
        served.app.logs.end_streams()
        await stream.end()
        assert stream.seen == b"last"


async def test_the_text_is_the_raw_bytes(serve: Serve) -> None:
    served = await serve(a={})
    served.app.logs.model("a").write(b"\xff\x00\r\n\xc3")
    async with served.stream("/logs/stream/a") as stream:
        await stream.until(b"\xc3")
        assert stream.seen == b"\xff\x00\r\n\xc3"
