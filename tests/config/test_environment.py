"""Environment placeholders (spec/config-loading.md 4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotbay.config import Config, ConfigError

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]

MODEL = "models:\n  a:\n    proxy: http://x\n    cmd: {}\n"


def test_the_worked_example(config_of: Configs) -> None:
    config = config_of(
        """
# keys: ${env.NOT_SET_IS_FINE_HERE}
globalTTL: ${env.TTL}
models:
  "phi-${env.TAG}":
    cmd: "${env.ROOT}/bin/serve -p ${PORT}"
""",
        {"ROOT": "/srv/llm", "TTL": "90", "TAG": "q5"},
    )
    assert config.global_ttl == 90
    assert config.models["phi-q5"].cmd == "/srv/llm/bin/serve -p 5800"


def test_the_inserted_text_is_typed(config_of: Configs, errors_of: Errors) -> None:
    assert config_of("globalTTL: ${env.T}", {"T": "30"}).global_ttl == 30
    assert "expected an integer" in errors_of('globalTTL: "${env.T}"', {"T": "30"})[0]


def test_an_empty_variable_is_null(config_of: Configs) -> None:
    assert config_of("globalTTL: ${env.E}", {"E": ""}).global_ttl == 0


def test_an_empty_api_key_is_refused(errors_of: Errors) -> None:
    assert "must not be empty" in errors_of('apiKeys: ["${env.E}"]', {"E": ""})[0]


@pytest.mark.parametrize(
    "text",
    [
        "# ${env.NOPE}\nglobalTTL: 1",
        "globalTTL: 1 # ${env.NOPE}",
        "apiKeys: [${env.KEY}] # ${env.NOPE}",
    ],
)
def test_comments_do_not_count(config_of: Configs, text: str) -> None:
    config_of(text, {"KEY": "k"})


def test_a_flow_list_may_hold_a_placeholder(config_of: Configs) -> None:
    assert config_of("apiKeys: [${env.KEY}]", {"KEY": "k"}).api_keys == ("k",)


def test_an_unset_variable_is_named_at_its_place(errors_of: Errors) -> None:
    assert errors_of(MODEL.format("go ${env.NOPE} ${env.ALSO}")) == [
        "config.yaml:4:10: models.a.cmd: environment variable NOPE is not set",
        "config.yaml:4:10: models.a.cmd: environment variable ALSO is not set",
    ]


def test_an_unset_variable_in_a_key_is_an_error(errors_of: Errors) -> None:
    errors = errors_of('models:\n  "${env.NOPE}": {cmd: run, proxy: "http://x"}')
    assert any("config.yaml:2:3: " in e and "NOPE is not set" in e for e in errors)


def test_a_comment_line_inside_a_block_counts(errors_of: Errors) -> None:
    (error,) = errors_of(MODEL.format("|\n      run\n      # ${env.NOPE}"))
    assert "NOPE is not set" in error


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_a_variable_must_be_one_line(errors_of: Errors, value: str) -> None:
    (error,) = errors_of("logLevel: ${env.V}", {"V": value})
    assert "environment variable V contains a line break or a NUL" in error


def test_a_variable_that_is_only_in_a_comment_may_hold_anything(config_of: Configs) -> None:
    config_of("globalTTL: 1 # ${env.V}", {"V": "a\nb: ["})


@pytest.mark.parametrize("text", ["${env.1X}", "${env.A-B}", "${env.}", "${ENV.X}"])
def test_what_is_no_placeholder_stays(config_of: Configs, text: str) -> None:
    config = config_of(f"models: {{a: {{cmd: run, proxy: 'http://x', name: '{text}'}}}}")
    assert config.models["a"].name == text


def test_backslashes_and_quotes_survive_double_quotes(config_of: Configs) -> None:
    value = r'c:\x "y"'
    assert (
        config_of(
            'logTimeFormat: x\nmodels: {a: {cmd: "${env.P}", proxy: "http://x"}}', {"P": value}
        )
        .models["a"]
        .cmd
        == value
    )


def test_backslashes_are_doubled_elsewhere(config_of: Configs) -> None:
    model = config_of(MODEL.format("foo ${env.P}"), {"P": r"c:\x"}).models["a"]
    assert model.cmd == r"foo c:\\x"
    assert model.argv == ("foo", r"c:\x")


def test_a_value_may_change_the_yaml(config_of: Configs) -> None:
    model = config_of(MODEL.format("go ${env.V}"), {"V": "here # not this"}).models["a"]
    assert model.cmd == "go here"


def test_a_macro_in_a_value_is_expanded(config_of: Configs) -> None:
    text = "macros: {m: deep}\n" + MODEL.format("go ${env.V}")
    assert config_of(text, {"V": "${m}"}).models["a"].cmd == "go deep"


def test_inserted_values_are_not_expanded_again(errors_of: Errors) -> None:
    (error,) = errors_of(MODEL.format("go ${env.V}"), {"V": "${env.OTHER}", "OTHER": "x"})
    assert "models.a.cmd: ${env.OTHER} came in through another value" in error


@pytest.mark.parametrize("value", ["", "x", "a much longer value than the placeholder"])
def test_columns_are_those_of_the_file(errors_of: Errors, value: str) -> None:
    line = 'defs: {path: "${env.V}/${env.V}", other: [], path: 1}'
    column = line.rindex("path") + 1
    (error,) = errors_of(f"logLevel: debug\n{line}", {"V": value})
    assert error.startswith(f"config.yaml:2:{column}: defs.path: the key 'path' occurs twice")


def test_the_source_line_is_that_of_the_file(load_text: Callable[..., object]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("globalTTL: ${env.SECRET}", {"SECRET": "hidden"})
    (problem,) = caught.value.problems
    assert problem.source_line == "globalTTL: ${env.SECRET}"
