"""Whatever is sent, the whole program has an answer: nothing fails inside, and nobody hangs."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journeys.conftest import command, free_port, get, together, until
from tests.journeys.program import Program, serving

from hotbay.api.app import ROUTES
from hotbay.lane.routes import model_paths

LIMIT = 30.0
"""Seconds after which an answer will not come any more."""

# -- the program -------------------------------------------------------------------------------

CONFIGURATION = {
    "models": {
        "lab": {"cmd": command(), "aliases": ["mist"], "filters": {"stripParams": "x"}},
        "lab/deep": {"cmd": command(), "sendLoadingState": True, "useModelName": "deep"},
        "comfyui_auto": {"cmd": command()},
    },
    "peers": {
        "dead": {"proxy": "http://127.0.0.1:9", "models": ["kite"]},
        "self": {"proxy": "http://127.0.0.1:{port}", "models": ["lab", "mist"], "apiKey": "k"},
    },
    "selectors": {"any": {"strategy": "spillover", "targets": ["lab", "lab/deep", "self/mist"]}},
    "profiles": {"day": {"pins": {"front": "lab", "hidden": None}}},
    "logLevel": "debug",
    **together("lab", "lab/deep", "comfyui_auto"),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, int]]:
    """Return a running hotbay, and the port on which it listens."""
    port, models = free_port(), free_port()
    text = json.dumps({**CONFIGURATION, "startPort": models}).replace("{port}", str(port))
    listen = ("--listen", f"127.0.0.1:{port}")
    with serving(text, tmp_path_factory.mktemp("fuzz"), *listen) as (running, _):
        yield running, port


def rest(program: tuple[Program, int]) -> None:
    """See that nobody waits any more and that nothing has failed inside."""
    running, port = program
    url = f"http://127.0.0.1:{port}"
    until(lambda: get(url, "/api/x/queue").json == {"swaps": [], "waiting": []})
    assert not re.search(r"^(\[ERROR\]|Traceback)", running.output, re.MULTILINE), running.output


# -- requests ----------------------------------------------------------------------------------

METHODS = [
    *("GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    *("TRACE", "CONNECT", "SEARCH", "PROPFIND", "M-SEARCH", "QUERY"),
]
ENDLESS = re.compile(r"/(logs/stream|api/(x/)?events)")
MODELS = ["lab", "mist", "lab/deep", "lab%2Fdeep", "kite", "self/lab", "any", "front", "hidden"]
PATHS = [
    *(re.sub(r"\{[^}]*\}", "lab", route.path) for route in ROUTES),
    *model_paths(),
    *(f"/upstream/{name}" for name in [*MODELS, "nobody"]),
    *("/upstream", "/comfyui", "/v", ""),
]
NAMES = [
    *("Accept", "Accept-Encoding", "Access-Control-Request-Headers", "Authorization", "Connection"),
    *("Content-Type", "Cookie", "Expect", "Forwarded", "If-None-Match", "Last-Event-ID", "Origin"),
    *("Range", "Sec-Fetch-Site", "TE", "Traceparent", "Upgrade", "User-Agent", "X-Api-Key"),
    *("X-Forwarded-For", "X-Real-IP", "X-Request-ID", "X-Session-ID"),
]
CONTROLS = bytes([*range(32), 127])
LATIN = st.binary(max_size=12).map(lambda value: value.translate(None, CONTROLS).decode("latin-1"))
VALUES = st.one_of(
    st.sampled_from(["", ",", "close", "keep-alive, te", "upgrade", "websocket", "trailers", "br"]),
    st.sampled_from(["text/html", "text/plain", "gzip", "none", "bytes=0-", "Basic Og==", "null"]),
    st.sampled_from(["application/json", "multipart/form-data; boundary=b", "multipart/form-data"]),
    st.sampled_from(["application/x-www-form-urlencoded", "100-continue"]),
    LATIN.map(str.strip),
)
escaped = st.binary(max_size=4).map(quote_from_bytes)
segment = st.one_of(
    st.sampled_from(
        ["", ".", "..", "%2F", "%2e%2e", "x.js", "v1", "props", "%0a", "%00", "~", "%"]
    ),
    escaped,
)
tail = st.lists(segment, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
word = st.one_of(st.sampled_from(MODELS), escaped)
query = st.one_of(
    st.just(""),
    word.map("?model={}".format),
    st.builds("?model={}&stream=true&{}={}".format, word, escaped, escaped),
    escaped.map("?after={}".format),
)
targets = st.builds("{}{}{}".format, st.sampled_from(PATHS), tail, query).map(
    lambda target: target if target.startswith("/") else f"/{target}"
)
text = st.text('a."\\\0\x7fé€\U0001f600', max_size=4)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), text),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(text, inner, max_size=2)),
    max_leaves=4,
)
names = st.one_of(st.sampled_from([name.replace("%2F", "/") for name in MODELS]), values)
objects = st.fixed_dictionaries(
    {}, optional={"model": names, "stream": values, "x": values, "name": names, "running": values}
)
FORM = (
    '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n{}\r\n'
    '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nxyz\r\n--b--\r\n'
)
TYPED = [
    ("application/json", objects.map(json.dumps)),
    ("multipart/form-data; boundary=b", word.map(FORM.format)),
    ("application/x-www-form-urlencoded", word.map("a=1&model={}&b=%zz".format)),
]
Header = tuple[str, str]
bodies: st.SearchStrategy[tuple[list[Header], bytes]] = st.one_of(
    st.tuples(st.just([]), st.one_of(st.just(b""), st.binary(max_size=40))),
    *(st.tuples(st.just([("Content-Type", kind)]), text.map(str.encode)) for kind, text in TYPED),
)
headers = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4)


def written(
    method: str, target: str, headers: list[Header], body: bytes, *, chunked: bool = False
) -> bytes:
    """Return the bytes of a request."""
    if chunked:
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        framing = ("Transfer-Encoding", "chunked")
    else:
        framing = ("Content-Length", str(len(body)))
    lines = [f"{name}: {value}" for name, value in [("Host", "localhost"), framing, *headers]]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


requests = st.builds(
    lambda method, target, headers, typed, chunked: (
        method,
        target,
        written(method, target, [*typed[0], *headers], typed[1], chunked=chunked),
    ),
    method=st.sampled_from(METHODS),
    target=targets,
    headers=headers,
    typed=bodies,
    chunked=st.booleans(),
)
one_program_for_all = settings(
    max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def answer(connection: socket.socket, method: str, *, whole: bool) -> HTTPResponse:
    """Return the answer to a request that was sent, read to its end if it has one."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    if whole and response.status != 101:
        response.read()
    return response


