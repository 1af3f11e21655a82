"""Converting values to the declared type, and what null means (spec/config-loading.md 3.3, 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hotbay.config import Config
from hotbay.config.quantities import duration_text, parse_duration, parse_size

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("written", "value"), [("30", 30), ("30.9", 30), ("0x10", 16), ("1e1", 10), ("010", 8)]
)
def test_an_integer_key_takes_numbers(config_of: Configs, written: str, value: int) -> None:
    assert config_of(f"globalTTL: {written}").global_ttl == value


@pytest.mark.parametrize(
    "written", ["'30'", "many", "true", "[3]", "{a: 3}", ".nan", ".inf", "2024-01-02", "1e30"]
)
def test_an_integer_key_takes_nothing_else(errors_of: Errors, written: str) -> None:
    (error,) = errors_of(f"globalTTL: {written}")
    assert error.startswith("config.yaml:1:")
    assert "globalTTL: expected an integer" in error


def test_a_type_error_shows_the_value_and_the_way_out(errors_of: Errors) -> None:
    assert errors_of('globalTTL: "30"') == [
        "config.yaml:1:12: globalTTL: expected an integer without quotes, found the text '30'"
    ]


@pytest.mark.parametrize("quote", ["", "'"])
@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
        (("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    ],
)
def test_a_boolean_key_takes_words(
    config_of: Configs, quote: str, words: tuple[str, ...], value: bool
) -> None:
    for word in words:
        assert config_of(f"sendLoadingState: {quote}{word}{quote}").send_loading_state is value


def test_a_boolean_key_takes_booleans(config_of: Configs) -> None:
    assert config_of("sendLoadingState: TRUE").send_loading_state is True


@pytest.mark.parametrize("written", ["'true'", "1", "0", "yEs", "''", "[true]"])
def test_a_boolean_key_takes_nothing_else(errors_of: Errors, written: str) -> None:
    (error,) = errors_of(f"sendLoadingState: {written}")
    assert "sendLoadingState: expected true or false" in error


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h1m1.5s", 3661.5),
        ("6000ms", 6),
        (".5m", 30),
        ("6.s", 6),
        ("+5s", 5),
        ("-5s", -5),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1μs", 1e-6),
        ("5ns", 5e-9),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["1d", "5 s", "1m 30s", "5S", "7", "", "s", "1h2", "-", ".s"])
def test_what_is_not_a_duration(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize("seconds", [5, 7.5, 3600, 0.25])
def test_a_duration_reads_back_as_it_is_written(seconds: float) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("64KiB", 65536), ("512MiB", 512 << 20), ("1GiB", 1 << 30), ("2 TiB", 2 << 40)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["5MB", "5", "MiB", "1.5GiB", "-1KiB", "1kib", ""])
def test_what_is_not_a_size(text: str) -> None:
    assert parse_size(text) is None


@pytest.mark.parametrize("written", ["one", "5", "{a: 1}"])
def test_a_list_key_takes_only_lists(errors_of: Errors, written: str) -> None:
    (error,) = errors_of(f"upstream: {{ignorePaths: {written}}}")
    assert "upstream.ignorePaths: expected a list, found" in error


def test_list_elements_are_texts(config_of: Configs) -> None:
    assert config_of("apiKeys: [5, true, 1.50, k]").api_keys == ("5", "true", "1.5", "k")


def test_an_element_that_is_a_list_is_an_error(errors_of: Errors) -> None:
    assert errors_of("hooks: {on_startup: {preload: [[a], {b: c}]}}") == [
        "config.yaml:1:32: hooks.on_startup.preload[0]: expected a string, found a list",
        "config.yaml:1:37: hooks.on_startup.preload[1]: expected a string, found a mapping",
    ]


@pytest.mark.parametrize(
    "text", ["models: [a]", "ui: 5", "peers: x", "routing: {router: []}", "macros: [a]"]
)
def test_a_mapping_key_takes_only_mappings(errors_of: Errors, text: str) -> None:
    (error,) = errors_of(text)
    assert "expected a mapping, found" in error


MODEL = "models: {{a: {{cmd: run, proxy: 'http://x', {}}}}}"


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("globalTTL:", "global_ttl", 0),
        ("logLevel: ~", "log_level", "info"),
        ("sendLoadingState: null", "send_loading_state", False),
        ("ui: ~", "ui.activity.session_id", ("X-Session-ID", "X-Litellm-Session-Id")),
        ("ui: {activity: {session_id: ~}}", "ui.activity.session_id", ()),
        ("performance: ~", "performance.every", 5),
        ("hooks: ~", "hooks.on_startup.preload", ()),
        ("store: ~", "store", None),
        ("matrix: ~", "routing.router.use", "group"),
        ("models: ~", "models", {}),
        ("apiKeys: ~", "api_keys", ()),
        ("macros: ~", "macros", {}),
        ("upstream: {ignorePaths: [~, x, ~]}", "upstream.ignore_paths", ("x",)),
    ],
)
def test_null_at_the_top_level(config_of: Configs, text: str, path: str, value: Any) -> None:
    found: Any = config_of(text)
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("key", "attribute", "value"),
    [
        ("aliases: ~", "aliases", ()),
        ("env: [~, 'A=1', ~]", "env", ("A=1",)),
        ("metadata: ~", "metadata", {}),
        ("ttl: ~", "ttl", 0),
        ("cmdStop: ~", "cmd_stop", ""),
        ("macros: ~", "macros", {}),
        ("sendLoadingState: ~", "send_loading_state", False),
        ("checkEndpoint: ~", "check_endpoint", "/health"),
    ],
)
def test_null_in_a_model(config_of: Configs, key: str, attribute: str, value: object) -> None:
    assert getattr(config_of(MODEL.format(key)).models["a"], attribute) == value


@pytest.mark.parametrize("section", ["timeouts", "filters", "capabilities", "compat"])
def test_a_section_that_is_null_has_its_defaults(config_of: Configs, section: str) -> None:
    with_null = config_of(MODEL.format(f"{section}: ~")).models["a"]
    without = config_of(MODEL.format("name: x")).models["a"]
    assert getattr(with_null, section) == getattr(without, section)


def test_a_null_proxy_is_the_default(config_of: Configs) -> None:
    model = config_of("models: {a: {cmd: 'run ${PORT}', proxy: ~}}").models["a"]
    assert model.proxy == "http://localhost:5800"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("models: {a: ~}", "models.a: the model has no configuration"),
        ("peers: {p: ~}", "peers.p.proxy: missing"),
        ("selectors: {s: ~}", "selectors.s.strategy: missing"),
        ("profiles: {p: ~}", "profiles.p: a profile needs `pins`"),
        ("apiKeys: [k, ~]", "apiKeys[1]: an API key must not be null"),
        ("macros: {m: ~}", "macros.m: macro m: the value must be"),
        ("matrix: {sets: {s: ~}}", "matrix.sets.s: must not be null"),
        ("matrix: {sets: {s: a}, vars: {v: ~}}", "matrix.vars.v: must not be null"),
    ],
)
def test_null_that_is_an_error(errors_of: Errors, text: str, error: str) -> None:
    assert any(error in found for found in errors_of(text))


def test_a_null_group_has_default_switches(config_of: Configs) -> None:
    group = config_of("groups: {g: ~}").routing.router.settings.groups["g"]
    assert (group.swap, group.exclusive, group.persistent) == (True, True, False)
    assert group.members == ()
