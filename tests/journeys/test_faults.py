"""Model servers that fail, each in its way: the client is told, and the next request is served."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from tests.journeys.conftest import (
    CHILDREN,
    Configure,
    Stream,
    answer_of,
    command,
    free_port,
    get,
    post,
    start,
    together,
    until,
    until_waiting,
    up,
)
from tests.journeys.program import Program, serving


def warden_only(program: Program) -> bool:
    """Tell whether nothing of any model server is alive."""
    return len(program.family()) == 1


def test_a_slow_start_is_waited_for(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"cmd": command(load=0.7)}), tmp_path) as (_, url):
        assert post(url, "a").json["model"] == "a"
        assert up(url) == {"a": "ready"}


def test_an_exit_at_start_is_told_with_status_cause_and_last_words(
    configure: Configure, tmp_path: Path
) -> None:
    broken = {"cmd": command(exit=7, say="CUDA error: out of memory", child="quiet")}
    with serving(configure(a=broken, b={}), tmp_path) as (program, url):
        answer = post(url, "a")
        assert answer.status == 500
        first, *rest = answer.error.splitlines()
        assert first == (
            "unspecific error: upstream command exited prematurely: "
            "exit status 7 (out of GPU memory); last output of a:"
        )
        assert rest == ["CUDA error: out of memory"]
        assert answer.json["error"]["type"] == "server_error"
        assert answer.json["error"]["code"] == "internal_error"
        program.wait_for(r"\[WARN\] a: start failed: .*exit status 7 \(out of GPU memory\)")

        claude = post(url, "a", path="/v1/messages")
        assert claude.status == 500
        assert claude.json["type"] == "error"
        assert claude.error == answer.error

        until(lambda: up(url) == {})
        assert warden_only(program)
        assert post(url, "b").json["model"] == "b"
        assert program.output.count("a: starting") == 2  # each request has tried, nobody else


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
    with serving(configure(a=settings, b={}), tmp_path) as (_, url):
        for path in ("/v1/chat/completions", "/v1/messages"):
            answer = post(url, "a", path=path)
            assert answer.status == 500
            assert answer.error.startswith("unspecific error: ")
            assert told in answer.error
        assert up(url) == {}
        assert post(url, "b").status == 200


def test_a_port_that_another_program_has_is_named(configure: Configure, tmp_path: Path) -> None:
    port = free_port()
    with serving(configure({"startPort": port}, a={}), tmp_path) as (_, url):
        with socket.create_server(("127.0.0.1", port)):
            answer = post(url, "a")
        assert answer.status == 500
        assert f"port {port} is taken by another program" in answer.error
        assert up(url) == {}
        assert post(url, "a").status == 200


def test_a_model_that_is_never_ready_is_given_up(configure: Configure, tmp_path: Path) -> None:
    top = {"healthCheckTimeout": 15}  # the least that there is
    with serving(configure(top, a={"cmd": command(never=1)}, b={}), tmp_path) as (_, url):
        answer = post(url, "a")
        assert answer.status == 500
        assert "health check timed out after 15s" in answer.error
        assert post(url, "b").status == 200
        assert up(url) == {"b": "ready"}


@pytest.mark.parametrize("query", ["die=known", "events=9&die=unknown"])
def test_a_crash_in_the_middle_of_an_answer_is_visible(
    configure: Configure, tmp_path: Path, query: str
) -> None:
    with serving(configure(a={"cmd": command(child="daemon")}), tmp_path) as (program, url):
        answer = post(url, "a", query)
        assert answer.status == 200
        assert not answer.whole
        program.wait_for(r"\[WARN\] a: upstream process exited unexpectedly: exit status 3")
        until(lambda: up(url) == {})
        assert warden_only(program)
        assert post(url, "a").status == 200


def test_a_crash_before_the_answer_is_hidden_from_the_client(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        waiting = start(url, "a", "pause=2")
        # A second request that is answered shows that the first one has arrived before it.
        assert post(url, "a").status == 200
        os.kill(pid, signal.SIGKILL)
        answer = answer_of(waiting)
        assert answer.status == 200
        assert answer.json["pid"] != pid
        assert answer.headers["X-Hotbay-Retry"] == "1"
        program.wait_for("a: serving a request again whose server died")


def test_a_second_crash_before_the_answer_is_a_bad_gateway(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        waiting = start(url, "a", "pause=30")
        assert post(url, "a").status == 200
        os.kill(pid, signal.SIGKILL)
        program.wait_for("a: serving a request again whose server died")
        os.kill(post(url, "a").json["pid"], signal.SIGKILL)
        answer = answer_of(waiting)
        assert answer.status == 502
        assert answer.error.startswith("model a: ")
        assert answer.json["error"]["code"] == "bad_gateway"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_model_server_that_listens_no_more_is_a_bad_gateway(
    configure: Configure, tmp_path: Path, path: str
) -> None:
    with serving(configure(a={}, b={}), tmp_path) as (_, url):
        assert post(url, "a", "shut=1").status == 200
        answer = post(url, "a", path=path)
        assert answer.status == 502
        assert answer.error.startswith("model a: ")
        assert "127.0.0.1" in answer.error
        assert (answer.json.get("type") == "error") == (path == "/v1/messages")
        assert up(url) == {"a": "ready"}  # it lives, and may listen again
        assert post(url, "b").status == 200


def test_no_grandchild_survives_an_unload(configure: Configure, tmp_path: Path) -> None:
    models = {child: {"cmd": command(child=child)} for child in CHILDREN}
    with serving(configure(together(*CHILDREN), **models), tmp_path) as (program, url):
        assert [post(url, child).status for child in CHILDREN] == [200] * 4
        assert len(program.family()) == 1 + 2 * 4
        assert get(url, "/unload").status == 200
        assert up(url) == {}
        assert warden_only(program)


def test_a_deaf_model_server_is_killed_after_its_grace(
    configure: Configure, tmp_path: Path
) -> None:
    deaf = {"cmd": command(deaf=1), "unloadTimeout": 1}
    with serving(configure(a=deaf, b={}), tmp_path) as (program, url):
        post(url, "a")
        began = time.monotonic()
        assert post(url, "b").json["model"] == "b"
        assert time.monotonic() - began >= 1.0
        assert up(url) == {"b": "ready"}
        assert len(program.family()) == 2


def test_a_stop_command_that_does_not_stop_delays_nothing_beyond_the_grace(
    configure: Configure, tmp_path: Path
) -> None:
    stops = {"hangs": "sleep 600", "fails": "false", "lacks": "/no/such/program"}
    models = {
        name: {
            "cmd": command(note=tmp_path / name),
            "cmdStop": stop,
            "unloadTimeout": 1 if name == "hangs" else 30,
        }
        for name, stop in stops.items()
    }
    with serving(configure(together(*stops), **models), tmp_path) as (program, url):
        pids = {name: post(url, name).json["pid"] for name in stops}
        assert get(url, "/unload").status == 200
        assert up(url) == {}
        assert warden_only(program)  # nor is the stop command there any more
        notes = {name: (tmp_path / name).read_text().splitlines() for name in stops}
        assert notes["hangs"] == [f"start {pids['hangs']}"]
        for name in ("fails", "lacks"):  # it was told by SIGTERM instead
            assert notes[name] == [f"start {pids[name]}", f"stop {pids[name]}"]
        warning = r"\[WARN\] (\w+): cmdStop .* failed .*, sending SIGTERM"
        assert {program.wait_for(warning)[1] for _ in range(2)} == {"fails", "lacks"}


def test_a_client_that_leaves_the_queue_frees_its_place(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={"concurrencyLimit": 1}, b={}), tmp_path) as (program, url):
        busy = Stream(url, "b")
        waiting = start(url, "a")
        until_waiting(url, 1)
        assert post(url, "a").status == 429
        waiting.close()
        until_waiting(url, 0)
        busy.close()
        assert post(url, "a").status == 200
        assert program.output.count("a: starting") == 1


def test_nothing_is_loaded_for_a_client_that_has_left(configure: Configure, tmp_path: Path) -> None:
    deaf = {"cmd": command(deaf=1), "unloadTimeout": 1}
    with serving(configure(a=deaf, b={"concurrencyLimit": 1}), tmp_path) as (program, url):
        post(url, "a")
        waiting = start(url, "b")
        program.wait_for("b: stops a")
        waiting.close()
        until(lambda: up(url) == {})
        assert post(url, "b").status == 200
        program.wait_for("b: ready")
        assert program.output.count("b: starting") == 1


def test_a_load_goes_on_when_its_client_leaves(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"cmd": command(load=0.5)}), tmp_path) as (program, url):
        waiting = start(url, "a")
        program.wait_for("a: starting")
        waiting.close()
        program.wait_for("a: ready")
        assert post(url, "a").status == 200
        assert program.output.count("a: starting") == 1


@pytest.mark.parametrize("query", ["events=100000", "pause=600"])
def test_a_client_that_leaves_closes_the_connection_upstream_at_once(
    configure: Configure, tmp_path: Path, query: str
) -> None:
    limits = {"concurrencyLimit": 1}
    with serving(configure({"logToStdout": "both"}, a=limits, b={}), tmp_path) as (program, url):
        waiting = start(url, "a", query)
        program.wait_for("a: ready")
        if "events" in query:
            assert waiting.getresponse().status == 200
        until(lambda: post(url, "a").status == 429)
        waiting.close()
        program.wait_for("client left /v1/chat/completions", limit=10)
        assert post(url, "a").status == 200
        # b can be served only once nothing of a is in flight any more.
        assert post(url, "b").json["model"] == "b"
