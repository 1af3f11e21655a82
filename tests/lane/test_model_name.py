"""Where the model name of a request is found (spec/request-pipeline.md 2)."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.lane.body import MemoryBody
from hotbay.lane.form import FormError, UrlencodedReader
from hotbay.lane.model_name import BadBody, Found, Named, NoName, find_in_json, name_finder

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=X"


def find(
    body: bytes = b"", content_type: bytes = b"", query: bytes = b"", method: bytes = b"POST"
) -> Found:
    finder = name_finder(method, content_type, query)
    for start in range(0, len(body), 7):
        finder.feed(body[start : start + 7])
    return finder.find(MemoryBody(body))


def multipart(**fields: str) -> bytes:
    parts = (
        f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return ("".join(parts) + "--X--\r\n").encode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"model=m", Named("m", stream=False)),
        (b"a=b&model=m&model=n", Named("m", stream=False)),
        (b"model=m&stream=true", Named("m", stream=True)),
        (b"stream=1&model=m", Named("m", stream=False)),
        (b"model=a%2Fb+c%C3%BC", Named("a/b cü", stream=False)),
        (b"mod%65l=m", Named("m", stream=False)),
        (b"model=a=b", Named("a=b", stream=False)),
        (b"model=", NoName()),
        (b"model=&model=m", NoName()),
        (b"model", NoName()),
        (b"Model=m", NoName()),
        (b"xmodel=m", NoName()),
        (b"", NoName()),
    ],
)
def test_get_names_the_model_in_the_query(query: bytes, found: Found) -> None:
    assert find(query=query, method=b"GET") == found
    assert find(b'{"model":"other"}', JSON, query, b"GET") == found
    assert find(b"model=other", b"text/plain", query) == found
    assert find(b"model=other", b"", query) == found


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"text/plain, application/json", True),
        (b"application/problem+json", False),
        (b"text/json", False),
        (b"", False),
    ],
)
def test_content_types_are_compared_without_case(content_type: bytes, is_json: bool) -> None:
    found = find(b'{"model":"body"}', content_type, b"model=query")
    assert found == Named("body" if is_json else "query", stream=False)
    assert name_finder(b"POST", content_type, b"").in_memory == is_json


def test_json_ignores_the_query() -> None:
    assert find(b"{}", JSON, b"model=m&stream=true") == NoName()
    assert find(b'{"model":"m"}', JSON, b"stream=true") == Named("m", stream=False)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ('"m"', "m"),
        ('"a/b\\u00fc\\n"', "a/bü\n"),
        (' "m" ', "m"),
        ("7", "7"),
        ("-1.50", "-1.50"),
        ("1e3", "1e3"),
        ("12345678901234567890", "12345678901234567890"),
        ("true", "true"),
        ("false", "false"),
        ('" "', " "),
        ("null", None),
        ('""', None),
        ('{"a":1}', None),
        ("[1]", None),
    ],
)
def test_a_name_in_json_is_a_string_a_number_or_a_boolean(value: str, name: str | None) -> None:
    body = b'{"messages":[{"model":"inner"}],"model":%b,"n":1}' % value.encode()
    assert find(body, JSON) == (Named(name, stream=False) if name else NoName())


@pytest.mark.parametrize(
    ("value", "stream"),
    [
        ("true", True),
        ("1", True),
        ("0.5", True),
        ("-1", True),
        ("1e400", True),
        *((f'"{text}"', True) for text in ("true", "TRUE", "True", "t", "T", "1")),
        *((f'"{text}"', False) for text in ("false", "yes", "on", "tRUE", "2", "")),
        ("false", False),
        ("0", False),
        ("0.0", False),
        ("-0", False),
        ("null", False),
        ("{}", False),
        ("[1]", False),
    ],
)
def test_the_streaming_flag_is_read_as_clients_write_it(value: str, stream: bool) -> None:
    assert find(b'{"model":"m","stream":%b}' % value.encode(), JSON) == Named("m", stream=stream)


def test_of_repeated_members_the_last_one_counts() -> None:
    found = find(b'{"model":"a","stream":true,"model":"b","stream":false}', JSON)
    assert found == Named("b", stream=False)


def test_an_escaped_member_name_is_the_same_name() -> None:
    assert find(b'{"mod\\u0065l":"m"}', JSON) == Named("m", stream=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"model=m",
        b'{"model":"m"',
        b'{"model":"m"}}',
        b'{"model":"m",}',
        b'{"model":"m","x":NaN}',
        b'{"model":"m","x":"\x01"}',
        b'{"model":"m","x":[1,2}',
        b"{'model':'m'}",
        b'\xef\xbb\xbf{"model":"m"}',
        b'{"model":"\\ud800"}',
        b'{"model":"\xff"}',
        b'{"\xff":1,"model":"m"}',
        b'{"model":"m","stream":"\xff"}',
    ],
)
def test_a_body_that_is_not_valid_json_is_refused(body: bytes) -> None:
    found = find(body, JSON)
    assert isinstance(found, BadBody)
    assert found.message.startswith("the request body is not valid JSON: ")


def test_json_nested_too_deeply_is_refused() -> None:
    body = b'{"model":"m","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert find(body, JSON) == BadBody("the request body is nested too deeply")


@pytest.mark.parametrize("body", [b"[1]", b'"m"', b"7", b"null", b"true"])
def test_json_that_is_no_object_names_nothing(body: bytes) -> None:
    assert find(body, JSON) == NoName()


def test_the_members_of_a_json_body_can_be_changed_without_touching_the_others() -> None:
    found = find_in_json(b'{"model":"a", "x": [1.0, 12345678901234567890],"model":"b"}')
    assert isinstance(found, Named)
    assert found.json is not None
    found.json.members["model"] = msgspec.Raw(b'"c"')
    changed = msgspec.json.encode(found.json.members)
    assert changed == b'{"model":"c","x":[1.0, 12345678901234567890]}'
    assert found.json.repeated == {"model"}


@given(st.dictionaries(st.text(max_size=6), st.none() | st.lists(st.text()), max_size=4), st.text())
def test_any_object_names_its_model(members: dict[str, object], name: str) -> None:
    members.pop("stream", None)
    body = json.dumps({**members, "model": name}).encode()
    assert find_in_json(body) == (Named(name, stream=False) if name else NoName())


@pytest.mark.parametrize(
    ("fields", "query", "found"),
    [
        ({"model": "m"}, b"", Named("m", stream=False)),
        ({"model": "m", "stream": "true"}, b"", Named("m", stream=True)),
        ({"model": "m", "stream": "1"}, b"", Named("m", stream=False)),
        ({"model": "m"}, b"model=q&stream=true", Named("m", stream=True)),
        ({"model": "m", "stream": "false"}, b"stream=true", Named("m", stream=False)),
        ({"language": "de"}, b"model=q", Named("q", stream=False)),
        ({"model": ""}, b"model=q", NoName()),
        ({"language": "de"}, b"", NoName()),
        ({}, b"model=q", Named("q", stream=False)),
    ],
)
def test_a_form_names_the_model_in_a_field_or_else_in_the_query(
    fields: dict[str, str], query: bytes, found: Found
) -> None:
    urlencoded = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    assert find(multipart(**fields), MULTIPART, query) == found
    assert find(urlencoded, FORM, query) == found
    assert find(urlencoded, FORM.upper() + b" ; charset=utf-8", query) == found


@pytest.mark.parametrize("content_type", [MULTIPART, FORM])
def test_the_places_of_a_forms_model_are_known(content_type: bytes) -> None:
    body = b"a=b&model=m+1&model=n&" if content_type == FORM else multipart(a="b", model="m 1")
    found = find(body, content_type, b"model=q")
    assert isinstance(found, Named)
    assert found.fields
    for place in found.fields:
        assert body[place.start : place.end].replace(b"+", b" ").decode() == place.value


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"model=m", MULTIPART, "the multipart form ends before its first boundary"),
        (b"", b"multipart/form-data", "the content type names no usable multipart boundary"),
        (b"model=" + b"m" * 20_000, FORM, "form field 'model' is longer than 16 KiB"),
        (b"&" * 10_001, FORM, "the form has more than 10000 fields"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(
    body: bytes, content_type: bytes, message: str
) -> None:
    assert find(body, content_type, b"model=q") == BadBody(message)


def test_a_query_that_cannot_be_read_is_refused() -> None:
    assert find(query=b"&" * 10_001) == BadBody("the form has more than 10000 fields")


def test_a_long_field_that_is_not_asked_for_is_not_kept() -> None:
    reader = UrlencodedReader({"model"})
    reader.feed(b"prompt=")
    for _ in range(50):
        reader.feed(b"x" * 10_000)
        assert len(reader._pair) <= 16 * 1024
    reader.feed(b"&model=m")
    (field,) = reader.finish()
    assert (field.value, field.start, field.end) == ("m", 500_014, 500_015)


@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["model", "m", "", "stream"]), st.text("a=+ ü", max_size=4)),
        max_size=6,
    ),
    size=st.integers(1, 20),
)
def test_urlencoded_forms_in_any_segments_give_their_fields(
    pairs: list[tuple[str, str]], size: int
) -> None:
    from urllib.parse import urlencode

    body = urlencode(pairs).encode()
    reader = UrlencodedReader({"model", "stream"})
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    fields = reader.finish()
    assert [(f.name, f.value) for f in fields] == [p for p in pairs if p[0] in {"model", "stream"}]
    for field in fields:
        assert urlencode({"": field.value})[1:].encode() == body[field.start : field.end]


def test_a_field_longer_than_the_limit_is_an_error_as_soon_as_it_is() -> None:
    reader = UrlencodedReader({"model"})
    with pytest.raises(FormError):
        reader.feed(b"model=" + b"x" * 20_000)
