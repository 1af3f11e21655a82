"""Numbers and pace of event streams (spec/request-pipeline.md 9.5)."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.activity.answers import EVENTS, cut, events, numbers, read

from hotbay.activity.reading import Reading
from hotbay.activity.streams import LONGEST_LINE, EventStream
from hotbay.activity.usage import NOTHING

ZEROS = (0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        (
            (
                '{"choices":[]}',
                '{"usage":{"prompt_tokens":12,"completion_tokens":30}}',
                "[DONE]",
            ),
            (-1, -1, -1, 12, 30, -1, -1),
        ),
        (
            (
                (
                    '{"message":{"usage":{"input_tokens":70,"output_tokens":1,'
                    '"cache_read_input_tokens":20}}}'
                ),
                '{"usage":{"output_tokens":44}}',
            ),
            (20, -1, -1, 70, 44, -1, -1),
        ),
        (
            ('{"response":{"usage":{"input_tokens":8,"output_tokens":3}}}',),
            (-1, -1, -1, 8, 3, -1, -1),
        ),
        (
            (
                '{"usage":{"prompt_tokens":200,"completion_tokens":7}}',
                (
                    '{"timings":{"prompt_n":20,"predicted_n":7,"cache_n":180,'
                    '"predicted_per_second":14.5}}'
                ),
            ),
            (180, -1, -1, 20, 7, 0, 14.5),
        ),
        (('{"choices":[]}', "[DONE]"), ZEROS),
        (('{"usage":{}}',), ZEROS),
        # Beyond the spec's table.
        (('{"usage":{"total_tokens":9}}',), ZEROS),
        (('{"usage":null}',), ZEROS),
        (('{"usage":[]}', '{"message":[]}', '{"response":{"usage":3}}'), ZEROS),
        (('{"usage":{"prompt_tokens":0}}',), (-1, -1, -1, 0, 0, -1, -1)),
        (
            ('{"usage":{"prompt_tokens":5}}', '{"usage":{"prompt_tokens":0}}'),
            (-1, -1, -1, 5, 0, -1, -1),
        ),
        (
            (
                '{"usage":{"prompt_tokens":5,"cache_read_input_tokens":3}}',
                '{"usage":{"cache_read_input_tokens":0}}',
            ),
            (0, -1, -1, 5, 0, -1, -1),
        ),
        (('{"timings":{"prompt_n":4}}', '{"timings":null}'), (-1, -1, -1, 0, 0, 0, 0)),
        (
            ('{"usage":{"prompt_tokens":4}}', '{"metrics":{"mean_itl_ms":2}}', '{"metrics":null}'),
            (-1, -1, -1, 4, 0, -1, -1),
        ),
        (
            ('{"usage":{"prompt_tokens":4}}', '{"metrics":{"mean_itl_ms":2}}'),
            (-1, -1, -1, 4, 0, -1, 500),
        ),
        (("usage", '{"usage":', '["usage"]', '{"a":{"usage":{"prompt_tokens":4}}}'), ZEROS),
        (('{"choices":[{"delta":{"content":"my \\"usage\\" and \\"timings\\""}}]}',), ZEROS),
    ],
)
def test_a_stream_is_read_as_the_spec_tells(
    payloads: tuple[str, ...], expected: tuple[float, ...]
) -> None:
    for newline in ("\n", "\r\n"):
        reading = read(events(*payloads, newline=newline), EVENTS)
        assert numbers(reading) == expected
        assert reading.error == ""


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ('data:{"usage":{"prompt_tokens":4}}\n', 4),
        ('  data:   {"usage":{"prompt_tokens":4}}  \r\n', 4),
        ('data: {"usage":{"prompt_tokens":4}}', 4),
        ('event: x\nid: 3\ndata: {"usage":{"prompt_tokens":4}}\nretry: 5\n\n', 4),
        (': {"usage":{"prompt_tokens":4}}\n', 0),
        ('event: {"usage":{"prompt_tokens":4}}\n', 0),
        ('{"usage":{"prompt_tokens":4}}\n', 0),
        ('data: {"usage": {"prompt_tokens": 4}}\n\n', 4),
        ('data: {"usage" : {"prompt_tokens" : 4}}\n\n', 4),
        ('data: {"usage": null, "timings": {"prompt_n": 4}}\n\n', 4),
        ("\n\n\ndata:\ndata: \n\n", 0),
    ],
)
def test_only_lines_of_data_count(stream: str, expected: int) -> None:
    assert read(stream.encode(), EVENTS).tokens.input == expected


def test_the_content_type_says_what_is_a_stream() -> None:
    stream = events('{"usage":{"prompt_tokens":4}}')
    assert read(stream, "Text/Event-Stream; charset=utf-8").tokens.input == 4
    assert read(stream, "text/plain").tokens.input == 0


def test_loading_text_in_front_does_no_harm() -> None:
    loading = [
        json.dumps({"choices": [{"index": 0, "delta": {"reasoning_content": text}}]})
        for text in ("hotbay loading model: lily\n", "..........")
    ]
    stream = events(*loading, '{"usage":{"prompt_tokens":4,"completion_tokens":2}}')
    assert numbers(read(stream, EVENTS)) == (-1, -1, -1, 4, 2, -1, -1)


COUNTS = st.integers(0, 99)
USAGES = st.fixed_dictionaries(
    {},
    optional={"prompt_tokens": COUNTS, "output_tokens": COUNTS, "cache_read_input_tokens": COUNTS},
)
PAYLOADS = st.one_of(
    st.fixed_dictionaries({"usage": USAGES | st.none()}),
    st.fixed_dictionaries({"response": st.fixed_dictionaries({"usage": USAGES})}),
    st.fixed_dictionaries({"timings": st.fixed_dictionaries({"prompt_n": COUNTS}) | st.none()}),
    st.fixed_dictionaries({"metrics": st.fixed_dictionaries({"mean_itl_ms": COUNTS})}),
    st.fixed_dictionaries({"choices": st.just([{"delta": {"content": "word"}}])}),
).map(json.dumps)
LINES = st.one_of(
    PAYLOADS.map(lambda payload: f"data: {payload}"),
    st.sampled_from(["", "\r", ": ping", "event: x", "data: [DONE]", 'data: {"usage"', "dat"]),
)


@given(
    lines=st.lists(LINES, max_size=12),
    newline=st.sampled_from(["\n", "\r\n", "\n\n"]),
    places=st.lists(st.integers(0, 2000), max_size=12),
)
def test_any_pieces_of_a_stream_say_the_same(
    lines: list[str], newline: str, places: list[int]
) -> None:
    stream = newline.join(lines).encode()
    whole = read(stream, EVENTS)
    assert numbers(read(cut(stream, places), EVENTS)) == numbers(whole)
    assert numbers(read(cut(stream, range(len(stream))), EVENTS)) == numbers(whole)


def test_more_events_with_numbers_than_are_set_aside_are_read_in_order() -> None:
    stream = events(*(json.dumps({"timings": {"predicted_n": n}}) for n in range(1, 1001)))
    for pieces in (cut(stream, range(0, len(stream), 50)), [stream]):
        assert read(pieces, EVENTS).tokens.output == 1000


# -- bounds ------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    """A line of that size without its end, which holds numbers."""
    line = b'data: {"image":"%s","usage":{"prompt_tokens":4}}'
    return line % (b"i" * (size - len(line) + 2))


@pytest.mark.parametrize("step", [1 << 16, 1 << 20, 1 << 24])
def test_a_line_up_to_the_limit_is_read_and_a_longer_one_skipped(step: int) -> None:
    after = b'\n\ndata: {"usage":{"completion_tokens":2}}\n\n'
    for size, expected in ((LONGEST_LINE, (4, 2)), (LONGEST_LINE + 1, (0, 2))):
        stream = padded(size) + after
        tokens = read(cut(stream, range(0, len(stream), step)), EVENTS).tokens
        assert (tokens.input, tokens.output) == expected


def test_a_line_in_many_pieces_is_put_together_once() -> None:
    stream = padded(300_000) + b"\n\n"
    assert read(cut(stream, range(len(stream))), EVENTS).tokens.input == 4


def test_a_stream_without_an_end_of_line_does_not_fill_the_memory() -> None:
    stream = EventStream(0.0)
    piece = b"x" * (1 << 20)
    tracemalloc.start()
    try:
        for _ in range(100):
            stream.feed(piece, 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * LONGEST_LINE
    assert stream.finish() == NOTHING


def test_a_long_stream_leaves_nothing_behind() -> None:
    stream = EventStream(0.0)
    event = events('{"choices":[{"delta":{"content":"word"}}],"usage":{"prompt_tokens":4}}')
    stream.feed(event, 1.0)
    tracemalloc.start()
    try:
        for _ in range(20_000):
            stream.feed(event, 1.0)
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < 100_000


# -- pace --------------------------------------------------------------------------------------

NO_TOKEN = (
    '{"choices":[{"delta":{"role":"assistant","content":null}}]}',
    '{"choices":[{"delta":{"role":"assistant","content":""}}]}',
    '{"choices":[],"prompt_progress":{"total":10,"processed":5}}',
    '{"choices":[{"delta":{}}]}',
    '{"type":"message_start","message":{"usage":{"input_tokens":4}}}',
    '{"type":"ping"}',
    '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}',
    '{"type":"response.created","response":{}}',
    '{"content":"","stop":false}',
    '{"choices":[{"text":""}]}',
    '{"choices":[{"delta":{"content":"cut',
    "[1]",
    "[DONE]",
)
TOKENS = (
    '{"choices":[{"delta":{"content":"I"}}]}',
    '{"choices":[{"delta":{"role":"assistant","content":"I"}}]}',
    '{"choices":[{"delta":{"reasoning_content":"Hm"}}]}',
    '{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}',
    '{"choices":[{"text":"I"}]}',
    '{"content":"I","stop":false}',
    '{"type":"content_block_delta","delta":{"type":"text_delta","text":"I"}}',
    '{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"I"}}',
    '{"type":"response.output_text.delta","delta":"I"}',
    '{"type":"transcript.text.delta","delta":"I"}',
)


class Clock:
    """A clock that stands still between the events of a stream."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(*arrivals: tuple[float, str]) -> Reading:
    """Read a stream whose payloads come at these times, forwarded at 0."""
    clock = Clock()

    def pieces() -> Iterator[bytes]:
        for at, payload in arrivals:
            clock.now = at
            yield events(payload)

    return read(pieces(), EVENTS, clock=clock)


