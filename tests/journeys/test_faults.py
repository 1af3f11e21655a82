"""Model servers that fail, each in its way: the client is told, and the next request is served."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.journeys.conftest import (
    Configure,
    command,
    free_port,
    get,
    post,
    start,
    until_waiting,
    up,
)
from tests.journeys.program import serving


def test_a_slow_start_is_waited_for(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"cmd": command(load=0.7)}), tmp_path) as (_, url):
        assert post(url, "a").json["model"] == "a"
        assert up(url) == {"a": "ready"}


def test_an_exit_at_start_is_told_with_status_and_last_words(
    configure: Configure, tmp_path: Path
) -> None:
    broken = {"cmd": command(exit=7, say="CUDA error: out of memory")}
    with serving(configure(a=broken, b={}), tmp_path) as (program, url):
        answer = post(url, "a")
        assert answer.status == 500
        assert answer.error.startswith("unspecific error: upstream command exited prematurely")
        assert "exit status 7" in answer.error
        assert "out of memory" in answer.error
        program.wait_for(r"\[WARN\] a: start failed: .*exit status 7")
        assert up(url) == {}
        assert post(url, "b").status == 200

        claude = post(url, "a", path="/v1/messages")
        assert claude.json["type"] == "error"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"cmd": "/no/such/program ${PORT}"}, "failed to start command '/no/such/program"),
        ({"cmd": "", "proxy": "http://127.0.0.1:9"}, "empty command"),
        ({"cmd": "x", "proxy": ""}, "upstream proxy missing"),
    ],
)
def test_what_cannot_be_started_is_said(
    configure: Configure, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    with serving(configure(a=settings), tmp_path) as (_, url):
        answer = post(url, "a")
        assert answer.status == 500
        assert told in answer.error


def test_a_port_that_another_program_has_is_named(configure: Configure, tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        serving(configure({"startPort": port}, a={}), tmp_path) as (_, url),
    ):
        answer = post(url, "a")
        assert answer.status == 500
        assert f"port {port} is taken" in answer.error
    with serving(configure({"startPort": port}, a={}), tmp_path) as (_, url):
        assert post(url, "a").status == 200


def test_a_model_that_is_never_ready_is_given_up(configure: Configure, tmp_path: Path) -> None:
    top = {"healthCheckTimeout": 15}  # the least that there is
    with serving(configure(top, a={"cmd": command(never=1)}), tmp_path) as (_, url):
        answer = post(url, "a")
        assert answer.status == 500
        assert "health check timed out after 15s" in answer.error
        assert up(url) in ({}, {"a": "stopping"})


@pytest.mark.parametrize("query", ["die=known", "events=9&die=unknown"])
def test_a_crash_in_the_middle_of_an_answer_is_visible(
    configure: Configure, tmp_path: Path, query: str
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        answer = post(url, "a", query)
        assert answer.status == 200
        assert not answer.whole
        program.wait_for(r"\[WARN\] a: upstream process exited unexpectedly: exit status 3")
        assert post(url, "a").status == 200


def test_a_crash_before_the_answer_is_a_bad_gateway(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path) as (_, url):
        pid = post(url, "a").json["pid"]
        waiting = start(url, "a", "pause=30")
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(waiting.getresponse)
            _kill_once_busy(url, pid)
            response = answer.result(30)
        assert response.status == 502
        assert b"model a" in response.read()
        waiting.close()


def _kill_once_busy(url: str, pid: int) -> None:
    # A second request that is answered shows that the first one has arrived before it.
    assert post(url, "a").status == 200
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("child", ["holds", "deaf", "quiet"])
def test_no_grandchild_survives_an_unload(configure: Configure, tmp_path: Path, child: str) -> None:
    with serving(configure(a={"cmd": command(child=child)}), tmp_path) as (program, url):
        post(url, "a")
        before = len(program.descendants())
        assert get(url, "/unload").status == 200
        assert up(url) == {}
        assert len(program.descendants()) == before - 2


def test_a_deaf_model_server_is_killed_after_its_grace(
    configure: Configure, tmp_path: Path
) -> None:
    deaf = {"cmd": command(deaf=1), "unloadTimeout": 1}
    with serving(configure(a=deaf, b={}), tmp_path) as (_, url):
        post(url, "a")
        assert post(url, "b").json["model"] == "b"
        assert up(url) == {"b": "ready"}


@pytest.mark.parametrize("stop", ["sleep 600", "false", "/no/such/program"])
def test_a_stop_command_that_does_not_stop_delays_nothing_beyond_the_grace(
    configure: Configure, tmp_path: Path, stop: str
) -> None:
    with serving(configure(a={"cmdStop": stop, "unloadTimeout": 1}), tmp_path) as (_, url):
        post(url, "a")
        assert get(url, "/unload").status == 200
        assert up(url) == {}


def test_a_client_that_leaves_while_it_waits_frees_its_place(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={"concurrencyLimit": 1}, b={}), tmp_path) as (program, url):
        post(url, "b")
        busy = start(url, "b", "events=400&every=0.02")
        assert busy.getresponse().status == 200
        waiting = start(url, "a")
        until_waiting(url, 1)
        assert post(url, "a").status == 429
        waiting.close()
        until_waiting(url, 0)
        busy.close()
        assert post(url, "a").status == 200
        assert program.output.count("a: starting") == 1


def test_a_client_that_leaves_a_stream_closes_it_upstream(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}, b={}), tmp_path) as (_, url):
        stream = start(url, "a", "events=100000&every=0.01")
        assert stream.getresponse().status == 200
        stream.close()
        # b can be served only once nothing of a is in flight any more.
        assert post(url, "b").json["model"] == "b"
