"""An orderly end: what is in progress is finished, and nothing is left (spec/cli.md 5)."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.journeys.conftest import (
    Configure,
    Stream,
    answer_of,
    command,
    connect,
    post,
    start,
    together,
    until_waiting,
)
from tests.journeys.program import Program, serving

AT_ONCE = 10.0
"""Seconds: far less than the 30 that a shutdown may take, and enough for a busy machine."""


def ended_at_once(program: Program, number: signal.Signals = signal.SIGTERM) -> bool:
    """End the program, whose exit code is 0, and tell whether that was quick."""
    began = time.monotonic()
    assert program.end(number) == 0
    assert program.lines[-1].endswith("shutdown complete")
    assert not program.family()
    return time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_program_ends_at_once_with_zero(
    configure: Configure, tmp_path: Path, number: signal.Signals
) -> None:
    note = tmp_path / "note"
    with serving(configure(a={"cmd": command(note=note)}), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        idle = connect(url)
        idle.request("GET", "/health")
        assert idle.getresponse().read() == b"OK"
        assert ended_at_once(program, number)
        assert f"received signal {number.name}, shutting down" in program.output
    assert note.read_text().splitlines() == [f"start {pid}", f"stop {pid}"]


def test_deaf_model_servers_have_their_grace_and_no_more(
    configure: Configure, tmp_path: Path
) -> None:
    deaf = {"cmd": command(deaf=1, child="daemon"), "unloadTimeout": 1}
    with serving(configure(together("a", "b"), a=deaf, b=deaf), tmp_path) as (program, url):
        post(url, "a")
        post(url, "b")
        assert ended_at_once(program)


def test_a_stream_in_flight_is_finished_first(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        stream = Stream(url, "a", "events=60")
        with ThreadPoolExecutor() as pool:
            rest = pool.submit(stream.rest)
            assert ended_at_once(program)
            assert rest.result().whole
            assert rest.result().body.count(b"data: ") == 60


def test_requests_that_wait_are_still_served_and_swapped_for(
    configure: Configure, tmp_path: Path
) -> None:
    loading = {name: {"cmd": command(load=0.5)} for name in "ab"}
    with serving(configure(**loading), tmp_path) as (program, url):
        waiting = [start(url, "a"), start(url, "b")]
        until_waiting(url, 2)
        with ThreadPoolExecutor() as pool:
            answers = pool.map(answer_of, waiting)
            assert ended_at_once(program)
            assert [answer.json["model"] for answer in answers] == ["a", "b"]


def test_log_streams_end_whole_and_new_connections_are_refused(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        logs = connect(url)
        logs.request("GET", "/logs/stream")
        response = logs.getresponse()
        assert response.status == 200
        with ThreadPoolExecutor() as pool:
            rest = pool.submit(response.read)
            assert ended_at_once(program)
            assert b"shutting down" in rest.result(30)
        with pytest.raises(ConnectionRefusedError):
            post(url, "a")


def test_a_preload_is_given_up(configure: Configure, tmp_path: Path) -> None:
    top = {"hooks": {"on_startup": {"preload": ["a", "b"]}}}
    with serving(configure(top, a={"cmd": command(load=600)}, b={}), tmp_path) as (program, _):
        program.wait_for("a: starting")
        assert ended_at_once(program)
        assert "preloading model: b" not in program.output


def test_a_reload_under_way_starts_nothing_more(configure: Configure, tmp_path: Path) -> None:
    top = {"hooks": {"on_startup": {"preload": ["a"]}}}
    with serving(configure(top, a={}), tmp_path) as (program, _):
        program.wait_for("a: ready")
        file = tmp_path / "config.yaml"
        file.write_text(file.read_text().replace('"a": {', '"a": {"ttl": 60, '))
        program.process.send_signal(signal.SIGHUP)
        assert ended_at_once(program)


@pytest.mark.soak
def test_an_endless_stream_is_cut_after_thirty_seconds(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        stream = Stream(url, "a")
        with ThreadPoolExecutor() as pool:
            rest = pool.submit(stream.rest)
            began = time.monotonic()
            assert program.end(signal.SIGTERM) == 0
            assert 29 <= time.monotonic() - began <= 35
            assert not rest.result().whole
