"""Model servers on Windows, with stand-ins for its two own system calls."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import uuid
from collections.abc import AsyncIterator

import pytest
from tests.runtime.kit import PATIENCE, Recorder, argv_of, marked, nothing_left, outlast, spec

from hotbay.runtime import windows
from hotbay.runtime.processes import ProcessKey, ProcessSpec
from hotbay.runtime.windows import Jobs, confine_to_job

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are POSIX signals")


class System:
    """The stand-ins."""

    def __init__(self) -> None:
        self.confined = 0
        self.kills: list[tuple[int, bool]] = []
        self.refuses = False
        self.refused = asyncio.Event()

    def confine(self) -> None:
        self.confined += 1
        if self.refuses:
            raise OSError("access is denied")

    async def kill(self, pid: int, force: bool) -> None:
        self.kills.append((pid, force))
        if self.refuses:
            self.refused.set()
            raise OSError("access is denied")
        os.kill(pid, signal.SIGKILL if force else signal.SIGTERM)


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def key() -> ProcessKey:
    return (f"model-{uuid.uuid4()}", 1)


@pytest.fixture
async def jobs(
    system: System, recorder: Recorder, warnings: list[str], key: ProcessKey
) -> AsyncIterator[Jobs]:
    with nothing_left(key[0]):
        jobs = Jobs(recorder, warnings.append, confine=system.confine, kill=system.kill)
        await jobs.start()
        yield jobs
        system.refuses = False
        await jobs.close()


def named(key: ProcessKey, *words: str, stop: tuple[str, ...] = ()) -> ProcessSpec:
    return spec(*words, stop=stop, env={**os.environ, "HOTBAY_RUN": key[0]})


async def test_a_program_lives_and_ends(jobs: Jobs, recorder: Recorder, key: ProcessKey) -> None:
    jobs.spawn(key, named(key, "say:hello ", "complain:world", "leave:3"))
    status = await recorder.event("exited", key)
    await recorder.event("gone", key)

    assert (status, recorder.text_at_exit[key]) == ("exit status 3", b"hello world")
    assert recorder.kinds(key) == ["spawned", "exited", "gone"]


@pytest.mark.parametrize(
    ("argv", "reason"),
    [(("/no/such/program",), "No such file or directory"), (("nul\0",), "embedded null byte")],
)
async def test_what_cannot_be_started_fails_with_the_reason(
    argv: tuple[str, ...], reason: str, jobs: Jobs, recorder: Recorder, key: ProcessKey
) -> None:
    jobs.spawn(key, ProcessSpec(argv, os.environ))

    assert await recorder.event("spawn_failed", key) == reason
    assert recorder.kinds(key) == ["spawn_failed"]


async def test_a_program_is_asked_to_end_and_has_its_grace(
    jobs: Jobs, recorder: Recorder, system: System, key: ProcessKey
) -> None:
    jobs.spawn(key, named(key, "slow:0.2", "ready", "stay"))
    pid = await recorder.event("spawned", key)
    await recorder.written(key, b"ready\n")
    jobs.stop(key, 30.0)

    assert await recorder.event("exited", key) == "exit status 7"
    assert system.kills == [(pid, False)]


async def test_a_program_that_does_not_end_is_forced_to_and_the_earlier_end_counts(
    jobs: Jobs, recorder: Recorder, system: System, key: ProcessKey
) -> None:
    jobs.spawn(key, named(key, "deaf", "ready", "stay"))
    pid = await recorder.event("spawned", key)
    await recorder.written(key, b"ready\n")
    jobs.stop(key, 60.0)
    jobs.stop(key, 0.1)
    jobs.stop(key, 60.0)

    assert await recorder.event("exited", key) == "killed by SIGKILL"
    await recorder.event("gone", key)
    assert system.kills == [(pid, False), (pid, True)]


async def test_a_stop_that_overtakes_the_start_counts(
    jobs: Jobs, recorder: Recorder, key: ProcessKey
) -> None:
    jobs.spawn(key, named(key, "stay"))
    jobs.stop(key, 30.0)
    await recorder.event("gone", key)

    assert recorder.kinds(key) == ["spawned", "exited", "gone"]


async def test_cmd_stop_replaces_the_request_to_end(
    jobs: Jobs, recorder: Recorder, system: System, key: ProcessKey
) -> None:
    jobs.spawn(key, named(key, "polite", "ready", "stay", stop=argv_of("kill:${PID}")))
    await recorder.written(key, b"ready\n")
    jobs.stop(key, 30.0)

    assert await recorder.event("exited", key) == "exit status 0"
    assert system.kills == []


@pytest.mark.parametrize("stop", [("/no/such/program",), argv_of("leave:1")])
async def test_after_a_cmd_stop_that_fails_the_program_is_asked_to_end(
    stop: tuple[str, ...],
    jobs: Jobs,
    recorder: Recorder,
    key: ProcessKey,
    warnings: list[str],
) -> None:
    jobs.spawn(key, named(key, "polite", "ready", "stay", stop=stop))
    await recorder.written(key, b"ready\n")
    jobs.stop(key, 30.0)

    assert await recorder.event("exited", key) == "exit status 0"
    assert [stop[0] in text and key[0] in text for text in warnings] == [True]


async def test_a_cmd_stop_that_hangs_is_killed_after_the_grace(
    jobs: Jobs, recorder: Recorder, key: ProcessKey
) -> None:
    jobs.spawn(key, named(key, "deaf", "ready", "stay", stop=argv_of("deaf", "stay")))
    await recorder.written(key, b"ready\n")
    jobs.stop(key, 0.3)
    await recorder.event("gone", key)

    assert outlast(marked(key[0]), PATIENCE) == set()


async def test_close_kills_everything(jobs: Jobs, recorder: Recorder, key: ProcessKey) -> None:
    others = [(f"{key[0]}-{number}", 1) for number in range(3)]
    for each in others:
        jobs.spawn(each, named(each, "deaf", "ready", "stay"))
        await recorder.written(each, b"ready\n")
    await jobs.close()

    assert marked(key[0]) == set()
    assert [recorder.kinds(each)[-1] for each in others] == ["gone"] * 3


async def test_the_program_is_confined_once_and_a_refusal_is_told(
    recorder: Recorder, system: System, warnings: list[str]
) -> None:
    system.refuses = True
    await Jobs(recorder, warnings.append, confine=system.confine, kill=system.kill).start()

    assert system.confined == 1
    assert ["access is denied" in text for text in warnings] == [True]


async def test_a_program_that_may_not_be_ended_is_told(
    jobs: Jobs, recorder: Recorder, system: System, warnings: list[str], key: ProcessKey
) -> None:
    jobs.spawn(key, named(key, "ready", "stay"))
    await recorder.written(key, b"ready\n")
    system.refuses = True
    jobs.stop(key, 0.0)
    async with asyncio.timeout(PATIENCE):
        await system.refused.wait()

    assert key[0] in warnings[0]


def test_the_structures_have_the_sizes_of_the_64_bit_api() -> None:
    assert ctypes.sizeof(windows._BasicLimits) == 64
    assert ctypes.sizeof(windows._ExtendedLimits) == 144


def test_other_systems_have_no_job_objects() -> None:
    with pytest.raises(OSError, match="no job objects"):
        confine_to_job()
