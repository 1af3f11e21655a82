"""The configuration in force, and reloading it: `/api/x/config` and `/api/x/reload`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Answer, Serve, Served
from tests.api.test_reload import MOODY
from tests.journeys.conftest import command

from hotbay.cli.check import check


async def shown(served: Served) -> Any:
    answer = await served.get("/api/x/config")
    assert answer.status == 200
    return answer.json


async def reload(served: Served) -> Answer:
    return await served.ask("POST", "/api/x/reload")


def rewrite(tmp_path: Path, **changes: object) -> None:
    """Change members of the configuration file."""
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def since(before: datetime, told: str) -> bool:
    return before <= datetime.fromisoformat(told) <= datetime.now(UTC)


async def test_what_is_in_force_is_what_check_prints(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = datetime.now(UTC)
    served = await serve(
        {"apiKeys": [], "peers": {"far": {"proxy": "http://127.0.0.1:9", "models": ["rose"]}}},
        a={"ttl": 5},
    )
    state = await shown(served)
    assert since(before, state.pop("loaded_at"))
    assert check(tmp_path / "config.yaml", None, as_json=True) == 0
    assert state == {
        "ok": True,
        "error": [],
        "warnings": [],
        "active": json.loads(capsys.readouterr().out),
    }
    assert state["active"]["models"]["a"]["ttl"] == 5


async def test_secrets_are_not_shown(serve: Serve) -> None:
    peer = {"proxy": "http://me:s3cret@127.0.0.1:9/v1", "models": ["rose"], "apiKey": "s3cret"}
    env = ["HF_TOKEN=s3cret", "my_api_key=s3cret", "PASSWORD=s3cret", "DEVICES=0", "KEYBOARD=de"]
    served = await serve(
        {"apiKeys": ["s3cret"], "peers": {"far": peer}},
        a={"env": env, "proxy": "http://me:s3cret@127.0.0.1:${PORT}/x@y"},
    )
    answer = await served.get("/api/x/config", x_api_key="s3cret")
    assert b"s3cret" not in answer.body
    active = answer.json["active"]
    assert active["apiKeys"] == ["[REDACTED]"]
    assert active["peers"]["far"]["proxy"] == "http://[REDACTED]@127.0.0.1:9/v1"
    assert active["models"]["a"]["env"] == [
        *("HF_TOKEN=[REDACTED]", "my_api_key=[REDACTED]", "PASSWORD=[REDACTED]"),
        *("DEVICES=0", "KEYBOARD=de"),
    ]
    assert active["models"]["a"]["proxy"].endswith("/x@y")


async def test_warnings_of_the_start_are_told(serve: Serve, tmp_path: Path) -> None:
    served = await serve({"logLevle": "debug"}, a={})
    (warning,) = (await shown(served))["warnings"]
    assert warning["file"] == str(tmp_path / "config.yaml")
    assert warning["path"] == "logLevle"
    assert "logLevel" in warning["message"]


async def test_a_reload_applies_the_file_and_answers_with_it(serve: Serve, tmp_path: Path) -> None:
    served = await serve(a={})
    first = await shown(served)
    rewrite(tmp_path, models={"b": {"cmd": command()}}, logLevle="debug")
    before = datetime.now(UTC)
    answer = await reload(served)
    assert answer.status == 200
    assert since(before, answer.json["loaded_at"])
    assert answer.json["loaded_at"] > first["loaded_at"]
    assert (answer.json["ok"], list(answer.json["active"]["models"])) == (True, ["b"])
    assert [warning["path"] for warning in answer.json["warnings"]] == ["logLevle"]
    assert await shown(served) == answer.json
    await served.use("b")


async def test_a_refused_reload_says_where_and_changes_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(a={})
    good = await shown(served)
    file = tmp_path / "config.yaml"
    text = file.read_text()
    file.write_text("models:\n  a:\n    comand: x\n    ttl: -2\n")
    answer = await reload(served)
    assert (answer.status, answer.json["ok"]) == (409, False)
    (problem,) = [p for p in answer.json["error"] if p["path"] == "models.a.ttl"]
    assert (problem["file"], problem["line"], problem["column"]) == (str(file), 4, 10)
    assert problem["message"]
    assert "models.a.comand" in [warning["path"] for warning in answer.json["warnings"]]
    assert answer.json["active"] == good["active"]
    assert await shown(served) == answer.json
    await served.use("a")
    file.write_text(text)
    assert (await reload(served)).status == 200
    assert (await shown(served))["error"] == []


async def test_a_reload_that_fails_halfway_is_a_refused_one(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"moody_config_{abs(hash(tmp_path))}"  # imported once in the life of the process
    (tmp_path / f"{module}.py").write_text(MOODY)
    served = await serve(a={})
    rewrite(tmp_path, routing={"router": {"use": f"{module}:Moody"}})
    answer = await reload(served)
    assert answer.status == 409
    (problem,) = answer.json["error"]
    assert "not today" in problem["message"]
    assert (problem["file"], problem["line"]) == ("", 0)
    assert answer.json["active"]["routing"]["router"]["use"] == "group"


async def test_a_page_of_another_site_cannot_reload(serve: Serve, tmp_path: Path) -> None:
    served = await serve(a={})
    rewrite(tmp_path, models={})
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    assert (await served.ask("POST", "/api/x/reload", headers)).status == 403
    assert list((await shown(served))["active"]["models"]) == ["a"]


async def test_both_routes_need_a_key(serve: Serve) -> None:
    served = await serve({"apiKeys": ["key-1"]}, a={})
    assert (await served.get("/api/x/config")).status == 401
    assert (await reload(served)).status == 401
