"""The JSON schema and the example agree with the loader (spec/config.md 14)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from hotbay.config import ConfigError, Sources, load
from hotbay.config.reader import settings_kind
from hotbay.config.schema import schema
from hotbay.config.settings.base import Settings
from hotbay.config.settings.top import TopSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.yaml"
Loads = Callable[..., object]

VALIDATOR = jsonschema.Draft7Validator(schema())


def complaints(text: str) -> list[str]:
    data = YAML(typ="safe", pure=True).load(text)
    return [error.message for error in VALIDATOR.iter_errors({} if data is None else data)]


def test_the_published_schema_is_current() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "hotbay.config.schema"], capture_output=True, check=True
    ).stdout.decode()
    assert (ROOT / "config-schema.json").read_text(encoding="utf-8") == printed
    assert json.loads(printed) == schema()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(schema())


def described_keys(settings: type[Settings]) -> Iterator[tuple[type[Settings], str, str | None]]:
    """Yield class, key and description of every key of every class of settings."""
    seen: set[type[Settings]] = set()
    waiting: list[Any] = [settings_kind(settings)]
    while waiting:
        kind = waiting.pop()
        inner = [getattr(kind, name, None) for name in ("item", "value")]
        waiting += [each for each in inner if each is not None]
        if not hasattr(kind, "kinds") or kind.settings in seen:
            continue
        seen.add(kind.settings)
        waiting += kind.kinds.values()
        for name, field in kind.settings.model_fields.items():
            yield kind.settings, field.alias or name, field.description


KEYS = list(described_keys(TopSettings))


def test_every_key_is_described_in_the_schema() -> None:
    found = schema()
    definitions = {**found["definitions"], "TopSettings": found}
    for settings, key, description in KEYS:
        properties = definitions[settings.__name__]["properties"]
        assert properties[key]["description"] == description
        assert description
        assert description.endswith(".")


def test_the_example_names_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    missing = [key for _, key, _ in KEYS if not re.search(rf"(?<![\w.-]){re.escape(key)}\b", text)]
    assert missing == []
    assert len(KEYS) > 100


def test_the_example_loads_without_a_warning() -> None:
    loaded = load(Sources(EXAMPLE), environ={})
    assert loaded.warnings == ()
    assert len(loaded.config.models) == 4


def test_the_example_fits_the_schema_it_names() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=./config-schema.json"
    assert complaints(text) == []


def test_the_examples_comments_are_true_when_they_are_switched_on(tmp_path: Path) -> None:
    """The parts that are commented out load and fit the schema, too."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    start = lines.index("      # matrix:")
    matrix = [line.replace("# ", "", 1) for line in lines[start : start + 9]]
    text = "\n".join([*lines[:start], *matrix, *lines[start + 9 :]])
    text = text.replace("    use: group\n", "    use: matrix\n", 1)
    text = text.replace("# store:\n#   path: /var/lib/hotbay/", f"store:\n  path: {tmp_path}/")
    text = text.replace("#   keep", "  keep")
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    config = load(Sources(file), environ={}).config
    assert complaints(text) == []
    assert config.store is not None
    assert config.routing.router.settings.matrix is not None
    assert set(config.routing.router.settings.matrix.sets) == {"small", "large"}


# What the loader takes, the schema takes; each line is one way in which a schema could be
# stricter than the loader.
TAKEN = [
    "{}",
    "own: {anything: 1}",
    "globalTTL: ~",
    "globalTTL: 30.9",
    "macros: {t: 5, s: a, b: true, f: 1.5}\nglobalTTL: '${t}'",
    "sendLoadingState: 'yes'",
    "sendLoadingState: off",
    "logLevel: 5",
    "healthCheckTimeout: 1",
    "performance: {every: 1h30m}",
    "limits: {body: 1GiB, head: 1000, headTimeout: 1.5}",
    "upstream: {ignorePaths: [~, x]}",
    "models: {a: {cmd: 5, proxy: 'http://x', env: [lower=1, odd], checkEndpoint: health}}",
    "models: {a: {proxy: 'http://x', capabilities: {in: [], out: [text, text]}, name: ~}}",
    "models: {a: {cmd: 'r ${PORT}', filters: {stripParams: 'a.b', setParamsByID: {x: ~}}}}",
    "models: {}\ngroups: {g: ~, h: {members: ~}}",
    "peers: {p: {proxy: 'http://x', models: [m], timeouts: {expectContinue: 3}}}",
    "peers: {p: {proxy: 'http://x', models: [m], filters: {setParamsByID: {m: {}}}}}",
    "models: {a: {cmd: x, proxy: 'http://x'}}\nprofiles: {f: {pins: {a: ~}}}",
    "models: {a: {cmd: x, proxy: 'http://x'}}\nmatrix: {sets: {s: a}, evict_costs: {a: 2.9}}",
    "routing: {scheduler: {settings: {fifo: {maxWait: 2.5}}}}",
    "store: ~\nmatrix: ~\nrouting: ~",
]


@pytest.mark.parametrize("text", TAKEN)
def test_the_schema_takes_what_the_loader_takes(load_text: Loads, text: str) -> None:
    load_text(text)
    assert complaints(text) == []


REFUSED = [
    "globalTTL: '30'",
    "globalTTL: -1",
    "globalTTL: [1]",
    "startPort: 0",
    "sendLoadingState: 'true'",
    "sendLoadingState: 1",
    "logToStdout: ''",
    "logLevel: [a]",
    "performance: {every: 5}",
    "performance: {every: 1d}",
    "store: {}",
    "apiKeys: [~]",
    "apiKeys: k",
    "macros: {m: ~}",
    "macros: {m: [1]}",
    "models: {a: ~}",
    "models: [a]",
    "models: {a: {cmd: x, proxy: 'http://x', ttl: -2}}",
    "models: {a: {cmd: x, proxy: 'http://x', capabilities: {in: [smell]}}}",
    "models: {a: {cmd: x, proxy: 'http://x', filters: {setParamsByID: {x: 5}}}}",
    "peers: {p: {models: [m]}}",
    "peers: {p: ~}",
    "selectors: {s: {targets: [a]}}",
    "selectors: {s: {strategy: random, targets: [a]}}",
    "selectors: {s: ~}",
    "profiles: {f: [a]}",
    "profiles: {f: ~}",
    "profiles: {f: {}}",
    "matrix: {sets: {s: ~}}",
    "routing: {router: {use: [lru]}}",
    "routing: {scheduler: {use: lifo}}",
    "limits: {body: 0}",
    "limits: {body: 5MB}",
    "limits: {queue: -1}",
]


@pytest.mark.parametrize("text", REFUSED)
def test_the_schema_refuses_what_the_loader_refuses(load_text: Loads, text: str) -> None:
    with pytest.raises(ConfigError):
        load_text(text)
    assert complaints(text) != []
