"""What it takes to start a model server (spec/lifecycle.md 4)."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.config import ModelConfig, Sources, load
from hotbay.runtime.launch import LaunchError, endpoint_of, plan_launch


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> ModelConfig:
    return model(tmp_path_factory.mktemp("launch"))


def model(folder: Path, **settings: Any) -> ModelConfig:
    file = folder / "config.yaml"
    content = {"cmd": "serve ${PORT}", **settings}
    file.write_text(json.dumps({"startPort": 6100, "models": {"m": content}}))
    return load(Sources(file, None)).config.models["m"]


def test_by_default_the_assigned_port_of_this_machine_is_asked(tmp_path: Path) -> None:
    launch = plan_launch(model(tmp_path), 7, {})
    endpoint = launch.endpoint
    assert launch.spec.argv == ("serve", "6100")
    assert (endpoint.model, endpoint.generation) == ("m", 7)
    assert (endpoint.scheme, endpoint.host, endpoint.port) == ("http", "localhost", 6100)
    assert (endpoint.authority, endpoint.base_path) == ("localhost:6100", "")
    assert launch.check == "/health"
    assert launch.own_port


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://gpu.example", ("http", "gpu.example", 80, "gpu.example", "")),
        ("https://gpu.example/", ("https", "gpu.example", 443, "gpu.example", "")),
        ("https://GPU.example:8443/v2/", ("https", "gpu.example", 8443, "GPU.example:8443", "/v2")),
        ("http://[::1]:9/a/b", ("http", "::1", 9, "[::1]:9", "/a/b")),
        ("http://[fe80::1%25e0]:9", ("http", "fe80::1%e0", 9, "[fe80::1%25e0]:9", "")),
        ("http://me:secret@h:1", ("http", "h", 1, "h:1", "")),
    ],
)
def test_the_address_is_read_from_the_url(
    tmp_path: Path, url: str, parts: tuple[str, str, int, str, str]
) -> None:
    found = endpoint_of(model(tmp_path, cmd="serve", proxy=url), 1)
    assert (found.scheme, found.host, found.port, found.authority, found.base_path) == parts


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://h/x", "mailto:x", "//h:1", "http:", "http:x", "http:///x"),
        *("http://h:99999", "http://[x]:1", "http://a]b", "http://a[b]:1", "http://h\u2100"),
    ],
)
def test_an_address_that_loads_but_cannot_be_forwarded_to_is_named(
    tmp_path: Path, url: str
) -> None:
    loaded = model(tmp_path, proxy=url)
    with pytest.raises(LaunchError, match=r"proxy URL .* is not an http or https address"):
        plan_launch(loaded, 1, {})


@given(rest=st.text("[]:@%25?#/.-x1é℀ ", max_size=12))
def test_whatever_the_address_a_start_is_planned_or_refused(plain: ModelConfig, rest: str) -> None:
    with suppress(LaunchError):
        endpoint = plan_launch(plain.model_copy(update={"proxy": f"http://{rest}"}), 1, {}).endpoint
        assert endpoint.host
        assert 0 < endpoint.port < 65536


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"proxy": ""}, "upstream proxy missing"),
        ({"argv": ()}, "unable to get sanitized command: empty command"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(LaunchError, match=message):
        plan_launch(model(tmp_path).model_copy(update=settings), 1, {})


@pytest.mark.parametrize(
    ("check", "expected"), [("none", None), (" none ", None), (" /up?x=1 ", "/up?x=1"), ("", "")]
)
def test_the_check_can_be_another_or_none(tmp_path: Path, check: str, expected: str | None) -> None:
    loaded = model(tmp_path).model_copy(update={"check_endpoint": check})
    assert plan_launch(loaded, 1, {}).check == expected


def test_the_last_of_a_name_wins_in_the_environment(tmp_path: Path) -> None:
    own = ["A=1", "A=2", "B=x=y", "C="]
    launch = plan_launch(model(tmp_path, env=own), 1, {"A": "0", "D": "d"})
    assert launch.spec.env == {"A": "2", "B": "x=y", "C": "", "D": "d"}


def test_a_stop_command_goes_along_with_the_grace(tmp_path: Path) -> None:
    loaded = model(tmp_path, cmdStop="docker stop m-${PID}", unloadTimeout=4)
    launch = plan_launch(loaded, 1, {})
    assert launch.spec.stop_argv == ("docker", "stop", "m-${PID}")
    assert launch.spec.grace == 4
    assert not launch.own_port, "a daemon may keep the port"


def test_a_port_that_hotbay_has_not_assigned_may_be_anybodys(tmp_path: Path) -> None:
    loaded = model(tmp_path, cmd="serve", proxy="http://127.0.0.1:9000")
    assert not plan_launch(loaded, 1, {}).own_port
