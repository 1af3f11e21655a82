"""A loaded configuration cannot change, and what is made of it (design 6, spec/config.md 12)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pydantic
import pytest

from hotbay.config import Config, Sources, load
from hotbay.config.effective import effective
from hotbay.config.model import Capabilities
from hotbay.config.rules import compile_rules
from hotbay.config.settings.base import Settings
from hotbay.config.settings.sections import Limits, Upstream
from hotbay.core.rules import Group, GroupRules, MatrixRules, ModelRules, SelectorRules

Configs = Callable[..., Config]
EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"

FULL = """
globalTTL: 60
apiKeys: [hush]
macros: {m: deep}
models:
  a:
    cmd: "run '${m} x' --port ${PORT}"
    cmdStop: "kill ${PID}"
    aliases: [x]
    metadata: {list: [1, {k: [v]}]}
    filters: {setParams: {p: {q: [1]}}, setParamsByID: {"a:hot": {t: 1}}}
    checkEndpoint: " none "
    concurrencyLimit: 4
    unloadTimeout: 7
  b: {cmd: run, proxy: "http://x"}
peers:
  p: {proxy: "http://p", apiKey: hush, models: [m]}
  q: {proxy: "http://q", models: [m, n]}
selectors:
  s: {strategy: spillover, targets: [x, n], settings: {spillover: 3}, metadata: {k: [1]}}
profiles: {f: {pins: {k: a}}}
performance: {every: 7500ms}
limits: {queue: 50, queuePerModel: 5}
routing:
  router: {settings: {groups: {g: {swap: no, members: [x]}}}}
  scheduler: {settings: {fifo: {priority: {x: 3}, maxWait: 5}}}
"""


def parts(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, Settings):
        for name in type(value).model_fields:
            yield from parts(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from parts(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from parts(item)


def test_a_configuration_is_immutable_at_every_depth(config_of: Configs) -> None:
    for config in (config_of(FULL), load(Sources(EXAMPLE), environ={}).config, config_of("")):
        for part in parts(config):
            assert not isinstance(part, dict | list | set)
            if isinstance(part, Mapping):
                assert isinstance(part, MappingProxyType)
            if isinstance(part, Settings):
                name = next(iter(type(part).model_fields))
                with pytest.raises(pydantic.ValidationError, match="frozen"):
                    setattr(part, name, None)


def test_settings_can_be_made_in_python_and_are_checked() -> None:
    assert Capabilities() == Capabilities(in_=())
    assert Limits(body=5).body == 5
    assert isinstance(Upstream(ignore_paths=("x",)).ignore_paths, tuple)
    with pytest.raises(pydantic.ValidationError):
        Limits(body=0)
    with pytest.raises(pydantic.ValidationError):
        Limits(boddy=1)  # type: ignore[call-arg] # that is the point
    with pytest.raises(pydantic.ValidationError):
        Upstream(ignore_paths=("a(",))


def test_the_rules_of_the_machine(config_of: Configs) -> None:
    config = config_of(FULL)
    rules = compile_rules(config)
    assert rules.models["a"] == ModelRules(
        id="a",
        fingerprint=config.models["a"].fingerprint,
        ttl=60,
        unload_timeout=7,
        start_timeout=120,
        concurrency_limit=4,
        priority=3,
        check=False,
    )
    assert rules.models["b"].check is True
    assert rules.models["b"].priority == 0
    assert rules.models["b"].fingerprint != rules.models["a"].fingerprint
    assert rules.planner == GroupRules(
        (Group("g", swap=False, members=("a",)), Group("(default)", members=("b",)))
    )
    assert rules.selectors == {
        "s": SelectorRules("s", "spillover", ("x", "n"), ("a", None), spillover=3)
    }
    assert (rules.max_wait, rules.queue_limit, rules.queue_limit_per_model) == (5, 50, 5)


def test_the_rules_of_a_matrix(config_of: Configs) -> None:
    config = config_of(
        "models: {a: {cmd: x, proxy: 'http://x'}}\n"
        "matrix: {vars: {v: a}, evict_costs: {v: 2}, sets: {s: v}}"
    )
    assert compile_rules(config).planner == MatrixRules({"v": "a"}, {"v": 2}, {"s": "v"})


def test_the_effective_configuration_is_json_under_the_names_of_the_yaml(
    config_of: Configs,
) -> None:
    config = config_of(FULL)
    found = json.loads(json.dumps(effective(config)))
    model = found["models"]["a"]
    assert model["cmd"] == ["run", "deep x", "--port", "5800"]
    assert model["cmdStop"] == ["kill", "${PID}"]
    assert model["proxy"] == "http://localhost:5800"
    assert model["ttl"] == 60
    assert model["aliases"] == ["x", "a:hot"]
    assert model["metadata"] == {"list": [1, {"k": ["v"]}]}
    assert model["filters"]["setParamsByID"] == {"a:hot": {"t": 1}}
    assert model["timeouts"]["responseHeader"] == 0
    assert found["performance"]["every"] == "7.5s"
    assert found["limits"]["jsonBody"] == 64 << 20
    assert found["routing"]["router"]["use"] == "group"
    assert found["routing"]["router"]["settings"]["groups"]["(default)"]["members"] == ["b"]
    assert found["routing"]["scheduler"]["settings"]["fifo"] == {"priority": {"a": 3}, "maxWait": 5}
    assert found["ui"]["activity"]["session_id"] == ["X-Session-ID", "X-Litellm-Session-Id"]


def test_the_effective_configuration_has_no_secrets(config_of: Configs) -> None:
    found = effective(config_of(FULL))
    assert "hush" not in json.dumps(found)
    assert found["apiKeys"] == ["[REDACTED]"]
    assert found["peers"]["p"]["apiKey"] == "[REDACTED]"
    assert found["peers"]["q"]["apiKey"] == ""


def test_the_effective_configuration_loads_to_itself(config_of: Configs) -> None:
    once = effective(config_of(FULL))
    for model in once["models"].values():
        for key in ("cmd", "cmdStop"):
            model[key] = " ".join(f"'{argument}'" for argument in model[key])
    again = effective(config_of(json.dumps(once)))
    assert again == json.loads(json.dumps(effective(config_of(FULL))))
