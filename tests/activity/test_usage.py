"""Numbers of ordinary responses: the tables of spec/request-pipeline.md 9, and beyond them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.activity.answers import numbers, read

ZEROS = (0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            (
                '{"usage":{"prompt_tokens":31,"completion_tokens":8,'
                '"prompt_tokens_details":{"cached_tokens":16}}}'
            ),
            (16, -1, -1, 31, 8, -1, -1),
        ),
        (
            '{"usage":{"input_tokens":31,"output_tokens":8,"cache_read_input_tokens":0}}',
            (0, -1, -1, 31, 8, -1, -1),
        ),
        (
            (
                '{"usage":{"input_tokens":31,"output_tokens":8,'
                '"input_tokens_details":{"cached_tokens":3}}}'
            ),
            (3, -1, -1, 31, 8, -1, -1),
        ),
        (
            (
                '{"timings":{"prompt_n":9,"predicted_n":5,"prompt_per_second":90.5,'
                '"predicted_per_second":33.25,"cache_n":2,"draft_n":6,"draft_n_accepted":4}}'
            ),
            (2, 6, 4, 9, 5, 90.5, 33.25),
        ),
        (
            '{"usage":{"prompt_tokens":99,"completion_tokens":9},"timings":{"prompt_n":9}}',
            (-1, -1, -1, 9, 0, 0, 0),
        ),
        (
            (
                '{"usage":{"prompt_tokens":50,"completion_tokens":4,'
                '"prompt_tokens_details":{"cached_tokens":30}},'
                '"metrics":{"time_to_first_token_ms":40,"mean_itl_ms":5,"speculative_decoding":'
                '{"num_draft_tokens":8,"num_accepted_draft_tokens":6}}}'
            ),
            (30, 8, 6, 50, 4, 500, 200),
        ),
        ('{"usage":{}}', (-1, -1, -1, 0, 0, -1, -1)),
        ('{"response":{"usage":{"input_tokens":31}}}', ZEROS),
    ],
)
def test_an_ordinary_response_is_read_as_the_spec_tells(
    body: str, expected: tuple[float, ...]
) -> None:
    assert numbers(read(body.encode())) == expected


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (
            "/infill",
            '[{"content":"a"},{"timings":{"prompt_n":4,"predicted_n":2}}]',
            (-1, -1, -1, 4, 2, 0, 0),
        ),
        ("/completion", '[{"content":"a"},{"timings":{"prompt_n":4,"predicted_n":2}}]', ZEROS),
        ("/infill", '[{"timings":{"prompt_n":4}},{"content":"a"}]', ZEROS),
        ("/infill", '[{"timings":null}]', (-1, -1, -1, 0, 0, 0, 0)),
        ("/infill", '[{"usage":{"prompt_tokens":4}}]', ZEROS),
        ("/infill", "[]", ZEROS),
        ("/infill", "[1]", ZEROS),
        ("/infill", '{"timings":{"prompt_n":4}}', (-1, -1, -1, 4, 0, 0, 0)),
        ("/infill?x=1", '[{"timings":{"prompt_n":4}}]', (-1, -1, -1, 4, 0, 0, 0)),
    ],
)
def test_only_infill_may_answer_with_a_list(
    path: str, body: str, expected: tuple[float, ...]
) -> None:
    assert numbers(read(body.encode(), path=path)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # A member that is there counts as told, whatever it is.
        ('{"usage":null}', (-1, -1, -1, 0, 0, -1, -1)),
        ('{"usage":[1]}', (-1, -1, -1, 0, 0, -1, -1)),
        ('{"usage":"many"}', (-1, -1, -1, 0, 0, -1, -1)),
        ('{"timings":null,"usage":{"prompt_tokens":5}}', (-1, -1, -1, 0, 0, 0, 0)),
        ('{"metrics":null,"usage":{"prompt_tokens":5}}', (-1, -1, -1, 5, 0, -1, -1)),
        ('{"usage":{"prompt_tokens":5,"prompt_tokens_details":null}}', (-1, -1, -1, 5, 0, -1, -1)),
        ('{"usage":{"cache_read_input_tokens":null}}', (0, -1, -1, 0, 0, -1, -1)),
        # The first name of each counts.
        ('{"usage":{"input_tokens":2,"prompt_tokens":1}}', (-1, -1, -1, 1, 0, -1, -1)),
        ('{"usage":{"prompt_tokens":null,"input_tokens":2}}', (-1, -1, -1, 0, 0, -1, -1)),
        (
            (
                '{"usage":{"prompt_tokens_details":{"cached_tokens":3},'
                '"input_tokens_details":{"cached_tokens":2},"cache_read_input_tokens":1}}'
            ),
            (1, -1, -1, 0, 0, -1, -1),
        ),
        # Fractions are cut off, numbers in strings count, anything else is 0.
        (
            '{"usage":{"prompt_tokens":"31","completion_tokens":8.9}}',
            (-1, -1, -1, 31, 8, -1, -1),
        ),
        ('{"usage":{"prompt_tokens":"many","completion_tokens":[8]}}', (-1, -1, -1, 0, 0, -1, -1)),
        ('{"timings":{"predicted_per_second":"33.5"}}', (-1, -1, -1, 0, 0, 0, 33.5)),
        (
            '{"timings":{"prompt_n":1e300,"predicted_per_second":1e308}}',
            (-1, -1, -1, (1 << 63) - 1, 0, 0, 1e308),
        ),
        # Draft counts come in pairs.
        ('{"timings":{"draft_n":3}}', (-1, -1, -1, 0, 0, 0, 0)),
        (
            (
                '{"timings":{"draft_n":3,"draft_n_accepted":2},'
                '"metrics":{"speculative_decoding":{"num_draft_tokens":9}}}'
            ),
            (-1, 3, 2, 0, 0, 0, 0),
        ),
        (
            (
                '{"timings":{"draft_n":3,"draft_n_accepted":2},"metrics":{"speculative_decoding":'
                '{"num_draft_tokens":9,"num_accepted_draft_tokens":0}}}'
            ),
            (-1, 9, 0, 0, 0, 0, 0),
        ),
        # Speeds of vLLM need a time above 0; a negative difference stays.
        (
            '{"usage":{"prompt_tokens":5},"metrics":{"time_to_first_token_ms":0,"mean_itl_ms":-1}}',
            (-1, -1, -1, 5, 0, -1, -1),
        ),
        (
            (
                '{"usage":{"prompt_tokens":5,"cache_read_input_tokens":25},'
                '"metrics":{"time_to_first_token_ms":1000}}'
            ),
            (25, -1, -1, 5, 0, -20, -1),
        ),
        # Not read at all.
        ("{}", ZEROS),
        ("", ZEROS),
        ("  \n", ZEROS),
        ("plain text", ZEROS),
        ('{"usage":{"prompt_tokens":5}', ZEROS),
        ('{"usage":{"prompt_tokens":5}} trailing', ZEROS),
        ('"usage"', ZEROS),
        ("[" * 100_000, ZEROS),
        ('{"usage":' + "[" * 100_000 + "]" * 100_000 + "}", ZEROS),
    ],
)
def test_what_is_odd_is_read_as_far_as_it_makes_sense(
    body: str, expected: tuple[float, ...]
) -> None:
    reading = read(body.encode())
    assert numbers(reading) == expected
    assert reading.error == ""


def test_a_number_too_large_for_any_format_is_none() -> None:
    assert numbers(read(b'{"timings":{"prompt_n":1' + b"0" * 400 + b"}}"))[3] == (1 << 63) - 1
    assert numbers(read(b'{"timings":{"predicted_per_second":1' + b"0" * 400 + b"}}"))[6] == 0


@pytest.mark.parametrize(
    ("timings", "measured", "expected"),
    [
        ({"prompt_ms": 100.6, "predicted_ms": 50.6}, 20, 151),
        ({"prompt_ms": 100.6, "predicted_ms": 50.6}, 151, 151),
        ({"prompt_ms": 100.6, "predicted_ms": 50.6}, 152, 152),
        ({"prompt_ms": 30}, 20, 30),
        ({}, 20, 20),
    ],
)
def test_the_server_may_say_that_it_took_longer(
    timings: dict[str, float], measured: int, expected: int
) -> None:
    body = json.dumps({"timings": timings}).encode()
    assert read(body, duration_ms=measured).duration_ms == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cached_tokens", "num_draft_tokens", "x"]), children, max_size=3
        )
    ),
    max_leaves=5,
)
MEMBERS = [
    "prompt_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "prompt_tokens_details",
    "prompt_n",
    "predicted_n",
    "prompt_ms",
    "predicted_per_second",
    "draft_n",
    "draft_n_accepted",
    "time_to_first_token_ms",
    "mean_itl_ms",
    "speculative_decoding",
]
OBJECTS = VALUES | st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6)


@given(
    st.dictionaries(
        st.sampled_from(["usage", "timings", "metrics", "response", "message"]),
        OBJECTS | st.dictionaries(st.just("usage"), OBJECTS),
        max_size=4,
    )
)
def test_whatever_a_server_says_gives_numbers_that_can_be_stored(answer: object) -> None:
    body = json.dumps(answer).replace("Infinity", "1e999").encode()
    for reading in (read(body), read(b"data: " + body + b"\n\n", "text/event-stream")):
        *counts, prompt_speed, speed = numbers(reading)
        assert all(isinstance(n, int) and abs(n) < 1 << 63 for n in counts)
        assert abs(prompt_speed) < float("inf")
        assert abs(speed) < float("inf")
        assert 0 <= reading.duration_ms < 1 << 63