@pytest.mark.parametrize("token", TOKENS)
def test_the_time_to_the_first_token_is_measured(token: str) -> None:
    before = [(0.25 * n, payload) for n, payload in enumerate(NO_TOKEN)]
    assert timed(*before, (5.0, token), (9.0, token)).pace.ttft == 5.0


def test_without_a_token_there_is_no_pace() -> None:
    pace = timed(*((1.0 * n, payload) for n, payload in enumerate(NO_TOKEN))).pace
    assert (pace.ttft, pace.itl, pace.tokens_per_second) == (None, None, None)


def test_the_interval_between_tokens_comes_from_their_number_if_it_is_told() -> None:
    pace = timed(
        (1.0, TOKENS[0]),
        (2.0, TOKENS[0]),
        (3.0, '{"choices":[],"usage":{"completion_tokens":21}}'),
    ).pace
    assert pace.itl == pytest.approx(0.1)
    assert pace.tokens_per_second == pytest.approx(10)


def test_otherwise_each_event_counts_as_a_token() -> None:
    pace = timed(*((1.0 + 0.5 * n, TOKENS[0]) for n in range(11))).pace
    assert pace.itl == pytest.approx(0.5)
    assert pace.tokens_per_second == pytest.approx(2)


def test_a_stream_that_comes_at_once_has_no_interval() -> None:
    pace = timed(*((1.0, TOKENS[0]) for _ in range(5))).pace
    assert (pace.ttft, pace.itl) == (1.0, None)
    assert timed((1.0, TOKENS[0])).pace.itl is None


def test_events_that_come_together_are_counted_one_by_one() -> None:
    clock = Clock()

    def pieces() -> Iterator[bytes]:
        clock.now = 1.0
        yield events(*NO_TOKEN, *[TOKENS[0]] * 3)
        clock.now = 2.0
        yield events(*[TOKENS[0]] * 3)

    assert read(pieces(), EVENTS, clock=clock).pace.itl == pytest.approx(0.2)


def test_the_pace_is_not_put_among_the_numbers_of_the_server() -> None:
    reading = timed((1.0, TOKENS[0]), (2.0, '{"choices":[],"usage":{"completion_tokens":11}}'))
    assert reading.pace.tokens_per_second == pytest.approx(10)
    assert reading.tokens.tokens_per_second == -1
