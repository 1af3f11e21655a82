"""Macros: declaration, scope, expansion, leftovers (spec/config-loading.md 5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.config import Config
from hotbay.config.macros import MAX_EXPANDED, ExpansionError, Scope, expand_value
from hotbay.config.scalars import text_of

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]


def model(*lines: str) -> str:
    return "\n".join(["models:", "  m:", "    proxy: http://x", *(f"    {line}" for line in lines)])


def test_the_first_worked_example(config_of: Configs) -> None:
    config = config_of("""
macros:
  bin: /opt/run            # position 1
  ctx: 4096                # position 2
  base: "${bin} -c ${ctx}" # position 3
models:
  tiny:
    macros: {ctx: 512, extra: "--id ${MODEL_ID} ${base}"}
    cmd: "go ${extra} -p ${PORT}"
""")
    assert config.models["tiny"].cmd == "go --id tiny /opt/run -c 512 -p 5800"


def test_the_second_worked_example(errors_of: Errors) -> None:
    (error,) = errors_of("""
macros: {lvl: A}
models:
  m:
    macros: {suffix: z, lvl: "B-${suffix}"}
    cmd: "run ${lvl}"
    proxy: http://127.0.0.1:9
""")
    assert error.startswith("config.yaml:6:10: models.m.cmd: unknown macro ${suffix}")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("x" * 64, "1", "must be shorter than 64 bytes"),
        ("ä", "1", "a name consists of letters"),
        ("''", "1", "a name consists of letters"),
        ("a.b", "1", "a name consists of letters"),
        ("a b", "1", "a name consists of letters"),
        ("a", "~", "the value must be a string, a number or a boolean"),
        ("a", "[1]", "the value must be a string, a number or a boolean"),
        ("a", "{b: 1}", "the value must be a string, a number or a boolean"),
        ("a", "2024-01-02", "the value must be a string, a number or a boolean"),
        ("a", "'x ${a}'", "macro a: self reference"),
        ("PID", "1", "macro PID: the name is reserved"),
        ("PORT", "1", "macro PORT: the name is reserved"),
        ("MODEL_ID", "1", "macro MODEL_ID: the name is reserved"),
    ],
)
def test_a_bad_declaration_is_an_error_even_if_unused(
    errors_of: Errors, name: str, value: str, fault: str
) -> None:
    (error,) = errors_of(f"macros: {{{name}: {value}}}")
    assert error.startswith("config.yaml:1:10: macros.")
    assert fault in error
    (error,) = errors_of(model("cmd: run", f"macros: {{{name}: {value}}}"))
    assert error.startswith("config.yaml:5:14: models.m.macros.")
    assert fault in error


@pytest.mark.parametrize("name", ["x" * 63, "port", "7", "A-b_9", "true"])
def test_good_names(config_of: Configs, name: str) -> None:
    assert config_of(f"macros: {{{name}: ok}}\n" + model(f"cmd: run ${{{name}}}")).models[
        "m"
    ].argv == ("run", "ok")


def test_what_an_unused_macro_refers_to_is_not_checked(config_of: Configs) -> None:
    config_of('macros: {A: "x-${NOPE}"}')


def test_a_local_macro_cannot_extend_the_global_one(errors_of: Errors) -> None:
    (error,) = errors_of("macros: {A: 1}\n" + model("cmd: run", 'macros: {A: "${A} 2"}'))
    assert "self reference" in error


def test_a_merge_key_in_a_macros_block_is_an_error(errors_of: Errors) -> None:
    (error,) = errors_of("defs: {m: &m {a: 1}}\nmacros: {<<: *m}")
    assert error.startswith("config.yaml:2:10: macros: a merge key")


def test_a_whole_block_may_be_shared(config_of: Configs) -> None:
    config = config_of("""
        defs: {m: &m {a: one}, base: &base {macros: {b: two}}}
        macros: *m
        models: {m: {<<: *base, cmd: "${a} ${b}", proxy: "http://x"}}
    """)
    assert config.models["m"].argv == ("one", "two")


def test_a_macro_sees_the_earlier_ones_only(config_of: Configs, errors_of: Errors) -> None:
    earlier = 'macros: {A: x, B: "${A}y"}\n' + model("cmd: run ${B}")
    assert config_of(earlier).models["m"].cmd == "run xy"
    later = 'macros: {B: "${A}y", A: x}\n' + model("cmd: run ${B}")
    assert "unknown macro ${A}" in errors_of(later)[0]


def test_an_overriding_macro_also_counts_inside_global_ones(config_of: Configs) -> None:
    text = 'macros: {n: 1, all: "-n ${n}"}\n' + model("cmd: run ${all}", "macros: {n: 2}")
    assert config_of(text).models["m"].argv == ("run", "-n", "2")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${B}", 5),
        ("n${B}", "n5"),
        ("${T}", True),
        ("is ${T}", "is true"),
        ("${F}", 0.7),
        ("${F} ${F}", "0.7 0.7"),
        ("$${B}", "$5"),
        ("${}", "${}"),
        ("${a b}", "${a b}"),
        ("${a.b}", "${a.b}"),
        ("${${W}}", "nested"),
    ],
)
def test_expansion_of_values(config_of: Configs, value: str, expected: object) -> None:
    text = "macros: {A: 5, B: '${A}', T: true, F: 0.70, V: nested, W: V}\n"
    config = config_of(text + model("cmd: run", f"metadata: {{v: '{value}'}}"))
    assert config.models["m"].metadata["v"] == expected


def test_types_are_kept_and_checked(config_of: Configs, errors_of: Errors) -> None:
    assert config_of('macros: {T: 30}\nglobalTTL: "${T}"').global_ttl == 30
    assert "expected an integer" in errors_of('macros: {T: "30"}\nglobalTTL: "${T}"')[0]
    assert config_of('macros: {L: "yes"}\nsendLoadingState: "${L}"').send_loading_state is True
    assert errors_of('macros: {L: "true"}\nsendLoadingState: "${L}"')


def test_keys_are_not_expanded(config_of: Configs) -> None:
    config = config_of("macros: {X: 1}\n" + model("cmd: run", "metadata: {'${X}': a}"))
    assert config.models["m"].metadata == {"${X}": "a"}


def test_keys_of_set_params_by_id_are_expanded(config_of: Configs) -> None:
    text = "macros: {n: 5, tag: hot}\n" + model(
        "cmd: run ${PORT}",
        "filters: {setParamsByID: {'${MODEL_ID}:${tag}': {a: '${n}'}, '${PORT}': {}, '${n}': {}}}",
    )
    assert set(config_of(text).models["m"].aliases) == {"m:hot", "5800", "5"}


def test_keys_that_become_equal_are_an_error(errors_of: Errors) -> None:
    text = model("cmd: run", "filters: {setParamsByID: {'x': {}, '${MODEL_ID}x': {}, 'mx': {}}}")
    (error,) = errors_of(text)
    assert "two keys become 'mx'" in error


def test_an_unquoted_placeholder_in_a_flow_list_is_a_yaml_error(errors_of: Errors) -> None:
    assert "not valid YAML" in errors_of("macros: {a: x}\napiKeys: [${a}]")[0]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "peers: {p: {proxy: 'http://x', apiKey: '${K}', models: [m]}}",
            "peers.p.apiKey: unknown macro ${K}",
        ),
        ("logLevel: ${MODEL_ID}", "logLevel: ${MODEL_ID} can only be used inside a model"),
        ("logLevel: ${PORT}", "logLevel: ${PORT} can only be used in a model whose cmd"),
        (model("cmd: run ${PID}"), "models.m.cmd: ${PID} can only be used in cmdStop"),
        (model("cmd: run", "name: ${PORT}"), "models.m.name: ${PORT} can only be used"),
        (model("cmd: run", "own: {deep: ['${X}']}"), "models.m.own.deep[0]: unknown macro ${X}"),
        (
            model("cmd: run", "filters: {setParamsByID: {'${X}': {}}}"),
            "models.m.filters.setParamsByID.${X}: unknown macro ${X}",
        ),
    ],
)
def test_what_is_left_over_is_an_error(errors_of: Errors, text: str, error: str) -> None:
    assert any(error in found for found in errors_of(text))


def test_leftovers_in_unknown_top_level_keys_are_fine(config_of: Configs) -> None:
    config_of('defs: {shared: "run ${local} ${PORT}"}')


def test_pid_stays_in_the_stop_command(config_of: Configs) -> None:
    model_config = config_of(model("cmd: run", "cmdStop: kill ${PID}")).models["m"]
    assert model_config.stop_argv == ("kill", "${PID}")


def test_a_macro_on_a_comment_line_is_not_expanded(config_of: Configs) -> None:
    config = config_of(model("cmd: |", "  run", "  # ${NOPE} ${PORT}", "  x"))
    assert config.models["m"].argv == ("run", "x")
    assert config.models["m"].port is None


def test_macros_that_grow_without_bound_are_refused(errors_of: Errors) -> None:
    doubling = [f'm{n}: "${{m{n - 1}}}${{m{n - 1}}}"' for n in range(1, 60)]
    text = "macros:\n  m0: xxxxxxxxxx\n  " + "\n  ".join(doubling)
    (error,) = errors_of(text + "\nlogLevel: ${m59}")
    assert "logLevel: macro" in error
    assert "expands to more than" in error


NAMES = st.sampled_from(["a", "b", "c", "d"])
TEXTS = st.lists(
    st.one_of(st.sampled_from(["x", "$", "{", "}", " "]), NAMES.map(lambda n: f"${{{n}}}")),
    max_size=6,
).map("".join)


@given(TEXTS, st.dictionaries(NAMES, st.one_of(TEXTS, st.integers(), st.booleans()), max_size=4))
def test_expansion_ends_and_follows_the_rule_entry_by_entry(
    text: str, scope: dict[str, str | int]
) -> None:
    """The rule, from last to first: the whole value with its type, or each place as text."""
    expected: str | int = text
    for name, value in reversed(scope.items()):
        if expected == f"${{{name}}}":
            expected = value
        elif isinstance(expected, str):
            expected = expected.replace(f"${{{name}}}", text_of(value))
    assert expand_value(text, dict(scope)) == expected


@given(st.integers(min_value=1, max_value=8), st.integers(min_value=1, max_value=80))
def test_expansion_is_bounded(copies: int, depth: int) -> None:
    scope: Scope = {"m0": "x"}
    for n in range(1, depth):
        scope[f"m{n}"] = f"${{m{n - 1}}}" * copies
    size = copies ** (depth - 1)
    if size > MAX_EXPANDED:
        with pytest.raises(ExpansionError):
            expand_value(f"${{m{depth - 1}}}", scope)
    elif size * 16 < MAX_EXPANDED:
        assert expand_value(f"${{m{depth - 1}}}", scope) == "x" * size
