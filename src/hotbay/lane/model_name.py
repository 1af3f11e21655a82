"""Where the model name and the streaming flag of a request are found.

Decided by method and content type alone (spec/request-pipeline.md 2): in the JSON
body, in a form field, or in the query. Owns nothing; the body is looked at while it
arrives, or once it is whole, and stays as it came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from hotbay.lane.body import Body
from hotbay.lane.form import Field, FormError, FormReader, UrlencodedReader
from hotbay.lane.json_object import JsonObject, decode_object
from hotbay.lane.multipart import MultipartReader

_NAMES = frozenset({"model", "stream"})
_TRUE = frozenset({"true", "TRUE", "True", "t", "T", "1"})

_text = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class Named:
    """A request that names a model, and where: for whoever writes another name there.

    Attributes:
        name: as written, not resolved.
        stream: the client wants the response as a stream.
        json: the JSON body's top-level members, if it is named there.
        fields: the form's fields `model`, if it is named there. If neither is given it is
            named in the query.
        boundary: of the multipart form in the body; empty for other bodies.
    """

    name: str
    stream: bool
    json: JsonObject | None = field(default=None, compare=False, repr=False)
    fields: tuple[Field, ...] = field(default=(), compare=False, repr=False)
    boundary: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NoName:
    """A readable request that names no model."""


@dataclass(frozen=True, slots=True)
class BadBody:
    """A request whose body is not what its content type says; `message` says why."""

    message: str


Found = Named | NoName | BadBody


class NameFinder(Protocol):
    """Looks at one request.

    Attributes:
        in_memory: the body must be kept in memory; it is parsed when it is whole.
    """

    in_memory: bool

    def feed(self, data: bytes) -> None:
        """Look at a piece of the body as it arrives."""

    def find(self, body: Body) -> Found:
        """Return what was found, once the body is whole."""


def name_finder(method: bytes, content_type: bytes, query: bytes) -> NameFinder:
    """Return the finder for a request with this head."""
    kind = content_type.lower()
    if method != b"GET":
        if b"application/json" in kind:
            return _InJson()
        if b"multipart/form-data" in kind:
            try:
                return _InForm(MultipartReader(content_type, _NAMES), query)
            except FormError as error:
                return _InForm(None, query, str(error))
        if kind.partition(b";")[0].strip() == b"application/x-www-form-urlencoded":
            return _InForm(UrlencodedReader(_NAMES), query)
    return _InForm(None, query)


def find_in_json(data: bytes) -> Found:
    """Return the model that a JSON body names."""
    try:
        body = decode_object(data)
        model = body.members.get("model")
        name = "" if model is None else _as_text(bytes(model))
        stream = body.members.get("stream")
        wants_stream = stream is not None and _is_true(bytes(stream))
    except msgspec.ValidationError:
        return NoName()  # JSON, but no object
    except ValueError as error:  # of msgspec, or a key that is not UTF-8
        return BadBody(f"the request body is not valid JSON: {error}")
    except RecursionError:
        return BadBody("the request body is nested too deeply")
    return Named(name, wants_stream, body) if name else NoName()


def _as_text(value: bytes) -> str:
    """Return a string's characters, a number or boolean as written, nothing for the rest."""
    if value[:1] == b'"':
        return _text.decode(value)
    if value[:1] in b"{[n":
        return ""
    return value.decode("ascii")


def _is_true(value: bytes) -> bool:
    """Read a flag as clients write it: true, a non-zero number, or a string for true."""
    text = _as_text(value)
    if value[:1] in b'"tf':
        return text in _TRUE
    return bool(text) and float(text) != 0


class _InJson:
    in_memory = True

    def feed(self, data: bytes) -> None:
        pass

    def find(self, body: Body) -> Found:
        return find_in_json(body.data or b"")


class _InForm:
    """Without a reader the query alone counts."""

    in_memory = False

    def __init__(self, reader: FormReader | None, query: bytes, error: str = "") -> None:
        self._reader = reader
        self._query = query
        self._error = error

    def feed(self, data: bytes) -> None:
        if self._reader is not None and not self._error:
            try:
                self._reader.feed(data)
            except FormError as error:
                self._error = str(error)

    def find(self, body: Body) -> Found:  # noqa: ARG002  it was looked at while it arrived
        if self._error:
            return BadBody(self._error)
        parameters = UrlencodedReader(_NAMES)
        try:
            fields = [] if self._reader is None else self._reader.finish()
            parameters.feed(self._query)
            return _named(fields, parameters.finish(), self._reader)
        except FormError as error:
            return BadBody(str(error))


def _named(fields: list[Field], parameters: list[Field], reader: FormReader | None) -> Found:
    """Take the first of each name, from the form if it has one, else from the query."""
    values = {field.name: field.value for field in reversed([*fields, *parameters])}
    if not values.get("model"):
        return NoName()
    models = tuple(field for field in fields if field.name == "model")
    boundary = b"" if reader is None else reader.boundary
    return Named(values["model"], values.get("stream") == "true", fields=models, boundary=boundary)
