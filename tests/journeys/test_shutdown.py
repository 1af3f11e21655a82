"""An orderly end: what is in progress is finished, and nothing is left (spec/cli.md 5)."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.journeys.conftest import Configure, answer_of, command, connect, post, start
from tests.journeys.program import serving


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_program_ends_at_once_with_zero(
    configure: Configure, tmp_path: Path, number: signal.Signals
) -> None:
    note = tmp_path / "note"
    with serving(configure(a={"cmd": command(note=note)}), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        assert program.end(number) == 0
        assert f"received signal {number.name}, shutting down" in program.output
        assert program.lines[-1].endswith("shutdown complete")
    assert note.read_text().splitlines() == [f"start {pid}", f"stop {pid}"]


def test_a_stream_in_flight_is_finished_first(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        stream = start(url, "a", "events=60")
        program.wait_for("a: ready")
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(answer_of, stream)
            assert program.end(signal.SIGTERM) == 0
            assert answer.result(30).whole
            assert answer.result().body.count(b"data: ") == 60


def test_requests_that_wait_are_still_served(configure: Configure, tmp_path: Path) -> None:
    loading = {name: {"cmd": command(load=0.5)} for name in "ab"}
    with serving(configure(**loading), tmp_path) as (program, url):
        first, second = start(url, "a"), start(url, "b")
        program.wait_for("(a|b): starting")
        with ThreadPoolExecutor() as pool:
            answers = [pool.submit(answer_of, waiting) for waiting in (first, second)]
            assert program.end(signal.SIGTERM) == 0
            assert [answer.result(30).status for answer in answers] == [200, 200]


def test_log_streams_end_and_new_connections_are_refused(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={}), tmp_path) as (program, url):
        logs = connect(url)
        logs.request("GET", "/logs/stream")
        response = logs.getresponse()
        assert response.status == 200
        with ThreadPoolExecutor() as pool:
            rest = pool.submit(response.read)
            assert program.end(signal.SIGTERM) == 0
            assert b"shutting down" in rest.result(30)
        logs.close()
        with pytest.raises(ConnectionRefusedError):
            post(url, "a")
