"""However hotbay ends, no model server outlives it (guarantee 8)."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from tests.journeys.conftest import CHILDREN, Configure, Stream, command, post, start, together
from tests.journeys.program import Program, serving
from tests.runtime.kit import outlast

pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="a parent's death is noticed through Linux's prctl"
)

SOON = 12.0
"""Seconds: the grace of two that these model servers have, one more, and a busy machine."""


def killed(program: Program) -> None:
    """Kill hotbay, and see that nothing of it is left soon."""
    family = program.family()
    assert len(family) >= 2  # the warden, and a model server
    assert program.end(signal.SIGKILL) == -signal.SIGKILL
    assert not outlast(family, SOON)
    assert not program.family()


def warden_of(program: Program) -> psutil.Process:
    (warden,) = psutil.Process(program.process.pid).children()
    return warden


def test_killed_while_idle_with_grandchildren(configure: Configure, tmp_path: Path) -> None:
    models = {child: {"cmd": command(child=child)} for child in CHILDREN}
    with serving(configure(together(*CHILDREN), **models), tmp_path) as (program, url):
        for child in CHILDREN:
            post(url, child)
        assert len(program.family()) == 1 + 2 * len(CHILDREN)
        killed(program)


def test_killed_while_loading(configure: Configure, tmp_path: Path) -> None:
    models = {"a": {"cmd": command(load=600)}}
    with serving(configure({"logLevel": "debug"}, **models), tmp_path) as (program, url):
        waiting = start(url, "a")
        program.wait_for("a: started as process")
        killed(program)
        waiting.close()


def test_killed_while_streaming_from_a_deaf_one(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"cmd": command(deaf=1)}), tmp_path) as (program, url):
        stream = Stream(url, "a")
        killed(program)
        stream.close()


def test_killed_while_one_stops_for_another(configure: Configure, tmp_path: Path) -> None:
    with serving(configure(a={"cmd": command(deaf=1)}, b={}), tmp_path) as (program, url):
        post(url, "a")
        waiting = start(url, "b")
        program.wait_for("b: stops a")
        killed(program)
        waiting.close()


def test_a_stop_command_is_run_for_a_killed_hotbay(configure: Configure, tmp_path: Path) -> None:
    note = tmp_path / "note"
    stop = f"{sys.executable} -S -c \"open('{note}', 'w').write('${{PID}}')\""
    with serving(configure(a={"cmdStop": stop}), tmp_path) as (program, url):
        pid = post(url, "a").json["pid"]
        killed(program)
    assert note.read_text() == str(pid)


def test_a_killed_warden_takes_its_models_along_and_is_replaced(
    configure: Configure, tmp_path: Path
) -> None:
    models = {child: {"cmd": command(child=child)} for child in CHILDREN}
    with serving(configure(together(*CHILDREN), **models), tmp_path) as (program, url):
        pids = {child: post(url, child).json["pid"] for child in CHILDREN}
        family = program.family()
        os.kill(warden_of(program).pid, signal.SIGKILL)
        assert not outlast(family, SOON)
        for child in CHILDREN:
            assert post(url, child).json["pid"] != pids[child]
        assert len(program.family()) == len(family)


def test_what_two_simultaneous_deaths_leave_ends_at_the_next_start(
    configure: Configure, tmp_path: Path
) -> None:
    configuration = configure(a={"cmd": command(child="daemon")})
    with serving(configuration, tmp_path) as (program, url):
        leader = post(url, "a").json["pid"]
        both = (program.process.pid, warden_of(program).pid)
        for pid in both:
            os.kill(pid, signal.SIGSTOP)  # so that neither can notice the other's death first
        for pid in both:
            os.kill(pid, signal.SIGKILL)
        assert not outlast({*both, leader}, SOON)
        assert len(program.family()) == 1  # the grandchild
        with serving(configuration, tmp_path) as (_, another):
            assert post(another, "a").status == 200
            assert not program.family()  # before anything new is started


def test_a_second_interrupt_kills_everything(configure: Configure, tmp_path: Path) -> None:
    deaf = {"cmd": command(deaf=1, child="daemon"), "unloadTimeout": 60}
    with serving(configure(a=deaf), tmp_path) as (program, url):
        stream = Stream(url, "a")
        program.process.send_signal(signal.SIGINT)
        program.wait_for("received signal SIGINT, shutting down")
        assert program.end(signal.SIGINT) == 0
        assert not program.family()
        assert "received signal SIGINT again, killing everything" in program.output
        stream.close()
