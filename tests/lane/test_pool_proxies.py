"""Proxies that the environment names: who goes through one, and how."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from hotbay.lane.env_proxies import EnvProxies, Proxy, ProxyError

from .identities import Identity, certify
from .upstreams import GET, OK, Peer, ask, client, endpoint, post, upstream

REMOTE = "models.example"
PROXY = {"HTTP_PROXY": "http://proxy.lan:3128", "HTTPS_PROXY": "http://proxy.lan:3128"}
FOUND = Proxy("proxy.lan", 3128, False, b"")


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    return partial(certify, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "localhost."]
)
def test_loopback_is_never_proxied(host: str) -> None:
    assert EnvProxies(PROXY).find("http", host, 80) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "exempt"),
    [
        ("", "a.example", False),
        ("*", "a.example", True),
        ("*", "10.0.0.1", True),
        ("example", "a.example", True),
        ("a.example", "a.example", True),
        ("a.example", "b.a.example", True),
        ("a.example", "ba.example", False),
        ("A.Example", "a.eXample", True),
        ("a.example", "a.example.", True),
        (".a.example", "b.a.example", True),
        (".a.example", "a.example", False),
        ("*.a.example", "b.a.example", True),
        ("x, a.example ,y", "a.example", True),
        ("a.example:80", "a.example", True),
        ("a.example:81", "a.example", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.11", False),
        ("10.0.0.0/8", "10.9.8.7", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.1:80", "10.0.0.1", True),
        ("10.0.0.1:81", "10.0.0.1", False),
        ("fd00::1", "fd00::1", True),
        ("[fd00::1]", "fd00::1", True),
        ("[fd00::1]:80", "fd00::1", True),
        ("[fd00::1]:81", "fd00::1", False),
        ("fd00::/16", "fd00::99", True),
        ("10.0.0.0/8", "a.example", False),
    ],
)
def test_no_proxy_lists_exceptions(no_proxy: str, host: str, exempt: bool) -> None:
    proxies = EnvProxies({**PROXY, "NO_PROXY": no_proxy})
    assert proxies.find("http", host, 80) == (None if exempt else FOUND)


@pytest.mark.parametrize(
    ("environ", "scheme", "proxy"),
    [
        ({}, "http", None),
        ({"HTTP_PROXY": "http://p:1"}, "http", Proxy("p", 1, False, b"")),
        ({"HTTP_PROXY": "http://p:1"}, "https", None),
        ({"http_proxy": "http://p:1"}, "http", Proxy("p", 1, False, b"")),
        ({"HTTP_PROXY": "http://p", "http_proxy": "http://q"}, "http", Proxy("p", 80, False, b"")),
        ({"HTTPS_PROXY": "https://p"}, "https", Proxy("p", 443, True, b"")),
        ({"HTTPS_PROXY": "p:3128"}, "https", Proxy("p", 3128, False, b"")),
        ({"HTTP_PROXY": "http://[fd00::1]:8"}, "http", Proxy("fd00::1", 8, False, b"")),
        ({"HTTP_PROXY": "http://u:p%40@p"}, "http", Proxy("p", 80, False, b"Basic dTpwQA==")),
    ],
)
def test_the_variable_of_the_scheme_names_the_proxy(
    environ: dict[str, str], scheme: str, proxy: Proxy | None
) -> None:
    assert EnvProxies(environ).find(scheme, "a.example", 80) == proxy


@pytest.mark.parametrize("value", ["socks5://p:1080", "http://", "http://p:port", "http://u:pw@:1"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(value: str) -> None:
    with pytest.raises(ProxyError, match="HTTP_PROXY is not the URL of an HTTP proxy") as raised:
        EnvProxies({"HTTP_PROXY": value}).find("http", "a.example", 80)
    assert "pw" not in str(raised.value)


async def test_a_call_with_an_unusable_proxy_fails_with_the_reason() -> None:
    async with client({"HTTP_PROXY": "socks5://p:1080"}) as asking:
        error = await ask(asking, endpoint(80, host=REMOTE)).failed()
        assert error.kind == "connect"
        assert "HTTP_PROXY" in error.message


async def test_a_plain_upstream_is_asked_for_with_an_absolute_target() -> None:
    requests = []

    async def script(peer: Peer) -> None:
        for _ in range(2):
            requests.append(await peer.head())
            await peer.send(OK)

    async with upstream(script) as proxy:
        environ = {"HTTP_PROXY": f"http://user:secret@{proxy.address}"}
        async with client(environ) as asking:
            for head in (GET, post(0)):
                await ask(asking, endpoint(8080, host=REMOTE), head).over()
        assert proxy.connections == 1
    credentials = b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"
    assert requests == [
        b"GET http://models.example:8080/v1/models HTTP/1.1\r\n" + credentials + b"host: h\r\n\r\n",
        b"POST http://models.example:8080/v1/x HTTP/1.1\r\n"
        + credentials
        + b"host: h\r\ncontent-length: 0\r\n\r\n",
    ]


class Relay:
    """A proxy that connects every request to one address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heads: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        self.heads.append(await peer.head())
        async with self._connected() as far:
            peer.writer.write(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
            await asyncio.gather(_copy(peer.reader, far.writer), _copy(far.reader, peer.writer))

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Peer(reader, writer)
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("secured", [False, True])
async def test_a_tls_upstream_is_reached_through_connect(identity: Identity, secured: bool) -> None:
    tls = identity(f"DNS:{REMOTE},IP:127.0.0.1")

    async def script(peer: Peer) -> None:
        for _ in range(2):
            await peer.answer(OK)

    async with upstream(script, tls=tls) as server:
        relay = Relay(server.port)
        async with upstream(relay, tls=tls if secured else None) as proxy:
            environ = {"HTTPS_PROXY": f"{proxy.scheme}://u:p@{proxy.address}"}
            async with client(environ) as asking:
                for _ in range(2):
                    got = await ask(asking, endpoint(443, "https", host=REMOTE)).over()
                    assert (got.error, got.body) == (None, b"ok")
                assert (server.connections, proxy.connections) == (1, 1)
    (head,) = relay.heads
    assert head == (
        b"CONNECT models.example:443 HTTP/1.1\r\nHost: models.example:443\r\n"
        b"Proxy-Authorization: Basic dTpw\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "407 Proxy Authentication Required",
        ),
        (b"HTTP/1.1 200", "it hung up"),
        (b"220 smtp.example\r\n\r\n", "smtp.example"),
        (b"x" * 70_000, "it hung up"),
    ],
)
async def test_a_proxy_that_refuses_is_named(answer: bytes, reason: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    async with upstream(script) as proxy, client({"HTTPS_PROXY": proxy.address}) as asking:
        error = await ask(asking, endpoint(443, "https", host=REMOTE)).failed()
    assert error.kind == "connect"
    assert error.message == (
        f"proxy {proxy.address} gave no connection to models.example:443: {reason}"
    )


async def test_a_proxy_that_does_not_answer_is_given_up() -> None:
    async with (
        upstream(lambda peer: peer.gone()) as proxy,
        client({"HTTPS_PROXY": proxy.address}) as asking,
    ):
        where = endpoint(443, "https", host=REMOTE, connect=0.05)
        error = await ask(asking, where).failed()
    assert error.kind == "connect"
    assert error.message.endswith("gave no connection to models.example:443 within 0.05 s")


async def test_a_call_can_be_aborted_while_the_proxy_connects() -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.gone()
        closed.set()

    async with upstream(script) as proxy, client({"HTTPS_PROXY": proxy.address}) as asking:
        recorder = ask(asking, endpoint(443, "https", host=REMOTE))
        await asked.wait()
        assert recorder.call is not None
        recorder.call.abort()
        await closed.wait()
        assert recorder.error is None
