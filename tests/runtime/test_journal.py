"""What the log says of the decisions (spec/lifecycle.md 11)."""

from __future__ import annotations

import pytest

from hotbay.config.model import Config
from hotbay.core.effects import (
    Effect,
    Grant,
    Spawn,
    StartFailed,
    State,
    StateChanged,
    Stop,
    SwapStarted,
)
from hotbay.runtime.journal import Journal
from hotbay.runtime.logs import LogBook


def lines_of(effect: Effect, level: str, output: bytes = b"") -> str:
    logs = LogBook(Config(log_to_stdout="none", log_level=level))
    logs.begin("b")
    logs.model("b").write(output)
    Journal(logs).watch(effect)
    return logs.proxy_monitor.history().decode()


def test_a_failed_start_is_logged_with_the_last_output() -> None:
    effect = StartFailed("b", 2, "exit status 1")
    lines = lines_of(effect, "info", b"loading\nno such file\n").splitlines()
    assert lines == [
        "[WARN] b: start failed: exit status 1",
        "[WARN] b: last output: loading",
        "[WARN] b: last output: no such file",
    ]


READY, STOPPED, STARTING, STOPPING = State.READY, State.STOPPED, State.STARTING, State.STOPPING


@pytest.mark.parametrize(
    ("effect", "line"),
    [
        (
            SwapStarted("b", ("a", "c"), "one at a time", "next best: d"),
            "[INFO] b: stops a, c (one at a time; next best: d)\n",
        ),
        (SwapStarted("b", (), "nothing runs"), ""),
        (StartFailed("b", 2, "exit status 1"), "[WARN] b: start failed: exit status 1\n"),
        (StateChanged("b", 2, STOPPED, STARTING), "[INFO] b: starting\n"),
        (StateChanged("b", 2, STARTING, READY), "[INFO] b: ready\n"),
        (
            StateChanged("b", 2, READY, STOPPING, "ttl of 30s passed"),
            "[INFO] b: stopping (ttl of 30s passed)\n",
        ),
        (
            StateChanged("b", 2, READY, STOPPING, "exited unexpectedly: exit status 1"),
            "[WARN] b: upstream process exited unexpectedly: exit status 1\n",
        ),
        (StateChanged("b", 2, STOPPING, STOPPED), ""),
        (Stop("b", 2, 1.5), ""),
        (Spawn("b", 2), ""),
        (Grant(1, "b", 2), ""),
    ],
)
def test_what_matters_is_a_line(effect: Effect, line: str) -> None:
    assert lines_of(effect, "info") == line


@pytest.mark.parametrize(
    ("effect", "line"),
    [
        (StateChanged("b", 2, STOPPING, STOPPED), "[DEBUG] b: stopped\n"),
        (Stop("b", 2, 10.0), "[DEBUG] b: stop signal sent, grace 10s\n"),
        (Stop("b", 2, 0.5), "[DEBUG] b: stop signal sent, grace 0.5s\n"),
        (Grant(1, "b", 2), ""),
    ],
)
def test_details_are_for_debugging(effect: Effect, line: str) -> None:
    assert lines_of(effect, "debug") == line
