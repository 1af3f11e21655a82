"""What a model server really receives: names and parameters changed as configured, all else kept.

The rules are those of spec/request-pipeline.md 6, 7 and 13.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.journeys.conftest import (
    answer_of,
    command,
    connect,
    free_port,
    get,
    together,
    until,
    until_waiting,
)
from tests.journeys.program import Program, serving

MiB = 2**20

FILTERS = {
    "useModelName": "acme/mist",
    "filters": {
        "stripParams": "temperature, model, top_p,,temperature",
        "setParams": {"top_k": 20, "opts.fast": True, "model": "ignored"},
        "setParamsByID": {"mist:low": {"top_k": 5, "opts.deep.er": [1]}},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("filters")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[tuple[Program, str]]:
    """Serve models with filters, among them those of a peer, which is hotbay again."""
    far = {"startPort": free_port(), "models": {"echo": {"cmd": command()}}}
    far_folder = folder / "far"
    far_folder.mkdir()
    gate = folder / "gate"
    os.mkfifo(gate)
    with serving(json.dumps(far), far_folder) as (_, far_url):
        models: dict[str, dict[str, Any]] = {
            "mist-12b": {"cmd": command(), "aliases": ["mist"], **FILTERS},
            "plain": {"cmd": command()},
            "lily": {
                "cmd": command(),
                "filters": {
                    "stripParams": "top_p",
                    "setParamsByID": {"fast-lily": {"effort": "low"}},
                },
            },
            "gated": {"cmd": command(gate=gate, keep=folder / "passed")},
            "voice": {"cmd": command(keep=folder / "received"), "useModelName": "whisper-large-v3"},
        }
        near = {
            "startPort": free_port(),
            "models": models,
            "selectors": {"any": {"strategy": "pin", "targets": ["fast-lily"]}},
            "profiles": {"desk": {"pins": {"chat": "any", "hear": "voice"}}},
            "peers": {
                "far": {
                    "proxy": f"{far_url}/",
                    "models": ["echo"],
                    "filters": {
                        "stripParams": "seed",
                        "setParams": {"provider.sort": "price"},
                        "setParamsByID": {"far/echo": {"n": 2}},
                    },
                }
            },
            **together(*models),
        }
        with serving(json.dumps(near), folder) as (program, url):
            connection = connect(url)
            connection.request("PUT", "/api/profiles/active", '{"name": "desk"}')
            assert answer_of(connection).status == 200
            yield program, url


@pytest.fixture
def url(served: tuple[Program, str]) -> str:
    return served[1]


def received(
    url: str,
    body: str | bytes,
    *,
    path: str = "/v1/chat/completions?echo=1",
    **headers: str,
) -> tuple[list[str], str]:
    """Return the lines of the head, and the body, that come to the model server."""
    connection = connect(url)
    kept = {"Content-Type": "application/json"} | headers
    connection.request("POST", path, body, kept)
    answer = answer_of(connection)
    assert answer.status == 200, answer.body
    return answer.json["head"].splitlines(), answer.json["body"].encode("latin-1").decode()


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (
            '{"model":"mist","temperature":1,"messages":[]}',
            '{"model":"acme/mist","messages":[],"opts":{"fast":true},"top_k":20}',
        ),
        (
            '{"model":"mist:low","messages":[],"top_k":99}',
            '{"model":"acme/mist","messages":[],"top_k":5,"opts":{"fast":true,"deep":{"er":[1]}}}',
        ),
        (
            '{"top_p":1,"opts":{"x":12345678901234567890,"fast":0},"y":1.0,"model":"mist-12b"}',
            '{"opts":{"x":12345678901234567890,"fast":true},"y":1.0,"model":"acme/mist","top_k":20}',
        ),
        (
            '{"model":"mist","z":"\\u00fc ü"}',
            '{"model":"acme/mist","z":"\\u00fc ü","opts":{"fast":true},"top_k":20}',
        ),
        ('{"model":"far/echo","seed":1}', '{"model":"echo","provider":{"sort":"price"},"n":2}'),
        (
            '{"model":"echo","provider":{"order":["a"]}}',
            '{"model":"echo","provider":{"order":["a"],"sort":"price"}}',
        ),
    ],
)
def test_a_filter_changes_what_it_names_and_nothing_else(url: str, sent: str, arrived: str) -> None:
    head, body = received(url, sent.encode())
    assert body == arrived
    assert f"content-length: {len(arrived.encode())}" in [line.lower() for line in head]


def test_a_body_that_no_filter_is_for_arrives_byte_for_byte(url: str) -> None:
    sent = (
        ' {"a" : 1.0,\t"model":"plain", "b":[ ],\n"c":"\\u00fc ü", "d":12345678901234567890 } \r\n'
    )
    assert received(url, sent.encode())[1] == sent


def test_of_repeated_members_one_is_left_and_it_is_the_filtered_one(url: str) -> None:
    sent = '{"model":"mist","temperature":1,"top_k":1,"temperature":2,"top_k":2,"model":"mist"}'
    body = received(url, sent)[1]
    assert body.count('"model"') == body.count('"top_k"') == 1
    assert json.loads(body) == {"model": "acme/mist", "opts": {"fast": True}, "top_k": 20}


def test_profile_selector_filters_and_path_work_together(url: str) -> None:
    """The worked example of spec/request-pipeline.md 13."""
    sent = '{"model":"chat","top_p":0.4,"stream":true,"n":1}'
    path = "/v/chat/completions?echo=1"
    head, body = received(url, sent, path=path, **{"Accept-Encoding": "br, gzip"})
    assert head[0] == "POST /chat/completions?echo=1 HTTP/1.1"
    assert [line for line in head if line.lower().startswith("accept-encoding")] == [
        "accept-encoding: gzip"
    ]
    assert body == '{"model":"fast-lily","stream":true,"n":1,"effort":"low"}'

    def row() -> dict[str, Any]:
        rows: list[dict[str, Any]] = get(url, "/api/metrics/activity").json["data"]
        return next((row for row in rows if row["req_path"] == "/chat/completions"), {})

    until(lambda: bool(row()))
    assert row()["model"] == "lily"
    assert row()["metadata"] == {"fifo_priority": "0", "selector": "any"}


@pytest.mark.parametrize(
    ("content_type", "sent", "arrived"),
    [
        (
            "application/x-www-form-urlencoded",
            ("/v1/completions?echo=1&model=mist", "a=%20+&model=chat&b="),
            ("/v1/completions?echo=1&model=mist", "a=%20+&model=fast-lily&b="),
        ),
        (
            "text/plain",
            ("/v1/audio/speech?a=%20+&model=ch%61t&echo=1", "model=chat"),
            ("/v1/audio/speech?a=%20+&model=fast-lily&echo=1", "model=chat"),
        ),
        (
            "text/plain",
            ("/v1/audio/speech?model=far%2Fecho&echo=1", ""),
            ("/v1/audio/speech?model=echo&echo=1", ""),
        ),
    ],
)
def test_a_name_is_translated_where_it_stands(
    url: str, content_type: str, sent: tuple[str, str], arrived: tuple[str, str]
) -> None:
    head, body = received(url, sent[1], path=sent[0], **{"Content-Type": content_type})
    assert head[0] == f"POST {arrived[0]} HTTP/1.1"
    assert body == arrived[1]


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/upstream/mist-12b/v1/chat/completions?echo=1", "application/json", '{"temperature" :1}'),
        (
            "/v1/chat/completions?echo=1",
            "application/x-www-form-urlencoded",
            "temperature=1&model=mist",
        ),
        ("/v1/audio/speech?echo=1&model=mist", "text/plain", "temperature"),
    ],
)
def test_filters_are_for_json_in_the_named_routes_only(
    url: str, path: str, content_type: str, body: str
) -> None:
    head, arrived = received(url, body, path=path, **{"Content-Type": content_type})
    assert arrived == body
    assert head[0] == f"POST {path.removeprefix('/upstream/mist-12b')} HTTP/1.1"


def test_headers_arrive_but_for_those_of_the_connection(url: str) -> None:
    sent = {
        "X-Custom": "as sent",
        "Accept-Encoding": "br, gzip;q=0.5, zstd",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "X-Forwarded-For": "192.0.2.7",
        "Cookie": "a=b",
        "X-Request-ID": "mine-1",
    }
    head, _ = received(url, '{"model":"plain"}', **sent)
    fields = dict(line.lower().split(": ", 1) for line in head[1:])
    assert fields["x-custom"] == "as sent"
    assert fields["accept-encoding"] == "gzip;q=0.5"
    assert fields["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert fields["cookie"] == "a=b"
    assert fields["x-request-id"] == "mine-1"
    assert fields["host"] == url.removeprefix("http://")
    assert "x-hop" not in fields


# -- large forms ---------------------------------------------------------------------------------


def form(model: str, file: bytes) -> bytes:
    """Return a form with odd headers, the model in the midst, and a file that looks like one."""
    return b"".join(
        [
            b"preamble\r\n",
            b'--B\r\nContent-Disposition: form-data; name="language"\r\n\r\nde\r\n',
            b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n',
            model.encode(),
            b'\r\n--B\r\nX-Odd: 1\r\nContent-Disposition: form-data; name="file"; ',
            b'filename="\xc3\xbc.wav"\r\nContent-Type: audio/wav\r\n\r\n',
            file,
            b'\r\n--B\r\nContent-Disposition: form-data; name="stream"\r\n\r\nfalse\r\n--B--\r\n',
        ]
    )


def upload(url: str, body: bytes, path: str = "/v1/audio/transcriptions") -> None:
    connection = connect(url)
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    connection.request("POST", f"{path}?events=1", body, headers)
    assert answer_of(connection).status == 200


def peak(pid: int) -> int:
    """Return the most memory that a process has had resident since `forget_peak`, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line for line in lines if line.startswith("VmHWM")).split()[1]
    return int(kilobytes) * 1024


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def no_growth(program: Program) -> Iterator[None]:
    """Fail if more than a few megabytes are held at any time."""
    pid = program.process.pid
    forget_peak(pid)
    before = psutil.Process(pid).memory_info().rss
    yield
    assert peak(pid) - before < 8 * MiB


