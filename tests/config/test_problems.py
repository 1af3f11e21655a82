"""What a user reads: every problem at once, placed, with its line and without secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotbay.config import ConfigError, Problem, Sources, load

Errors = Callable[..., list[str]]
Loads = Callable[..., object]


def test_all_errors_are_reported_at_once_in_the_order_of_their_places(errors_of: Errors) -> None:
    text = """\
startPort: 0
globalTTL: "30"
models:
  a:
    cmd: run ${PORT} ${nope} ${env.MISSING}
    ttl: -2
    aliases: [x]
  b:
    cmd: run ${PORT}
    aliases: [x]
groups:
  g: {members: [a, ghost]}
apiKeys: ['']
"""
    assert errors_of(text) == [
        "config.yaml:1:12: startPort: must be at least 1, found 0",
        "config.yaml:2:12: globalTTL: expected an integer without quotes, found the text '30'",
        "config.yaml:5:10: models.a.cmd: environment variable MISSING is not set",
        "config.yaml:6:10: models.a.ttl: must be at least -1, found -2",
        "config.yaml:10:15: models.b.aliases[0]: 'x' is already an alias of the model 'a'",
        "config.yaml:12:20: groups.g.members[1]: unknown model 'ghost' in group 'g'",
        "config.yaml:13:11: apiKeys[0]: an API key must not be empty",
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("models:\n  a: [cmd\n", "3:1", "not valid YAML"),
        ("groups:\n  g:\n    members: [ghost]\n", "3:15: groups.g.members[0]", "ghost"),
        ("models:\n  a:\n    cmd: r ${PORT}\n    ttl: -2\n", "4:10: models.a.ttl", "at least -1"),
        ("logLevel: info\napiKeys: ['${env.NO_KEY}']\n", "2:11: apiKeys[0]", "NO_KEY is not set"),
        ("startPort: 0\n", "1:12: startPort", "at least 1"),
        ("startPort: 65536\nmodels:\n  a:\n    cmd: r ${PORT}\n", "4:10: models.a.cmd", "65536"),
        (
            "models:\n  a: {cmd: '${PORT}', aliases: [n]}\n  b: {cmd: '${PORT}', aliases: [n]}\n",
            "3:33: models.b.aliases[0]",
            "'n'",
        ),
        ("upstream:\n  ignorePaths:\n  - '(?!x)'\n", "3:5: upstream.ignorePaths[0]", "RE2"),
    ],
)
def test_each_kind_of_bad_input_has_a_clear_place(
    errors_of: Errors, text: str, place: str, words: str
) -> None:
    (error,) = errors_of(text)
    assert error.startswith(f"config.yaml:{place}: ")
    assert words in error


def test_a_bad_value_is_reported_once_and_its_uses_are_not(errors_of: Errors) -> None:
    text = """
models:
  a: ~
  b: [1]
peers:
  p: {proxy: "http://x", models: [m], timeouts: 5}
