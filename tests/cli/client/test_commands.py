"""`hotbay ps`, `load`, `unload`, `logs`, `activity` and `cancel` against a running hotbay."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from tests.api.conftest import Serve, Served
from tests.cli.client.conftest import Ask
from tests.cli.conftest import Run
from tests.journeys.conftest import command
from tests.monitor.machine import until

from hotbay.core.effects import State


def columns(text: str) -> list[list[str]]:
    """Return the words of each line."""
    return [line.split() for line in text.splitlines()]


async def streaming(served: Served, model: str) -> asyncio.StreamWriter:
    """Begin a request that goes on until its writer is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    body = json.dumps({"model": model}).encode()
    writer.write(
        b"POST /v1/chat/completions?events=100000 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    await reader.readuntil(b"data: 0")
    return writer


# -- ps --------------------------------------------------------------------------------------


async def test_ps_without_models_says_so(serve: Serve, ask: Ask) -> None:
    assert await ask(await serve(a={}), "ps") == (0, "no model is loaded\n", "")


async def test_ps_lists_what_runs_with_what_it_uses(serve: Serve, ask: Ask) -> None:
    served = await serve(a={}, b={})
    await served.use("a")
    code, out, _ = await ask(served, "ps")
    headings, row = columns(out)
    assert (code, headings[:3]) == (0, ["MODEL", "STATE", "PID"])
    assert row[:3] == ["a", "ready", str(served.app._engine.pids()["a"])]
    assert row[5] == "MiB"


async def test_ps_tells_programs_all_models(serve: Serve, ask: Ask) -> None:
    served = await serve(a={}, b={})
    await served.use("a")
    _, out, _ = await ask(served, "ps", "--json")
    states = {server["model"]: server["state"] for server in json.loads(out)["servers"]}
    assert states == {"a": "ready", "b": "stopped"}


# -- load and unload -------------------------------------------------------------------------


async def test_load_returns_when_the_model_is_ready(serve: Serve, ask: Ask) -> None:
    served = await serve(**{"lab/a": {"aliases": ["first"]}})
    code, out, _ = await ask(served, "load", "first")
    assert code == 0
    assert out.startswith("lab/a is ready; its last start took ")
    assert served.app._engine.state("lab/a") is State.READY
    _, out, _ = await ask(served, "load", "lab/a", "--json")
    assert json.loads(out)["state"] == "ready"


async def test_load_says_why_a_model_does_not_start(serve: Serve, ask: Ask) -> None:
    served = await serve(a={"cmd": command(exit=3, say="no such file")})
    code, out, err = await ask(served, "load", "a")
    assert (code, out) == (1, "")
    assert "exit status 3" in err
    assert "no such file" in err


async def test_unload_stops_the_models_that_are_named(serve: Serve, ask: Ask) -> None:
    together = {"groups": {"all": {"swap": False, "members": ["lab/a", "b", "c"]}}}
    served = await serve(together, **{"lab/a": {}, "b": {}, "c": {}})
    for model in ("lab/a", "b", "c"):
        await served.use(model)
    assert await ask(served, "unload", "lab/a", "b") == (0, "unloaded: lab/a, b\n", "")
    assert [served.app._engine.state(m) for m in ("lab/a", "b", "c")] == [
        State.STOPPED,
        State.STOPPED,
        State.READY,
    ]
    assert await ask(served, "unload") == (0, "unloaded: all models\n", "")
    assert served.app._engine.state("c") is State.STOPPED
    _, out, _ = await ask(served, "unload", "b", "--json")
    assert json.loads(out) == {"unloaded": ["b"]}


async def test_a_model_that_does_not_exist_is_an_error(serve: Serve, ask: Ask) -> None:
    served = await serve(a={})
    for word in ("load", "unload"):
        code, _, err = await ask(served, word, "ghost")
        assert code == 1
        assert "model not found" in err


# -- logs ------------------------------------------------------------------------------------


async def test_logs_prints_what_was_written_so_far(serve: Serve, ask: Ask) -> None:
    served = await serve(**{"lab/a": {}})
    served.app.logs.model("lab/a").write("lädt 1 %\r2 %\n".encode())
    served.app.logs.proxy.info("hello")
    assert await ask(served, "logs", "lab/a") == (0, "lädt 1 %\r2 %\n", "")
    assert "[INFO] hello" in (await ask(served, "logs", "proxy"))[1]
    assert "[INFO] hello" in (await ask(served, "logs"))[1]


async def test_a_log_that_does_not_exist_is_an_error(serve: Serve, ask: Ask) -> None:
    code, out, err = await ask(await serve(a={}), "logs", "ghost")
    assert (code, out) == (1, "")
    assert "invalid logger" in err


async def test_logs_follows_until_the_server_ends_the_stream(serve: Serve, ask: Ask) -> None:
    served = await serve(a={})
    log = served.app.logs.model("a")
    log.write(b"before\n")
    following = asyncio.create_task(ask(served, "logs", "a", "-f"))
    await until(lambda: bool(log._readers))
    log.write(b"after\n")
    served.app.logs.end_streams()
    assert await following == (0, "before\nafter\n", "")


# -- activity --------------------------------------------------------------------------------


async def test_activity_without_requests_says_so(serve: Serve, ask: Ask) -> None:
    assert await ask(await serve(a={}), "activity") == (0, "no request has ended yet\n", "")


async def test_activity_lists_the_newest_last(serve: Serve, ask: Ask) -> None:
    served = await serve(a={}, b={})
    for model in ("a", "b", "a"):
        await served.use(model)

    async def rows(*words: str) -> list[dict[str, object]]:
        return list(json.loads((await ask(served, "activity", "--json", *words))[1])["data"])

    async def all_written() -> bool:
        return len(await rows()) == 3

    await until(all_written)
    assert [row["model"] for row in await rows("--limit", "2")] == ["a", "b"]
    assert [row["model"] for row in await rows("b")] == ["b"]
    code, out, _ = await ask(served, "activity")
    headings, *lines = columns(out)
    assert (code, headings[0]) == (0, "ID")
    assert [line[3] for line in lines] == ["a", "b", "a"]
    assert lines[-1][4:6] == ["/v1/chat/completions", "200"]


async def test_activity_has_bounds(serve: Serve, ask: Ask) -> None:
    code, _, err = await ask(await serve(a={}), "activity", "--limit", "1000")
    assert code == 2
    assert "--limit" in err


# -- cancel ----------------------------------------------------------------------------------


async def test_cancel_ends_a_request(serve: Serve, ask: Ask) -> None:
    served = await serve(a={})
    writer = await streaming(served, "a")
    (recording,) = served.app._activity.recorder.inflight
    number = str(recording.id)
    assert await ask(served, "cancel", number) == (
        0,
        f"request {number} is being cancelled\n",
        "",
    )
    await until(lambda: not list(served.app._activity.recorder.inflight))
    writer.close()


async def test_a_request_that_is_unknown_is_an_error(serve: Serve, ask: Ask) -> None:
    code, _, err = await ask(await serve(a={}), "cancel", "99")
    assert code == 1
    assert "inflight request not found" in err


# -- address and key -------------------------------------------------------------------------


async def test_the_flag_comes_before_the_variable(
    serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(a={})
    monkeypatch.setenv("HOTBAY_URL", "http://127.0.0.1:9")
    for address in (f"http://127.0.0.1:{served.port}/", f"127.0.0.1:{served.port}"):
        assert (await asyncio.to_thread(run, "ps", "--url", address))[0] == 0


async def test_a_key_is_taken_from_the_environment(
    serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve({"apiKeys": ["secret"]}, a={})
    code, _, err = await ask(served, "ps")
    assert code == 1
    assert "wants a key: set HOTBAY_API_KEY to one of its apiKeys" in err
    monkeypatch.setenv("HOTBAY_API_KEY", "secret")
    assert (await ask(served, "ps"))[0] == 0


def test_a_server_that_is_not_there_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, out, err = run("ps", "--url", f"http://127.0.0.1:{port}")
    assert (code, out) == (1, "")
    assert f"cannot reach hotbay at http://127.0.0.1:{port}: Connection refused" in err
    assert "--url or HOTBAY_URL" in err


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port", "http://[::1"])
def test_an_address_that_cannot_be_read_is_an_error(run: Run, url: str) -> None:
    code, _, err = run("ps", "--url", url)
    assert code == 1
    assert "is no address of a server" in err
