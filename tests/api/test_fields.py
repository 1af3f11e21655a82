"""Every member of what the API answers is in the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.api.conftest import Serve

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES = "".join((REFERENCE / page).read_text() for page in ("http.md", "events.md"))
DOCUMENTED = frozenset(re.findall(r'["`](\w+)["`]', PAGES))
JSON = {"Content-Type": "application/json"}
ANSWERS = [
    "/running",
    "/v1/models",
    "/api/version",
    "/api/profiles",
    "/api/performance",
    "/api/hardware",
    "/api/metrics/activity",
    "/api/metrics/stats",
    "/api/captures/1",
    "/api/x/captures/1",
    "/api/x/activity",
    "/api/x/activity/1",
    "/api/x/activity/totals?by=model",
    "/api/x/activity/totals?by=hour",
    "/api/x/log-level",
    "/api/x/queue",
    "/api/x/servers",
    "/api/x/setup",
    "/api/x/timeline",
]
OPEN = {"req_headers", "resp_headers", "metadata", "models"}
"""In these, names are those of headers or models, or a configuration's own."""
EVERYTHING = {
    "in": ["text", "image", "audio"],
    "out": ["text", "image", "audio"],
    "tools": True,
    "reranker": True,
    "context": 4096,
}


def members(value: Any) -> Iterator[str]:
    """Yield the names of all members, also of what is within."""
    if isinstance(value, list):
        for each in value:
            yield from members(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            for inner in each.values() if name in OPEN else [each]:
                yield from members(inner)


async def test_every_member_of_an_answer_is_documented(serve: Serve) -> None:
    served = await serve(
        {
            "includeAliasesInList": True,
            "selectors": {"any": {"strategy": "spillover", "targets": ["a"]}},
        },
        a={"capabilities": EVERYTHING, "aliases": ["b"], "name": "A", "description": "It"},
    )
    chat = {"model": "a", "stream": True}
    assert (await served.ask("POST", "/v1/chat/completions", JSON, chat)).status == 200
    await served.app._activity.store.flush()
    unknown: dict[str, list[str]] = {}
    for path in ANSWERS:
        answer = await served.get(path)
        assert answer.status == 200, (path, answer.body)
        named = list(members(answer.json))
        assert named, path
        if missing := sorted({name for name in named if name not in DOCUMENTED}):
            unknown[path] = missing
    assert unknown == {}


async def test_every_column_of_the_export_is_documented(serve: Serve) -> None:
    served = await serve(a={})
    head = (await served.get("/api/x/activity/export?format=csv")).body.decode().splitlines()[0]
    assert sorted(set(head.split(",")) - DOCUMENTED) == []
