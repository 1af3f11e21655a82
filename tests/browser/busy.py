"""A model server that never rests: `python busy.py PORT [quiet]`.

It answers each request with four events a second until the client leaves, and writes a hundred
lines a second to its log for as long as somebody listens to an answer; none if it is to be
quiet.
"""

from __future__ import annotations

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LINES = 100
EVENTS = 4
LISTENING = threading.Semaphore(0)


class Busy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing; the lines come from elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        event = b'data: {"choices": [{"delta": {"content": "word "}}]}\n\n'
        chunk = b"%x\r\n%s\r\n" % (len(event), event)
        LISTENING.release()
        try:
            while True:
                self.wfile.write(chunk)
                time.sleep(1 / EVENTS)
        except ConnectionError:
            LISTENING.acquire()


def chatter() -> None:
    number = 0
    while True:
        LISTENING.acquire()
        LISTENING.release()
        number += 1
        sys.stdout.write(f"\x1b[32mslot\x1b[0m {number % 20}: task {number} | tokens per second\n")
        sys.stdout.flush()
        time.sleep(1 / LINES)


if "quiet" not in sys.argv:
    threading.Thread(target=chatter, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Busy).serve_forever()