LARGE = b"\r\n--" + hashlib.shake_128(b"audio").digest(20 * MiB) * 2


@pytest.mark.parametrize("name", ["voice", "hear"])
def test_a_large_file_passes_without_being_held_and_changed_but_for_the_name(
    served: tuple[Program, str], folder: Path, name: str
) -> None:
    program, url = served
    upload(url, form(name, LARGE[: 2 * MiB]))  # what the first one needs stays
    with no_growth(program):
        upload(url, form(name, LARGE))
    assert same((folder / "received").read_bytes(), form("whisper-large-v3", LARGE))


def test_a_large_body_waits_for_its_model_and_passes_through_without_being_held(
    served: tuple[Program, str], folder: Path
) -> None:
    program, url = served
    path = "/upstream/gated/v1/audio/transcriptions"
    body = form("whatever", LARGE)
    upload(url, form("voice", b"x"))
    get(url, "/api/x/queue")  # what the first one needs stays
    with ThreadPoolExecutor() as pool, no_growth(program):
        uploading = pool.submit(upload, url, body, path)
        until_waiting(url, 1)
        (folder / "gate").open("w").close()
        uploading.result()
    assert same((folder / "passed").read_bytes(), body)


def same(one: bytes, other: bytes) -> bool:
    """Compare without pytest explaining at length how megabytes differ."""
    return one == other
