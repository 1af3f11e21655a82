"""Captures: what they consist of, how many there are, and what streams say (pipeline 10)."""

from __future__ import annotations

import json
import random
import tracemalloc
from typing import Any

import pytest
from tests.activity.logs import opened, row

from hotbay.activity.captures import Capture, Captures, capture_of, packed, parts_of
from hotbay.activity.transcript import Choice, Part, Transcript, events_of, transcript_of

JSON = [(b"content-type", b"application/json")]


def capture(**changes: Any) -> Capture | None:
    """Return the capture of a request of which only some things matter."""
    return capture_of(
        **{
            "asked_path": "/v1/completions",
            "path": "/v1/completions",
            "status": 200,
            "request_headers": JSON,
            "request_body": b"question",
            "response_headers": JSON,
            "response_body": b"answer",
            **changes,
        }
    )


# -- what they consist of --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "request_body", "response_body"),
    [
        ("/v1/audio/speech", b"question", None),
        ("/v1/audio/voices", None, b"answer"),
        ("/v1/audio/transcriptions", None, b"answer"),
        ("/v1/images/generations", b"question", None),
        ("/v1/images/edits", None, None),
        ("/sdapi/v1/txt2img", b"question", None),
        ("/sdapi/v1/img2img", None, None),
        ("/v1/chat/completions", b"question", b"answer"),
        ("/v/completions", b"question", b"answer"),
    ],
)
def test_the_route_says_which_bodies_are_kept(
    path: str, request_body: bytes | None, response_body: bytes | None
) -> None:
    found = capture(asked_path=path, path="/forwarded")
    assert found == Capture(
        "/forwarded",
        JSON,
        request_body,
        JSON,
        response_body,
    )
    assert parts_of(path) == (request_body is not None, response_body is not None)


@pytest.mark.parametrize("status", [199, 301, 400, 404, 429, 500, 502, 599])
def test_the_answer_of_a_failed_request_is_not_kept(status: int) -> None:
    found = capture(status=status)
    assert found is not None
    assert found.request_body == b"question"
    assert found.response_body is None
    assert capture(status=status, response_body=b"") == found


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_good_answer_without_a_body_leaves_no_capture(status: int) -> None:
    assert capture(status=status, response_body=b"") is None


def test_an_empty_request_body_is_kept_and_one_not_in_memory_is_not() -> None:
    empty, absent = capture(request_body=b""), capture(request_body=None)
    assert empty is not None
    assert empty.request_body == b""
    assert absent is not None
    assert absent.request_body is None


def test_secrets_are_not_even_kept() -> None:
    found = capture(
        request_headers=[(b"authorization", b"Bearer k3y"), (b"x-tag", b"1"), (b"x-tag", b"2")],
        response_headers=[(b"set-cookie", b"a=k3y")],
    )
    assert found is not None
    assert b"k3y" not in packed(found)


def test_headers_are_canonical_and_without_secrets() -> None:
    found = capture(
        request_headers=[
            (b"host", b"example.org"),
            (b"AUTHORIZATION", b"Bearer k"),
            (b"x-api-key", b"k"),
            (b"cookie", b"a=b"),
            (b"proxy-authorization", b"k"),
            (b"x-request-id", b"1"),
            (b"x-request-id", b"2"),
        ],
        response_headers=[
            (b"content-encoding", b"gzip"),
            (b"set-cookie", b"a=b"),
            (b"content-type", b"text/plain"),
        ],
    )
    assert found is not None
    assert found.request_headers == {
        "Authorization": "[REDACTED]",
        "X-Api-Key": "[REDACTED]",
        "Cookie": "[REDACTED]",
        "Proxy-Authorization": "[REDACTED]",
        "X-Request-Id": "1",
    }
    assert found.response_headers == {"Set-Cookie": "[REDACTED]", "Content-Type": "text/plain"}


# -- how many there are ----------------------------------------------------------------------------


def noise(size: int, seed: int = 0) -> Capture:
    """Return a capture that does not get smaller by compressing."""
    return Capture("/", [], None, [], random.Random(seed).randbytes(size))


def test_a_capture_comes_back_as_it_was() -> None:
    captures = Captures(1 << 20)
    kept = Capture("/v1/x", [(b"a", b"\xe4")], b"\x00\xff", [], b"answer " * 10_000)
    captures.keep(7, packed(kept))
    assert captures.get(7) == kept
    assert captures.get(8) is None
    assert 7 in captures
    assert 8 not in captures
    assert captures.size < 1000


