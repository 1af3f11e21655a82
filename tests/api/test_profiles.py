"""Profiles and which one is active (spec/http-api.md 10)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Answer, Serve, Served

PROFILES: dict[str, Any] = {
    "profiles": {
        "evening": {"pins": {"chat": "mist", "draw": None}},
        "Day": {"description": "quick", "pins": {"mist": "oak"}},
    }
}


async def put(served: Served, body: object) -> Answer:
    return await served.ask("PUT", "/api/profiles/active", body=body)


async def active(served: Served) -> Any:
    return (await served.get("/api/profiles")).json["active"]


async def test_the_profiles_are_listed_by_id_and_none_is_active_at_first(serve: Serve) -> None:
    served = await serve(PROFILES, mist={}, oak={})
    assert (await served.get("/api/profiles")).json == {
        "active": None,
        "profiles": [
            {"id": "Day", "description": "quick", "pins": {"mist": "oak"}},
            {"id": "evening", "description": "", "pins": {"chat": "mist", "draw": ""}},
        ],
    }


async def test_a_configuration_without_profiles_lists_none(serve: Serve) -> None:
    served = await serve()
    assert (await served.get("/api/profiles")).json == {"active": None, "profiles": []}


@pytest.mark.parametrize("none", [{"name": None}, {"name": ""}])
async def test_a_profile_is_made_active_and_inactive(serve: Serve, none: object) -> None:
    served = await serve(PROFILES, mist={}, oak={})
    answer = await put(served, {"name": "evening"})
    assert (answer.status, answer.json) == (200, {"active": "evening"})
    assert await active(served) == "evening"
    assert '[INFO] active profile changed to "evening"' in served.log
    answer = await put(served, none)
    assert (answer.status, answer.json) == (200, {"active": None})
    assert await active(served) is None
    assert '[INFO] active profile changed to ""' in served.log


async def test_selecting_what_is_active_changes_nothing(serve: Serve) -> None:
    served = await serve(PROFILES, mist={}, oak={})
    for _ in range(2):
        assert (await put(served, {"name": "Day"})).json == {"active": "Day"}
    assert served.log.count("active profile changed") == 1


@pytest.mark.parametrize(
    "body",
    [
        b' \n{"name": "Day", "other": 1} and more',
        b'{"name":"x","name":"Day"}[]',
        b'{"name":"Day"}{',
    ],
)
async def test_what_follows_the_first_value_and_other_members_do_not_count(
    serve: Serve, body: bytes
) -> None:
    served = await serve(PROFILES, mist={}, oak={})
    assert (await put(served, body)).json == {"active": "Day"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "invalid profile request"),
        (b"name=Day", 400, "invalid profile request"),
        (b'"Day"', 400, "invalid profile request"),
        (b'["Day"]', 400, "invalid profile request"),
        (b'{"name": "Day"', 400, "invalid profile request"),
        (b'{"name": NaN}', 400, "invalid profile request"),
        (b"[" * 100_000, 400, "invalid profile request"),
        (b"{}", 400, "profile name is required"),
        (b'{"Name": "Day"}', 400, "profile name is required"),
        (b"null", 400, "profile name is required"),
        (b'{"name": 1}', 400, "profile name must be a string or null"),
        (b'{"name": ["Day"]}', 400, "profile name must be a string or null"),
        (b'{"name": false}', 400, "profile name must be a string or null"),
        (b'{"name": "day"}', 404, 'profile "day" not found'),
        (b'{"name": " "}', 404, 'profile " " not found'),
        (b'{"name": "\\ud800"}', 404, 'profile "?" not found'),
        (b'{"name": "\xff"}', 404, 'profile "\ufffd" not found'),
        (b" " * (1 << 20) + b"{}", 413, "the request body is larger than 1048576 bytes"),
    ],
)
async def test_a_selection_that_cannot_be_made_is_refused_and_changes_nothing(
    serve: Serve, body: bytes, status: int, message: str
) -> None:
    served = await serve(PROFILES, mist={}, oak={})
    await put(served, {"name": "evening"})
    answer = await put(served, body)
    assert (answer.status, answer.error) == (status, message)
    assert await active(served) == "evening"


async def test_a_page_of_another_site_cannot_choose_the_profile(serve: Serve) -> None:
    served = await serve(PROFILES, mist={}, oak={})
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    answer = await served.ask("PUT", "/api/profiles/active", headers, {"name": "Day"})
    assert answer.status == 403
    assert await active(served) is None


async def test_profiles_need_a_key(serve: Serve) -> None:
    served = await serve({**PROFILES, "apiKeys": ["key-1"]}, mist={}, oak={})
    assert (await served.get("/api/profiles")).status == 401
    assert (await put(served, {"name": "Day"})).status == 401
    assert (await served.get("/api/profiles", x_api_key="key-1")).json["active"] is None


async def test_a_reload_keeps_the_profile_if_it_still_exists(serve: Serve, tmp_path: Path) -> None:
    served = await serve(PROFILES, mist={}, oak={})
    await put(served, {"name": "evening"})
    file = tmp_path / "config.yaml"
    content = json.loads(file.read_text())
    del content["profiles"]["Day"]
    file.write_text(json.dumps(content))
    await served.app.reload()
    assert await active(served) == "evening"
    del content["profiles"]
    file.write_text(json.dumps(content))
    await served.app.reload()
    assert (await served.get("/api/profiles")).json == {"active": None, "profiles": []}
    assert '[INFO] active profile changed to ""' in served.log
