"""The level of the log, changed while hotbay runs (`/api/x/log-level`)."""

from __future__ import annotations

import pytest
from tests.api.conftest import Serve


async def test_the_level_can_be_changed_until_the_next_reload(serve: Serve) -> None:
    served = await serve({"logLevel": "warn"}, a={})
    log = served.app.logs.proxy
    assert (await served.get("/api/x/log-level")).json == {"level": "warn", "configured": "warn"}

    answer = await served.ask("PUT", "/api/x/log-level", body={"level": "debug"})
    assert (answer.status, answer.json) == (200, {"level": "debug", "configured": "warn"})
    log.debug("now heard")
    assert "[INFO] log level changed from warn to debug\n" in served.log
    assert "[DEBUG] now heard\n" in served.log

    await served.app.reload()
    assert (await served.get("/api/x/log-level")).json["level"] == "warn"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"level": "loud"}', b'{"level": 1}', b'{"level": "info", "x": 1}', b"\xff"],
)
async def test_what_is_no_level_is_refused_with_the_reason(serve: Serve, body: bytes) -> None:
    served = await serve(a={})
    answer = await served.ask("PUT", "/api/x/log-level", body=body)
    assert answer.status == 400
    assert answer.error.startswith("invalid log level request: ")
    assert served.app.logs.proxy.level == "info"


async def test_a_foreign_page_cannot_change_the_level(serve: Serve) -> None:
    served = await serve(a={})
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = await served.ask("PUT", "/api/x/log-level", headers, {"level": "debug"})
    assert answer.status == 403
    assert served.app.logs.proxy.level == "info"


async def test_the_log_can_be_written_as_json(serve: Serve) -> None:
    served = await serve({"logFormat": "json"}, a={})
    await served.get("/health")
    match = await served.logged(r'\{"time": "[^"]+", "level": "info", "message": "Request .*')
    assert '\\"GET /health HTTP/1.1\\" 200 2' in match[0]
