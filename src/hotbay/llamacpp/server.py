"""`hotbay llama-server`: llama.cpp's own HTTP server, from the xllamacpp wheel, as a process.

It behaves as llama-server does: it answers 503 while the model loads, a signal
ends it at once during the load, the first SIGTERM or SIGINT afterwards closes
it down in good order, and the second ends it immediately.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from hotbay.llamacpp.command_line import (
    Action,
    CommandLine,
    OptionError,
    apply,
    help_text,
    parse,
)
from hotbay.llamacpp.options import Target

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_DEFAULT_PORT = 8080
_AUTOMATIC = -1


class EngineError(Exception):
    """Why the engine cannot run: one line for the user."""


def main(argv: Sequence[str]) -> int:
    """Run the server with the arguments after `llama-server`; returns the exit status."""
    try:
        return _run(parse(argv))
    except (OptionError, EngineError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _run(command: CommandLine) -> int:
    if command.action is Action.HELP:
        sys.stdout.write(help_text())
        return 0
    engine = _engine()
    if command.action is Action.VERSION:
        sys.stdout.write(f"xllamacpp {engine.__version__}\n")
        return 0
    params = engine.CommonParams()
    params.n_parallel = _AUTOMATIC
    params.port = _DEFAULT_PORT
    apply(command.settings, Target(engine, params))
    if not params.model.path:
        raise EngineError("--model is missing: which GGUF file? (-h lists the options)")
    _serve(engine, params)
    return 0


def _engine() -> Any:
    try:
        import xllamacpp  # noqa: PLC0415 -- the help works without the wheel
    except ModuleNotFoundError:
        raise EngineError('xllamacpp is missing: pip install "hotbay[llamacpp]"') from None
    except ImportError as error:
        raise EngineError(f"xllamacpp cannot be loaded: {error}") from None
    return xllamacpp


def _serve(engine: Any, params: Any) -> None:
    """Load the model and serve it until a signal comes."""
    _let_signals_kill()
    try:
        server = engine.Server(params)  # returns once the model is loaded
    except (RuntimeError, ValueError):
        raise EngineError(_cause(params)) from None
    _wait_for_signal()
    _let_signals_kill()
    del server  # closes down; waits for clients that still read


def _let_signals_kill() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _wait_for_signal() -> None:
    # threading.Event.set() in a handler can deadlock against wait() in the
    # same thread; a byte in a socket cannot.
    reader, writer = socket.socketpair()
    writer.settimeout(0)
    signal.set_wakeup_fd(writer.fileno())
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    reader.recv(1)
    signal.set_wakeup_fd(-1)


def _cause(params: Any) -> str:
    """Why the server did not start, as far as it can be seen from outside."""
    for host in params.hostnames:
        if reason := _why_not_listening(host, params.port):
            return f"cannot listen on {host}:{params.port}: {reason}"
    return f"llama.cpp could not serve '{params.model.path}': see its messages above"


def _why_not_listening(host: str, port: int) -> str:
    if host.endswith(".sock"):
        return ""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return ""