# -- tests -------------------------------------------------------------------------------------


def test_every_request_is_answered_and_none_makes_the_program_fail(
    program: tuple[Program, int],
) -> None:
    @one_program_for_all
    @given(request=requests)
    def ask(request: tuple[str, str, bytes]) -> None:
        method, target, data = request
        endless = ENDLESS.search(target) is not None
        with socket.create_connection(("127.0.0.1", program[1]), LIMIT) as connection:
            connection.sendall(data)
            with answer(connection, method, whole=not endless) as response:
                assert 100 < response.status != 500
            if not endless and response.status != 101 and not response.will_close:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                with answer(connection, "GET", whole=True) as following:
                    assert following.status == 200

    ask()
    rest(program)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return requests one behind another, of which bytes were lost, changed, or repeated."""
    data = b"".join(part[2] for part in draw(st.lists(requests, min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 8)))
        odd = st.sampled_from([b"", b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"%", b"\xff"])
        data = data[:start] + draw(st.one_of(odd, st.just(data[start:end] * 3))) + data[end:]
    return data


def test_whatever_bytes_come_the_connection_ends_with_its_client(
    program: tuple[Program, int],
) -> None:
    @one_program_for_all
    @given(data=damaged(), at=st.integers(0, 200))
    def send(data: bytes, at: int) -> None:
        with socket.create_connection(("127.0.0.1", program[1]), LIMIT) as connection:
            received = b""
            try:
                connection.sendall(data[:at])
                connection.sendall(data[at:])
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65536):
                    received += piece
            except TimeoutError:
                raise
            except OSError:
                pass  # cut off, in the middle of whatever it was
            assert b"HTTP/1.1 500" not in received

    send()
    rest(program)