groups: {g: {members: [a, b]}}
selectors: {s: {strategy: pin, targets: [a, m]}}
profiles: {f: {pins: {k: b}}}
"""
    assert [error.split(": ")[1] for error in errors_of(text)] == [
        "models.a",
        "models.b",
        "peers.p.timeouts",
    ]


def test_a_problem_reads_as_place_path_and_message() -> None:
    problem = Problem("c.yaml", 3, 5, "models.a.ttl", "must be positive", "ttl: -2")
    assert str(problem) == "c.yaml:3:5: models.a.ttl: must be positive"
    assert str(Problem("c.yaml", 0, 0, "", "cannot read")) == "c.yaml: cannot read"
    assert str(Problem("c.yaml", 1, 1, "", "not valid")) == "c.yaml:1:1: not valid"
    assert str(Problem("", 0, 0, "", "no configuration")) == "no configuration"


def test_a_rendered_problem_points_at_its_place() -> None:
    problem = Problem("c.yaml", 3, 6, "ttl", "must be positive", "\tttl: -2")
    assert problem.render() == "c.yaml:3:6: ttl: must be positive\n    \tttl: -2\n    \t    ^"
    without_line = Problem("c.yaml", 0, 0, "", "cannot read")
    assert without_line.render() == "c.yaml: cannot read"


def test_the_error_is_all_problems_line_by_line(errors_of: Errors, load_text: Loads) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("globalTTL: -1\nstartPort: -1\n")
    assert str(caught.value).splitlines() == [str(p) for p in caught.value.problems]


def test_an_error_carries_the_warnings_that_may_explain_it(load_text: Loads) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("modles: {a: {cmd: x}}\nhooks: {on_startup: {preload: [a]}}\nglobalTTL: -1")
    assert [warning.path for warning in caught.value.warnings] == [
        "modles",
        "hooks.on_startup.preload[0]",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "apiKeys: [hush-hush, '']",
        "apiKeys: [hush-hush, 'hush hush']",
        "apiKeys: hush-hush",
        "apiKeys:\n- 'hush hush'",
        "peers: {p: {apiKey: hush-hush, proxy: '', models: [m]}}",
        "peers: {p: {apiKey: [hush-hush], proxy: 'http://x', models: [m]}}",
        "peers:\n  p:\n    proxy: ''\n    apiKey: hush-hush\n    models: [m]",
    ],
)
def test_secrets_are_not_shown(load_text: Loads, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    shown = "\n".join(problem.render() for problem in caught.value.problems)
    assert "hush" not in shown
    assert shown


def test_a_key_from_the_environment_is_not_shown(load_text: Loads) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("apiKeys: ['${env.KEY}']", {"KEY": "hush hush"})
    assert "hush" not in caught.value.problems[0].render()


def test_the_file_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text("startPort: 0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(Sources(Path("c.yaml")))
    assert caught.value.problems[0].file == "c.yaml"


# -- unknown keys -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "near"),
    [
        ("modles: {}", "1:1: modles", "models"),
        ("log_level: debug", "1:1: log_level", "logLevel"),
        ("ui: {activty: {}}", "1:6: ui.activty", "activity"),
        ("limits: {bodyMemry: 5}", "1:10: limits.bodyMemry", "bodyMemory"),
        (
            "models: {a: {cmd: x, proxy: 'http://x', unloadTimout: 5}}",
            "1:41: models.a.unloadTimout",
            "unloadTimeout",
        ),
        (
            "models: {a: {cmd: x, proxy: 'http://x', filters: {set_params: {}}}}",
            "1:51: models.a.filters.set_params",
            "setParams",
        ),
        (
            "peers: {p: {proxy: 'http://x', models: [m], filters: {strip_params: x}}}",
            "1:55: peers.p.filters.strip_params",
            "stripParams",
        ),
    ],
)
def test_an_unknown_key_is_accepted_with_a_hint(
    warnings_of: Errors, text: str, place: str, near: str
) -> None:
    hint = f"unknown key, it is ignored; did you mean {near!r}?"
    assert warnings_of(text) == [f"config.yaml:{place}: {hint}"]


def test_an_unknown_key_like_no_other_is_named_below_the_top_level(warnings_of: Errors) -> None:
    assert warnings_of("ui: {zzz: 1}\nzzz: 1") == [
        "config.yaml:1:6: ui.zzz: unknown key, it is ignored"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "defs: {anything: 1}",
        "x-shared: &s {ttl: 5}",
        "model: &m {ttl: 5}",
        "group:\n  a: &g {swap: no}",
        "models: {a: {cmd: x, proxy: 'http://x', metadata: {cmdd: 1}, macros: {modles: 1}}}",
        "models: {a: {cmd: x, proxy: 'http://x', filters: {setParams: {modle: 1}}}}",
        "models: {modles: {cmd: x, proxy: 'http://x'}}",
    ],
)
def test_free_keys_and_holders_of_anchors_are_no_unknown_keys(
    warnings_of: Errors, text: str
) -> None:
    assert warnings_of(text) == []
