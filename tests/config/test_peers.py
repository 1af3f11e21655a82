"""Peers, selectors, profiles, and the names they take (spec/config.md 6, 8, 9 and 10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotbay.config import Config

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]

MODELS = """
models:
  a: {cmd: run, proxy: "http://x", aliases: [x], filters: {setParamsByID: {"a:hot": {}}}}
  b: {cmd: run, proxy: "http://x"}
  c: {cmd: run, proxy: "http://x"}
"""
PEERS = """
peers:
  p: {proxy: "http://p", models: [m, only, m]}
  q: {proxy: "http://q", models: [m, p/m]}
"""


def test_a_peers_defaults(config_of: Configs) -> None:
    peer = config_of(PEERS).peers["p"]
    assert peer.api_key == ""
    assert peer.models == ("m", "only")
    assert peer.timeouts.response_header == 60
    assert peer.timeouts.connect == 30
    assert peer.filters.stripped == ()


def test_blanks_around_a_peers_key_are_no_part_of_it(config_of: Configs) -> None:
    config = config_of("peers: {p: {proxy: 'http://p', models: [m], apiKey: \"k\\n\"}}")
    assert config.peers["p"].api_key == "k"


def test_a_peers_filters_are_normalised_and_make_no_aliases(config_of: Configs) -> None:
    config = config_of("""
        peers:
          p:
            proxy: http://p
            models: [m]
            filters: {stripParams: "b, a, model", setParamsByID: {"p/m": {model: x, k: 1}}}
    """)
    filters = config.peers["p"].filters
    assert filters.stripped == ("a", "b")
    assert filters.set_params_by_id == {"p/m": {"k": 1}}
    assert config.names.local("p/m") is None


def test_the_example_of_names(config_of: Configs) -> None:
    names = config_of(MODELS + PEERS).names
    assert names.peer("m") is None
    assert names.peer("p/m") == ("p", "m")
    assert names.peer("q/m") == ("q", "m")
    assert names.peer("q/p/m") == ("q", "p/m")
    assert names.peer("only") == ("p", "only")


@pytest.mark.parametrize(
    ("name", "base"),
    [("a", "a"), ("x", "a"), ("a:hot", "a"), ("only", "p/only"), ("p/m", "p/m"), ("m", None)],
)
def test_base_names(config_of: Configs, name: str, base: str | None) -> None:
    assert config_of(MODELS + PEERS).names.base(name) == base


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("lab/deep/x", ("lab/deep", "/x")),
        ("lab/deeper/x", ("lab", "/deeper/x")),
        ("/lab//deep/", ("lab/deep", "/")),
        ("lab", ("lab", "")),
        ("short/y/z", ("lab/deep", "/y/z")),
        ("label/x", None),
        ("p/m/v1", None),
        ("", None),
    ],
)
def test_the_longest_local_prefix(
    config_of: Configs, path: str, found: tuple[str, str] | None
) -> None:
    config = config_of(
        PEERS
        + """
models:
  lab: {cmd: run, proxy: "http://x"}
  lab/deep: {cmd: run, proxy: "http://x", aliases: [short]}
