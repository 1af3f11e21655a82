"""Speaking to a running hotbay over HTTP.

Owns the address, the key and how failures are told to people. A connection is opened for each
request, as commands make few.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from hotbay import __version__
from hotbay.cli.report import Level, report

DEFAULT_URL = "http://127.0.0.1:8080"
URL_VARIABLE = "HOTBAY_URL"
KEY_VARIABLE = "HOTBAY_API_KEY"
PATIENCE = 30.0
"""Seconds for an answer that needs no waiting for a model."""
PIECE = 65536


class ServerError(Exception):
    """The server cannot be reached, or refuses; the text is for people.

    `status` is that of a refusal, 0 if there was no answer.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Server:
    """A running hotbay."""

    def __init__(self, url: str, key: str = "") -> None:
        """Take the address, as `http://127.0.0.1:8080`, and the key, empty for none.

        Raises:
            ServerError: the address cannot be read.
        """
        self.url = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"}:
            raise ServerError(f"{url!r} is no address of a server; write it as in {DEFAULT_URL}")
        self._host, self._port = host, port
        self._tls = parts.scheme == "https"
        self._prefix = parts.path.rstrip("/")
        self._headers = {"User-Agent": f"hotbay/{__version__}"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> Any:
        """Return what the server answers, decoded from JSON.

        Raises:
            ServerError: there is no answer, or not the one asked for.
        """
        return self._json("GET", path, PATIENCE)

    def post(self, path: str, *, patience: float | None = PATIENCE) -> Any:
        """Send a request without a body and return the answer: JSON decoded, else its text.

        Raises:
            ServerError: there is no answer within `patience` seconds, or it is a refusal.
        """
        return self._json("POST", path, patience)

    @contextmanager
    def stream(self, path: str, *, patience: float | None = None) -> Iterator[Iterator[bytes]]:
        """Provide the pieces of an answer as they come.

        Args:
            path: what is asked for.
            patience: seconds without a piece after which the server counts as gone.

        Raises:
            ServerError: there is no answer, it is a refusal, or it breaks off.
        """
        with closing(self._connection(patience)) as connection:
            response = self._ask(connection, "GET", path, patience)
            yield self._pieces(response, patience)

    def _pieces(
        self, response: http.client.HTTPResponse, patience: float | None
    ) -> Iterator[bytes]:
        while True:
            with self._failures_told(patience):
                piece = response.read1(PIECE)
            if not piece:
                return
            yield piece

    def _json(self, method: str, path: str, patience: float | None) -> Any:
        with closing(self._connection(patience)) as connection:
            response = self._ask(connection, method, path, patience)
            with self._failures_told(patience):
                body = response.read()
        try:
            plain = response.headers.get_content_type() != "application/json"
            return body.decode() if plain else json.loads(body)
        except ValueError:
            raise ServerError(f"{self.url}{path}: the answer is no JSON; is this hotbay?") from None

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, patience: float | None
    ) -> http.client.HTTPResponse:
        with self._failures_told(patience):
            connection.request(method, f"{self._prefix}{path}", headers=self._headers)
            response = connection.getresponse()
            if response.status >= 300:
                raise ServerError(_refusal(response, self.url), response.status)
        return response

    @contextmanager
    def _failures_told(self, patience: float | None) -> Iterator[None]:
        """Turn what goes wrong on the way to the server into words."""
        try:
            yield
        except TimeoutError:
            raise ServerError(f"{self.url}: no answer within {patience:g} seconds") from None
        except ssl.SSLError as error:
            raise ServerError(f"{self.url}: TLS failed: {error}") from None
        except OSError as error:
            raise ServerError(
                f"cannot reach hotbay at {self.url}: {error.strerror or error}; "
                f"--url or {URL_VARIABLE} names another address"
            ) from None
        except http.client.HTTPException as error:
            raise ServerError(f"{self.url}: the answer broke off: {error!r}") from None

    def _connection(self, patience: float | None) -> http.client.HTTPConnection:
        if self._tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=patience, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=patience)


def _refusal(response: http.client.HTTPResponse, url: str) -> str:
    """Return why a request was refused, as the server says it."""
    body = response.read(PIECE)
    if response.status == 401:
        return f"{url} wants a key: set {KEY_VARIABLE} to one of its apiKeys"
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        text = body.decode(errors="replace").strip() or response.reason
        return f"{url}: {response.status} {text}"


def talk(url: str | None, command: Callable[[Server], int]) -> int:
    """Run a command with the server at this address, or the one that the environment names.

    Returns its exit code: 1 if it failed, which has then been told.
    """
    address = url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
    try:
        return command(Server(address, os.environ.get(KEY_VARIABLE, "")))
    except ServerError as error:
        report(Level.ERROR, str(error))
        return 1
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
