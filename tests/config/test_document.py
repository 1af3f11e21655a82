"""The structure rules of the YAML dialect (spec/config-loading.md 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotbay.config import Config, ConfigError, Sources, load

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]


def test_only_the_first_document_counts(config_of: Configs) -> None:
    config = config_of("globalTTL: 5\n---\nglobalTTL: 6\n---\n[not: valid\n")
    assert config.global_ttl == 5


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "~\n", "{}\n", "\ufeff"])
def test_an_empty_file_is_the_default_configuration(config_of: Configs, text: str) -> None:
    config = config_of(text)
    assert dict(config.models) == {}
    assert config.start_port == 5800


@pytest.mark.parametrize("text", ["[]", "- a\n- b", "just words", "7"])
def test_the_top_must_be_a_mapping(errors_of: Errors, text: str) -> None:
    assert errors_of(text) == ["config.yaml:1:1: the configuration must be a mapping at the top"]


@pytest.mark.parametrize(
    ("text", "place", "key"),
    [
        ("globalTTL: 1\nglobalTTL: 1\n", "2:1: globalTTL", "globalTTL"),
        ("other:\n  deep:\n  - {k: 1, k: 2}\n", "3:12: other.deep[0].k", "k"),
        ("routing: {own: {7: x, '7': y}}\n", "1:23: routing.own.7", "7"),
        ("x: &x {a: 1}\ny: {<<: *x, <<: *x}\n", "2:13: y.<<", "<<"),
    ],
)
def test_a_repeated_key_is_an_error_at_any_depth(
    errors_of: Errors, text: str, place: str, key: str
) -> None:
    assert errors_of(text)[0].startswith(f"config.yaml:{place}: the key {key!r} occurs twice")


def test_a_repeated_key_names_the_line_of_the_first(errors_of: Errors) -> None:
    assert "(first in line 1)" in errors_of("a: 1\nb: 2\na: 3\n")[0]


def test_keys_are_used_by_their_source_text(config_of: Configs) -> None:
    text = """
        models:
          7: &m {cmd: run, proxy: "http://x", name: "${MODEL_ID}"}
          1.50: *m
          true: *m
          2024-01-02: *m
    """
    config = config_of(text)
    assert list(config.models) == ["7", "1.50", "true", "2024-01-02"]
    assert config.models["1.50"].name == "1.50"


def test_a_key_that_is_a_list_is_an_error(errors_of: Errors) -> None:
    assert "a key must be a scalar" in errors_of("? [a, b]\n: 1\n")[0]


def test_anchors_are_resolved_before_macros(config_of: Configs) -> None:
    config = config_of("""
        defs:
          shared: &shared {cmd: "run --port ${PORT} --id ${MODEL_ID}", ttl: 5}
        models:
          a: *shared
          b: {<<: *shared, ttl: 6}
    """)
    assert config.models["a"].argv == ("run", "--port", "5800", "--id", "a")
    assert config.models["b"].argv == ("run", "--port", "5801", "--id", "b")
    assert (config.models["a"].ttl, config.models["b"].ttl) == (5, 6)


def test_written_keys_beat_merged_ones_and_the_earliest_merged_wins(config_of: Configs) -> None:
    config = config_of("""
        one: &one {x: 1, y: 1, z: 1}
        two: &two {y: 2, w: 2}
        models:
          a: {cmd: run, proxy: "http://x", metadata: {z: 0, <<: [*two, *one]}}
    """)
    assert config.models["a"].metadata == {"z": 0, "y": 2, "w": 2, "x": 1}


def test_a_quoted_merge_sign_is_a_key(config_of: Configs) -> None:
    config = config_of('models: {a: {cmd: run, proxy: "http://x", metadata: {"<<": 1}}}')
    assert config.models["a"].metadata == {"<<": 1}


@pytest.mark.parametrize("value", ["5", "[5]", "text", "~"])
def test_a_merge_value_must_be_a_mapping(errors_of: Errors, value: str) -> None:
    assert "merge key" in errors_of(f"x: {{<<: {value}}}")[0]


def test_an_alias_may_be_a_key(config_of: Configs) -> None:
    config = config_of('name: &n a\nmodels: {*n : {cmd: run, proxy: "http://x"}}')
    assert list(config.models) == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: *nowhere", "1:4: alias *nowhere: there is no anchor &nowhere before it"),
        ("a: &a [*a]", "1:8: alias *a stands inside its own anchor"),
        ("a: &a {b: {c: *a}}", "1:15: alias *a stands inside its own anchor"),
    ],
)
def test_an_alias_needs_an_anchor_that_is_complete(
    errors_of: Errors, text: str, message: str
) -> None:
    assert errors_of(text) == [f"config.yaml:{message}"]


def test_exponential_aliases_are_refused(errors_of: Errors) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 12):
        aliases = ", ".join([f"*a{n - 1}"] * 10)
        lines.append(f"a{n}: &a{n} [{aliases}]")
    errors = errors_of("\n".join(lines))
    assert len(errors) == 1
    assert "aliases expand to more than" in errors[0]


def test_a_big_file_without_aliases_is_fine(config_of: Configs) -> None:
    text = "defs: [" + "1, " * 5000 + "1]"
    assert dict(config_of(text).models) == {}


def test_deep_nesting_is_refused(errors_of: Errors) -> None:
    assert "levels deep" in errors_of("a: " + "[" * 5000)[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2\nb: 3\n", "config.yaml:2:"),
        ("a: 'open\n", "config.yaml:2:1"),
        ("a: b: c\n", "config.yaml:1:5"),
        ("\tx: 1\n", "config.yaml:1:1"),
        ("apiKeys: [${x}]\n", "config.yaml:1:12"),
    ],
)
def test_broken_yaml_is_placed(errors_of: Errors, text: str, place: str) -> None:
    (error,) = errors_of(text)
    assert error.startswith(place)
    assert "not valid YAML" in error
    assert "\n" not in error


def test_a_value_that_contradicts_its_tag_is_an_error(errors_of: Errors) -> None:
    assert errors_of("globalTTL: !!int many") == [
        "config.yaml:1:12: globalTTL: 'many' is not of the type that its tag !!int says"
    ]


def test_text_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"logLevel: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml: the file is not UTF-8 text"):
        load(Sources(file), environ={})


def test_a_character_that_yaml_forbids_is_an_error(errors_of: Errors) -> None:
    assert "not valid YAML" in errors_of("a: \x07\n")[0]
