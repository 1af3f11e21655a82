"""The configuration in force and where it was written, reloading it, and checking another."""

from __future__ import annotations

import json
import socket
import sys
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
    assert state["since"] == state["loaded_at"]
    assert since(before, state.pop("loaded_at"))
    del state["since"]
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


async def test_a_secret_is_not_shown_wherever_it_occurs(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ITS_TOKEN", "s3cret-of-environment")
    monkeypatch.setenv("ITS_PLACE", "models-of-environment")
    served = await serve(a={})
    (tmp_path / "config.yaml").write_text(
        "apiKeys: [s3cret-of-clients]\n"
        "macros:\n"
        "  login_password: s3cret-of-macro\n"
        "models:\n"
        "  a:\n"
        "    cmd: serve --port ${PORT} --api-key s3cret1 --hf-token=s3cret2 --key-file /x\n"
        "      -p ${login_password} --auth ${env.ITS_TOKEN} --models ${env.ITS_PLACE}\n"
        "      --proxy https://me:s3cret3@far.example\n"
        "    env: [PASSED=s3cret-of-clients]\n"
        "    filters:\n"
        "      setParams: {api_key: s3cret4, user: me}\n"
    )
    assert (await reload(served)).status == 200
    answer = await served.get("/api/x/config", x_api_key="s3cret-of-clients")
    assert b"s3cret" not in answer.body
    model = answer.json["active"]["models"]["a"]
    assert model["cmd"][3:] == [
        *("--api-key", "[REDACTED]", "--hf-token=[REDACTED]", "--key-file", "/x"),
        *("-p", "[REDACTED]", "--auth", "[REDACTED]", "--models", "models-of-environment"),
        *("--proxy", "https://[REDACTED]@far.example"),
    ]
    assert model["env"] == ["PASSED=[REDACTED]"]
    assert model["filters"]["setParams"] == {"api_key": "[REDACTED]", "user": "me"}
    places = await served.get("/api/x/config/origins", x_api_key="s3cret-of-clients")
    assert b"s3cret" not in places.body
    assert places.json["values"]["/models/a/cmd"]["variables"] == ["ITS_TOKEN", "ITS_PLACE"]


async def test_a_line_that_is_told_shows_no_secret(serve: Serve, tmp_path: Path) -> None:
    served = await serve(a={})
    (tmp_path / "config.yaml").write_text(
        "models:\n"
        "  a:\n"
        "    cmd: {serve: --api-key s3cret}\n"
        "    env: {HF_TOKEN: s3cret}\n"
        "    ttl: key ${env.HOME}\n"
        "peers: {far: {proxy: 5, apiKey: s3cret\n"
    )
    answer = await reload(served)
    assert answer.status == 409
    assert b"s3cret" not in answer.body
    (tmp_path / "config.yaml").write_text(
        "models:\n  a:\n    cmd: {serve: --api-key s3cret}\n    env: {HF_TOKEN: s3cret}\n"
    )
    answer = await reload(served)
    assert {problem["source_line"] for problem in answer.json["error"]} == {
        "    cmd: {serve: --api-key *******",
        "    env: {HF_TOKEN: *******",
    }


async def test_warnings_of_the_start_are_told(serve: Serve, tmp_path: Path) -> None:
    served = await serve({"logLevle": "debug"}, a={})
    (warning,) = (await shown(served))["warnings"]
    assert warning["file"] == str(tmp_path / "config.yaml")
    assert warning["path"] == "logLevle"
    assert "logLevel" in warning["message"]


async def test_a_program_that_the_machine_lacks_is_told_at_its_place(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(a={})
    file = tmp_path / "config.yaml"
    file.write_text(
        "models:\n"
        "  a:\n"
        "    cmd: no-such-program ${PORT}\n"
        "  b:\n"
        "    cmd: no-such-program ${PORT}\n"
        "    env: [PATH=/somewhere]\n"
        f"  c: {{cmd: {json.dumps(command())}}}\n"
        "  d: {proxy: http://far.example}\n"
    )
    assert (await reload(served)).status == 200
    missing = [w for w in (await shown(served))["warnings"] if "program" in w["message"]]
    assert [(w["file"], w["line"], w["column"], w["path"]) for w in missing] == [
        (str(file), 3, 10, "models.a.cmd")
    ]
    assert "'no-such-program'" in missing[0]["message"]
    file.write_text("models: 5")
    answer = await reload(served)
    assert answer.json["warnings"] == []  # of the file, not of what is in force


async def test_what_a_first_configuration_needs_is_looked_for(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    served = await serve(a={})
    found = (await served.get("/api/x/setup")).json
    assert found["windows"] is False
    assert found["port"] == (await shown(served))["active"]["startPort"]
    assert found["port_free"] is True
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await served.get("/api/x/setup")).json["llama_server"] == str(program)
    program.unlink()
    assert (await served.get("/api/x/setup")).json["llama_server"] is None
    with socket.create_server(("127.0.0.1", found["port"])):
        assert (await served.get("/api/x/setup")).json["port_free"] is False


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
    assert answer.json["since"] == good["since"] < answer.json["loaded_at"]
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


async def test_every_route_needs_a_key(serve: Serve) -> None:
    served = await serve({"apiKeys": ["key-1"]}, a={})
    assert (await served.get("/api/x/config")).status == 401
    assert (await served.get("/api/x/config/origins")).status == 401
    assert (await served.get("/api/x/setup")).status == 401
    assert (await check_text(served, "models: {}")).status == 401
    assert (await reload(served)).status == 401


async def test_every_value_has_the_line_in_which_it_stands(serve: Serve, tmp_path: Path) -> None:
    served = await serve(a={})
    file = tmp_path / "config.yaml"
    file.write_text(
        "macros:\n"
        "  server: serve --port\n"
        "models:\n"
        "  org/a~b:\n"
        "    cmd: ${server} ${PORT} ${env.HOME}\n"
        "    aliases:\n"
        "      - one\n"
        "      - two-${MODEL_ID}\n"
        "    ttl:\n"
        "groups:\n"
        "  g: {members: [one], swap: false}\n"
    )
    assert (await reload(served)).status == 200
    told = (await served.get("/api/x/config/origins")).json
    assert told["files"] == [str(file)]
    assert told["watched"] is False
    assert {value.pop("file") for value in told["values"].values()} == {str(file)}

    def at(
        line: int, column: int, *macros: str, variables: tuple[str, ...] = ()
    ) -> dict[str, object]:
        place: dict[str, object] = {"line": line, "column": column, "also": []}
        return place | {"macros": list(macros), "variables": list(variables)}

    assert told["values"] == {
        "/macros": at(1, 1),
        "/macros/server": at(2, 11),
        "/models": at(3, 1),
        "/models/org~1a~0b": at(4, 3),
        "/models/org~1a~0b/cmd": at(5, 10, "server", "PORT", variables=("HOME",)),
        "/models/org~1a~0b/aliases": at(6, 5, "MODEL_ID"),
        "/routing/router/settings/groups": at(10, 1),
        "/routing/router/settings/groups/g": at(11, 3),
        "/routing/router/settings/groups/g/members": at(11, 7),
        "/routing/router/settings/groups/g/swap": at(11, 29),
    }


async def test_what_a_value_is_taken_from_is_its_place(serve: Serve, tmp_path: Path) -> None:
    served = await serve(a={})
    (tmp_path / "config.yaml").write_text(
        "models:\n"
        "  a:\n"
        "    cmd: x ${PORT}\n"
        "    ttl: -1\n"
        "    unloadTimeout: 0\n"
        "    concurrencyLimit: 3\n"
        "    healthCheckTimeout: 20\n"
        "    filters:\n"
        "      setParamsByID: {deep: {think: true}}\n"
        "      stripParams: top_k\n"
        "      strip_params: seed\n"
        "metricsMaxInMemory: 0\n"
        "matrix:\n"
        "  sets: {s: a}\n"
        "  vars: {a: a}\n"
    )
    assert (await reload(served)).status == 200
    values = (await served.get("/api/x/config/origins")).json["values"]
    lines = {pointer: value["line"] for pointer, value in values.items()}
    assert {path: line for path, line in lines.items() if path.startswith("/models/a/")} == {
        "/models/a/cmd": 3,
        "/models/a/concurrencyLimit": 6,
        "/models/a/filters": 8,
        "/models/a/filters/setParamsByID": 9,
        "/models/a/filters/setParamsByID/deep": 9,
        "/models/a/filters/setParamsByID/deep/think": 9,
        "/models/a/filters/stripParams": 10,
        "/models/a/aliases": 9,
    }
    assert "/metricsMaxInMemory" not in lines
    assert lines["/routing/router/use"] == 13
    active = (await shown(served))["active"]
    assert active["models"]["a"]["aliases"] == ["deep"]
    assert active["models"]["a"]["filters"]["stripParams"] == "top_k"
    assert active["routing"]["router"]["use"] == "matrix"


async def test_a_file_that_was_refused_says_nothing_about_what_is_in_force(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(a={})
    before = (await served.get("/api/x/config/origins")).json
    (tmp_path / "config.yaml").write_text("\n\nmodels: {a: {cmd: x, ttl: -5}}\n")
    assert (await reload(served)).status == 409
    assert (await served.get("/api/x/config/origins")).json == before


async def check_text(served: Served, text: str | bytes, **headers: str) -> Answer:
    body = text.encode() if isinstance(text, str) else text
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await served.ask("POST", "/api/x/config/check", named, body)


async def test_a_text_is_checked_and_changes_nothing(serve: Serve) -> None:
    served = await serve(a={}, b={})
    good = await shown(served)
    answer = await check_text(
        served, "models:\n  a:\n    cmd: x ${PORT}\n    comand: y\n    ttl: -2\n"
    )
    assert answer.status == 200
    (error,), (warning,) = answer.json["errors"], answer.json["warnings"]
    assert (error["line"], error["column"], error["path"]) == (5, 10, "models.a.ttl")
    assert error["source_line"] == "    ttl: -2"
    assert (warning["line"], warning["path"]) == (4, "models.a.comand")
    assert (answer.json["ok"], answer.json["models"]) == (False, None)
    answer = await check_text(
        served, "logLevle: debug\nmodels: {a: {cmd: '${PORT}'}, c: {cmd: '${PORT}'}}"
    )
    assert [warning["path"] for warning in answer.json["warnings"]] == ["logLevle"]
    del answer.json["warnings"]
    assert (answer.json["ok"], answer.json["errors"]) == (True, [])
    assert answer.json["models"] == {"added": ["c"], "removed": ["b"], "changed": ["a"]}
    assert await shown(served) == good


@pytest.mark.parametrize(
    ("body", "status"),
    [("models: {" * 9, 200), ("", 200), (b"\xff\xfe", 400), (b" " * (1 << 18) + b" ", 413)],
    ids=["not YAML", "nothing", "not UTF-8", "too much"],
)
async def test_whatever_is_checked_is_answered(
    serve: Serve, body: str | bytes, status: int
) -> None:
    served = await serve(a={})
    assert (await check_text(served, body)).status == status


async def test_a_check_runs_and_opens_nothing(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"ran_{abs(hash(tmp_path))}"
    (tmp_path / f"{module}.py").write_text("raise SystemExit('this has been run')\n")
    served = await serve(a={})
    router = f"routing: {{router: {{use: '{module}:Planner'}}}}\n"
    store = f"store: {{path: {tmp_path / 'no' / 'where.db'}}}\n"
    answer = await check_text(served, router + store)
    assert (answer.json["ok"], answer.json["errors"]) == (True, [])
    assert module not in sys.modules
    (error,) = (await check_text(served, "routing: {router: {use: grup}}")).json["errors"]
    assert "unknown planner" in error["message"]


async def test_a_check_does_not_tell_what_the_environment_holds(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    monkeypatch.setenv("PORTS", "7000")
    served = await serve(a={})
    refused = await check_text(
        served,
        "macros: {m: '${env.SECRET}'}\n"
        "startPort: ${env.PORTS}\n"
        "globalTTL: ${env.SECRET}\n"
        "logLevel: ${m}\n"
        "models: {a: {cmd: x, ttl: -2}, '${env.SECRET}': {ttl: 'z'}}\n",
    )
    assert b"s3cret" not in refused.body
    errors = refused.json["errors"]
    assert {(3, ""), (5, "models.a.ttl"), (5, "")} <= {(e["line"], e["path"]) for e in errors}
    assert "startPort" not in {error["path"] for error in errors}
    accepted = await check_text(served, "models: {'${env.SECRET}': {cmd: '${PORT}'}}")
    assert accepted.json["models"]["added"] == ["[REDACTED]"]
    missing = await check_text(served, "globalTTL: ${env.NOT_SET_ANYWHERE}")
    assert "NOT_SET_ANYWHERE is not set" in missing.json["errors"][0]["message"]


async def test_a_page_of_another_site_cannot_check(serve: Serve) -> None:
    served = await serve(a={})
    headers = {"Sec_Fetch_Site": "cross-site", "Origin": "https://elsewhere.example"}
    assert (await check_text(served, "models: {}", **headers)).status == 403
