"""Keys of a model, and the names of models (spec/config.md 5 and 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hotbay.config import Config

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]


def text_of(**models: str) -> str:
    lines = [f"  {m}: {{cmd: run, proxy: 'http://x', {keys}}}" for m, keys in models.items()]
    return "models:\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("id", "a"),
        ("argv", ("run",)),
        ("stop_argv", ()),
        ("cmd_stop", ""),
        ("aliases", ()),
        ("env", ()),
        ("check_endpoint", "/health"),
        ("ttl", 0),
        ("unload_timeout", 10),
        ("unlisted", False),
        ("use_model_name", ""),
        ("name", ""),
        ("description", ""),
        ("concurrency_limit", 10),
        ("metadata", {}),
        ("send_loading_state", False),
        ("health_check_timeout", 120),
        ("port", None),
    ],
)
def test_defaults(config_of: Configs, attribute: str, value: object) -> None:
    assert getattr(config_of(text_of(a="name: ''")).models["a"], attribute) == value


def test_default_timeouts_filters_and_capabilities(config_of: Configs) -> None:
    model = config_of(text_of(a="name: ''")).models["a"]
    timeouts = model.timeouts
    assert (timeouts.connect, timeouts.keepalive, timeouts.response_header) == (30, 30, 0)
    assert (timeouts.tls_handshake, timeouts.expect_continue, timeouts.idle_conn) == (10, 1, 90)
    assert model.filters.stripped == ()
    assert model.filters.set_params == {}
    assert model.filters.set_params_by_id == {}
    assert model.compat.ignore_websockets is False
    capabilities = model.capabilities
    assert (capabilities.in_, capabilities.out, capabilities.context) == ((), (), 0)
    assert (capabilities.tools, capabilities.reranker) == (False, False)


@pytest.mark.parametrize(
    ("keys", "attribute", "value"),
    [
        ("ttl: -1", "ttl", 60),
        ("ttl: 0", "ttl", 0),
        ("ttl: 5", "ttl", 5),
        ("unloadTimeout: 0", "unload_timeout", 20),
        ("unloadTimeout: 7", "unload_timeout", 7),
        ("concurrencyLimit: 0", "concurrency_limit", 10),
        ("concurrencyLimit: -4", "concurrency_limit", 10),
        ("concurrencyLimit: 3", "concurrency_limit", 3),
        ("sendLoadingState: ~", "send_loading_state", True),
        ("sendLoadingState: no", "send_loading_state", False),
        ("healthCheckTimeout: 7", "health_check_timeout", 33),
        ("env: [A=1, A=2, odd]", "env", ("A=1", "A=2", "odd")),
        ("checkEndpoint: '%zz ://'", "check_endpoint", "%zz ://"),
        ("useModelName: x", "use_model_name", "x"),
    ],
)
def test_effective_values(config_of: Configs, keys: str, attribute: str, value: object) -> None:
    top = "globalTTL: 60\nunloadTimeout: 20\nsendLoadingState: true\nhealthCheckTimeout: 33\n"
    assert getattr(config_of(top + text_of(a=keys)).models["a"], attribute) == value


def test_partial_timeouts_keep_the_other_defaults(config_of: Configs) -> None:
    model = config_of(text_of(a="timeouts: {connect: 0, idleConn: -5, responseHeader: 9}"))
    timeouts = model.models["a"].timeouts
    assert (timeouts.connect, timeouts.idle_conn, timeouts.response_header) == (0, 0, 9)
    assert timeouts.keepalive == 30


@pytest.mark.parametrize(
    ("keys", "limit", "ignores"),
    [
        ("name: x", 50, True),
        ("concurrencyLimit: 49", 50, True),
        ("concurrencyLimit: 80", 80, True),
        ("compat: {ignoreWebsockets: false}", 50, True),
    ],
)
def test_comfyui_has_rules_of_its_own(
    config_of: Configs, keys: str, limit: int, ignores: bool
) -> None:
    model = config_of(text_of(comfyui_auto=keys)).models["comfyui_auto"]
    assert model.concurrency_limit == limit
    assert model.compat.ignore_websockets is ignores


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("ttl: -2", "models.a.ttl: must be at least -1, found -2"),
        ("unloadTimeout: -1", "models.a.unloadTimeout: must be at least 0, found -1"),
        (
            "capabilities: {in: [text, smell]}",
            "models.a.capabilities.in[1]: expected one of text, audio, image, found",
        ),
        ("capabilities: {out: [Text]}", "models.a.capabilities.out[0]: expected one of"),
        ("capabilities: {context: -1}", "models.a.capabilities.context: must be at least 0"),
    ],
)
def test_what_is_refused(errors_of: Errors, keys: str, error: str) -> None:
    (found,) = errors_of(text_of(a=keys))
    assert found.startswith("config.yaml:2:")
    assert error in found


def test_capabilities_may_repeat(config_of: Configs) -> None:
    text = text_of(a="capabilities: {in: [text, text], out: [audio], tools: yes, context: 5}")
    capabilities = config_of(text).models["a"].capabilities
    assert capabilities.in_ == ("text", "text")
    assert capabilities.tools is True


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("models: {a: {proxy: 'http://x'}}", "1:10: models.a.cmd: the command is empty"),
        ("models: {a: {proxy: '', cmd: x}}", "1:21: models.a.proxy: the address is empty"),
        (
            "models: {a: {proxy: 'http://x', cmd: x, healthCheckTimeout: 5}}",
            "1:41: models.a.healthCheckTimeout: ",
        ),
        (
            "models: {a: {proxy: 'http://x', cmd: x, aliases: [b]}, b: {proxy: /x, cmd: x}}",
            "1:51: models.a.aliases[0]: 'b' is the ID of a model",
        ),
        (
            "models: {a: {proxy: 'http://x', cmd: x, filters: {setParams: {model: y}}}}",
            "1:70: models.a.filters.setParams.model: ",
        ),
        (
            "models: {a: {proxy: 'http://x', cmd: x, filters: {strip_params: y}}}",
            "1:51: models.a.filters.strip_params: Old spelling",
        ),
    ],
)
def test_what_is_worth_a_warning(warnings_of: Errors, text: str, warning: str) -> None:
    (found,) = warnings_of(text)
    assert found.startswith(f"config.yaml:{warning}")


# -- names ------------------------------------------------------------------------------


def test_two_models_with_one_alias_are_an_error(errors_of: Errors) -> None:
    assert errors_of(text_of(a="aliases: [x]", b="aliases: [y, x]")) == [
        "config.yaml:3:49: models.b.aliases[1]: 'x' is already an alias of the model 'a'"
    ]


def test_an_alias_twice_in_one_model_is_an_error(errors_of: Errors) -> None:
    (error,) = errors_of(text_of(a="aliases: [x, ~, x]"))
    assert error.startswith(
        "config.yaml:2:52: models.a.aliases[1]: 'x' is already an alias of this"
    )


def test_the_model_id_wins_over_an_alias(config_of: Configs) -> None:
    names = config_of(text_of(a="aliases: [b]", b="aliases: [c]")).names
    assert names.local("b") == "b"
    assert names.local("c") == "b"
    assert names.local("B") is None


def test_keys_of_set_params_by_id_become_aliases(config_of: Configs) -> None:
    text = text_of(a="aliases: [x], filters: {setParamsByID: {a: {}, x: {}, y: {}}}")
    config = config_of(text)
    assert config.models["a"].aliases == ("x", "y")
    assert config.names.local("y") == "a"


@pytest.mark.parametrize(
    ("models", "error"),
    [
        (
            {"a": "filters: {setParamsByID: {b: {}}}", "b": "name: x"},
            "models.a.filters.setParamsByID.b: 'b' is the ID of another model",
        ),
        (
            {"a": "filters: {setParamsByID: {x: {}}}", "b": "aliases: [x]"},
            "models.a.filters.setParamsByID.x: 'x' is an alias of the model 'b'",
        ),
        (
            {"b": "filters: {setParamsByID: {x: {}}}", "a": "filters: {setParamsByID: {x: {}}}"},
            "models.b.filters.setParamsByID.x: 'x' is an alias of the model 'a'",
        ),
    ],
)
def test_an_automatic_alias_must_be_free(
    errors_of: Errors, models: dict[str, str], error: str
) -> None:
    (found,) = errors_of(text_of(**models))
    assert found.endswith(error)


# -- filters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "stripped"),
    [
        ("stripParams: 'top_k, model , ,top_k'", ("top_k",)),
        ("stripParams: 'b,a, Model,a'", ("Model", "a", "b")),
        ("stripParams: 'model.x, mo\\del.y, models.z, model\\.x'", ("model\\.x", "models.z")),
        ("strip_params: 'a'", ("a",)),
        ("strip_params: 'a', stripParams: 'b'", ("b",)),
        ("strip_params: 'a', stripParams: ''", ("a",)),
        ("stripParams: 5", ("5",)),
    ],
)
def test_the_strip_list(config_of: Configs, filters: str, stripped: tuple[str, ...]) -> None:
    model = config_of(text_of(a=f"filters: {{{filters}}}")).models["a"]
    assert model.filters.stripped == stripped


def test_params_are_sorted_and_spare_the_model(config_of: Configs) -> None:
    model = config_of(
        text_of(
            a="filters: {setParams: {z: 1, a: {k: [1, ~]}, model: x, model.y: 1, 'm\\odel': 1},"
            " setParamsByID: {v: {model: 1, b: 2}, w: ~}}"
        )
    ).models["a"]
    assert list(model.filters.set_params.items()) == [("a", {"k": (1, None)}), ("z", 1)]
    assert model.filters.set_params_by_id == {"v": {"b": 2}, "w": {}}


@pytest.mark.parametrize("value", ["5", "[a]"])
def test_params_must_be_a_mapping(errors_of: Errors, value: str) -> None:
    (error,) = errors_of(text_of(a=f"filters: {{setParamsByID: {{v: {value}}}}}"))
    assert "models.a.filters.setParamsByID.v: expected a mapping" in error


def test_the_example_of_filters(config_of: Configs) -> None:
    model = config_of("""
        models:
          m:
            cmd: run
            proxy: http://x
            filters:
              stripParams: "top_k, model , ,top_k"
              setParams: {temperature: 0.2, model: zz}
              setParamsByID: {"m:cold": {temperature: 0}}
    """).models["m"]
    assert model.filters.stripped == ("top_k",)
    assert model.filters.set_params == {"temperature": 0.2}
    assert model.filters.set_params_by_id == {"m:cold": {"temperature": 0}}
    assert model.aliases == ("m:cold",)


# -- the worked example of spec/config.md 13 ----------------------------------------------


def test_the_worked_example(config_of: Configs, warnings_of: Errors) -> None:
    text = """
