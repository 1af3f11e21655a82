"""When a model server counts as ready (design 7.4, spec/lifecycle.md 4)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from tests.lane.identities import certify

from hotbay.config.model import Timeouts
from hotbay.runtime import probe
from hotbay.runtime.endpoint import Endpoint
from hotbay.runtime.probe import pause_after, port_in_use, probe_until_ready, target_of

PATIENCE = 10.0
ANSWER = "HTTP/1.1 {} Whatever\r\nContent-Length: 0\r\n\r\n"


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


class Server:
    """Answers each question with the next of its answers, the last one for ever."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.heads: list[str] = []
        self.on_question: Callable[[], None] = lambda: None
        self._server: asyncio.Server | None = None

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> int:
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        found = self._server.sockets[0].getsockname()[1]
        assert isinstance(found, int)
        return found

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            self.on_question()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                await reader.read()  # until the other side gives up
            else:
                writer.write(answer.encode())
        writer.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


Serve = Callable[..., Server]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[Server] = []

    def make(*answers: str | None) -> Server:
        servers.append(Server(*answers))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def endpoint(port: int, host: str = "127.0.0.1", **timeouts: int) -> Endpoint:
    return Endpoint("lily", 1, "http", host, port, "", f"{host}:{port}", Timeouts(**timeouts))


async def ready(asked: Endpoint, path: str = "/health") -> Endpoint:
    async with asyncio.timeout(PATIENCE):
        return await probe_until_ready(asked, path, asyncio.Event())


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


# -- what counts as an answer -----------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        ANSWER.format(503),
        ANSWER.format(204),
        ANSWER.format(404),
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "x" * 5000,
        "",
    ],
)
async def test_only_status_200_is_ready(first: str, serve: Serve) -> None:
    server = serve(first, ANSWER.format(200))
    port = await server.start()

    assert await ready(endpoint(port)) == endpoint(port)
    assert len(server.heads) == 2


@pytest.mark.parametrize(
    "answer", ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200\r\n\r\n", "HTTP/1.1 200 OK\nx"]
)
async def test_the_status_line_is_enough(answer: str, serve: Serve) -> None:
    port = await serve(answer).start()
    await ready(endpoint(port))


async def test_the_question_is_a_plain_get_with_the_authority_of_the_url(serve: Serve) -> None:
    server = serve(ANSWER.format(200))
    port = await server.start()
    await ready(replace(endpoint(port), base_path="/base", authority="lily.local:80"))

    request, *fields = server.heads[0].split("\r\n")
    assert request == "GET /base/health HTTP/1.1"
    assert "Host: lily.local:80" in fields


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("", "/health", "/health"),
        ("", "health", "/health"),
        ("", "", "/"),
        ("/base", "/health", "/base/health"),
        ("/base", "", "/base/"),
        ("/a b", "/h%C3%A4?x=1&y=2", "/a%20b/h%C3%A4?x=1&y=2"),
        ("", "http://elsewhere:1/status?full", "/status?full"),
        ("", "/new\r\nline é", "/newline%20%C3%A9"),
    ],
)
def test_base_path_and_check_path_are_joined(base: str, path: str, target: str) -> None:
    assert target_of(replace(endpoint(1), base_path=base), path) == target


async def test_a_server_that_never_answers_does_not_stop_the_questions(serve: Serve) -> None:
    server = serve(None, ANSWER.format(200))
    port = await server.start()

    await ready(endpoint(port, response_header=1))
    assert len(server.heads) == 2


async def test_a_server_that_starts_later_is_found(serve: Serve) -> None:
    server = serve(ANSWER.format(200))
    port = free_port()
    probing = asyncio.ensure_future(ready(endpoint(port)))
    await asyncio.sleep(0)  # let it begin
    await server.start(port=port)

    assert await probing == endpoint(port)


# -- which address ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")),
    ],
)
async def test_the_address_of_localhost_that_answers_is_kept(address: str, serve: Serve) -> None:
    port = await serve(ANSWER.format(200)).start(address)

    found = await ready(endpoint(port, host="localhost"))
    assert found == replace(endpoint(port, host="localhost"), host=address)
    assert found.authority == f"localhost:{port}"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
