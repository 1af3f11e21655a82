"""Whatever is asked, the control plane has an answer: nothing fails inside."""

from __future__ import annotations

import asyncio
import json
import logging
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import LIMIT, Serve, Served

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SEARCH", "PURGE"]
PATHS = [
    "/",
    "/health",
    "/wol-health",
    "/v1/models",
    "/models",
    "/running",
    "/unload",
    "/api/models/unload",
    "/api/models/unload/lab/a",
    "/api/version",
    "/api/x/plan",
    "/api/x/queue",
    "/logs",
    "/logs/stream",
    "/logs/stream/lab/a",
    "/v1/chat/completions",
    "/props",
]
NAMES = [
    "Accept",
    "Accept-Encoding",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Origin",
    "Range",
    "Sec-Fetch-Site",
    "User-Agent",
    "X-Api-Key",
    "X-Forwarded-For",
    "X-Real-IP",
]
VALUES = st.one_of(
    st.sampled_from(["", "text/html", "text/plain", "application/json", "null", "Basic Og==", ","]),
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20),
)
escaped = st.binary(max_size=6).map(quote_from_bytes)
segment = st.one_of(
    st.sampled_from(["", ".", "..", "%2F", "%2e%2e", "lab", "a", "proxy", "%0a", "%00", "~", "@:"]),
    escaped,
)
tail = st.lists(segment, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))
targets = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", *PATHS]),
    tail,
    st.one_of(st.just(""), escaped.map("?".__add__), st.just("?no-history"), st.just("?model=")),
).map(lambda target: target if target.startswith("/") else f"/{target}")
bodies = st.one_of(
    st.just(b""),
    st.binary(max_size=40),
    st.dictionaries(
        st.sampled_from(["model", "running", "x"]),
        st.one_of(st.none(), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2)),
    ).map(lambda value: json.dumps(value).encode()),
)


async def status_of(served: Served, request: bytes) -> int:
    """Return the status of an answer, of which some do not end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        writer.write(request)
        async with asyncio.timeout(LIMIT):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 ")
        return int(head.split()[1])
    finally:
        writer.close()
        await writer.wait_closed()


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one server for all examples
)
@given(
    method=st.sampled_from(METHODS),
    target=targets,
    headers=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    body=bodies,
)
async def test_no_request_makes_the_control_plane_fail(
    running: Served,
    caplog: pytest.LogCaptureFixture,
    *,
    method: str,
    target: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    status = await status_of(running, head + body)
    assert 200 <= status < 500
    failures = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert failures == []
    assert "Traceback" not in running.log


@pytest.fixture
async def running(serve: Serve) -> Served:
    return await serve(**{"lab/a": {"aliases": ["a"]}})