def test_the_oldest_make_room_for_the_newest() -> None:
    captures = Captures(10_000)
    for number in range(1, 8):
        captures.keep(number, packed(noise(3_000, number)))
        assert captures.size <= 10_000
    assert [number for number in range(10) if number in captures] == [5, 6, 7]
    captures.keep(8, packed(noise(9_000)))
    assert [number for number in range(10) if number in captures] == [8]


def test_a_capture_that_is_too_large_is_not_kept_and_evicts_nothing() -> None:
    captures = Captures(10_000)
    captures.keep(1, packed(noise(3_000)))
    captures.keep(2, packed(noise(10_001)))
    assert 1 in captures
    assert 2 not in captures
    assert len(captures) == 1


def test_a_smaller_limit_applies_at_once() -> None:
    captures = Captures(10_000)
    for number in range(1, 4):
        captures.keep(number, packed(noise(3_000, number)))
    captures.limit = 4_000
    assert [number for number in range(10) if number in captures] == [3]
    captures.limit = 0
    assert (len(captures), captures.size) == (0, 0)


def test_captures_take_no_more_memory_than_they_say() -> None:
    text = capture(request_body=b"a word or two " * 10_000)
    assert text is not None
    data = packed(text)
    captures = Captures(1 << 20)
    captures.keep(0, data)  # loads what compresses
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, 51):
            captures.keep(number, data)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < captures.size + 50 * 500  # and what each takes in a dictionary


async def test_without_a_buffer_there_are_none() -> None:
    async with opened(captures=0) as log:
        log.store.add_later(lambda: (row(), noise(10)), log.told.append)
        await log.store.flush()
        assert log.told == [1]
        assert await log.store.capture(1) is None


# -- what streams say ------------------------------------------------------------------------------


def stream(*events: object, end: str = "\n\n") -> bytes:
    """Write events as a stream."""
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return "".join(f"data: {line}{end}" for line in lines).encode()


def chunk(**members: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, **members}]}


