"""What journeys share: configurations of scripted model servers, and a client's requests."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.journeys.program import LIMIT

from hotbay.runtime.probe import port_in_use

SERVER = Path(__file__).with_name("scripted.py")


_blocks = itertools.count(os.getpid() * 997)


def free_port() -> int:
    """Return the first of ten free ports in a row.

    They lie below those that systems give to clients, because a client's port cannot be
    listened on. Where each test process begins to look keeps them out of each other's way.
    """
    for block in _blocks:
        first = 10_000 + block % 2_200 * 10
        if not any(port_in_use("127.0.0.1", first + offset) for offset in range(10)):
            return first
    raise AssertionError("blocks never end")


def command(**options: object) -> str:
    """Return the command of a scripted model server."""
    words = [f"{key}={value}" for key, value in options.items()]
    return " ".join([sys.executable, "-S", str(SERVER), "${PORT}", *(f"'{w}'" for w in words)])


CHILDREN = ["holds", "deaf", "quiet", "daemon"]
"""The grandchildren that a scripted model server can have."""


def together(*models: str) -> dict[str, Any]:
    """Return settings with which these models run beside one another."""
    return {"groups": {"all": {"swap": False, "members": models}}}


Configure = Callable[..., str]


@pytest.fixture
def configure() -> Configure:
    """Write a configuration: `configure(a={...}, top={...})`; a model without cmd is scripted."""

    def write(top: dict[str, Any] | None = None, **models: dict[str, Any]) -> str:
        filled = {name: {"cmd": command(), **settings} for name, settings in models.items()}
        content = {"startPort": free_port(), "unloadTimeout": 2, **(top or {}), "models": filled}
        return json.dumps(content)  # JSON is YAML

    return write


class Answer:
    """A response, read to its end or until it broke off."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.whole = True
        try:
            self.body = response.read()
        except http.client.IncompleteRead as broken:
            self.body, self.whole = broken.partial, False
        except ConnectionError:
            self.body, self.whole = b"", False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of the error envelope, which every error of hotbay's has."""
        assert self.json["src"] == "llama-swap"
        return str(self.json["error"]["message"])


_opened: list[http.client.HTTPConnection] = []


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    """Close what a test has opened, also if it failed halfway."""
    yield
    while _opened:
        _opened.pop().close()


def connect(url: str) -> http.client.HTTPConnection:
    """Return a connection of a client to hotbay; it is closed at the end of the test."""
    parts = urlsplit(url)
    _opened.append(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60))
    return _opened[-1]


def get(url: str, path: str) -> Answer:
    connection = connect(url)
    connection.request("GET", path)
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def post(
    url: str, model: object = None, query: str = "", path: str = "/v1/chat/completions"
) -> Answer:
    return answer_of(start(url, model, query, path))


def start(
    url: str, model: object = None, query: str = "", path: str = "/v1/chat/completions"
) -> http.client.HTTPConnection:
    """Send a request and leave the answer to be read."""
    connection = connect(url)
    body = model if isinstance(model, bytes) else json.dumps({"model": model}).encode()
    target = f"{path}?{query}" if query else path
    connection.request("POST", target, body, {"Content-Type": "application/json"})
    return connection


def answer_of(connection: http.client.HTTPConnection) -> Answer:
    """Read the answer to a request that was started, and close the connection."""
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


class Stream:
    """An answer that has begun and goes on."""

    def __init__(self, url: str, model: str, query: str = "events=100000") -> None:
        self._connection = start(url, model, query)
        self._response = self._connection.getresponse()
        assert self._response.status == 200

    def rest(self) -> Answer:
        """Read it to its end."""
        answer = Answer(self._response)
        self.close()
        return answer

    def close(self) -> None:
        """Leave."""
        self._connection.close()


def up(url: str) -> dict[str, str]:
    """Return the state of every model server that is not stopped."""
    return {server["model"]: server["state"] for server in get(url, "/running").json["running"]}


def until_waiting(url: str, count: int) -> None:
    """Return once so many requests wait."""
    until(lambda: len(get(url, "/api/x/queue").json["waiting"]) == count)


def until(condition: Callable[[], bool]) -> None:
    """Return once this holds; each look at it is a whole request, so the loop is not busy."""
    last = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < last, "it never came to be"
