"""Whatever a file holds: a configuration or placed errors, never anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotbay.config import Config, ConfigError, Sources, load
from hotbay.config.effective import effective
from hotbay.config.rules import compile_rules
from hotbay.config.schema import schema

Described = dict[str, Any]

DEFINITIONS: dict[str, Described] = {**schema()["definitions"], "": schema()}
NAMES = st.sampled_from(["a", "b", "x", "p/m", "m", "(default)", "comfyui_auto", ""])
WORDS = st.sampled_from(
    ["run ${PORT}", "${M}", "${MODEL_ID}", "http://x", "5s", "a & b", "1GiB", "${env.E}", "pin"]
)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70000),
    st.floats(),
    NAMES,
    WORDS,
    st.lists(NAMES, max_size=2),
    st.dictionaries(NAMES, NAMES, max_size=2),
)
# What refers to other parts or to files, or must be unique, seldom fits when it is made up.
REFERRING = {"store", "hooks", "profiles", "selectors", "peers", "routing", "groups", "matrix"}
UNIQUE = {"aliases", "setParamsByID", "macros", "apiKeys", "allowedOrigins", "cmd"}
SLOW = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)


def settings_of(
    name: str,
    values: Callable[[Described], st.SearchStrategy[Any]],
    without: Collection[str] = (),
) -> st.SearchStrategy[Any]:
    """Return mappings with some of the keys of a class of settings."""
    properties = {k: v for k, v in DEFINITIONS[name]["properties"].items() if k not in without}
    return st.deferred(
        lambda: st.fixed_dictionaries(
            {}, optional={key: values(described) for key, described in properties.items()}
        )
    )


def whatever(described: Described) -> st.SearchStrategy[Any]:
    """Return values that mostly have the described shape."""
    for each in [described, *described.get("anyOf", [])]:
        if "$ref" in each:
            return st.one_of(settings_of(each["$ref"].rpartition("/")[2], whatever), ANYTHING)
    if "items" in described:
        return st.one_of(st.lists(whatever(described["items"]), max_size=3), ANYTHING)
    if "additionalProperties" in described:
        inner = whatever(described["additionalProperties"])
        return st.one_of(st.dictionaries(NAMES, inner, max_size=3), ANYTHING)
    return ANYTHING


def fitting(described: Described) -> st.SearchStrategy[Any]:
    """Return values that have the described shape."""
    first = described.get("anyOf", [described])[0]
    kinds = first.get("type", [])
    if "$ref" in first:
        return settings_of(first["$ref"].rpartition("/")[2], fitting, UNIQUE)
    if "enum" in first:
        return st.sampled_from(first["enum"])
    if "array" in kinds:
        return st.lists(fitting(first["items"]), max_size=3)
    if "object" in kinds:
        return st.dictionaries(NAMES, fitting(first["additionalProperties"]), max_size=3)
    if "pattern" in first:
        return st.sampled_from(["7s", "1h", "1m30s"])
    if "string" in kinds:
        return st.sampled_from(["a", "b.c", "info"])
    if "number" in kinds:
        return st.integers(max(1, int(first.get("minimum", 1))), 40000)
    return st.booleans() if "boolean" in kinds else st.lists(st.floats() | st.none(), max_size=2)


def outcome(folder: Path, text: str) -> Config | ConfigError:
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        return load(Sources(file), environ={"E": "e"}).config
    except ConfigError as error:
        return error


@settings(suppress_health_check=SLOW, deadline=None)
@given(settings_of("", whatever))
def test_any_values_load_or_are_placed_errors(tmp_path: Path, data: Any) -> None:
    result = outcome(tmp_path, json.dumps(data))
    if isinstance(result, ConfigError):
        assert result.problems
        for problem in result.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert problem.message
            assert "\n" not in str(problem)


@settings(suppress_health_check=SLOW, deadline=None, max_examples=40)
@given(settings_of("", fitting, REFERRING | UNIQUE))
def test_what_fits_the_schema_loads(tmp_path: Path, data: Any) -> None:
    for model in data.get("models", {}).values():
        model["cmd"] = "run ${PORT}"
    data.setdefault("startPort", 5800)
    jsonschema.validate(data, schema())
    result = outcome(tmp_path, json.dumps(data))
    assert isinstance(result, Config), str(result)
    json.dumps(effective(result), allow_nan=False)
    assert compile_rules(result).models.keys() == data.get("models", {}).keys()


@settings(suppress_health_check=SLOW, deadline=None)
@given(st.text(st.sampled_from(list("ab:-[]{}&*<!|>'\"#?%@,\n\t ~1.${}")), max_size=40))
def test_any_text_loads_or_is_an_error(tmp_path: Path, text: str) -> None:
    result = outcome(tmp_path, text)
    if isinstance(result, ConfigError):
        assert result.problems
