"""How long a client is ready to wait, and when it is told to come back (design 6 and 7.2)."""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import socket
import time
from pathlib import Path

from tests.journeys.conftest import (
    Answer,
    Configure,
    Stream,
    answer_of,
    command,
    connect,
    get,
    post,
    start,
    until,
    until_waiting,
    up,
)
from tests.journeys.program import serving

BUSY = 3.0
"""Seconds that a busy machine may need for what takes no time."""


def send(url: str, model: str, query: str = "", **headers: str) -> http.client.HTTPConnection:
    """Send a request with these headers, their words joined by `_`."""
    connection = connect(url)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    fields["Content-Type"] = "application/json"
    body = json.dumps({"model": model})
    connection.request("POST", f"/v1/chat/completions?{query}", body, fields)
    return connection


def within(url: str, model: str, seconds: float, query: str = "") -> tuple[Answer, float]:
    """Ask with a time limit; return the answer, and how long it took."""
    began = time.monotonic()
    answer = answer_of(send(url, model, query, X_Request_Timeout=str(seconds)))
    return answer, time.monotonic() - began


def load_time(url: str, model: str) -> float:
    servers = get(url, "/api/x/servers").json["servers"]
    return float(next(server["load_time"] for server in servers if server["model"] == model))


def test_a_load_that_takes_too_long_is_told_in_time_and_goes_on(
    configure: Configure, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with serving(configure(a={"cmd": command(gate=gate)}), tmp_path) as (program, url):
        answer, seconds = within(url, "a", 0.5)
        assert answer.status == 504
        assert answer.error == "no answer began within the 0.5 s that the request allows"
        assert 0.5 <= seconds < 0.5 + BUSY
        assert get(url, "/api/x/queue").json["waiting"] == []
        assert up(url) == {"a": "starting"}
        preferring = answer_of(send(url, "a", Prefer="respond-async, wait=1"))
        assert preferring.status == 504
        gate.open("w").close()
        assert within(url, "a", 30)[0].status == 200
        assert program.output.count("a: starting") == 1


def test_a_client_that_goes_on_waiting_does_not_lose_by_one_that_gave_up(
    configure: Configure, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with serving(configure(a={"cmd": command(gate=gate)}), tmp_path) as (_, url):
        patient = start(url, "a")
        until_waiting(url, 1)
        assert within(url, "a", 0.2)[0].status == 504
        gate.open("w").close()
        assert answer_of(patient).status == 200


def test_what_is_known_to_take_too_long_is_refused_at_once_and_not_begun(
    configure: Configure, tmp_path: Path
) -> None:
    slow = {"cmd": command(load=1.2)}
    with serving(configure(a=slow, b={}), tmp_path) as (program, url):
        assert within(url, "a", 30)[0].status == 200  # the first load is not known yet
        load = load_time(url, "a")
        assert load >= 1.2
        assert post(url, "b").status == 200
        answer, seconds = within(url, "a", 1.1)
        assert answer.status == 503
        assert answer.json["error"]["code"] == "deadline_unreachable"
        told = re.search(r"a would need about ([\d.]+) s", answer.error)
        assert told is not None
        assert load - 0.1 <= float(told[1]) < load + BUSY  # and what it takes b to stop
        assert int(answer.headers["Retry-After"]) == math.ceil(float(told[1]))
        assert seconds < 1.1
        assert up(url) == {"b": "ready"}  # nobody was stopped for it
        assert program.output.count("a: starting") == 1
        assert within(url, "a", load + 30)[0].status == 200


def test_a_deadline_ends_the_wait_for_a_rival_and_frees_the_place(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}, b={"concurrencyLimit": 1}), tmp_path) as (program, url):
        busy = Stream(url, "a", "events=3&hold=1")
        assert within(url, "b", 0.3)[0].status == 504
        again = start(url, "b")  # has the place
        until_waiting(url, 1)
        assert post(url, "a", "release=1").status == 200
        assert busy.rest().body.count(b"data: ") == 3
        assert answer_of(again).status == 200
        assert program.output.count("b: starting") == 1


def test_an_answer_that_has_begun_is_not_cut(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path) as (_, url):
        post(url, "a")
        answer, seconds = within(url, "a", 1, "events=60")
        assert seconds > 1
        assert answer.whole
        assert answer.body.count(b"data: ") == 60


def test_a_model_server_that_does_not_begin_to_answer_is_given_up_in_time(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure({"logToStdout": "both"}, a={}), tmp_path) as (program, url):
        post(url, "a")
        assert within(url, "a", 0.4, "pause=600")[0].status == 504
        program.wait_for("client left /v1/chat/completions", limit=10)


def test_a_peer_that_does_not_answer_is_given_up_in_time(
    configure: Configure, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        peers = {"far": {"proxy": proxy, "models": ["m"]}}
        with serving(configure({"peers": peers}, a={}), tmp_path) as (_, url):
            answer, seconds = within(url, "m", 0.3)
            assert answer.status == 504
            assert 0.3 <= seconds < 0.3 + BUSY


def test_a_limit_that_is_no_time_is_refused(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        for limit in ("0", "-1", "soon", "inf", "nan", ""):
            answer = answer_of(send(url, "a", X_Request_Timeout=limit))
            assert answer.status == 400
            assert "X-Request-Timeout must be a positive number of seconds" in answer.error
        assert "a: starting" not in program.output


def test_a_place_is_said_to_be_free_when_one_usually_is(
    configure: Configure, tmp_path: Path
) -> None:
    limits = {"concurrencyLimit": 1, "cmd": command(load=1.1)}
    with serving(configure(a=limits), tmp_path) as (_, url):
        began = time.monotonic()
        first = start(url, "a", "pause=1.1")
        until_waiting(url, 1)
        assert retry_after(url) == 1  # nothing is known yet
        assert answer_of(first).status == 200
        usually = time.monotonic() - began
        held = Stream(url, "a", "events=3&hold=1")
        assert 2 <= retry_after(url) <= math.ceil(usually)
        held.close()
        until(lambda: post(url, "a").status == 200)
        assert get(url, "/unload").status == 200
        loading = start(url, "a")
        until_waiting(url, 1)
        assert 2 <= retry_after(url) <= math.ceil(usually)  # the load, and the request behind it
        assert answer_of(loading).status == 200


def retry_after(url: str) -> int:
    """Return what a request is told that is one too many."""
    answer = post(url, "a")
    assert answer.status == 429, answer.body
    return int(answer.headers["Retry-After"])
