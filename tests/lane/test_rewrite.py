"""Another model name written where the request has one (spec/request-pipeline.md 6 and 7.2)."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.lane.body import PIECE, Body, BodyMemory, BodyRefused, FileBody, MemoryBody, StreamBody
from hotbay.lane.buffer import BodyBuffer, SizeLimit
from hotbay.lane.filters import BodyFilter
from hotbay.lane.model_name import Named, name_finder
from hotbay.lane.rewrite import RewriteError, Rewritten, rewrite, rewrite_query
from hotbay.lane.splice import Splice, SplicedBody, Splicer, spliced

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=XX"


def find(body: bytes, content_type: bytes, query: bytes = b"", method: bytes = b"POST") -> Named:
    finder = name_finder(method, content_type, query)
    finder.feed(body)
    found = finder.find(MemoryBody(body))
    assert isinstance(found, Named)
    return found


def rewritten(
    body: bytes = b"",
    content_type: bytes = b"",
    query: bytes | None = None,
    *,
    method: bytes = b"POST",
    model: str = "",
    body_filter: BodyFilter = BodyFilter(),  # noqa: B008  it is frozen
) -> tuple[bytes | None, bytes]:
    """Return query and body that are forwarded."""
    memory = BodyMemory(1 << 20)
    memory.take(len(body))
    came = MemoryBody(body, memory)
    found = find(body, content_type, query or b"", method)
    query, to_send = rewrite(
        found, query, came, body_filter=body_filter, requested=found.name, model=model
    )
    data = to_send.data
    assert data is not None
    assert to_send.length == memory.used == len(data)
    to_send.release()
    assert memory.used == 0
    return query, data


def form(*parts: tuple[str, bytes], boundary: bytes = b"XX") -> bytes:
    """Return a multipart form of parts given by their headers and content."""
    body = b"".join(
        b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, headers.encode(), content)
        for headers, content in parts
    )
    return body + b"--" + boundary + b"--\r\n"


def field(name: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"'


FILE = (
    'content-disposition: form-data; name="file"; filename="ü.wav"\r\nX-Y: z\r\ncontent-type: a/b'
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"model=m", b"model=acme%2Fnew%20%C3%BC"),
        (b"z=%20&model=m&a=b+c&a=%2f&", b"z=%20&model=acme%2Fnew%20%C3%BC&a=b+c&a=%2f&"),
        (b"mod%65l=m", b"mod%65l=acme%2Fnew%20%C3%BC"),
        (b"model=m=n&xmodel=m&Model=m", b"model=acme%2Fnew%20%C3%BC&xmodel=m&Model=m"),
        (b"a&&=&model=m", b"a&&=&model=acme%2Fnew%20%C3%BC"),
        (b"model=m&model=n", b"model=acme%2Fnew%20%C3%BC&model=acme%2Fnew%20%C3%BC"),
        (b"model=m&model", b"model=acme%2Fnew%20%C3%BC&model=acme%2Fnew%20%C3%BC"),
        (b"model=m&model=", b"model=acme%2Fnew%20%C3%BC&model=acme%2Fnew%20%C3%BC"),
        (b"\xff=\xfe&model=m", b"\xff=\xfe&model=acme%2Fnew%20%C3%BC"),
    ],
)
@pytest.mark.parametrize(
    ("method", "content_type"), [(b"GET", b""), (b"POST", b"text/plain"), (b"POST", FORM)]
)
def test_in_a_query_or_urlencoded_form_nothing_but_the_value_changes(
    query: bytes, expected: bytes, method: bytes, content_type: bytes
) -> None:
    if content_type == FORM:
        assert rewritten(query, FORM, b"model=q", model="acme/new ü") == (b"model=q", expected)
    else:
        body = b"model=body" if content_type else b""
        assert rewritten(body, content_type, query, method=method, model="acme/new ü") == (
            expected,
            body,
        )


def test_a_form_without_a_model_has_the_one_in_the_query_replaced() -> None:
    body = form((field("language"), b"de"))
    assert rewritten(body, MULTIPART, b"a=b&model=m", model="new") == (b"a=b&model=new", body)
    assert rewritten(b"a=b", FORM, b"model=m", model="new") == (b"model=new", b"a=b")


def test_a_multipart_form_keeps_order_headers_files_and_boundary() -> None:
    parts = [
        (FILE, b"\0\xff--X\r\n--X\r\n"),
        (field("model"), b"whisper"),
        (field("prompt"), b"model"),
        ('Content-Disposition: form-data; name="model"; filename="f"', b"whisper"),
        (field("model") + "\r\nContent-Type: text/plain", b"again"),
        (field("model"), b""),
        (field("stream"), b"true"),
    ]
    new = "neu/ü".encode()
    expected = [
        (h, new if h.startswith(field("model")) and "filename" not in h else c) for h, c in parts
    ]
    assert rewritten(form(*parts), MULTIPART, b"model=q", model="neu/ü") == (
        b"model=q",
        form(*expected),
    )


def test_an_empty_field_without_a_line_of_its_own_gets_one() -> None:
    head = b"--XX\r\ncontent-disposition: form-data; name=model\r\n\r\n"
    assert rewritten(head + b"m\r\n" + head + b"--XX--", MULTIPART, model="new")[1] == (
        head + b"new\r\n" + head + b"new\r\n--XX--"
    )


def test_use_model_name_counts_in_json_and_multipart_forms_only() -> None:
    own = BodyFilter("own")
    multipart = form((field("model"), b"m"))
    for model in ("", "new"):
        assert rewritten(multipart, MULTIPART, body_filter=own, model=model) == (
            None,
            form((field("model"), b"own")),
        )
        assert rewritten(b'{"model":"m"}', JSON, body_filter=own, model=model) == (
            None,
            b'{"model":"own"}',
        )
    assert rewritten(b"model=m", FORM, body_filter=own) == (None, b"model=m")
    assert rewritten(b"model=m", FORM, body_filter=own, model="new") == (None, b"model=new")
    assert rewritten(b"", b"", b"model=m", method=b"GET", body_filter=own) == (b"model=m", b"")
    empty = form((field("a"), b"b"))
    assert rewritten(empty, MULTIPART, b"model=m", body_filter=own) == (b"model=m", empty)


def test_json_goes_through_the_filter_and_its_query_is_left_alone() -> None:
    body = b'{"model":"m", "n":1.0}'
    assert rewritten(body, JSON, b"model=q") == (b"model=q", body)
    assert rewritten(body, JSON, b"model=q", model="new") == (
        b"model=q",
        b'{"model":"new","n":1.0}',
    )
    assert rewritten(b'{"model":"a","model":"m"}', JSON) == (None, b'{"model":"m"}')


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(FORM, b"model=m&model=n"), (MULTIPART, form((field("model"), b"m"), (field("model"), b"n")))],
)
def test_a_request_without_a_new_name_is_forwarded_as_it_came(
    content_type: bytes, body: bytes
) -> None:
    assert rewritten(body, content_type, b"x") == (b"x", body)


@pytest.mark.parametrize("model", ["--XX", "a--XX--", "x\r\n--XX\r\ny"])
def test_a_name_that_would_end_its_part_is_refused(model: str) -> None:
    body = form((field("model"), b"m"))
    with pytest.raises(RewriteError, match="contains the boundary of the multipart form"):
        rewritten(body, MULTIPART, model=model)
    assert rewritten(body, MULTIPART, model="XX")[1] == form((field("model"), b"XX"))


# Bodies on disk.


async def received(body: bytes, content_type: bytes, memory: BodyMemory) -> tuple[Named, Body]:
    """Receive a body as the lane does."""
    finder = name_finder(b"POST", content_type, b"")
    resumed = asyncio.Event()
    resumed.set()
    buffer = BodyBuffer(
        memory,
        limit=SizeLimit("limits.body", 1 << 30),
        spool=True,
        pause=resumed.clear,
        resume=resumed.set,
    )
    for start in range(0, len(body), PIECE):
        await resumed.wait()
        finder.feed(body[start : start + PIECE])
        buffer.feed(body[start : start + PIECE])
    done: asyncio.Future[Body | BodyRefused] = asyncio.get_running_loop().create_future()
    buffer.finish(done.set_result)
    whole = await asyncio.wait_for(done, 20)
    assert not isinstance(whole, BodyRefused)
    found = finder.find(whole)
    assert isinstance(found, Named)
    return found, whole


async def sent(body: Body) -> tuple[bytes, int]:
    """Return what a connection would send, and the size of its largest piece."""
    more = asyncio.Event()
    source = body.open(more.set)
    pieces = []
    while (piece := source.read()) != b"":
        if piece is None:
            await asyncio.wait_for(more.wait(), 20)
            more.clear()
        else:
            pieces.append(bytes(piece))
    source.close()
    return b"".join(pieces), max(map(len, pieces))


def replace(found: Named, body: Body, model: str) -> Rewritten:
    return rewrite(found, None, body, body_filter=BodyFilter(), requested=found.name, model=model)


async def closed(body: FileBody) -> None:
    while not body._file.closed:
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)


LARGE = [(FILE, bytes(range(256)) * 12_000), (field("prompt"), b"x" * 3_000_000)]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("model", ["n", "a longer name than before"])
async def test_a_body_on_disk_is_sent_with_the_new_name_as_often_as_needed(
    at: int, model: str
) -> None:
    def parts(name: bytes) -> bytes:
        return form(*LARGE[:at], (field("model"), name), *LARGE[at:], (field("model"), name))

    memory = BodyMemory(2 << 20)
    found, came = await received(parts(b"whisper"), MULTIPART, memory)
    assert isinstance(came, FileBody)
    expected = parts(model.encode())
    _, body = replace(found, came, model)
    assert (body.length, body.data, body.replayable) == (len(expected), None, True)
    (first, largest), (second, _) = await asyncio.gather(sent(body), sent(body))
    assert first == second == expected
    assert largest < PIECE + 100
    assert memory.used == 0
    body.release()
    body.release()
    await closed(came)


async def test_an_urlencoded_form_on_disk_is_rewritten_at_its_very_end() -> None:
    text = b"prompt=" + b"x" * 2_000_000 + b"&model=m&model="
    found, came = await received(text, FORM, BodyMemory(2 << 20))
    assert isinstance(came, FileBody)
    _, body = replace(found, came, "a/b")
    expected = text[: -len(b"m&model=")] + b"a%2Fb&model=a%2Fb"
    assert body.length == len(expected)
    assert (await sent(body))[0] == expected
    body.release()
    await closed(came)


async def test_nobody_is_told_that_there_is_more_once_sending_was_given_up() -> None:
    found, came = await received(form((field("model"), b"m"), *LARGE), MULTIPART, BodyMemory(2**21))
    _, body = replace(found, came, "new")
    told: list[None] = []
    source = body.open(lambda: told.append(None))
    source.close()
    assert isinstance(came, FileBody)
    body.release()
    await closed(came)
    assert not told


async def test_a_body_on_disk_that_lost_bytes_is_an_error() -> None:
    found, came = await received(form((field("model"), b"m"), *LARGE), MULTIPART, BodyMemory(2**21))
    assert isinstance(came, FileBody)
    _, body = replace(found, came, "new")
    came._file.truncate(PIECE)
    with pytest.raises(OSError, match="shorter than it was"):
        await sent(body)
    body.release()
    await closed(came)


def test_a_piece_of_which_nothing_is_left_is_not_taken_for_the_end() -> None:
    streamed = StreamBody(None, pause=lambda: None, resume=lambda: None)
    body = SplicedBody(streamed, [Splice(1, 3, b"")])
    assert (body.length, body.replayable) == (None, False)
    source = body.open(lambda: None)
    passed = []
    for byte in (b"a", b"b", b"c", b"d"):
        streamed.feed(byte)
        passed.append(source.read())
        assert source.read() is None
    streamed.finish()
    assert passed == [b"a", None, None, b"d"]
    assert source.read() == b""


# Any body, against one that is made anew.


@st.composite
def _replacements(draw: st.DrawFn) -> tuple[bytes, list[Splice]]:
    data = draw(st.binary(max_size=30))
    places = draw(st.lists(st.integers(0, len(data)), max_size=8).map(sorted))
    pairs = list(zip(places[::2], places[1::2], strict=False))
    return data, [Splice(a, b, draw(st.binary(max_size=4))) for a, b in pairs]


@given(text=_replacements(), cuts=st.lists(st.integers(0, 30), max_size=6))
def test_replacements_in_any_pieces_give_the_same_text(
    text: tuple[bytes, list[Splice]], cuts: list[int]
) -> None:
    data, splices = text
    expected, at = b"", 0
    for splice in splices:
        expected += data[at : splice.start] + splice.data
        at = splice.end
    expected += data[at:]
    splicer = Splicer(splices)
    edges = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [splicer.feed(memoryview(data)[a:b]) for a, b in pairwise(edges)]
    assert spliced(data, splices) == expected
    assert SplicedBody(MemoryBody(data), splices).length == len(expected)
    if data:  # places are in a body that has some
        assert b"".join(pieces) == expected


_CONTENT = st.lists(
    st.sampled_from([b"\r\n", b"--XX", b"--", b"\r", b"-", b"a", "ü".encode()]), max_size=6
).map(b"".join)


@given(
    parts=st.lists(st.tuples(st.sampled_from(["model", "stream", "a"]), _CONTENT), max_size=4),
    name=st.text(min_size=1, max_size=4),
)
def test_any_multipart_form_is_the_same_but_for_its_model(
    parts: list[tuple[str, bytes]], name: str
) -> None:
    parts = [("model", b"first")] + [
        (n, c) for n, c in parts if not re.search(rb"(^|\r\n)--XX(\r\n|--|$)", c)
    ]
    expected = [(field(n), name.encode() if n == "model" else c) for n, c in parts]
    body = form(*((field(n), c) for n, c in parts))
    assert rewritten(body, MULTIPART, model=name)[1] == form(*expected)


@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["model", "m", ""]), st.text("a=+ ü&", max_size=4)), max_size=6
    ),
    name=st.text(min_size=1, max_size=6),
)
def test_any_query_is_the_same_but_for_its_model(pairs: list[tuple[str, str]], name: str) -> None:
    query = rewrite_query(urlencode(pairs).encode(), name).decode()
    assert parse_qsl(query, keep_blank_values=True) == [
        (key, name if key == "model" else value) for key, value in pairs
    ]
