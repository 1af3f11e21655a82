"""What the control plane and a preload make of a reload (spec/cli.md 4.2 and 6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.api.conftest import Serve
from tests.journeys.conftest import command


async def test_an_invalid_configuration_changes_nothing_and_is_explained(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(a={})
    file = tmp_path / "config.yaml"
    file.write_text("models:\n  a:\n    comand: x\n    ttl: -2\n")
    await served.app.reload()
    assert f"[WARN] failed to reload config: {file}:4:10: models.a.ttl" in served.log
    assert f"[WARN] {file}:3:5: models.a.comand" in served.log
    assert [r["id"] for r in (await served.get("/v1/models")).json["data"]] == ["a"]
    await served.use("a")


MOODY = """
from hotbay.core.planners.planner import Plan

class Moody:
    made = 0
    def __init__(self, settings, models):
        Moody.made += 1
        if Moody.made == 2:  # once it has been checked
            raise RuntimeError("not today")
    def decide(self, target, view):
        return Plan(())
"""


async def test_a_reload_that_fails_halfway_has_changed_nothing(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"moody_{abs(hash(tmp_path))}"  # imported once in the life of the test's process
    (tmp_path / f"{module}.py").write_text(MOODY)
    served = await serve(a={}, b={})
    file = tmp_path / "config.yaml"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "routing": {"router": {"use": f"{module}:Moody"}}}))
    await served.app.reload()
    assert "[ERROR] failed to reload config: " in served.log
    assert "not today" in served.log
    await served.use("a")
    await served.use("b")
    assert "b: stops a" in served.log, "the planner is still the old one"
    file.write_text(json.dumps({**content, "apiKeys": ["new-key"]}))
    await served.app.reload()
    assert (await served.get("/running")).status == 401


async def test_the_routes_know_the_new_configuration(serve: Serve, tmp_path: Path) -> None:
    served = await serve(a={"name": "old"})
    content = json.loads((tmp_path / "config.yaml").read_text())
    content["models"] = {"b": {"cmd": command(), "aliases": ["bee"]}}
    content["apiKeys"] = ["new-key"]
    (tmp_path / "config.yaml").write_text(json.dumps(content))
    await served.app.reload()
    assert (await served.get("/v1/models")).status == 401
    answer = await served.get("/v1/models", x_api_key="new-key")
    assert [record["id"] for record in answer.json["data"]] == ["b"]
    gone = await served.get("/logs/stream/a", x_api_key="new-key")
    assert gone.status == 400
    assert (
        await served.ask("POST", "/api/models/unload/bee", {"x-api-key": "new-key"})
    ).body == b"OK"


async def test_a_preload_of_the_old_configuration_ends(serve: Serve, tmp_path: Path) -> None:
    preload = {"hooks": {"on_startup": {"preload": ["slow", "late"]}}}
    served = await serve(preload, slow={"cmd": command(never=1)}, late={})
    await served.logged(r"\[INFO\] slow: starting")
    content = json.loads((tmp_path / "config.yaml").read_text())
    del content["hooks"]
    (tmp_path / "config.yaml").write_text(json.dumps(content))
    await served.app.reload()
    assert (await served.get("/api/x/queue")).json["waiting"] == []
    assert (await served.get("/unload")).status == 200
    assert "preloading model: late" not in served.log
    assert "failed to preload" not in served.log
