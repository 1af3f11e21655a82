"""What is found in multipart forms, in every spelling that clients use."""

from __future__ import annotations

import contextlib
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.lane.form import FormError
from hotbay.lane.multipart import MultipartReader, parameters

TYPE = b"multipart/form-data; boundary=XX"
NAMES = frozenset({"model", "stream"})


def read(body: bytes, content_type: bytes = TYPE, *, size: int = 0) -> list[tuple[str, str]]:
    """Return names and values; checks that each value stands where its field says."""
    reader = MultipartReader(content_type, NAMES)
    for start in range(0, len(body), size or len(body) or 1):
        reader.feed(body[start : start + (size or len(body))])
    fields = reader.finish()
    for field in fields:
        assert body[field.start : field.end].decode("utf-8", "replace") == field.value
    return [(field.name, field.value) for field in fields]


def form(*parts: tuple[str, bytes], boundary: bytes = b"XX") -> bytes:
    """Return a form of parts given by the end of their Content-Disposition, and content."""
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data%b\r\n\r\n%b\r\n"
        % (boundary, disposition.encode(), content)
        for disposition, content in parts
    )
    return body + b"--" + boundary + b"--\r\n"


def test_fields_asked_for_are_found_in_order_and_files_pass_by() -> None:
    body = form(
        ('; name="file"; filename="a.wav"', bytes(range(256)) * 50),
        ('; name="model"', b"whisper"),
        ('; name="language"', b"de"),
        ('; name="stream"', b"true"),
        ('; name="model"', b"again"),
    )
    assert read(body) == [("model", "whisper"), ("stream", "true"), ("model", "again")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_segments_do_not_matter(size: int) -> None:
    body = (
        b"preamble\r\n--X\r\n--XX\r\ncontent-disposition: form-data; name=file; filename=f\r\n"
        b"Content-Type: audio/wav\r\n\r\n\r\n--XXX\r\n--X\r\n--XX-\r\n\r\r\n"
        b"--XX  \t\r\nContent-Disposition: form-data; name=model\r\n\r\na--XX\r\nb\r\n"
        b"--XX--epilogue\r\n--XX\r\n\r\n"
    )
    assert read(body, size=size) == [("model", "a--XX\r\nb")] == read(body)


@pytest.mark.parametrize(
    ("disposition", "found"),
    [
        ('; name="model"', True),
        ("; name=model", True),
        (";name=model", True),
        ('; NAME="model"', True),
        ('; name = "model" ; x=y', True),
        ('; x="a;name=no"; name="model"', True),
        (r'; x="a\"; name=no"; name="model"', True),
        (r'; name="mo\del"', True),
        ('; name="model"; filename="f"', False),
        ('; name="model"; filename=""', False),
        ("; name=model; filename*=utf-8''f", False),
        ('; name="Model"', False),
        ('; name="models"', False),
        ('; filename="name=model"', False),
        ("", False),
    ],
)
def test_a_field_is_known_by_its_disposition(disposition: str, found: bool) -> None:
    assert read(form((disposition, b"m"))) == ([("model", "m")] if found else [])


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Type: text/plain\r\nCONTENT-DISPOSITION: Form-Data; name=model\r\nX: y",
        b"content-disposition:form-data;name=model",
    ],
)
def test_header_names_are_compared_without_case(headers: bytes) -> None:
    assert read(b"--XX\r\n" + headers + b"\r\n\r\nm\r\n--XX--") == [("model", "m")]


def test_a_part_without_headers_is_passed_by() -> None:
    assert read(b"--XX\r\n\r\nname=model\r\n--XX--") == []


