"""What an activity row tells of the answers of real and documented model servers."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.activity.answers import CODINGS, GOLDEN, Answer, cut, golden, numbers, read_answer

ANSWERS = golden()
STREAMS = [answer for answer in ANSWERS if answer.is_stream]
each = pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)


def test_every_answer_is_expected_and_every_expected_answer_exists() -> None:
    expected = json.loads((GOLDEN / "expected.json").read_text())
    assert sorted(answer.name for answer in ANSWERS) == sorted(expected)


@each
def test_an_answer_is_read_as_a_person_reads_it(answer: Answer) -> None:
    reading = read_answer(answer, [answer.body])
    assert numbers(reading) == answer.numbers
    assert reading.error == answer.error


@each
def test_it_does_not_matter_in_which_pieces_an_answer_comes(answer: Answer) -> None:
    for size in (1, 7, 1000):
        pieces = cut(answer.body, range(0, len(answer.body), size))
        assert numbers(read_answer(answer, pieces)) == answer.numbers


@given(answer=st.sampled_from(STREAMS), places=st.lists(st.integers(0, 10_000), max_size=8))
def test_it_does_not_matter_where_a_stream_is_cut(answer: Answer, places: list[int]) -> None:
    assert numbers(read_answer(answer, cut(answer.body, places))) == answer.numbers


@each
@pytest.mark.parametrize("name", CODINGS)
def test_it_does_not_matter_whether_an_answer_is_compressed(answer: Answer, name: str) -> None:
    coding, compress = CODINGS[name]
    packed = compress(answer.body)
    reading = read_answer(answer, cut(packed, range(0, len(packed), 100)), coding)
    assert numbers(reading) == answer.numbers
    assert reading.error == answer.error


@given(
    answer=st.sampled_from(ANSWERS),
    name=st.sampled_from(sorted(CODINGS)),
    places=st.lists(st.integers(0, 10_000), max_size=8),
)
def test_it_does_not_matter_where_a_compressed_answer_is_cut(
    answer: Answer, name: str, places: list[int]
) -> None:
    coding, compress = CODINGS[name]
    reading = read_answer(answer, cut(compress(answer.body), places), coding)
    assert numbers(reading) == answer.numbers


@given(answer=st.sampled_from(STREAMS), end=st.integers(0, 10_000))
def test_a_stream_that_is_cut_short_counts_as_far_as_it_came(answer: Answer, end: int) -> None:
    came = answer.body[: end % (len(answer.body) + 1)]
    whole_lines = came[: came.rfind(b"\n") + 1]
    assume(not came.endswith(b"}"))  # the last line may be whole without its end
    assert numbers(read_answer(answer, [came])) == numbers(read_answer(answer, [whole_lines]))