"""
    )
    assert config.names.longest_local_prefix(path) == found
    assert config.names.longest_base_prefix("p/m/v1/x") == ("p/m", "/v1/x")


@pytest.mark.parametrize(
    ("peers", "error"),
    [
        ("p: {models: [m]}", "peers.p.proxy: missing"),
        ("p: {proxy: '', models: [m]}", "peers.p.proxy: must not be empty"),
        ("p: {proxy: 'http://p'}", "peers.p.models: missing"),
        ("p: {proxy: 'http://p', models: []}", "peers.p.models: must name at least one model"),
        (
            "p: {proxy: 'http://p', models: [m], apiKey: \"a\\nb\"}",
            "peers.p.apiKey: must be one line",
        ),
        ("p: {proxy: 'http://p', models: ~}", "peers.p.models: must name at least one model"),
        (
            "a: {proxy: 'http://p', models: [b/c]}, a/b: {proxy: 'http://p', models: [c]}",
            "peers.a/b.models[0]: 'a/b/c' is also the model 'b/c' of the peer 'a'",
        ),
    ],
)
def test_a_bad_peer_is_refused(errors_of: Errors, peers: str, error: str) -> None:
    (found,) = errors_of(f"peers: {{{peers}}}")
    assert error in found


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "models: {p/m: {cmd: x, proxy: 'http://x'}}",
            "peers.p.models[1]: 'p/m' is the ID of the local model 'p/m'",
        ),
        (
            "models: {a: {cmd: x, proxy: 'http://x', aliases: [p/m]}}",
            "peers.p.models[1]: 'p/m' is an alias of the local model 'a'",
        ),
        (
            "models: {a: {cmd: x, proxy: 'http://x', filters: {setParamsByID: {p/m: {}}}}}",
            "peers.p.models[1]: 'p/m' is an alias of the local model 'a'",
        ),
        (
            "selectors: {p/m: {strategy: pin, targets: [z]}}",
            "peers.p.models[1]: 'p/m' is the ID of a selector",
        ),
        (
            "profiles: {f: {pins: {p/m: z}}}",
            "profiles.f.pins.p/m: profile 'f': 'p/m' is a model of a peer",
        ),
    ],
)
def test_a_qualified_name_is_reserved(errors_of: Errors, text: str, error: str) -> None:
    (found,) = errors_of(text + "\npeers: {p: {proxy: 'http://p', models: [z, m]}}")
    assert found.endswith(error)


# -- selectors ----------------------------------------------------------------------------


def selector(keys: str, name: str = "s") -> str:
    return MODELS + PEERS + f"selectors:\n  {name}: {{{keys}}}\n"


def test_a_selector_keeps_its_targets_as_written(config_of: Configs) -> None:
    text = selector("strategy: pin, targets: [x, only, x], metadata: {k: [1]}, unlisted: yes")
    found = config_of(text).selectors["s"]
    assert found.targets == ("x", "only", "x")
    assert found.settings.spillover == 1
    assert found.metadata == {"k": (1,)}
    assert found.unlisted is True


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("targets: [a]", "selectors.s.strategy: missing"),
        (
            "strategy: random, targets: [a]",
            "selectors.s.strategy: expected one of pin, warm, spillover",
        ),
        ("strategy: pin", "selectors.s.targets: missing"),
        ("strategy: pin, targets: []", "selectors.s.targets: must name at least one target"),
        (
            "strategy: pin, targets: [a, zz]",
            "selectors.s.targets[1]: target 1: unknown or ambiguous model 'zz'",
        ),
        (
            "strategy: pin, targets: [m]",
            "selectors.s.targets[0]: target 0: unknown or ambiguous model 'm'",
        ),
        ("strategy: pin, targets: [s]", "selectors.s.targets[0]: target 0: 's' is a selector"),
        (
            "strategy: warm, targets: [a, only]",
            "selectors.s.targets[1]: target 1: 'only' is not local",
        ),
        (
            "strategy: spillover, targets: [a], settings: {spillover: 0}",
            "selectors.s.settings.spillover: must be at least 1",
        ),
        (
            "strategy: spillover, targets: [a, x]",
            "selectors.s.targets[1]: target 1: the same model as 'a'",
        ),
        (
            "strategy: spillover, targets: [only, p/only]",
            "selectors.s.targets[1]: target 1: the same model as 'only'",
        ),
        (
            "strategy: spillover, targets: [a, b]",
            "the targets cannot run together: only one member of the group '(default)'",
        ),
    ],
)
def test_a_bad_selector_is_refused(errors_of: Errors, keys: str, error: str) -> None:
    (found,) = errors_of(selector(keys))
    assert error in found


def test_spillover_is_checked_for_spillover_only(config_of: Configs) -> None:
    config_of(selector("strategy: pin, targets: [a], settings: {spillover: 0}"))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("' '", "the ID of a selector must not be blank"),
        ("a", "'a' is the ID of the model 'a'"),
        ("x", "'x' is an alias of the model 'a'"),
        ("a:hot", "'a:hot' is an alias of the model 'a'"),
    ],
)
def test_a_selector_needs_a_name_of_its_own(errors_of: Errors, name: str, error: str) -> None:
    (found,) = errors_of(selector("strategy: pin, targets: [b]", name))
    assert error in found


def test_a_selector_may_have_the_bare_name_of_a_peers_model(
    config_of: Configs, errors_of: Errors
) -> None:
    config_of(selector("strategy: pin, targets: [b]", "only"))
    text = selector("strategy: pin, targets: [only]", "only")
    assert "'only' is a selector" in errors_of(text)[0]


@pytest.mark.parametrize(
    ("routing", "targets", "fits"),
    [
        ("groups: {g: {swap: no, members: [a, b]}}", "[x, b]", True),
        ("groups: {g: {swap: no, members: [a, b]}}", "[a, only, q/m, b]", True),
        ("groups: {g: {swap: no, members: [a, b]}}", "[a, b, c]", False),
        ("groups: {g: {swap: no, members: [a]}, h: {swap: no, members: [b]}}", "[a, b]", False),
        ("groups: {g: {members: [a, b]}}", "[a, b]", False),
        ("groups: {(default): {swap: no}}", "[a, b, c]", True),
        ("groups: {}", "[a, only]", True),
        ("matrix: {sets: {s: a & b, t: b & c}}", "[a, b]", True),
        ("matrix: {sets: {s: a & b & c}}", "[a, b]", True),
        ("matrix: {sets: {s: a & b, t: b & c}}", "[a, c]", False),
        ("matrix: {sets: {s: a}}", "[b, only]", True),
    ],
)
def test_local_targets_of_spillover_must_be_able_to_run_together(
    load_text: Callable[..., object],
    errors_of: Errors,
    routing: str,
    targets: str,
    fits: bool,
) -> None:
    text = selector(f"strategy: spillover, targets: {targets}") + routing
    if fits:
        load_text(text)
    else:
        (error,) = errors_of(text)
        assert "selectors.s.targets: " in error
        assert "run together" in error


# -- profiles -----------------------------------------------------------------------------


def test_pins_may_lead_to_models_selectors_or_nothing(config_of: Configs) -> None:
    text = selector("strategy: pin, targets: [b]")
    config = config_of(
        text.replace("\nmodels:", "\nmodels:\n  5: {cmd: run, proxy: 'http://x'}", 1)
        + "profiles: {f: {description: d, pins: {a: x, new: s, only: p/m, off: ~, gone: '', k: 5}}}"
    )
    profile = config.profiles["f"]
    assert profile.description == "d"
    assert dict(profile.pins) == {
        "a": "x",
        "new": "s",
        "only": "p/m",
        "off": "",
        "gone": "",
        "k": "5",
    }


@pytest.mark.parametrize(
    ("profiles", "error"),
    [
        ("{' ': {pins: {k: a}}}", "the name of a profile must not be blank"),
        ("{f: {}}", "profiles.f.pins: missing"),
        ("{f: {pins: {}}}", "profiles.f.pins: a profile needs at least one pin"),
        ("{f: {pins: ~}}", "profiles.f.pins: a profile needs at least one pin"),
        ("{f: [a]}", "profiles.f: the list syntax of profiles is gone"),
        ("{f: {pins: {' ': a}}}", "the name of a pin must not be blank"),
        ("{f: {pins: {k: zz}}}", "profile 'f': pin 'k' leads to 'zz'"),
        ("{f: {pins: {k: a, l: k}}}", "profile 'f': pin 'l' leads to 'k'"),
        ("{f: {pins: {k: m}}}", "profile 'f': pin 'k' leads to 'm'"),
        ("{f: {pins: {k: [a]}}}", "profiles.f.pins.k: expected a string, found a list"),
    ],
)
def test_a_bad_profile_is_refused(errors_of: Errors, profiles: str, error: str) -> None:
    (found,) = errors_of(MODELS + PEERS + f"profiles: {profiles}")
    assert error in found
