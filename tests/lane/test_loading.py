"""The loading text, in virtual time: what is written when (spec/loading-state.md 4 to 6)."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lane.heads import head_of

from hotbay.core.effects import Admitted, Wait
from hotbay.lane.loading import TICK, LoadingText, error_event, loading_head, wants_loading_text
from hotbay.lane.remarks import REMARKS
from hotbay.lane.response import Framing
from hotbay.testing.clock import Clock

OPENING = "━━━━━\nllama-swap loading model: m\n"
CREATED = 1_900_000_000
WHOLE = re.compile(r"━━━━━\nllama-swap loading model: m\n(.|\n)*\nDone! \(\d+\.\d\ds\)\n━━━━━\n \n")


class Shown:
    """A client that is shown a loading text, and the moment at which it got each piece."""

    def __init__(
        self, *, model: str = "m", chunked: bool = False, seed: int = 0, now: float = 1000.25
    ) -> None:
        self.clock = Clock(now)
        self.reads = True
        self.raw = b""
        self.pieces: list[tuple[float, str]] = []
        self._begun = now
        self.text = LoadingText(
            model,
            self._write,
            chunked=chunked,
            writable=lambda: self.reads,
            call_later=self.clock.after,
            now=lambda: self.clock.now,
            created=CREATED,
            dice=Random(seed),
        )

    def _write(self, data: bytes) -> None:
        self.raw += data
        when = round(self.clock.now - self._begun, 6)
        if data.startswith(b"data: {") and b"reasoning_content" in data:
            self.pieces += [(when, said(event)) for event in events(data)]

    def start(self) -> Shown:
        self.text.start()
        return self

    def wait(self, seconds: float) -> Shown:
        self.clock.run_until(self.clock.now + seconds)
        return self

    @property
    def words(self) -> str:
        return "".join(piece for _, piece in self.pieces)

    @property
    def lines(self) -> list[str]:
        """What has been shown below the opening, without the dots."""
        return [line.rstrip(" .") for line in self.words.removeprefix(OPENING).split("\n")[1:]]

    def began(self, line: str) -> float:
        """When a line began to be shown."""
        at = self.words.index(line)
        for when, piece in self.pieces:
            at -= len(piece)
            if at < 0:
                return when
        raise AssertionError(line)


def events(data: bytes) -> list[Any]:
    """Return the JSON of each event; every event ends with a blank line."""
    *whole, rest = data.decode().split("\n\n")
    assert rest == ""
    return [json.loads(event.removeprefix("data: ")) for event in whole if event != "data: [DONE]"]


def said(event: Any) -> str:
    (choice,) = event["choices"]
    text = choice["delta"]["reasoning_content"]
    assert isinstance(text, str)
    return text


# -- what is shown, and when ------------------------------------------------------------------


def test_the_opening_is_shown_at_once() -> None:
    assert Shown().start().words == OPENING


def test_the_model_is_named_by_its_id_as_it_is_written() -> None:
    shown = Shown(model='größer/"7b"').start()
    assert shown.words == '━━━━━\nllama-swap loading model: größer/"7b"\n'
    assert "größer".encode() in shown.raw


def test_the_first_tick_shows_a_remark() -> None:
    shown = Shown().start().wait(TICK - 0.01)
    assert shown.words == OPENING
    shown.wait(4)
    assert shown.lines[0] in REMARKS
    assert shown.pieces[1] == (TICK, "\n")


def test_ticks_without_news_are_dots() -> None:
    shown = Shown().start().wait(5)
    dots = [when for when, piece in shown.pieces if piece == "."]
    first_remark = max(when for when, piece in shown.pieces if piece not in {".", " "})
    expected = [n * TICK for n in range(1, 7) if first_remark < n * TICK]
    assert dots == expected
    assert len(dots) >= 4


@pytest.mark.parametrize("seed", range(5))
def test_remarks_come_five_to_nine_seconds_apart(seed: int) -> None:
    shown = Shown(seed=seed).start().wait(300)
    begun = [shown.began(f"\n{line}") for line in shown.lines if line]
    pauses = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert len(pauses) > 25
    # The next tick after the time is over may be a tick away; one is left out while typing.
    assert all(5 <= pause < 9 + 2 * TICK for pause in pauses)
    assert len(set(pauses)) > 3


def test_every_remark_is_shown_before_one_comes_again() -> None:
    shown = Shown().start().wait(9 * 2 * len(REMARKS))
    lines = [line for line in shown.lines if line]
    first, again = lines[: len(REMARKS)], lines[len(REMARKS) :]
    assert set(first) == set(REMARKS)
    assert first != list(REMARKS)
    assert again[0] in REMARKS


def test_each_text_has_an_order_of_its_own() -> None:
    orders = {tuple(Shown(seed=seed).start().wait(60).lines) for seed in range(5)}
    assert len(orders) == 5


def test_an_update_is_shown_at_the_next_tick_instead_of_a_remark() -> None:
    shown = Shown().start()
    shown.text.update("Queue position: #2")
    shown.wait(TICK - 0.01)
    assert shown.words == OPENING
    shown.wait(2)
    assert shown.lines == ["Queue position: #2"]
    assert shown.words.startswith(f"{OPENING}\nQueue position: #2 .")


def test_of_two_updates_between_ticks_the_latest_is_shown() -> None:
    shown = Shown().start()
    shown.text.update("Queue position: #3")
    shown.text.update("Queue position: #2")
    shown.wait(4)
    assert shown.lines == ["Queue position: #2"]


def test_an_update_that_is_over_is_not_shown() -> None:
    shown = Shown().start()
    shown.text.update("Queue position: #1")
    shown.text.update("")
    shown.wait(4)
    assert shown.lines[0] in REMARKS


def test_an_update_counts_as_a_remark_for_the_timing() -> None:
    shown = Shown().start()
    shown.text.update("Queue position: #2")
    shown.wait(TICK + 4.9)
    assert shown.lines == ["Queue position: #2"]
    shown.wait(9)
    assert shown.lines[1] in REMARKS


def test_updates_do_not_wait_for_each_other() -> None:
    shown = Shown().start()
    shown.text.update("Queue position: #2")
    shown.wait(2 * TICK)
    shown.text.update("Queue position: #1")
    shown.wait(2 * TICK - 0.01)
    assert shown.lines == ["Queue position: #2", "Queue position: #1"]


def test_text_is_typed_in_pieces_of_five_at_75_bytes_a_second() -> None:
    shown = Shown().start()
    shown.text.update("Ä234567890abc")
    shown.wait(TICK + 1)
    typed = [(when, piece) for when, piece in shown.pieces[1:] if piece != "."]
    assert typed == [
        (TICK, "\n"),
        (TICK, "Ä2345"),
        (pytest.approx(TICK + 6 / 75), "67890"),
        (pytest.approx(TICK + 11 / 75), "abc"),
        (pytest.approx(TICK + 11 / 75), " "),
    ]


def test_a_long_line_is_typed_to_its_end() -> None:
    shown = Shown().start()
    shown.text.update("x" * 400)
    shown.wait(TICK + 400 / 75 + TICK)
    assert shown.lines[0] == "x" * 400


# -- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0.0, 0.5, 0.8, 1.3, 100.0])
def test_the_end_is_written_at_once_and_is_the_last_of_it(after: float) -> None:
    shown = Shown().start().wait(after)
    shown.text.finish()
    assert WHOLE.fullmatch(shown.words)
    assert shown.words.endswith(f"\nDone! ({after:.2f}s)\n━━━━━\n \n")
    before = shown.raw
    shown.wait(60)
    assert shown.raw == before


def test_typing_stops_in_the_middle_of_a_line() -> None:
    shown = Shown().start()
    shown.text.update("x" * 400)
    shown.wait(TICK + 1)
    shown.text.finish()
    assert 0 < shown.words.count("x") < 100
    assert WHOLE.fullmatch(shown.words)


def test_a_text_that_has_ended_does_not_end_again() -> None:
    shown = Shown().start().wait(2)
    shown.text.finish()
    before = shown.raw
    shown.text.update("Queue position: #1")
    shown.wait(5)
    shown.text.finish()
    assert shown.raw == before


@pytest.mark.parametrize("end", ["finish", "abandon", "fail"])
def test_nothing_stays_on_the_clock(end: str) -> None:
    shown = Shown().start().wait(1)
    if end == "fail":
        shown.text.fail(500, "no")
    else:
        getattr(shown.text, end)()
    assert shown.clock.next_due() is None


@pytest.mark.parametrize("when", [0.0, 0.8, 3.0])
def test_nothing_is_written_to_a_client_that_has_left(when: float) -> None:
    shown = Shown(chunked=True).start().wait(when)
    shown.text.abandon()
    before = shown.raw
    shown.wait(20)
    shown.text.abandon()
    shown.text.finish()
    shown.text.fail(500, "too late")
    assert shown.raw == before


def test_a_request_that_waits_once_more_gets_a_text_of_its_own() -> None:
    shown = Shown().start().wait(2)
    shown.text.update("Queue position: #1")
    shown.text.finish()
    first = shown.words
    shown.wait(10)
    shown.start().wait(1)
    shown.text.finish()
    second = shown.words.removeprefix(first)
    assert WHOLE.fullmatch(first)
    assert WHOLE.fullmatch(second)
    assert "Queue position" not in second
    assert second.endswith("Done! (1.00s)\n━━━━━\n \n")


def test_a_failure_does_not_say_done_and_ends_with_the_error() -> None:
    shown = Shown().start().wait(2)
    shown.text.fail(500, "unspecific error: exit status 1")
    text, error = shown.raw.split(b'data: {"src":', 1)
    assert b"Done" not in text
    assert shown.words.endswith("\nFailed! (2.00s)\n━━━━━\n \n")
    assert b'"src":' + error == (
        b'"src":"llama-swap","error":{"message":"unspecific error: exit status 1",'
        b'"type":"server_error","param":null,"code":"internal_error"}}\n\ndata: [DONE]\n\n'
    )


def test_a_failure_behind_the_end_is_the_error_alone() -> None:
    shown = Shown().start().wait(2)
    shown.text.finish()
    before = shown.raw
    shown.text.fail(502, "model m: connection refused", "bad_gateway")
    assert shown.raw == before + error_event(502, "model m: connection refused")


# -- the client ---------------------------------------------------------------------------------


def test_a_client_that_does_not_read_is_typed_nothing() -> None:
    shown = Shown().start()
    shown.reads = False
    for position in range(100, 0, -1):
        shown.text.update(f"Queue position: #{position}")
        shown.wait(10)
    assert shown.words == OPENING
    shown.reads = True
    shown.wait(2 * TICK)
    assert shown.lines == ["Queue position: #1"]


def test_a_line_goes_on_where_the_client_stopped_reading() -> None:
    shown = Shown().start()
    shown.text.update("Queue position: #2")
    shown.wait(TICK + 0.1)
    shown.reads = False
    shown.wait(30)
    assert shown.words == f"{OPENING}\nQueue posi"
    shown.reads = True
    shown.wait(3 * TICK)
    assert shown.lines[0] == "Queue position: #2"


def test_chunks_carry_the_same_as_a_body_without_them() -> None:
    plain, chunked = Shown(), Shown(chunked=True)
    for shown in (plain, chunked):
        shown.start().wait(20)
        shown.text.fail(500, "no")
    body, rest = b"", chunked.raw
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        body, rest = body + rest[:length], rest[length + 2 :]
    assert body == plain.raw
    assert plain.text.size == chunked.text.size == len(plain.raw)
    assert chunked.raw.endswith(b"\r\n0\r\n\r\n")


STEPS = st.lists(
    st.one_of(
        st.floats(0.01, 12).map(lambda seconds: lambda shown: shown.wait(seconds)),
        st.text(max_size=40).map(lambda line: lambda shown: shown.text.update(line)),
        st.booleans().map(lambda reads: lambda shown: setattr(shown, "reads", reads)),
    ),
    max_size=30,
)


@given(STEPS, st.integers(0, 9))
def test_whatever_happens_every_event_is_whole(
    steps: list[Callable[[Shown], object]], seed: int
) -> None:
    shown = Shown(seed=seed).start()
    for step in steps:
        step(shown)
    shown.text.finish()
    assert "".join(said(event) for event in events(shown.raw)) == shown.words
    assert WHOLE.fullmatch(shown.words)
    times = [when for when, _ in shown.pieces]
    assert times == sorted(times)


# -- the remarks, the head, the conditions --------------------------------------------------------


def test_the_remarks_are_many_short_and_different() -> None:
    assert len(set(REMARKS)) == len(REMARKS) >= 50
    assert all(5 <= len(remark) <= 60 and remark.isprintable() for remark in REMARKS)


def test_the_head_says_that_events_follow_and_are_not_to_be_held_back() -> None:
    head, framing = loading_head(head_of("POST /v1/chat/completions"), keep_alive=True)
    status, *lines = head.decode().lower().removesuffix("\r\n\r\n").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert (status, framing) == ("http/1.1 200 ok", Framing.CHUNKED)
    assert fields.pop("date")
    assert fields == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "transfer-encoding": "chunked",
    }


def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    request = head_of("POST /v1/chat/completions", version="1.0")
    head, framing = loading_head(request, keep_alive=False)
    assert framing is Framing.CLOSE
    assert b"\r\nConnection: close\r\n" in head
    assert b"chunked" not in head


LOADS = Admitted(1, "m", 0, Wait("starting", ("m",)))
CHAT = b"/v1/chat/completions"


def wanted(
    admitted: Admitted = LOADS, path: bytes = CHAT, *, stream: bool = True, send: bool = True
) -> bool:
    return wants_loading_text(admitted, path, stream=stream, send_loading_state=send)


def test_who_waits_for_a_streamed_chat_is_shown_the_text() -> None:
    assert wanted()
    assert wanted(Admitted(1, "m", 2, Wait("busy", ("other",))))
    assert wanted(path=b"/v1/ch%61t/completions")


def test_others_are_not() -> None:
    assert not wanted(stream=False)
    assert not wanted(send=False)
    assert not wanted(Admitted(1, "m")), "it is granted at once"
    assert not wanted(Admitted(1, "", wait=Wait("starting", ()))), "a peer's model"


@pytest.mark.parametrize(
    "path", [b"/v1/completions", b"/v1/responses", b"/v1/messages", b"/chat/completions"]
)
def test_other_paths_are_not(path: bytes) -> None:
    assert not wanted(path=path)


# -- OpenAI's own client ---------------------------------------------------------------------------

ANSWER = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"up",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}'
    b'\n\ndata: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"up",'
    b'"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


@asynccontextmanager
async def answering(version: str, end: Callable[[LoadingText], bytes]) -> AsyncIterator[str]:
    """Serve a chat that was loading for 30 seconds, then ends as `end` says."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        (length,) = re.findall(rb"content-length: (\d+)", request.lower())
        await reader.readexactly(int(length))
        head, framing = loading_head(
            head_of("POST /v1/chat/completions", version=version), keep_alive=False
        )
        writer.write(head)
        shown = Shown(chunked=framing is Framing.CHUNKED).start().wait(30)
        upstream = end(shown.text)
        if upstream and framing is Framing.CHUNKED:
            upstream = b"%x\r\n%b\r\n0\r\n\r\n" % (len(upstream), upstream)
        writer.write(shown.raw + upstream)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def finished(text: LoadingText) -> bytes:
    text.finish()
    return ANSWER


