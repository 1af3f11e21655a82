"""How plain scalars are typed and written (spec/config-loading.md 3.1, 5.5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.config import Config
from hotbay.config.scalars import Timestamp, resolve_plain, text_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((t, None) for t in ("", "~", "null", "Null", "NULL")),
        *((t, True) for t in ("true", "True", "TRUE")),
        *((t, False) for t in ("false", "False", "FALSE")),
        *((t, t) for t in ("yes", "no", "on", "off", "y", "n", "Yes", "OFF", "nUll", "tRUE")),
        (".inf", math.inf),
        ("+.Inf", math.inf),
        ("-.INF", -math.inf),
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("1_000", 1000),
        ("0x1F", 31),
        ("-0x10", -16),
        ("0b101", 5),
        ("0o17", 15),
        ("010", 8),
        ("08", 8.0),
        ("9223372036854775807", 2**63 - 1),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 18446744073709551616.0),
        ("-9223372036854775809", -9223372036854775809.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5e-3", -0.0015),
        ("1_0.5", 10.5),
        ("1e999", "1e999"),
        ("1:30", "1:30"),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("0b12", "0b12"),
        ("-", "-"),
        ("_1", "_1"),
        ("12 monkeys", "12 monkeys"),
    ],
)
def test_plain_scalars_are_typed_by_the_table(text: str, value: object) -> None:
    resolved = resolve_plain(text)
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan_is_a_float(text: str) -> None:
    value = resolve_plain(text)
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "rfc3339"),
    [
        ("2024-01-02", "2024-01-02T00:00:00Z"),
        ("2024-1-2", "2024-01-02T00:00:00Z"),
        ("2024-1-2 3:4:5", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02t03:04:05.120+02:00", "2024-01-02T03:04:05.12+02:00"),
        ("2024-01-02T03:04:05+00:00", "2024-01-02T03:04:05Z"),
    ],
)
def test_dates_become_timestamps(text: str, rfc3339: str) -> None:
    assert resolve_plain(text) == Timestamp(rfc3339)


@pytest.mark.parametrize(
    "text",
    ["2024-13-01", "2024-02-30", "24-01-02", "2024-01-02T03:04:05", "2024-01-02 03:04:05Z"],
)
def test_what_is_no_date_stays_text(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("0.70", "0.7"),
        ("1.0", "1"),
        ("123456.0", "123456"),
        ("1000000.0", "1e+06"),
        ("1234567.5", "1.2345675e+06"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("1e3", "1000"),
        ("1000000", "1000000"),
        ("0x10", "16"),
        ("8_192", "8192"),
        ("True", "true"),
        ("-0.5", "-0.5"),
        ("0.0", "0"),
        ("1.5e300", "1.5e+300"),
        (".inf", "+Inf"),
        (".nan", "NaN"),
    ],
)
def test_values_inside_text_are_written_in_canonical_form(written: str, text: str) -> None:
    value = resolve_plain(written)
    assert value is not None
    assert text_of(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_reads_back_as_the_same_number(number: float) -> None:
    assert float(text_of(number)) == number


@pytest.mark.parametrize(
    ("written", "description"),
    [
        ("1.50", "1.5"),
        ("0x10", "16"),
        ("010", "8"),
        ("1e3", "1000"),
        ("True", "true"),
        ("2024-01-02", "2024-01-02T00:00:00Z"),
        ("'010'", "010"),
        ("! 010", "010"),
        ("!!str 010", "010"),
        ("!own 010", "010"),
        ("!!int 010", "8"),
        ("|-\n      010", "010"),
        ("yes", "yes"),
    ],
)
def test_a_text_key_takes_any_scalar(
    config_of: Callable[..., Config], written: str, description: str
) -> None:
    text = f"models:\n  a:\n    cmd: run\n    proxy: http://x\n    description: {written}\n"
    assert config_of(text).models["a"].description == description


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.0", 1),
        ("1.5", 1.5),
        (".nan", None),
        ("-.inf", None),
        ("2024-01-02", "2024-01-02T00:00:00Z"),
        ("~", None),
        ("[1, {a: true}]", (1, {"a": True})),
    ],
)
def test_free_values_are_what_json_can_hold(
    config_of: Callable[..., Config], written: str, value: Any
) -> None:
    text = f"models: {{a: {{cmd: run, proxy: 'http://x', metadata: {{v: {written}}}}}}}"
    assert config_of(text).models["a"].metadata["v"] == value
