"""A model server that behaves as its arguments say: `python scripted.py PORT [key=value ...]`.

    load=S          listens S seconds after its start
    never=1         listens, but its health check says 503 for ever
    exit=N          writes `say` to standard error and exits with N at once
    deaf=1          ignores SIGTERM
    child=KIND      forks a grandchild first: holds (keeps standard output open), deaf (ignores
                    SIGTERM too), quiet (ignores it and has closed its output)
    note=FILE       appends `start PID` and, when it ends in order, `stop PID` to the file

Requests say in their query how they are answered:

    pause=S         waits before it answers
    events=N        a stream of N events, one every `every` seconds
    die=HOW         exits in the middle of the answer: known or unknown length
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TextIO
from urllib.parse import parse_qsl, urlsplit

OPTIONS = dict(word.split("=", 1) for word in sys.argv[2:])


def note(what: str) -> None:
    if "note" in OPTIONS:
        with Path(OPTIONS["note"]).open("a") as file:
            file.write(f"{what} {os.getpid()}\n")


def write(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._json({"status": "ok"}, 503 if "never" in OPTIONS else 200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        how = dict(parse_qsl(urlsplit(self.path).query))
        time.sleep(float(how.get("pause", 0)))  # its job, not a test that waits
        if "events" in how:
            self._stream(int(how["events"]), float(how.get("every", 0.02)), how.get("die"))
        elif how.get("die") == "known":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            self.wfile.flush()
            os._exit(3)
        else:
            self._json({"pid": os.getpid(), "model": json.loads(body)["model"]})

    def _stream(self, events: int, every: float, die: str | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(events):
            piece = f"data: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
            if die and number == 2:
                os._exit(3)
            time.sleep(every)
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, value: object, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        write(sys.stdout, f"{self.command} {self.path} {code} {size}")


def fork_child(kind: str) -> None:
    if os.fork():
        return
    if kind in {"deaf", "quiet"}:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if kind == "quiet":
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
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
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


main()