startPort: 9100
globalTTL: 120
macros: {srv: "/opt/s --port ${PORT}"}
models:
  north:
    cmd: "${srv} -m north.gguf"
    ttl: 0
    aliases: [n]
    filters:
      setParamsByID:
        "${MODEL_ID}+": {temperature: 1.0}
  south:
    cmd: |
      ${srv}
      # big one
      -m south.gguf
    unloadTimeout: 40
  remote-ish:
    cmd: run-it
    proxy: http://10.0.0.7:80
groups:
  pair: {swap: false, members: [north, south]}
selectors:
  any: {strategy: spillover, targets: [n, south], settings: {spillover: 2}}
hooks: {on_startup: {preload: [" n ", ghost]}}
"""
    config = config_of(text)
    north, south, remote = (config.models[m] for m in ("north", "south", "remote-ish"))
    assert (north.port, south.port, remote.port) == (9100, 9101, None)
    assert north.ttl == 0
    assert north.aliases == ("n", "north+")
    assert south.ttl == 120
    assert south.argv == ("/opt/s", "--port", "9101", "-m", "south.gguf")
    assert south.proxy == "http://localhost:9101"
    assert [m.unload_timeout for m in (north, south, remote)] == [10, 40, 10]
    router = config.routing.router
    assert router.use == "group"
    groups: Any = {name: group.members for name, group in router.settings.groups.items()}
    assert groups == {"pair": ("north", "south"), "(default)": ("remote-ish",)}
    assert config.hooks.on_startup.preload == ("north",)
    assert config.names.local("n") == config.names.local("north+") == "north"
    assert len(warnings_of(text)) == 1
