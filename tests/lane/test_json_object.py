"""JSON objects decoded one level deep: nothing that occurs twice goes unnoticed."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.lane.json_object import decode_object

NAMES = ["", "a", "model", "mod\\u0065l", "\\u0061", "ü", "\\u00fc", "\\n"]
VALUES = ["0", '""', "{}", "[]", '"a"', "-1.50", '{"a":1,"a":2}', '[{"model":1,"model":2}]']
BLANKS = st.sampled_from(["", "", " ", "\n  "])


@pytest.mark.parametrize("comma", [",", ", ", ",\n", " , "])
@pytest.mark.parametrize("colon", [":", ": ", " : "])
@pytest.mark.parametrize("last", ['"model"', '"mod\\u0065l"'])
def test_a_repeated_member_is_noticed_and_the_last_one_counts(
    comma: str, colon: str, last: str
) -> None:
    members = [f'"model"{colon}"a"', f'"x"{colon}1', f"{last}{colon}0"]
    object_ = decode_object(f"{{{comma.join(members)}}}".encode())
    assert object_.repeated == {"model"}
    assert [(name, bytes(raw)) for name, raw in object_.members.items()] == [
        ("model", b"0"),
        ("x", b"1"),
    ]


def test_a_repetition_far_inside_a_body_is_noticed() -> None:
    messages = json.dumps(["x" * 1000] * 100)
    for colon in (":", ": "):
        text = f'{{"model"{colon}"a","messages"{colon}{messages},"":0,"":0}}'
        assert decode_object(text.encode()).repeated == {""}


def test_repetitions_deeper_inside_are_nobodys_business() -> None:
    assert not decode_object(b'{"a": {"b": 1, "b": 2}, "b": 3}').repeated
    assert not decode_object(b'{"a":{"b":1,"b":2},"b":3}').repeated


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"[1]", msgspec.ValidationError),
        (b'"a": ', msgspec.DecodeError),
        (b'{"a": 1', msgspec.DecodeError),
        (b'{"a":1,}', msgspec.DecodeError),
        (b'{"\xff": 1}', ValueError),
        (b'{"a": ' + b"[" * 100_000, RecursionError),
    ],
)
def test_what_is_no_object_is_refused(text: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_object(text)


@given(
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=7),
    blanks=st.lists(BLANKS, min_size=32, max_size=32) | st.just([""] * 32),
)
def test_any_object_is_read_as_python_reads_it(
    pairs: list[tuple[str, str]], blanks: list[str]
) -> None:
    blank = iter(blanks)
    members = ",".join(
        f'{next(blank)}"{name}"{next(blank)}:{next(blank)}{value}{next(blank)}'
        for name, value in pairs
    )
    text = f"{next(blank)}{{{members}}}{next(blank)}"
    object_ = decode_object(text.encode())
    expected = json.loads(text, object_pairs_hook=list)
    names = [name for name, _ in expected]
    assert object_.repeated == {name for name in names if names.count(name) > 1}
    assert {name: json.loads(bytes(raw)) for name, raw in object_.members.items()} == (
        json.loads(text)
    )
    assert list(object_.members) == list(dict.fromkeys(names))
