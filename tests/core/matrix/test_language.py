"""What may be written in an expression, and where an error is (spec/matrix.md 2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .settings import flaws, permits, plan, program


@pytest.mark.parametrize(
    ("expression", "together", "apart"),
    [
        ("a", ["a"], ["ab"]),
        ("a & b", ["ab"], ["abc"]),
        ("a | b", ["a", "b"], ["ab"]),
        ("a & (b | c)", ["ab", "ac"], ["bc", "abc"]),
        ("a & b | c & d", ["ab", "cd"], ["ac", "ad", "bc", "bd"]),
        ("(a | b) & (c | d | e)", ["ac", "ad", "ae", "bc", "bd", "be"], ["ab", "cd", "ce", "de"]),
        ("a | b & c", ["a", "bc"], ["ab", "ac"]),
        ("a&b&c&d&e", ["abcde"], []),
        ("a|b|c|d|e", ["a", "e"], ["ab", "de"]),
        ("((a))", ["a"], ["ab"]),
        ("(a | b) & c | d", ["ac", "bc", "d"], ["ab", "cd"]),
        ("a & a | a", ["a"], ["ab"]),
        (" a\t&\n\u00a0\u2003b\r\n", ["ab"], []),
        ("a&(b)|((c)&d)", ["ab", "cd"], ["ac"]),
    ],
)
def test_what_an_expression_permits(expression: str, together: list[str], apart: list[str]) -> None:
    matrix = program(expression)
    assert [x for x in together if not permits(matrix, x)] == []
    assert [x for x in apart if permits(matrix, x)] == []


def test_a_reference_stands_for_the_combinations_of_the_other_set() -> None:
    matrix = program({"base": "a | b", "s": "+base & c & +base"})
    assert all(permits(matrix, x) for x in ("ac", "bc", "abc"))
    assert not permits(matrix, "abcd")


def test_a_set_may_be_referred_to_before_it_is_defined() -> None:
    assert permits(program({"s": "+base & c", "base": "a | b"}), "bc")


@pytest.mark.parametrize(
    "name",
    ["m", "4", "-x", ".x", "_", "qwen2.5-7b_q4", "größe", "模型", "٣", "ʰ", "A", "a" * 500],
)
def test_identifiers_are_letters_decimal_digits_and_three_signs(name: str) -> None:
    matrix = program({name: f"{name} & x", "top": f"+{name} & y"}, models=(name, "x", "y"))
    assert matrix.contains_together((name, "x", "y"))


def test_names_are_case_sensitive() -> None:
    assert [flaw.message for flaw in flaws("A", models=("a",))] == [
        "set 's': unknown var or model 'A'"
    ]


def test_a_var_stands_for_a_model_whose_id_cannot_be_written() -> None:
    matrix = program("x & b", models=("org/model:7b q4", "b"), vars={"x": "org/model:7b q4"})
    assert matrix.contains_together(("org/model:7b q4", "b"))


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("", 1, "the expression is empty"),
        (" \n\t ", 1, "the expression is empty"),
        ("a |", 4, "expected a model, a +set or '(' before the end"),
        ("a & ", 5, "expected a model, a +set or '(' before the end"),
        ("& a", 1, "expected a model, a +set or '(' before '&'"),
        ("| a", 1, "expected a model, a +set or '(' before '|'"),
        ("a & | b", 5, "expected a model, a +set or '(' before '|'"),
        ("a && b", 4, "expected a model, a +set or '(' before '&'"),
        ("a || b", 4, "expected a model, a +set or '(' before '|'"),
        ("()", 2, "expected a model, a +set or '(' before ')'"),
        ("a & ()", 6, "expected a model, a +set or '(' before ')'"),
        ("(a | )", 6, "expected a model, a +set or '(' before ')'"),
        (")", 1, "expected a model, a +set or '(' before ')'"),
        ("(", 2, "expected a model, a +set or '(' before the end"),
        ("(a", 1, "'(' is never closed"),
        ("a & ((b | c)", 5, "'(' is never closed"),
        ("a)", 2, "')' closes nothing"),
        ("(a) & b) | c", 8, "')' closes nothing"),
        ("a b", 3, "'&' or '|' is missing before 'b'"),
        ("a (b)", 3, "'&' or '|' is missing before '('"),
        ("(a) b", 5, "'&' or '|' is missing before 'b'"),
        ("(a)(b)", 4, "'&' or '|' is missing before '('"),
        ("a +b", 3, "'&' or '|' is missing before '+b'"),
        ("a+b", 2, "'&' or '|' is missing before '+b'"),
        ("+", 1, "'+' must be followed at once by the name of a set"),
        ("+ s", 1, "'+' must be followed at once by the name of a set"),
        ("a & +(b)", 5, "'+' must be followed at once by the name of a set"),
        ("++a", 1, "'+' must be followed at once by the name of a set"),
        ("a & b/c", 6, "unexpected character '/'; use a var for a model whose ID contains it"),
        ("a:b", 2, "unexpected character ':'; use a var for a model whose ID contains it"),
        ("!a", 1, "unexpected character '!'; use a var for a model whose ID contains it"),
        ('"a"', 1, "unexpected character '\"'; use a var for a model whose ID contains it"),
        ("a\n& ½", 5, "unexpected character '½'; use a var for a model whose ID contains it"),
        ("a²", 2, "unexpected character '²'; use a var for a model whose ID contains it"),
        ("a\x1f", 2, "unexpected character '\\x1f'; use a var for a model whose ID contains it"),
        ("a & x1", 5, "unknown var or model 'x1'"),
        ("a | +nowhere", 5, "undefined set 'nowhere'"),
    ],
)
def test_an_error_names_the_set_and_the_place(expression: str, column: int, message: str) -> None:
    (flaw,) = flaws({"good": "a", "bad": expression})
    assert (flaw.key, flaw.column, flaw.message) == ("sets.bad", column, f"set 'bad': {message}")
    assert str(flaw) == f"set 'bad': {message} (character {column})"


def nested(depth: int) -> str:
    """Return an expression of `depth` parentheses within each other, none of them redundant."""
    return "(a | b & " * depth + "c" + ")" * depth


def chain(length: int) -> dict[str, str]:
    """Return sets of which each refers to the one before; the last one goes `length` deep."""
    return {"s0": "a | b", **{f"s{i}": f"c & +s{i - 1} | d" for i in range(1, length + 1)}}


@pytest.mark.parametrize("expression", [nested(64), "(" * 64 + "a" + ")" * 64])
def test_parentheses_nest_64_deep(expression: str) -> None:
    matrix = program(f"z & {expression}")
    assert permits(matrix, "az")
    assert plan(matrix, "z", "ay").evict == ("y",)


def test_parentheses_whose_contents_overlap_nest_64_deep() -> None:
    matrix = program("((a | b) & (b | c) & " * 63 + "z" + ")" * 63)
    assert plan(matrix, "z", "abcd").evict == ("d",)


@pytest.mark.parametrize("depth", [65, 100_000])
def test_deeper_parentheses_are_an_error_at_the_first_too_deep(depth: int) -> None:
    (flaw,) = flaws("(" * depth + "a" + ")" * depth)
    assert flaw.column == 65
    assert flaw.message == "set 's': parentheses nest deeper than 64"


def test_references_nest_64_deep() -> None:
    assert permits(program(chain(64)), "bc")


@pytest.mark.parametrize("length", [65, 5_000])
def test_deeper_references_are_an_error_at_the_first_too_deep(length: int) -> None:
    (flaw,) = flaws(chain(length))
    assert (flaw.key, flaw.column) == ("sets.s65", 5)
    assert flaw.message == "set 's65': parentheses and references nest deeper than 64"


def test_parentheses_and_references_count_together() -> None:
    below = {"low": nested(32)}
    assert flaws({**below, "top": nested(31).replace("c", "+low")}) == []
    (flaw,) = flaws({**below, "top": nested(32).replace("c", "+low"), "over": "a | +top"})
    assert flaw.key == "sets.top"


def test_long_chains_are_no_nesting() -> None:
    assert permits(program(" & ".join(["a", "b"] * 2_000)), "ab")
    assert permits(program(" | ".join(["a", "b", "a & b"] * 2_000)), "ab")


@settings(max_examples=600, deadline=None)
@given(st.text() | st.text("ab+&|() -._\n½/٣", max_size=40))
def test_any_text_is_an_expression_or_a_matrix_error(text: str) -> None:
    for flaw in flaws({"s": text, "a": "b"}):
        assert flaw.key == "sets.s"
        assert flaw.column is not None
        assert 1 <= flaw.column <= len(text) + 1


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.text("ab+x/", max_size=3), st.text("abx", max_size=2), max_size=3),
    st.dictionaries(st.text("ab+x/", max_size=3), st.integers(), max_size=3),
    st.dictionaries(st.text("ab+", max_size=2), st.text("ab+&|()", max_size=9), max_size=4),
)
def test_any_settings_compile_or_are_a_matrix_error(
    variables: dict[str, str], costs: dict[str, int], sets: dict[str, str]
) -> None:
    wrong = flaws(sets, models=("a", "b"), costs=costs, vars=variables)
    assert all(flaw.key.startswith(("vars.", "evict_costs.", "sets")) for flaw in wrong)
