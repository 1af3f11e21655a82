"""The warden: a small program that starts model servers, ends them, and outlives hotbay to do so.

Owns every model server's processes and the one stop sequence (spec/lifecycle.md 5, design 7.1).
One thread, standard library only, started with one end of a socketpair as a descriptor. When hotbay
ends in any way the socket reaches end-of-file, and the warden stops every model server as its spawn
message says, then ends itself.

Messages to the warden, by `do`: `spawn` (key, argv, env, stop_argv, grace, marker) and `stop` (key,
grace). Messages from it, by `is`: `spawned` (key, pid, start; with the reading end of the output
pipe), `failed` (key, reason), `exited` (key, code; negative for a signal), `gone` (key), `warning`
(text).

How processes are told apart: a leader has a session of its own, and every process of a model
inherits HOTBAY_RUN. As a child subreaper the warden becomes the parent of whatever a model server
leaves behind; of these strays, the ones that changed session are recognised by that variable. A
dead leader is not reaped before its group has been swept, so that its number cannot belong to
anybody else while we signal it. Without Linux's /proc and subreapers, only the group is swept.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time

from hotbay.runtime.channel import Channel
from hotbay.runtime.procfs import (
    LINUX,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    SWEEP,
    VARIABLE,
    exit_code,
    look_up,
    marker_of,
    prctl,
    processes,
    send_signal,
    survivors,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # at run time it would cost 0.7 MB
    from typing import Any

LONGEST_PAUSE = 3600.0
"""Seconds; the system takes no timeout of some weeks, which a grace may be."""
POLL = 0.05
"""Seconds between two looks at what is left; not every survivor is a child that signals its end."""


def launch(argv: list[str], env: dict[str, str], output: int, status: int) -> int:
    """Fork and execute a program in a session of its own; an error's text goes to `status`."""
    parent = os.getpid()
    if pid := os.fork():
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above took effect
            os._exit(127)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execvpe(argv[0], argv, env)  # noqa: S606  # without a shell is the point
    except BaseException as error:  # noqa: BLE001  # the copy must end here, whatever happens
        os.write(status, (getattr(error, "strerror", None) or str(error)).encode())
    finally:
        os._exit(127)


class Child:
    """One model server and how far its end has come.

    Attributes:
        status: reading end of the pipe that tells how the exec went; -1 once that is known.
        deadline: when force is due (monotonic seconds); None before a stop.
        due: when the warden has to look at it of its own accord; None if an event will tell.
        told: processes that had their SIGTERM.
        beyond: processes that may not be signalled.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.key: tuple[str, int] = tuple(order["key"])
        self.argv: list[str] = order["argv"]
        self.stop_argv: list[str] = order["stop_argv"]
        self.grace: float = order["grace"]
        self.marker: str = order["marker"]
        self.env: dict[str, str] = order["env"] | {VARIABLE: self.marker}
        self.pid = self.start = 0
        self.output = self.status = -1
        self.exited = self.forced = False
        self.deadline: float | None = None
        self.due: float | None = None
        self.told: set[int] = set()
        self.beyond: set[int] = set()

    @property
    def sweep_marker(self) -> str | None:
        """Strays of a model with a cmdStop are spared (spec/lifecycle.md 5.4)."""
        return None if self.stop_argv else self.marker


class Stopper:
    """A running cmdStop; it may outlive its model server, up to the deadline of the stop."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.killed = False

    @property
    def due(self) -> float | None:
        """When it has to be killed."""
        return None if self.killed else self.child.deadline


