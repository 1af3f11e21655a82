"""The stop sequence and the sweep, with real processes (spec/lifecycle.md 4 to 6)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator

import psutil
import pytest
from tests.runtime.kit import Recorder, argv_of, marked, nothing_left, outlast, spec

from hotbay.runtime import processes
from hotbay.runtime.leftovers import reap_adopted
from hotbay.runtime.processes import ProcessKey, ProcessSpec, Wardens, status_text

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def key() -> ProcessKey:
    return (f"model-{uuid.uuid4()}", 1)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
async def wardens(
    recorder: Recorder, warnings: list[str], key: ProcessKey
) -> AsyncIterator[Wardens]:
    with nothing_left(key[0]):
        wardens = Wardens(recorder, warnings.append)
        await wardens.start()
        yield wardens
        await wardens.close()


# -- starting -----------------------------------------------------------------------


async def test_a_program_runs_in_a_group_of_its_own_with_its_environment(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("variable:COLOUR", "ready", "stay", env={"COLOUR": "grün:"}))
    pid = await recorder.event("spawned", key)
    await recorder.written(key, b"ready\n")

    assert isinstance(pid, int)
    assert os.getpgid(pid) == os.getsid(pid) == pid
    assert recorder.text[key] == "grün:ready\n".encode()
    environment = psutil.Process(pid).environ()
    assert environment.pop("HOTBAY_RUN").endswith(f":{key[0]}")
    assert environment == {"COLOUR": "grün:"}


async def test_a_program_inherits_the_folder_but_no_descriptor_and_no_ignored_signal(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("descriptors", "ready", "stay"))
    pid = await recorder.event("spawned", key)
    await recorder.written(key, b"ready\n")

    assert isinstance(pid, int)
    # The fourth is the open folder that is being listed.
    assert recorder.text[key] == b"0 1 2 3ready\n"
    process = psutil.Process(pid)
    assert process.cwd() == os.getcwd()  # noqa: PTH109  # as psutil writes it
    assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull  # noqa: PTH115  # as text
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123, ASYNC230  # /proc never blocks
        fields = dict(line.split(":\t", 1) for line in status)
    python_ignores = {signal.SIGPIPE, signal.SIGXFSZ}
    ignored = {n for n in signal.valid_signals() if int(fields["SigIgn"], 16) >> n - 1 & 1}
    assert ignored == python_ignores  # libc keeps 32 and 33 to itself; make ignores them
    assert int(fields["SigBlk"], 16) == 0


async def test_stdout_and_stderr_arrive_in_order(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("say:one ", "complain:two ", "say:three", "leave:0"))
    await recorder.event("gone", key)

    assert recorder.text[key] == b"one two three"


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("/no/such/program",), "No such file or directory"),
        (("no-such-program-on-the-path",), "No such file or directory"),
        (("/etc/passwd",), "Permission denied"),
        (("/",), "Permission denied"),
        (("nul\0byte",), "execve: embedded null character in path"),
    ],
)
async def test_a_command_that_cannot_be_executed_fails_with_the_text_of_the_system(
    argv: tuple[str, ...], reason: str, wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, ProcessSpec(argv, os.environ))

    assert await recorder.event("spawn_failed", key) == reason
    assert recorder.kinds(key) == ["spawn_failed"]


async def test_a_program_is_looked_up_on_the_path_of_its_own_environment(
    wardens: Wardens, recorder: Recorder, key: ProcessKey, tmp_path: os.PathLike[str]
) -> None:
    tool = os.path.join(tmp_path, "tool")  # noqa: PTH118  # a PathLike
    os.symlink(sys.executable, tool)  # noqa: PTH211
    argv = ("tool", *argv_of("say:found", "leave:0")[1:])
    wardens.spawn(key, ProcessSpec(argv, {"PATH": os.fspath(tmp_path)}))
    await recorder.event("gone", key)

    assert recorder.text[key] == b"found"


async def test_an_exit_is_told_at_once_with_its_status_after_the_last_output(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("complain:out of memory", "leave:3"))
    status = await recorder.event("exited", key)
    await recorder.event("gone", key)

    assert (status, recorder.text_at_exit[key]) == ("exit status 3", b"out of memory")
    assert recorder.kinds(key) == ["spawned", "exited", "gone"]


async def test_ten_megabytes_that_are_written_at_once_arrive_whole(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    size = 160 * 65536
    wardens.spawn(key, spec(f"flood:{size}", "ready", "leave:0"))
    await recorder.event("gone", key)

    assert len(recorder.text[key]) == size + len(b"ready\n")


async def test_a_key_is_spawned_once(wardens: Wardens, recorder: Recorder, key: ProcessKey) -> None:
    wardens.spawn(key, spec("stay"))

    with pytest.raises(ValueError, match="not gone yet"):
        wardens.spawn(key, spec("stay"))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exit status 0"),
        (1, "exit status 1"),
        (-9, "killed by SIGKILL"),
        (-40, "killed by signal 40"),
    ],
)
def test_status_texts(code: int, text: str) -> None:
    assert status_text(code) == text


# -- stopping ----------------------------------------------------------------------------


async def test_a_program_gets_sigterm_and_its_grace_in_full(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("slow:0.4", "ready", "stay"))
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 10.0)

    assert await recorder.event("exited", key) == "exit status 7"
    await recorder.event("gone", key)


async def test_a_program_deaf_to_sigterm_is_killed_after_the_grace(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("deaf", "ready", "stay"))
    await recorder.written(key, b"ready\n")
    began = asyncio.get_running_loop().time()
    wardens.stop(key, 0.3)

    assert await recorder.event("exited", key) == "killed by SIGKILL"
    assert asyncio.get_running_loop().time() - began >= 0.3
    await recorder.event("gone", key)


async def test_of_two_graces_the_earlier_end_counts(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("count", "ready", "stay"))
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 60.0)
    await recorder.written(key, b"TERM\n")
    wardens.stop(key, 0.1)
    wardens.stop(key, 60.0)

    assert await recorder.event("exited", key) == "killed by SIGKILL"
    await recorder.event("gone", key)
    assert recorder.text[key].count(b"TERM") == 1


async def test_a_stopped_program_can_act_on_sigterm(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("polite", "ready", "stay"))
    pid = await recorder.event("spawned", key)
    await recorder.written(key, b"ready\n")
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    wardens.stop(key, 30.0)

    assert await recorder.event("exited", key) == "exit status 0"


async def test_a_grace_may_be_longer_than_anybody_waits(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("count", "ready", "stay"))
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 1e9)
    await recorder.written(key, b"TERM\n")
    wardens.stop(key, 0.0)

    assert await recorder.event("exited", key) == "killed by SIGKILL"


async def test_a_stop_that_overtakes_the_start_counts(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("stay"))
    wardens.stop(key, 30.0)
    await recorder.event("gone", key)

    assert recorder.kinds(key) == ["spawned", "exited", "gone"]


async def test_a_stop_of_what_is_gone_does_nothing(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("leave:0"))
    await recorder.event("gone", key)
    wardens.stop(key, 1.0)
    wardens.spawn((key[0], 2), spec("leave:0"))
    await recorder.event("gone", (key[0], 2))

    assert recorder.kinds(key) == ["spawned", "exited", "gone"]


# -- what a program leaves behind ------------------------------------------------------------

SURVIVORS = {
    "child that keeps stdout open": "fork:stay",
    "deaf child": "fork:deaf+stay",
    "deaf child with redirected output": "fork:deaf+quiet+stay",
    "daemon": "daemon:stay",
    "deaf daemon": "daemon:deaf+quiet+stay",
}


@pytest.mark.parametrize("survivor", SURVIVORS.values(), ids=SURVIVORS.keys())
async def test_gone_means_that_nothing_is_left_after_a_stop(
    survivor: str, wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec(survivor, "ready", "stay"))
    await recorder.written(key, b"ready\n")
    assert len(marked(key[0])) == 2
    wardens.stop(key, 0.4)
    await recorder.event("gone", key)

    assert marked(key[0]) == set()
    assert recorder.seconds("exited", "gone", key) < 1.5


@pytest.mark.parametrize("survivor", SURVIVORS.values(), ids=SURVIVORS.keys())
async def test_gone_means_that_nothing_is_left_after_a_crash(
    survivor: str, wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec(survivor, "leave:1"))
    assert await recorder.event("exited", key) == "exit status 1"
    await recorder.event("gone", key)

    assert marked(key[0]) == set()
    assert recorder.seconds("exited", "gone", key) < 3.0


async def test_what_is_left_may_end_politely_after_a_crash(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("fork:polite+stay", "daemon:polite+stay", "leave:1"))
    await recorder.event("gone", key)

    assert recorder.text[key] == b"bye\nbye\n"


async def test_a_stop_shortens_the_sweep_after_a_crash(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("fork:deaf+stay", "leave:1"))
    await recorder.event("exited", key)
    wardens.stop(key, 0.0)
    await recorder.event("gone", key)

    assert recorder.seconds("exited", "gone", key) < 1.0


async def test_a_child_that_got_sigterm_with_its_leader_is_not_signalled_twice(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("fork:count+stay", "ready", "stay"))
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 0.5)
    await recorder.event("gone", key)

    assert recorder.text[key].count(b"TERM") == 1


async def test_a_stop_of_one_model_leaves_the_others_alone(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    other = (f"{key[0]}-other", 1)
    for each in (key, other):
        wardens.spawn(each, spec("daemon:stay", "ready", "stay"))
        await recorder.written(each, b"ready\n")
    wardens.stop(key, 5.0)
    await recorder.event("gone", key)

    assert len(marked(f":{other[0]}")) == 2


async def test_every_dead_process_is_reaped(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    for generation in range(1, 4):
        each = (key[0], generation)
        wardens.spawn(each, spec("daemon:quiet+stay", "fork:stay", "leave:0"))
        await recorder.event("gone", each)
    wardens.spawn((key[0], 4), spec("ready", "stay"))
    pid = await recorder.event("spawned", (key[0], 4))

    assert isinstance(pid, int)
    (warden,) = psutil.Process(pid).parents()[:1]
    assert [child.pid for child in warden.children()] == [pid]


async def test_without_proc_the_group_is_still_ended(
    recorder: Recorder, key: ProcessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = "from hotbay.runtime import procfs; procfs.LINUX = False"
    monkeypatch.setattr(
        processes, "_BOOT", processes._BOOT.replace("; from", f"; {elsewhere}; from")
    )
    with nothing_left(key[0]):
        wardens = Wardens(recorder)
        await wardens.start()
        assert wardens._warden is not None
        warden = wardens._warden.process.pid
        # This process adopts what dies under the warden; elsewhere init would, and reap it.
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, lambda: reap_adopted(besides=warden))
        wardens.spawn(key, spec("fork:deaf+quiet+stay", "deaf", "ready", "stay"))
        await recorder.written(key, b"ready\n")
        wardens.stop(key, 0.2)
        await recorder.event("gone", key)
        assert recorder.kinds(key) == ["spawned", "exited", "gone"]
        await wardens.close()
        loop.remove_signal_handler(signal.SIGCHLD)


# -- cmdStop --------------------------------------------------------------------------------


def stop_argv(*words: str) -> tuple[str, ...]:
    return argv_of(*words)


async def test_cmd_stop_replaces_the_signal_and_knows_the_pid(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("polite", "ready", "stay", stop=stop_argv("kill:${PID}", "leave:0")))
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 30.0)

    assert await recorder.event("exited", key) == "exit status 0"
    await recorder.event("gone", key)
    assert recorder.text[key] == b"ready\nbye\n"


async def test_cmd_stop_spares_what_the_program_left(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(
        key,
        spec("daemon:stay", "fork:deaf+stay", "ready", "stay", stop=stop_argv("kill:${PID}")),
    )
    pid = await recorder.event("spawned", key)
    await recorder.written(key, b"ready\n")
    left = marked(key[0]) - {pid}
    assert len(left) == 2
    wardens.stop(key, 30.0)
    await recorder.event("gone", key)

    assert left <= marked(key[0])
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert outlast(marked(key[0]), 5.0) == set()


async def test_the_output_pipe_is_closed_some_time_after_the_leader_has_ended(
    wardens: Wardens, recorder: Recorder, key: ProcessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PIPE_LIMIT", 0.1)
    # A spared daemon that would write for ever.
    wardens.spawn(key, spec(f"daemon:flood:{1 << 60}", "leave:0", stop=("true",)))
    await recorder.event("gone", key)
    daemon = marked(key[0])

    assert len(daemon) == 1
    assert await asyncio.to_thread(outlast, daemon, 5.0) == set()


async def test_a_cmd_stop_that_hangs_is_killed_after_the_grace_and_force_goes_to_the_group(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(
        key, spec("fork:deaf+stay", "daemon:stay", "ready", "stay", stop=stop_argv("deaf", "stay"))
    )
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 0.3)
    assert await recorder.event("exited", key) == "killed by SIGKILL"
    await recorder.event("gone", key)

    def in_other_sessions() -> set[int]:
        return {pid for pid in marked(key[0]) if "deaf" in psutil.Process(pid).cmdline()[-2:]}

    assert outlast(in_other_sessions(), 5.0) == set()
    (daemon,) = marked(key[0])
    os.kill(daemon, signal.SIGKILL)
    assert outlast([daemon], 5.0) == set()


@pytest.mark.parametrize("stop", [("/no/such/program",), stop_argv("leave:1")])
async def test_after_a_cmd_stop_that_fails_the_program_gets_sigterm(
    stop: tuple[str, ...],
    wardens: Wardens,
    recorder: Recorder,
    key: ProcessKey,
    warnings: list[str],
) -> None:
    wardens.spawn(key, spec("polite", "ready", "stay", stop=stop))
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 30.0)

    assert await recorder.event("exited", key) == "exit status 0"
    assert sum(stop[0] in text and key[0] in text for text in warnings) == 1


async def test_a_cmd_stop_that_succeeds_leaves_the_program_its_grace(
    wardens: Wardens, recorder: Recorder, key: ProcessKey
) -> None:
    wardens.spawn(key, spec("count", "ready", "stay", stop=stop_argv("leave:0")))
    await recorder.written(key, b"ready\n")
    wardens.stop(key, 0.3)

    assert await recorder.event("exited", key) == "killed by SIGKILL"
    assert b"TERM" not in recorder.text[key]