CHAT = stream(
    chunk(delta={"role": "assistant", "content": None, "reasoning_content": "Let me "}),
    chunk(delta={"reasoning_content": "think."}),
    chunk(delta={"content": "It is "}),
    chunk(delta={"content": "fine. ☀"}),
    chunk(delta={"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look"}}]}),
    chunk(delta={"tool_calls": [{"index": 0, "function": {"arguments": '{"at":'}}]}),
    chunk(delta={"tool_calls": [{"index": 0, "function": {"arguments": '"it"}'}}]}),
    chunk(delta={}, finish_reason="tool_calls"),
    {"model": "m", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}},
    "[DONE]",
)
CHAT_SAYS = Transcript(
    "chat",
    "m",
    [
        Choice(
            0,
            [
                Part("reasoning", "Let me think."),
                Part("text", "It is fine. ☀"),
                Part("tool_call", '{"at":"it"}', "c1", "look"),
            ],
            "tool_calls",
        )
    ],
    {"prompt_tokens": 3, "completion_tokens": 9},
    complete=True,
)
MESSAGES = stream(
    {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 7}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"thinking": "Hm."}},
    {"type": "content_block_delta", "index": 0, "delta": {"signature": "abc"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"text": "It "}},
    {"type": "content_block_delta", "index": 1, "delta": {"text": "is."}},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"partial_json": '{"a"'}},
    {"type": "content_block_delta", "index": 2, "delta": {"partial_json": ":1}"}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 12},
    },
    {"type": "message_stop"},
)
RESPONSES = stream(
    {"type": "response.created", "response": {"model": "m", "status": "in_progress"}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Hm."},
    {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message"}},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "It "},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "is."},
    {
        "type": "response.output_item.added",
        "output_index": 2,
        "item": {"type": "function_call", "call_id": "c1", "name": "look"},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a":1}'},
    {
        "type": "response.completed",
        "response": {"model": "m", "status": "completed", "usage": {"input_tokens": 7}},
    },
)
THREE_PARTS = [
    Part("reasoning", "Hm."),
    Part("text", "It is."),
    Part("tool_call", '{"a":1}', "t1", "look"),
]


def test_a_chat() -> None:
    assert transcript_of(CHAT) == CHAT_SAYS


@pytest.mark.parametrize("end", ["\r\n\r\n", "\r\r", "\n\n"])
def test_lines_may_end_in_any_way(end: str) -> None:
    assert transcript_of(CHAT.replace(b"\n\n", end.encode())) == CHAT_SAYS


def test_messages() -> None:
    assert transcript_of(MESSAGES) == Transcript(
        "messages",
        "m",
        [Choice(0, THREE_PARTS, "tool_use")],
        {"input_tokens": 7, "output_tokens": 12},
        complete=True,
    )


def test_a_response() -> None:
    parts = [*THREE_PARTS[:2], Part("tool_call", '{"a":1}', "c1", "look")]
    assert transcript_of(RESPONSES) == Transcript(
        "responses",
        "m",
        [Choice(0, parts, "completed")],
        {"input_tokens": 7},
        complete=True,
    )


def test_an_incomplete_response_says_why() -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    found = transcript_of(stream({"type": "response.incomplete", "response": response}))
    assert found is not None
    assert found.choices[0].finish_reason == "max_output_tokens"


def test_completions_with_several_choices() -> None:
    found = transcript_of(
        stream(
            {"choices": [{"index": 1, "text": "b"}, {"index": 0, "text": "a"}]},
            {"choices": [{"index": 1, "text": "B", "finish_reason": "length"}]},
        )
    )
    assert found is not None
    assert found.format == "completions"
    assert found.choices == [
        Choice(0, [Part("text", "a")]),
        Choice(1, [Part("text", "bB")], "length"),
    ]


def test_llama_cpps_own_completions() -> None:
    found = transcript_of(
        stream(
            {"index": 0, "content": "It ", "stop": False},
            {"index": 0, "content": "is.", "stop": True, "stop_type": "eos", "model": "m"},
        )
    )
    assert found == Transcript(
        "llama.cpp", "m", [Choice(0, [Part("text", "It is.")], "eos")], complete=True
    )


def test_a_refusal_and_two_tool_calls() -> None:
    calls = [{"index": n, "id": f"c{n}", "function": {"name": "f"}} for n in (0, 1)]
    found = transcript_of(stream(chunk(delta={"refusal": "No.", "tool_calls": calls})))
    assert found is not None
    assert found.choices[0].parts == [
        Part("refusal", "No."),
        Part("tool_call", "", "c0", "f"),
        Part("tool_call", "", "c1", "f"),
    ]


@pytest.mark.parametrize("whole", [CHAT, MESSAGES, RESPONSES])
def test_a_stream_that_broke_off_says_what_it_said_so_far(whole: bytes) -> None:
    full = transcript_of(whole)
    assert full is not None
    for length in range(0, len(whole), 7):
        found = transcript_of(whole[:length])
        if found is None:
            assert length < 300
            continue
        assert found.format == full.format
        for choice, full_choice in zip(found.choices, full.choices, strict=False):
            for part, full_part in zip(choice.parts, full_choice.parts, strict=False):
                assert part.type == full_part.type
                assert full_part.text.startswith(part.text.rstrip("\ufffd"))
    assert not getattr(transcript_of(whole[: len(whole) // 2]), "complete", False)


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"no stream",
        stream("not JSON", {}, [], 7, None, {"choices": 5}, {"type": 7}, {"content": "x"}),
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"event: ping\n: comment\n\n",
    ],
)
def test_what_is_no_known_stream_says_nothing(odd: bytes) -> None:
    assert transcript_of(odd) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": [7, None, {"index": "x", "delta": 5}, {"delta": {"content": ["part"]}}]},
        {"choices": [{"delta": {"tool_calls": [3, {"function": 4}, {"index": None}]}}]},
        {
            "choices": [{"delta": {"content": {"a": 1}}, "finish_reason": 5}],
            "usage": [],
            "model": 3,
        },
        {"type": "message_start", "message": 5},
        {"type": "content_block_delta", "delta": [], "index": {}},
        {"type": "response.output_text.delta", "delta": 5, "output_index": "a", "response": []},
        {"content": "", "stop": 5, "index": None},
    ],
)
def test_odd_members_are_passed_over(odd: object) -> None:
    found = transcript_of(stream(odd, chunk(delta={"content": "x"}), odd))
    assert found is not None
    assert "x" in {part.text for choice in found.choices for part in choice.parts}


def test_events_are_divided_as_browsers_do() -> None:
    text = "\ufeffdata: a\ndata:b\ndata\n\nid: 3\n\ndata:  c\n\n\n\ndata: d"
    assert list(events_of(text)) == ["a\nb\n", " c", "d"]
