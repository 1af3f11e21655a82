"""Names of requests: which are accepted, and what is made up."""

from __future__ import annotations

import re

import pytest

from hotbay.lane.request_id import LONGEST, request_id


@pytest.mark.parametrize(
    "offered",
    [
        b"7",
        b"0f8fad5b-d9cb-469f-a165-70867728950e",
        b"1-67891233-abcdef012345678912345678",  # a load balancer of Amazon's
        b"req_01HZX/kq:2+a=@~",
        b"x" * LONGEST,
    ],
)
def test_a_safe_name_is_kept(offered: bytes) -> None:
    assert request_id(offered) == offered.decode()


@pytest.mark.parametrize(
    "offered",
    [
        None,
        b"",
        b"x" * (LONGEST + 1),
        b"a b",
        b"a\tb",
        b"a\n[ERROR] forged",
        b"7\n",
        b'"quoted"',
        b"$(reboot)",
        b"<script>",
        b"caf\xc3\xa9",
        b"\xff",
        b"a\x1b[31m",
    ],
)
def test_any_other_name_is_replaced_by_a_safe_one(offered: bytes | None) -> None:
    name = request_id(offered)
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", name)
    assert request_id(name.encode()) == name


def test_new_names_do_not_repeat() -> None:
    names = [request_id(None) for _ in range(1000)]
    assert len(set(names)) == 1000