@pytest.mark.parametrize("gap", [b"\r\n\r\n\r\n", b"\r\n\r\n"])
def test_an_empty_value_may_share_its_line_end_with_the_boundary(gap: bytes) -> None:
    head = b"--XX\r\nContent-Disposition: form-data; name=model"
    assert read(head + gap + b"--XX--", size=1) == [("model", "")]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'multipart/form-data; boundary="a b;c"', b"a b;c"),
        (b"Multipart/Form-Data;BOUNDARY=abc", b"abc"),
        (b"multipart/form-data; charset=utf-8; boundary=abc ", b"abc"),
        (
            b"multipart/form-data; boundary=----WebKitFormBoundary7MA4",
            b"----WebKitFormBoundary7MA4",
        ),
        (b'multipart/form-data; boundary="a\\"b"', b'a"b'),
    ],
)
def test_boundaries_are_taken_from_the_content_type(content_type: bytes, boundary: bytes) -> None:
    body = form(("; name=model", b"m"), boundary=boundary)
    assert read(body, content_type) == [("model", "m")]


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/form-data; boundary=" + b"x" * 257,
    ],
)
def test_a_content_type_without_boundary_is_refused(content_type: bytes) -> None:
    with pytest.raises(FormError, match="names no usable multipart boundary"):
        MultipartReader(content_type, NAMES)


@pytest.mark.parametrize("missing", ["first", "last"])
@pytest.mark.parametrize("size", [0, 1])
def test_a_form_without_its_boundaries_is_refused(missing: str, size: int) -> None:
    body = form(("; name=model", b"m"))
    body = b"no form" if missing == "first" else body[:-4]
    with pytest.raises(FormError, match=f"ends before its {missing} boundary"):
        read(body, size=size)


def test_lines_that_end_in_lf_alone_are_refused() -> None:
    with pytest.raises(FormError, match="ends before its first boundary"):
        read(form(("; name=model", b"m")).replace(b"\r\n", b"\n"))


def test_the_end_of_the_last_line_may_be_missing() -> None:
    assert read(form(("; name=model", b"m"))[:-2]) == [("model", "m")]


@pytest.mark.parametrize("size", [0, 1000])
def test_what_is_kept_in_memory_has_a_limit(size: int) -> None:
    with pytest.raises(FormError, match="form field 'model' is longer than 16 KiB"):
        read(form(("; name=model", bytes(300_000)))[:250_000], size=size)
    with pytest.raises(FormError, match="headers of a multipart part are longer than 16 KiB"):
        read(b"--XX\r\nX: " + bytes(20_000), size=size)
    with pytest.raises(FormError, match="more than 10000 boundaries"):
        read(b"\r\n--XXX" * 10_001, size=size)


def test_a_large_file_is_not_kept() -> None:
    reader = MultipartReader(TYPE, NAMES)
    reader.feed(form(('; name="file"; filename="f"', b""))[:-10])
    for _ in range(100):
        reader.feed(b"\r\n" * 5000)
        assert len(reader._buffer) < 10


@given(
    contents=st.lists(
        st.tuples(
            st.sampled_from(["model", "stream", "file"]),
            st.lists(
                st.sampled_from([b"\r\n", b"--XX", b"--", b"\r", b"\n", b"-", b"a", "ü".encode()]),
                max_size=8,
            ).map(b"".join),
        ),
        max_size=4,
    ),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_any_form_in_any_segments_gives_its_fields(
    contents: list[tuple[str, bytes]], cuts: list[int]
) -> None:
    # A content with a line that is a boundary is two parts to every reader.
    contents = [(n, c) for n, c in contents if not re.search(rb"(^|\r\n)--XX(\r\n|--|$)", c)]
    body = form(*((f'; name="{name}"', content) for name, content in contents))
    reader = MultipartReader(TYPE, NAMES)
    edges = sorted({0, *(cut for cut in cuts if cut < len(body)), len(body)})
    for start, end in pairwise(edges):
        reader.feed(body[start:end])
    assert [(f.name, body[f.start : f.end]) for f in reader.finish()] == [
        (name, content) for name, content in contents if name in NAMES
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    reader = MultipartReader(TYPE, NAMES)
    with contextlib.suppress(FormError):
        reader.feed(b"--XX" + data)
        reader.feed(b"\r\n--XX--")
        assert all(field.name in NAMES for field in reader.finish())


@given(st.binary(max_size=60))
def test_parameters_of_any_bytes_can_be_read(value: bytes) -> None:
    assert all(name == name.lower() for name in parameters(b"x" + value))