def failed(text: LoadingText) -> bytes:
    text.fail(500, "unspecific error: exit status 1")
    return b""


QUESTION: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_the_official_client_reads_text_and_answer(version: str) -> None:
    async with (
        answering(version, finished) as url,
        openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        reasoning = content = ""
        async for chunk in await client.chat.completions.create(stream=True, **QUESTION):
            openai.types.chat.ChatCompletionChunk.model_validate(chunk.to_dict(), strict=True)
            delta = chunk.choices[0].delta
            reasoning += getattr(delta, "reasoning_content", None) or ""
            content += delta.content or ""
    assert WHOLE.fullmatch(reasoning)
    assert content == "Hello"


async def test_the_official_client_puts_the_completion_together() -> None:
    async with (
        answering("1.1", finished) as url,
        openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
        client.chat.completions.stream(**QUESTION) as stream,
    ):
        completion = await stream.get_final_completion()
    choice = completion.choices[0]
    assert (choice.message.role, choice.message.content) == ("assistant", "Hello")
    assert choice.finish_reason == "stop"


async def test_the_official_client_raises_the_error_behind_the_text() -> None:
    async with (
        answering("1.1", failed) as url,
        openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(stream=True, **QUESTION)
        with pytest.raises(openai.APIError, match="unspecific error: exit status 1"):
            async for _chunk in stream:
                pass
