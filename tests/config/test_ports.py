"""Port assignment (spec/config-loading.md 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from hotbay.config import Config, PortRequest, Sources, load

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]


def test_ports_follow_the_order_of_ids(config_of: Configs) -> None:
    config = config_of("""
        startPort: 7100
        models:
          zed: {cmd: "run ${PORT}"}
          Alpha: {cmd: "run ${PORT}"}
          mid: {cmd: run, proxy: "http://x"}
          beta: {cmd: "run ${PORT}"}
    """)
    ports = {model_id: model.port for model_id, model in config.models.items()}
    assert ports == {"Alpha": 7100, "beta": 7101, "zed": 7102, "mid": None}
    assert config.models["zed"].proxy == "http://localhost:7102"


def test_the_port_reaches_every_value(config_of: Configs) -> None:
    config = config_of("""
        macros: {listen: "--port ${PORT}"}
        models:
          a:
            cmd: "run ${listen}"
            checkEndpoint: "/health?${PORT}"
            env: ["PORT=${PORT}"]
            metadata: {port: "${PORT}", text: "at ${PORT}"}
            filters: {setParamsByID: {"a:${PORT}": {}}}
    """)
    model = config.models["a"]
    assert model.argv == ("run", "--port", "5800")
    assert model.check_endpoint == "/health?5800"
    assert model.env == ("PORT=5800",)
    assert model.metadata == {"port": 5800, "text": "at 5800"}
    assert model.aliases == ("a:5800",)


@pytest.mark.parametrize("proxy", ["", "proxy: ~", "proxy: 'http://h:${PORT}'"])
def test_a_port_in_the_proxy_alone_is_an_error(errors_of: Errors, proxy: str) -> None:
    (error,) = errors_of(f"models:\n  a:\n    cmd: run\n    {proxy}\n")
    assert "models.a.proxy: ${PORT} in proxy needs ${PORT} in cmd" in error


def test_a_port_in_a_comment_line_does_not_count(errors_of: Errors) -> None:
    (error,) = errors_of("models:\n  a:\n    cmd: |\n      run\n      # ${PORT}\n")
    assert "needs ${PORT} in cmd" in error


def test_a_port_in_a_macros_comment_line_counts(config_of: Configs) -> None:
    config = config_of('macros: {m: "# ${PORT}"}\nmodels: {a: {cmd: "run\\n${m}"}}')
    assert config.models["a"].port == 5800
    assert config.models["a"].argv == ("run",)


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("0", "startPort: must be at least 1, found 0"),
        ("-5", "startPort: must be at least 1, found -5"),
        ("'5800'", "startPort: expected an integer"),
        ("many", "startPort: expected an integer"),
    ],
)
def test_a_bad_start_port_is_an_error(errors_of: Errors, written: str, error: str) -> None:
    (found,) = errors_of(f"startPort: {written}\nmodels: {{a: {{cmd: 'run ${{PORT}}'}}}}")
    assert found.startswith("config.yaml:1:12: " + error)


def test_a_start_port_may_come_from_a_macro(config_of: Configs) -> None:
    text = "macros: {first: 9000}\nstartPort: ${first}\nmodels: {a: {cmd: 'run ${PORT}'}}"
    assert config_of(text).models["a"].port == 9000


def test_a_port_above_the_last_is_an_error(errors_of: Errors) -> None:
    text = "startPort: 65535\nmodels:\n  a: {cmd: 'run ${PORT}'}\n  b: {cmd: 'run ${PORT}'}\n"
    (error,) = errors_of(text)
    assert error.startswith(
        "config.yaml:4:12: models.b.cmd: the assigned port 65536 is above 65535"
    )


def test_whoever_loads_may_assign_the_ports(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("startPort: 100\nmodels: {b: {cmd: 'r ${PORT}'}, a: {cmd: 'r ${PORT} x'}}")
    asked: list[tuple[int, list[str]]] = []

    def assign(start_port: int, wanted: Sequence[PortRequest]) -> Mapping[str, int]:
        asked.append((start_port, [request.model_id for request in wanted]))
        assert len({request.fingerprint for request in wanted}) == 2
        return {"a": 200, "b": 300}

    config = load(Sources(file), environ={}, assign_ports=assign).config
    assert asked == [(100, ["a", "b"])]
    assert {m.id: m.port for m in config.models.values()} == {"a": 200, "b": 300}


BASE = "cmd: 'run --port ${PORT}', env: [A=1]"


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (BASE, True),
        ("cmd: \"run   --port   '${PORT}'\", env: [A=1]", True),
        (BASE + ", proxy: 'http://localhost:${PORT}'", True),
        (BASE + ", timeouts: {connect: 30}", True),
        (BASE + ", name: Other, ttl: 5, aliases: [z], filters: {stripParams: x}", True),
        ("cmd: 'run --port ${PORT} --x', env: [A=1]", False),
        ("cmd: 'run --port 5800', proxy: 'http://localhost:5800', env: [A=1]", False),
        ("cmd: 'run --port ${PORT}', env: [A=2]", False),
        (BASE + ", cmdStop: 'kill ${PID}'", False),
        (BASE + ", proxy: 'http://127.0.0.1:${PORT}'", False),
        (BASE + ", checkEndpoint: none", False),
        (BASE + ", timeouts: {connect: 31}", False),
    ],
)
def test_fingerprints_are_equal_if_the_server_need_not_be_restarted(
    config_of: Configs, other: str, equal: bool
) -> None:
    first = config_of(f"models: {{m: {{{BASE}}}}}").models["m"]
    second = config_of(
        f"startPort: 9000\nmodels: {{a: {{cmd: 'x ${{PORT}}'}}, m: {{{other}}}}}"
    ).models["m"]
    assert (first.fingerprint == second.fingerprint) is equal
    assert first.port != second.port
