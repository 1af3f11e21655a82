"""A model server that behaves as its arguments say: `python scripted.py PORT [key=value ...]`.

    load=S          listens S seconds after its start
    gate=FIFO       listens once somebody has opened this named pipe to write
    never=1         listens, but its health check says 503 for ever
    exit=N          writes `say` to standard error and exits with N at once
    deaf=1          ignores SIGTERM
    child=KIND      forks a grandchild first: holds (keeps standard output open), deaf (ignores
                    SIGTERM too), quiet (ignores it and has closed its output), daemon (as quiet,
                    in a session of its own)
    note=FILE       appends `start PID` and, when it ends in order, `stop PID` to the file
    keep=FILE       writes the body of the newest request to the file

Requests say in their query how they are answered:

    pause=S         S seconds later
    events=N        a stream of N events, one every 20 ms
    hold=1          of which all but the first wait for a request with `release=1`
    echo=1          with the head and the body that have arrived, as text in latin-1
    die=HOW         exits in the middle of the answer: known or unknown length
    shut=1          with the last answer that is given: then nobody listens any more

A client that leaves before its answer is complete is told on standard output. An upgrade is
granted, and everything after it echoed.

It speaks HTTP by itself because the standard library's server takes longer to import than all of
this to run, and tests start hundreds.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import threading
from typing import NamedTuple, TextIO

OPTIONS = dict(word.split("=", 1) for word in sys.argv[2:])
RELEASED = threading.Event()


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    head: bytes
    headers: dict[str, str]
    body: bytes


class Connection:
    def __init__(self, sock: socket.socket, listener: socket.socket) -> None:
        self.sock = sock
        self.listener = listener
        self.lines = sock.makefile("rb")

    def serve(self) -> None:
        with self.sock:
            while request := self.read():
                try:
                    self.answer(request)
                except ConnectionError:
                    write(sys.stdout, f"client left {request.path}")
                    return

    def read(self) -> Request | None:
        try:
            head = first = self.lines.readline()
            if not first:
                return None
            headers = {}
            while line := self.lines.readline().strip():
                head += line + b"\r\n"
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = self.lines.read(int(headers.get("content-length", 0)))
        except ConnectionError:
            return None
        if "keep" in OPTIONS:
            with open(OPTIONS["keep"], "wb") as file:  # noqa: PTH123  pathlib takes long to import
                file.write(body)
        method, target, _ = first.decode().split()
        path, _, query = target.partition("?")
        how = dict(word.split("=", 1) for word in query.split("&") if word)
        return Request(method, path, how, head, headers, body)

    def answer(self, request: Request) -> None:
        how = request.query
        if "upgrade" in request.headers:
            self.echo()
            return
        self.wait(float(how.get("pause", 0)))
        if "release" in how:
            RELEASED.set()
        if "events" in how:
            self.stream(int(how["events"]), how.get("die"), held="hold" in how)
        elif "echo" in how:
            head, body = request.head.decode("latin-1"), request.body.decode("latin-1")
            self.json({"head": head, "body": body, "options": OPTIONS}, 200)
        elif how.get("die") == "known":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            os._exit(3)
        elif request.method == "GET":
            self.json({"status": "ok"}, 503 if "never" in OPTIONS else 200)
        else:
            model = json.loads(request.body)["model"]
            if "shut" in how:
                self.listener.shutdown(socket.SHUT_RDWR)
                self.listener.close()
            self.json({"pid": os.getpid(), "model": model, "options": OPTIONS}, 200)
            if "shut" in how:
                self.sock.shutdown(socket.SHUT_RDWR)

    def stream(self, events: int, die: str | None, *, held: bool) -> None:
        self.sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(events):
            piece = f"data: {number}\n\n".encode()
            self.sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            if die and number == 2:
                os._exit(3)
            if held:
                RELEASED.wait()
            self.wait(0.02)
        self.sock.sendall(b"0\r\n\r\n")

    def json(self, value: object, status: int) -> None:
        data = json.dumps(value).encode()
        self.sock.sendall(
            b"HTTP/1.1 %d Scripted\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (status, len(data), data)
        )

    def echo(self) -> None:
        self.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        while data := self.sock.recv(4096):
            self.sock.sendall(data)
        raise ConnectionResetError

    def wait(self, seconds: float) -> None:
        """Let time pass; a client says nothing meanwhile, so whatever arrives is its end."""
        if select.select([self.sock], [], [], seconds)[0]:
            raise ConnectionResetError


def write(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


def note(what: str) -> None:
    if "note" in OPTIONS:
        with open(OPTIONS["note"], "a") as file:  # noqa: PTH123  pathlib takes long to import
            file.write(f"{what} {os.getpid()}\n")


def fork_child(kind: str) -> None:
    if os.fork():
        return
    if kind != "holds":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if kind in {"quiet", "daemon"}:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
    if kind == "daemon":
        os.setsid()
    while True:
        signal.pause()


def end(*_: object) -> None:
    note("stop")
    os._exit(0)


def main() -> None:
    note("start")
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in OPTIONS else end)
    if "child" in OPTIONS:
        fork_child(OPTIONS["child"])
    if "exit" in OPTIONS:
        write(sys.stderr, OPTIONS.get("say", ""))
        os._exit(int(OPTIONS["exit"]))
    threading.Event().wait(float(OPTIONS.get("load", 0)))
    if "gate" in OPTIONS:
        os.close(os.open(OPTIONS["gate"], os.O_RDONLY))
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
    while listener.fileno() >= 0:
        try:
            sock, _ = listener.accept()
        except OSError:  # shut
            break
        threading.Thread(target=Connection(sock, listener).serve, daemon=True).start()
    signal.pause()


main()