class Warden:
    """The event loop, and everything it knows."""

    def __init__(self, sock: socket.socket) -> None:
        self.channel = Channel(sock)
        self.children: dict[tuple[str, int], Child] = {}
        self.stoppers: dict[int, Stopper] = {}
        self.spared: set[str] = set()
        self.selector = selectors.DefaultSelector()
        self.selector.register(sock, selectors.EVENT_READ, self._converse)
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(reading, selectors.EVENT_READ, lambda: self._reap(reading))

    def run(self) -> None:
        """Serve until hotbay has gone and nothing of its model servers is left."""
        while self.children or self.stoppers or not self.channel.ended:
            for key, _ in self.selector.select(self._pause()):
                key.data()
            self._act(time.monotonic())
            if not self.channel.ended:
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE * self.channel.pending)
                self.selector.modify(self.channel.sock, events, self._converse)
        self._end_unclaimed()

    def _pause(self) -> float | None:
        looks = [child.due for child in self.children.values()]
        looks += [stopper.due for stopper in self.stoppers.values()]
        due = min((at for at in looks if at is not None), default=None)
        return None if due is None else min(max(0.0, due - time.monotonic()), LONGEST_PAUSE)

    def _act(self, now: float) -> None:
        for child in list(self.children.values()):
            if child.due is None or now < child.due:
                continue
            if child.exited:
                self._sweep(child, now)
            else:
                self._force(child)
        for pid, stopper in self.stoppers.items():
            if stopper.due is not None and now >= stopper.due:
                stopper.killed = True
                send_signal(-pid, signal.SIGKILL)

    # -- hotbay -----------------------------------------------------------------------

    def _converse(self) -> None:
        self.channel.flush()
        for message, _ in self.channel.receive():
            if message["do"] == "spawn":
                self._spawn(Child(message))
            elif child := self.children.get(tuple(message["key"])):
                self._stop(child, message["grace"])
        if self.channel.ended:
            self.selector.unregister(self.channel.sock)
            for child in list(self.children.values()):
                self._stop(child, child.grace)

    def _tell(self, what: str, child: Child, descriptor: int | None = None, **more: object) -> None:
        self.channel.send({"is": what, "key": child.key} | more, descriptor)

    def _warn(self, child: Child, text: str) -> None:
        self.channel.send({"is": "warning", "text": f"{child.key[0]}: {text}"})

    # -- the start ----------------------------------------------------------------------

    def _spawn(self, child: Child) -> None:
        opened: list[int] = []
        try:
            opened += os.pipe()
            opened += os.pipe()
            child.output, output, child.status, status = opened
            child.pid = launch(child.argv, child.env, output, status)
        except OSError as error:
            for descriptor in opened:
                os.close(descriptor)
            self._tell("failed", child, reason=str(error.strerror))
            return
        os.close(output)
        os.close(status)
        if process := look_up(child.pid):
            child.start = process.start
        if child.stop_argv:
            self.spared.add(child.marker)
        self.children[child.key] = child
        self.selector.register(child.status, selectors.EVENT_READ, lambda: self._executed(child))

    def _executed(self, child: Child) -> None:
        """The status pipe has ended: at once by a successful exec, or after an error's text."""
        if child.status < 0:
            return
        reason = os.read(child.status, 4096)
        self.selector.unregister(child.status)
        os.close(child.status)
        child.status = -1
        if reason:
            os.waitpid(child.pid, 0)
            os.close(child.output)
            del self.children[child.key]
            self._tell("failed", child, reason=reason.decode(errors="replace"))
            return
        self._tell("spawned", child, child.output, pid=child.pid, start=child.start)
        if child.deadline is not None:
            self._ask_to_end(child)

    # -- the stop sequence ----------------------------------------------------------------

    def _stop(self, child: Child, grace: float) -> None:
        deadline = time.monotonic() + grace
        first = child.deadline is None
        child.deadline = deadline if child.deadline is None else min(child.deadline, deadline)
        if not child.exited and not child.forced:
            child.due = child.deadline
        if first and child.status < 0:  # before its exec it ignores SIGTERM, as the warden does
            self._ask_to_end(child)

    def _ask_to_end(self, child: Child) -> None:
        if not child.stop_argv:
            self._terminate(child)
            return
        argv = [word.replace("${PID}", str(child.pid)) for word in child.stop_argv]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            self.stoppers[launch(argv, child.env, nowhere, nowhere)] = Stopper(child)
        except OSError as error:
            self._fall_back(child, str(error.strerror))
        finally:
            os.close(nowhere)

    def _fall_back(self, child: Child, reason: str) -> None:
        self._warn(child, f"cmdStop {child.stop_argv[0]!r} failed ({reason}), sending SIGTERM")
        self._terminate(child)

    def _terminate(self, child: Child) -> None:
        try:
            send_signal(-child.pid, signal.SIGTERM)
        except PermissionError as error:
            self._warn(child, f"cannot signal process {child.pid}: {error.strerror}")
        # A second SIGTERM makes many servers drop what they still answer.
        child.told = survivors(child.pid, child.start, None)

    def _force(self, child: Child) -> None:
        child.forced, child.due = True, None
        try:
            send_signal(-child.pid, signal.SIGKILL)
            send_signal(child.pid, signal.SIGKILL)  # if it has no group yet
        except PermissionError as error:
            self._warn(child, f"cannot kill process {child.pid}: {error.strerror}")

    def _sweep(self, child: Child, now: float) -> None:
        """End what outlives the leader; when nothing is left, the model server is gone."""
        left = survivors(child.pid, child.start, child.sweep_marker) - child.beyond
        if not left:
            self._gone(child)
            return
        force = child.deadline is not None and now >= child.deadline
        if force:  # at once for all, so that none can fork its way out
            with contextlib.suppress(PermissionError):
                send_signal(-child.pid, signal.SIGKILL)
        for pid in left if force else left - child.told:
            try:
                send_signal(pid, signal.SIGKILL if force else signal.SIGTERM)
            except PermissionError as error:
                child.beyond.add(pid)
                self._warn(child, f"left behind process {pid}: {error.strerror}")
        child.told |= left
        child.due = now + POLL

    def _gone(self, child: Child) -> None:
        if LINUX:
            os.waitpid(child.pid, 0)
        del self.children[child.key]
        self._tell("gone", child)
        self._reap_strays()

    # -- ends of processes ------------------------------------------------------------------

    def _reap(self, wakeup: int) -> None:
        os.read(wakeup, 4096)
        for child in list(self.children.values()):
            if child.exited:
                child.due = 0.0  # what ended may be the last that was left
            elif (code := exit_code(child.pid, reap=not LINUX)) is not None:
                self._leader_ended(child, code)
        for pid, stopper in list(self.stoppers.items()):
            if (code := exit_code(pid, reap=True)) is not None:
                del self.stoppers[pid]
                if code and not stopper.killed and not stopper.child.exited:
                    self._fall_back(stopper.child, f"exit status {code}")
        self._reap_strays()

    def _leader_ended(self, child: Child, code: int) -> None:
        self._executed(child)
        if child.key not in self.children:
            return
        child.exited = True
        self._tell("exited", child, code=code)
        if child.stop_argv and not child.forced:
            self._gone(child)
            return
        now = time.monotonic()
        limit = now + SWEEP
        child.deadline = limit if child.deadline is None else min(child.deadline, limit)
        self._sweep(child, now)

    def _reap_strays(self) -> None:
        """Reap whom nobody else waits for; a dead leader under sweep hides those behind it."""
        own = {child.pid for child in self.children.values()} | self.stoppers.keys()
        with contextlib.suppress(ChildProcessError):
            while LINUX:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None or ended.si_pid in own:
                    return
                os.waitpid(ended.si_pid, 0)

    def _end_unclaimed(self) -> None:
        """Kill strays that hide whose they are, unless a cmdStop model may have wanted them."""
        for _ in range(int(1 / POLL)):
            left = {
                process.pid
                for process in processes()
                if process.alive and process.parent == os.getpid()
            }
            left = {pid for pid in left if not self._spares(marker_of(pid))}
            if not left:
                return
            for pid in left:
                with contextlib.suppress(PermissionError):
                    send_signal(pid, signal.SIGKILL)
            time.sleep(POLL)

    def _spares(self, marker: str | None) -> bool:
        return bool(self.spared) if marker is None else marker in self.spared


def main(descriptor: int) -> None:
    """Serve hotbay, which holds the other end of the socketpair."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    # When hotbay dies, even a stopped warden wakes, and reads end-of-file.
    prctl(PR_SET_PDEATHSIG, signal.SIGCONT)
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    Warden(sock).run()
