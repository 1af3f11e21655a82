"""However hotbay ends, no model server outlives it (guarantee 8)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from tests.journeys.conftest import Configure, command, post, start
from tests.journeys.program import LISTENING, Program, serving

pytestmark = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="a parent's death is noticed through Linux's prctl"
)


def killed(program: Program) -> None:
    """Kill hotbay, and see that nothing of it is left soon."""
    family = program.descendants()
    assert len(family) >= 2  # the warden, and a model server
    program.end(signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def begin(configuration: str, folder: Path) -> tuple[Program, str]:
    file = folder / "config.yaml"
    file.write_text(configuration)
    program = Program(["--config", str(file), "--listen", "127.0.0.1:0"])
    return program, program.wait_for(LISTENING).group(1)


@pytest.mark.parametrize("child", ["holds", "deaf", "quiet"])
def test_killed_while_idle_with_grandchildren(
    configure: Configure, tmp_path: Path, child: str
) -> None:
    program, url = begin(configure(a={"cmd": command(child=child)}), tmp_path)
    post(url, "a")
    killed(program)


def test_killed_while_loading(configure: Configure, tmp_path: Path) -> None:
    program, url = begin(configure(a={"cmd": command(load=600)}), tmp_path)
    waiting = start(url, "a")
    program.wait_for("a: starting")
    while len(program.descendants()) < 2:  # the warden, and soon the model server
        pass
    killed(program)
    waiting.close()


def test_killed_while_streaming_from_a_deaf_one(configure: Configure, tmp_path: Path) -> None:
    program, url = begin(configure(a={"cmd": command(deaf=1)}), tmp_path)
    stream = start(url, "a", "events=100000")
    assert stream.getresponse().status == 200
    killed(program)
    stream.close()


def test_a_killed_warden_takes_its_models_along_and_is_replaced(
    configure: Configure, tmp_path: Path
) -> None:
    with serving(configure(a={"cmd": command(child="quiet")}), tmp_path) as (program, url):
        first = post(url, "a").json["pid"]
        (warden,) = psutil.Process(program.process.pid).children()
        family = warden.children(recursive=True)
        os.kill(warden.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
        assert post(url, "a").json["pid"] != first


def test_what_two_simultaneous_deaths_leave_ends_at_the_next_start(
    configure: Configure, tmp_path: Path
) -> None:
    configuration = configure(a={"cmd": command(child="quiet")})
    program, url = begin(configuration, tmp_path)
    post(url, "a")
    (warden,) = psutil.Process(program.process.pid).children()
    family = warden.children(recursive=True)
    for pid in (program.process.pid, warden.pid):
        os.kill(pid, signal.SIGSTOP)  # so that neither can notice the other's death first
    for pid in (program.process.pid, warden.pid):
        os.kill(pid, signal.SIGKILL)
    program.process.wait(10)
    with serving(configuration, tmp_path) as (_, url):
        assert post(url, "a").status == 200
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive


def test_a_second_interrupt_kills_everything(configure: Configure, tmp_path: Path) -> None:
    deaf = {"cmd": command(deaf=1), "unloadTimeout": 60}
    program, url = begin(configure(a=deaf), tmp_path)
    post(url, "a")
    family = program.descendants()
    program.process.send_signal(signal.SIGINT)
    program.wait_for("received signal SIGINT, shutting down")
    program.process.send_signal(signal.SIGINT)
    assert program.wait() == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