async def test_of_two_servers_behind_localhost_the_ready_one_is_kept(serve: Serve) -> None:
    port = await serve(ANSWER.format(404)).start("127.0.0.1")
    await serve(ANSWER.format(200)).start("::1", port)

    assert (await ready(endpoint(port, host="localhost"))).host == "::1"


async def test_a_name_is_looked_up_and_kept_as_a_name(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = await serve(ANSWER.format(200)).start()
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def look_up(host: str, *_: object, **__: object) -> object:
        return addresses if host == "lily.lan" else []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)

    assert (await ready(endpoint(port, host="lily.lan"))).host == "lily.lan"


async def test_a_name_that_leads_nowhere_yet_is_asked_for_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = await serve(ANSWER.format(200)).start()
    answers = [
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))],
    ]

    async def look_up(*_: object, **__: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)

    await ready(endpoint(port, host="lily.lan"))
    assert answers == []


# -- TLS ------------------------------------------------------------------------------------


async def test_tls_is_spoken_and_the_certificate_must_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    identity = certify(tmp_path, monkeypatch, "DNS:localhost")
    port = await serve(ANSWER.format(200)).start(tls=identity)
    secure = replace(endpoint(port, host="localhost"), scheme="https")
    assert (await ready(secure)).host == "127.0.0.1"

    monkeypatch.delenv("SSL_CERT_FILE")
    accepted_but_not_ready = await probe._Prober(secure, "/health").ask()
    assert accepted_but_not_ready is True


# -- the rhythm -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elapsed", "accepted_for", "pause"),
    [
        (0.0, 0.0, 0.02),
        (100.0, 4.9, 0.02),
        (5.0, 5.0, 0.1),
        (12.0, 6.0, 0.24),
        (13.0, 13.0, 0.25),
        (600.0, 300.0, 0.25),
    ],
)
def test_pauses_grow_with_the_time_that_has_passed(
    elapsed: float, accepted_for: float, pause: float
) -> None:
    assert pause_after(elapsed, accepted_for) == pytest.approx(pause)


async def test_output_of_the_server_brings_the_next_question_forward(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "EARLY_PAUSE", 60.0)
    server = serve(ANSWER.format(503), ANSWER.format(200))
    port = await server.start()
    output = Output()
    probing = asyncio.ensure_future(probe_until_ready(endpoint(port), "/", output))
    await output.waited_for()
    output.set()

    async with asyncio.timeout(PATIENCE):
        assert await probing == endpoint(port)


async def test_what_a_server_writes_about_a_question_brings_no_question_forward(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "EARLY_PAUSE", 60.0)
    output = Output()
    server = serve(ANSWER.format(503))
    server.on_question = output.set
    port = await server.start()
    probing = asyncio.ensure_future(probe_until_ready(endpoint(port), "/", output))
    await output.waited_for()

    assert not output.is_set()
    assert len(server.heads) == 1
    probing.cancel()


class Output(asyncio.Event):
    """Tells when somebody begins to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self._wanted.set()
        return await super().wait()

    async def waited_for(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._wanted.wait()


# -- ports ------------------------------------------------------------------------------------


def test_a_port_on_which_somebody_listens_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        assert port_in_use("127.0.0.1", port)
        assert port_in_use("localhost", port)
    assert not port_in_use("127.0.0.1", port)


def test_a_port_taken_on_all_addresses_is_in_use() -> None:
    with socket.create_server(("0.0.0.0", 0)) as sock:
        assert port_in_use("localhost", sock.getsockname()[1])


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_a_port_taken_on_the_other_address_of_localhost_is_in_use() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as sock:
        assert port_in_use("localhost", sock.getsockname()[1])


def test_a_port_with_lingering_connections_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = sock.getsockname()
        with socket.create_connection(address):
            accepted, _ = sock.accept()
            accepted.close()  # first, so that this side has to remember the connection
    assert not port_in_use("127.0.0.1", address[1])


@pytest.mark.parametrize("host", ["192.0.2.7", "far.example", "not a host"])
def test_of_other_machines_nothing_is_known(host: str) -> None:
    assert not port_in_use(host, 80)
