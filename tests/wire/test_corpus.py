"""Every request of the corpus against the real server, in several segmentations."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lane.serving import OK, Response, Served, Visitor, get, serving
from tests.lane.upstreams import Peer, upstream
from tests.wire.corpus import SEGMENTATIONS, Case, cases, segments

SENTINEL = get("/health?sentinel")


class Forwarded:
    """What a model server got, as the corpus writes it."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.headers: list[str] = []

    async def serve(self, peer: Peer) -> None:
        while True:
            head, body = await peer.request()
            line, *headers = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
            self.requests.append(f"{line.removesuffix(' HTTP/1.1')} {body.decode('latin-1')}")
            self.headers += [header.partition(":")[0].lower() for header in headers]
            await peer.send(OK)


async def responses(visitor: Visitor, count: int) -> list[Response]:
    return [await visitor.response() for _ in range(count)]


def check(case: Case, served: Served, forwarded: Forwarded, got: list[Response]) -> None:
    assert tuple(response.status for response in got) == case.statuses
    assert tuple(forwarded.requests) == case.forwarded
    assert tuple(served.app.paths) == case.reached
    seen = set(forwarded.headers)
    for scope in served.app.scopes:
        seen |= {name.decode("latin-1") for name, _ in scope["headers"]}
    assert not seen & set(case.without)
    assert case.says in got[-1].body.decode("latin-1")


@pytest.mark.parametrize("how", SEGMENTATIONS)
@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case.name)
async def test_a_valid_request_is_answered(case: Case, how: str, tmp_path: Path) -> None:
    forwarded = Forwarded()
    async with (
        upstream(forwarded.serve) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(*segments(case.data, how))
        got = await responses(visitor, len(case.statuses))
        check(case, served, forwarded, got)
        if case.closes:
            assert await visitor.closed() == b""
        else:
            assert (await visitor.ask(SENTINEL)).status == 200


@pytest.mark.parametrize("how", SEGMENTATIONS[:3])
@pytest.mark.parametrize("case", cases("valid"), ids=lambda case: case.name)
async def test_a_request_that_follows_at_once_is_answered_after_it(
    case: Case, how: str, tmp_path: Path
) -> None:
    forwarded = Forwarded()
    async with (
        upstream(forwarded.serve) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        # Who goes on sending after a close is reset, and loses what it has not read.
        await visitor.send(*segments(case.data + SENTINEL, "whole" if case.closes else how))
        got = await responses(visitor, len(case.statuses))
        if case.closes:
            assert await visitor.closed() == b""
        else:
            assert (await visitor.response()).status == 200
            assert served.app.paths.pop() == "/health"
        check(case, served, forwarded, got)


@pytest.mark.parametrize("how", SEGMENTATIONS)
@pytest.mark.parametrize("case", cases("invalid"), ids=lambda case: case.name)
async def test_an_invalid_request_is_refused_and_nothing_behind_it_is_run(
    case: Case, how: str, tmp_path: Path
) -> None:
    forwarded = Forwarded()
    async with (
        upstream(forwarded.serve) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(*segments(case.data + SENTINEL, how))
        got = await responses(visitor, len(case.statuses))
        assert await visitor.closed() == b""
        check(case, served, forwarded, got)
        assert got[-1].header("connection") == "close"
        assert got[-1].header("content-type") == "application/json"


def test_each_request_has_an_expectation_beside_it() -> None:
    folder = Path(__file__).parent
    for kind in ("valid", "invalid"):
        names = {file.stem for file in (folder / kind).glob("*.http")}
        assert names == {file.stem for file in (folder / kind).glob("*.toml")}
        assert len(names) > 30
