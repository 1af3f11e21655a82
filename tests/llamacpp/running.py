"""A llama.cpp server under test: a real process, spoken to over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

PATIENCE = 30  # seconds until a test that waits gives up
ENGINE = (sys.executable, "-m", "hotbay.llamacpp")


class Running:
    """A process whose standard error is read line by line."""

    def __init__(self, arguments: Sequence[str], command: Sequence[str] = ENGINE) -> None:
        self.process = subprocess.Popen(
            [*command, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.log: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._port = 0

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line from here on in which the pattern is found."""
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.log.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"'{pattern}' never came:\n{''.join(self.log)}")

    def ready(self) -> Running:
        """Wait until the model is served, and a signal ends the process in good order."""
        # llama.cpp writes its own lines in pieces, of which one may stand before this.
        self._port = int(self.wait_for(r"serving .* on http://\S+:(\d+)$")[1])
        return self

    def connect(self, port: int = 0) -> http.client.HTTPConnection:
        """A connection to the server."""
        return http.client.HTTPConnection("127.0.0.1", port or self._port, timeout=PATIENCE)

    @contextlib.contextmanager
    def ask(
        self, path: str, body: object = None, *, port: int = 0, key: str = ""
    ) -> Iterator[http.client.HTTPResponse]:
        """The response to a request: GET, or POST if there is a body."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
        with contextlib.closing(self.connect(port)) as connection:
            connection.request(method, path, content, headers)
            with connection.getresponse() as response:
                yield response

    def json(self, path: str, body: object = None, *, key: str = "") -> Any:
        """The JSON that a successful request is answered with."""
        with self.ask(path, body, key=key) as response:
            text = response.read()
        assert response.status == 200, text
        return json.loads(text)

    def events(self, path: str, body: object) -> list[str]:
        """The data of the server-sent events that a request is answered with."""
        with self.ask(path, body) as response:
            lines = response.read().decode().splitlines()
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit status, negative for a signal."""
        status = self.process.wait(PATIENCE)
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.log.append(line)
        return status

    def close(self) -> None:
        """End the process, however it is."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[Running]:
    """A server on a port of its own that has loaded its model."""
    server = Running(["--port", "0", "--threads", "1", *arguments])
    try:
        yield server.ready()
    finally:
        server.close()
