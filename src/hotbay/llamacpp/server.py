"""`hotbay llama-server`: llama.cpp's own HTTP server, from the xllamacpp wheel, as a process.

It behaves as llama-server does: it answers 503 while the model loads, a signal
during the load kills it, and SIGTERM or SIGINT afterwards end it with status 0.
Unlike llama-server it then does not wait for clients that still read.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

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
    return _serve(engine, _params(engine, command))


def _params(engine: Any, command: CommandLine) -> Any:
    params = engine.CommonParams()
    params.n_parallel = _AUTOMATIC
    params.port = _DEFAULT_PORT
    apply(command.settings, Target(engine, params))
    if not params.model.path:
        raise EngineError("--model is missing: which GGUF file? (-h lists the options)")
    return params


def _engine() -> Any:
    try:
        import xllamacpp  # noqa: PLC0415 -- the help works without the wheel
    except ModuleNotFoundError:
        raise EngineError('xllamacpp is missing: pip install "hotbay[llamacpp]"') from None
    except ImportError as error:
        raise EngineError(f"xllamacpp cannot be loaded: {error}") from None
    return xllamacpp


def _serve(engine: Any, params: Any) -> NoReturn:
    """Load the model and serve it until a signal ends the process."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    try:
        server = engine.Server(params)  # returns once the model is loaded
    except (RuntimeError, ValueError):
        raise EngineError(_cause(params)) from None
    with _signals_caught() as caught:
        sys.stderr.write(f"serving {params.model.path} on {server.listening_address}\n")
        caught.recv(1)
    # Destroying the server instead of the process would wait for every client
    # that still reads, and for ever if the signal came before llama.cpp's main
    # loop ran. Nothing is lost: llama.cpp has no state that it saves at the end.
    os._exit(0)


@contextmanager
def _signals_caught() -> Iterator[socket.socket]:
    """A socket from which a byte can be read once a signal has come.

    Nothing less wakes the main thread: a signal may be delivered to any of
    llama.cpp's threads, and then interrupts no call of ours.
    """
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.settimeout(0)
        signal.set_wakeup_fd(writer.fileno())
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        yield reader


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
