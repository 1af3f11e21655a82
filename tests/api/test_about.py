"""Health and version, and who is written into the access log (spec/http-api.md 3 and 13)."""

from __future__ import annotations

import pytest
from tests.api.conftest import BUILD, Serve

DURATION = r"[\d.m]+[µm]?s"


@pytest.mark.parametrize("path", ["/health", "/wol-health"])
async def test_health_is_ok_and_touches_no_model(serve: Serve, path: str) -> None:
    served = await serve(a={})
    answer = await served.get(path)
    assert (answer.status, answer.body) == (200, b"OK")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (await served.get("/running")).json == {"running": []}


async def test_the_version_is_told(serve: Serve) -> None:
    answer = await (await serve()).get("/api/version")
    expected = {"version": BUILD.version, "commit": BUILD.commit, "build_date": BUILD.date}
    assert answer.json == expected


async def test_a_control_request_leaves_a_line(serve: Serve) -> None:
    served = await serve()
    await served.get("/models?x=secret", User_Agent="probe/1", X_Forwarded_For=" 192.0.2.7 , b")
    line = await served.logged(
        rf'\[INFO\] Request 192\.0\.2\.7 "GET /models HTTP/1\.1" 200 \d+ "probe/1" {DURATION}'
    )
    assert "secret" not in line[0]


async def test_a_model_request_leaves_a_line_of_the_same_form(serve: Serve) -> None:
    served = await serve(a={})
    size = len((await served.use("a")).body)
    await served.logged(
        rf'\[INFO\] Request 127\.0\.0\.1 "POST /v1/chat/completions HTTP/1\.1" 200 {size} '
        rf'"" {DURATION}'
    )


async def test_refusals_redirects_and_preflights_are_logged_too(serve: Serve) -> None:
    served = await serve({"apiKeys": ["k"]})
    for method, target, status in [
        ("GET", "/running", 401),
        ("POST", "/v1/completions", 401),
        ("GET", "/nowhere", 404),
        ("POST", "/health", 405),
        ("GET", "//health", 307),
        ("OPTIONS", "/v1/models", 204),
    ]:
        assert (await served.ask(method, target)).status == status
        await served.logged(
            rf'\[INFO\] Request 127\.0\.0\.1 "{method} {target} HTTP/1\.1" {status} \d+ "" '
            + DURATION
        )


async def test_polling_is_not_logged(serve: Serve) -> None:
    served = await serve()
    for path in ("/wol-health", "/wol-healthy", "/api/performance", "/metrics", "/metrics/x"):
        await served.get(path)
    await served.get("/health")
    await served.logged(r"\[INFO\] Request .*/health .*")
    assert served.log.count("Request") == 1


async def test_a_path_cannot_break_the_line(serve: Serve) -> None:
    served = await serve()
    await served.get("/a%0A[INFO]%1b%20b")
    await served.logged(
        r'\[INFO\] Request 127\.0\.0\.1 "GET /a\\n\[INFO\]\\x1b b HTTP/1\.1" 404 .*'
    )
