"""Nothing outlives hotbay, whoever dies first (design, guarantee 8)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from tests.runtime.kit import PATIENCE, Recorder, argv_of, marked, nothing_left, outlast, spec

from hotbay.runtime.leftovers import Run, find_leftovers
from hotbay.runtime.processes import Wardens

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux to hold")

HOST = Path(__file__).with_name("host.py")
SLACK = 2.5
"""Guarantee 8 allows a second beyond the grace, on a machine that is not busy with other tests."""


class Host:
    """A stand-in for hotbay in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.pid = process.pid
        self.warden = 0

    async def news(self, *wanted: object) -> object:
        """Wait until it says something that begins like this; return what follows."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self.process.stdout.readline():
                said = json.loads(line)
                if said[: len(wanted)] == list(wanted):
                    return said[-1]
        raise AssertionError("the host has ended")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


@pytest.fixture
def model() -> Iterator[str]:
    name = f"model-{uuid.uuid4()}"
    with nothing_left(name):
        yield name


@pytest.fixture
async def hosts(model: str) -> AsyncIterator[list[Host]]:
    started: list[Host] = []
    yield started
    for host in started:
        host.kill()
        await host.process.communicate()
        assert outlast([host.warden], PATIENCE) == set()
        with contextlib.suppress(ChildProcessError):  # ours only if this process adopts
            os.waitpid(host.warden, os.WNOHANG)  # noqa: ASYNC222  # does not block


async def start_host(
    hosts: list[Host], model: str, *words: str, stop: tuple[str, ...] = (), grace: float = 0.3
) -> Host:
    """Start a host with one program, which has to say that it is ready."""
    specs = json.dumps([[model, argv_of(*words), stop, grace]])
    host = Host(
        await asyncio.create_subprocess_exec(
            sys.executable, str(HOST), specs, stdout=asyncio.subprocess.PIPE
        )
    )
    hosts.append(host)
    warden = await host.news("warden")
    assert isinstance(warden, int)
    host.warden = warden
    await host.news("output", model, "ready\n")
    return host


# -- hotbay dies ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("ready", "stay"),
        ("deaf", "ready", "stay"),
        ("fork:deaf+stay", "ready", "stay"),
        ("daemon:deaf+quiet+stay", "deaf", "ready", "stay"),
        ("fork:daemon:stay+stay", "ready", "stay"),
        ("daemon:session+bare:deaf+stay", "ready", "stay"),
    ],
)
async def test_when_hotbay_is_killed_nothing_survives_the_grace(
    words: tuple[str, ...], hosts: list[Host], model: str
) -> None:
    host = await start_host(hosts, model, *words, grace=0.3)
    alive = set(psutil.Process(host.warden).children(recursive=True)) | {
        psutil.Process(host.warden)
    }
    host.kill()

    assert outlast([process.pid for process in alive], 0.3 + SLACK) == set()
    assert marked(model) == set()


async def test_when_hotbay_is_killed_a_model_server_still_has_its_grace(
    hosts: list[Host], model: str
) -> None:
    host = await start_host(hosts, model, "slow:0.4", "ready", "stay", grace=10.0)
    (leader,) = marked(model)
    began = time.monotonic()
    host.kill()

    assert outlast([leader], PATIENCE) == set()
    assert 0.4 <= time.monotonic() - began < 5.0


async def test_when_hotbay_is_killed_cmd_stop_is_run_and_strays_are_spared(
    hosts: list[Host], model: str
) -> None:
    words = ("daemon:stay", "daemon:bare:stay", "fork:deaf+quiet+stay", "polite", "ready", "stay")
    host = await start_host(hosts, model, *words, stop=argv_of("kill:${PID}"), grace=10.0)
    family = {process.pid for process in psutil.Process(host.warden).children(recursive=True)}
    host.kill()
    assert outlast([host.warden], PATIENCE) == set()

    spared = {pid for pid in family if psutil.pid_exists(pid)}
    for pid in spared:
        os.kill(pid, signal.SIGKILL)
    assert len(spared) == 3
    assert outlast(spared, PATIENCE) == set()


async def test_a_stopped_warden_wakes_when_hotbay_dies(hosts: list[Host], model: str) -> None:
    host = await start_host(hosts, model, "deaf", "ready", "stay", grace=0.2)
    os.kill(host.warden, signal.SIGSTOP)
    host.kill()

    assert outlast(marked(model) | {host.warden}, 0.2 + SLACK) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_warden_ignores_the_signals_that_ask_hotbay_to_end(
    number: signal.Signals, hosts: list[Host], model: str
) -> None:
    host = await start_host(hosts, model, "polite", "ready", "stay")
    os.kill(host.warden, number)
    (leader,) = marked(model)
    os.kill(leader, signal.SIGTERM)

    assert await host.news("exited", model) == "exit status 0"
    assert psutil.Process(host.warden).status() != psutil.STATUS_ZOMBIE


async def test_a_warden_with_unsent_news_still_ends_everything(
    hosts: list[Host], model: str
) -> None:
    host = await start_host(hosts, model, "ready", "stay")
    (leader,) = marked(model)
    os.kill(host.pid, signal.SIGSTOP)
    os.kill(leader, signal.SIGKILL)
    assert outlast([leader], PATIENCE) == set()
    host.kill()

    assert outlast([host.warden], SLACK) == set()


# -- the warden dies ------------------------------------------------------------------------


async def test_when_the_warden_is_killed_its_models_end_and_a_new_one_takes_over(
    model: str,
) -> None:
    recorder, warnings = Recorder(), list[str]()
    wardens = Wardens(recorder, warnings.append)
    await wardens.start()
    key = (model, 1)
    wardens.spawn(key, spec("daemon:deaf+quiet+stay", "fork:deaf+stay", "deaf", "ready", "stay"))
    await recorder.written(key, b"ready\n")
    family = marked(f":{model}")
    assert len(family) == 3
    assert wardens._warden is not None
    os.kill(wardens._warden.process.pid, signal.SIGKILL)

    assert await recorder.event("exited", key) == "ended with its warden"
    await recorder.event("gone", key)
    assert marked(model) == set()
    assert recorder.kinds(key) == ["spawned", "exited", "gone"]
    assert sum("warden" in text and "SIGKILL" in text for text in warnings) == 1

    again = (model, 2)
    wardens.spawn(again, spec("ready", "stay"))
    await recorder.written(again, b"ready\n")
    wardens.stop(again, 5.0)
    await recorder.event("gone", again)
    await wardens.close()
    # The dead have been reaped, not only killed.
    assert not any(map(psutil.pid_exists, family))


async def test_a_spawn_that_its_warden_does_not_survive_fails(model: str) -> None:
    recorder = Recorder()
    wardens = Wardens(recorder, lambda _: None)
    await wardens.start()
    assert wardens._warden is not None
    assert wardens._recovery is not None
    await wardens._recovery
    os.kill(wardens._warden.process.pid, signal.SIGSTOP)
    wardens.spawn((model, 1), spec("stay"))
    os.kill(wardens._warden.process.pid, signal.SIGKILL)

    with pytest.raises(AssertionError, match="its warden has ended"):
        await recorder.event("spawned", (model, 1))
    await wardens.close()


async def test_when_the_warden_of_a_cmd_stop_model_is_killed_strays_are_spared(model: str) -> None:
    recorder = Recorder()
    wardens = Wardens(recorder, lambda _: None)
    await wardens.start()
    key = (model, 1)
    wardens.spawn(key, spec("daemon:quiet+stay", "ready", "stay", stop=("true",)))
    await recorder.written(key, b"ready\n")
    assert wardens._warden is not None
    os.kill(wardens._warden.process.pid, signal.SIGKILL)
    await recorder.event("gone", key)

    (daemon,) = marked(model)
    os.kill(daemon, signal.SIGKILL)
    assert outlast([daemon], PATIENCE) == set()
    await wardens.close()


# -- both die ----------------------------------------------------------------------------------


async def test_what_is_left_when_both_die_is_ended_at_the_next_start(
    hosts: list[Host], model: str
) -> None:
    host = await start_host(
        hosts, model, "fork:quiet+stay", "daemon:deaf+quiet+stay", "deaf", "ready", "stay"
    )
    family = marked(model)
    assert len(family) == 3
    os.kill(host.warden, signal.SIGSTOP)
    host.kill()
    os.kill(host.warden, signal.SIGKILL)

    after = await start_host(hosts, f"{model}-next", "ready", "stay")
    assert marked(f":{model}") & family == set()
    after.kill()


async def test_a_start_waits_until_the_warden_of_a_dead_hotbay_has_finished(
    hosts: list[Host], model: str
) -> None:
    first = await start_host(hosts, model, "slow:0.7", "ready", "stay", grace=10.0)
    (leader,) = marked(model)
    first.kill()
    # Its program is ready only when the left-overs are gone.
    await start_host(hosts, f"{model}-next", "ready", "stay")

    assert outlast([leader, first.warden], 0.0) == set()


async def test_a_start_leaves_living_runs_and_spared_strays_alone(
    hosts: list[Host], model: str
) -> None:
    living = await start_host(hosts, model, "daemon:quiet+stay", "ready", "stay")
    dead = await start_host(
        hosts, f"{model}-dead", "daemon:quiet+stay", "ready", "stay", stop=("true",)
    )
    dead.kill()
    assert outlast([dead.warden], PATIENCE) == set()
    await start_host(hosts, f"{model}-next", "ready", "stay")

    assert len(marked(f":{model}") - marked(f":{model}-")) == 2
    (spared,) = marked(f":{model}-dead")
    os.kill(spared, signal.SIGKILL)
    assert outlast([spared], PATIENCE) == set()
    assert living.process.returncode is None


# -- hotbay closes ---------------------------------------------------------------------------------


async def test_close_kills_everything_and_ends_the_warden(model: str) -> None:
    recorder = Recorder()
    wardens = Wardens(recorder)
    await wardens.start()
    keys = [(f"{model}-{number}", 1) for number in range(3)]
    for key in keys:
        wardens.spawn(key, spec("daemon:deaf+quiet+stay", "deaf", "ready", "stay", grace=60.0))
        await recorder.written(key, b"ready\n")
    assert wardens._warden is not None
    warden = wardens._warden.process
    await wardens.close()

    assert marked(model) == set()
    assert warden.returncode == 0
    assert [recorder.kinds(key)[-2:] for key in keys] == [["exited", "gone"]] * 3


async def test_close_before_the_left_overs_are_gone_reports_every_spawn(model: str) -> None:
    recorder = Recorder()
    wardens = Wardens(recorder)
    await wardens.start()
    wardens.spawn((model, 1), spec("stay"))
    await wardens.close()

    assert recorder.kinds((model, 1)) == ["spawned", "exited", "gone"]
    assert marked(model) == set()


@pytest.mark.parametrize(
    "marker",
    [
        "{namespace}.{pid}.{start}:model",
        "{namespace}.{pid}.{start}:",
        "{elsewhere}.{pid}.{past}:model",
        "{namespace}.{pid}.{past}.keep:model",
        "somebody else's",
        "",
    ],
    ids=["living run", "its warden", "other namespace", "spared", "foreign", "empty"],
)
async def test_what_is_no_left_over_is_not_taken_for_one(marker: str) -> None:
    run = Run.current()
    facts = {"elsewhere": run.namespace + 1, "past": run.start - 1, **run._asdict()}
    environment = {**os.environ, "HOTBAY_RUN": marker.format(**facts)}
    process = await asyncio.create_subprocess_exec("sleep", "60", env=environment)
    found = find_leftovers()
    process.kill()
    await process.wait()

    assert process.pid not in found.wardens | found.others


async def test_relatives_of_this_process_are_no_left_overs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run.current()
    marker = run._replace(start=run.start - 1).marker("shell")
    process = await asyncio.create_subprocess_exec(
        "sleep", "60", env={**os.environ, "HOTBAY_RUN": marker}
    )
    monkeypatch.setenv("HOTBAY_RUN", marker)
    found = find_leftovers()
    process.kill()
    await process.wait()

    assert process.pid not in found.others
