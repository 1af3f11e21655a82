"""Makes of the request that came the one to be forwarded (spec/request-pipeline.md 6 and 7).

The name of the model is written where it was found, in the JSON body, a form or the
query, and nothing around it is touched; JSON bodies also go through the filters. Pure:
decides nothing, looks nothing up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from hotbay.lane.body import Body, MemoryBody
from hotbay.lane.filters import BodyFilter
from hotbay.lane.form import Field, UrlencodedReader
from hotbay.lane.model_name import Named
from hotbay.lane.splice import Splice, SplicedBody, spliced


class RewriteError(ValueError):
    """A name cannot be written into this request; the message is for the client."""


class Rewritten(NamedTuple):
    """What of a request may be another one now.

    Attributes:
        query: without the question mark, None if there is none.
        body: takes the place of the one that came, and is to be released instead of it.
    """

    query: bytes | None
    body: Body


def rewrite(
    found: Named,
    query: bytes | None,
    body: Body,
    *,
    body_filter: BodyFilter,
    requested: str,
    model: str = "",
) -> Rewritten:
    """Return query and body to be forwarded; a body in memory is changed in its place.

    Args:
        found: where `query` and `body` name the model; valid once, as the places are
            others afterwards.
        query: as it came.
        body: as it came.
        body_filter: of the model server or peer that will get it.
        requested: the name of the model after profile and selector, unresolved.
        model: the name to be written, if it is not the client's.

    Raises:
        FilterError: a parameter cannot be set (500); nothing was changed.
        RewriteError: the name cannot be written (400); nothing was changed.
    """
    if found.json is not None:
        data = body_filter.apply(found.json, requested=requested, model=model)
        if data is not None:
            assert isinstance(body, MemoryBody)  # noqa: S101  for the type checker: JSON always is
            body.replace(data)
        return Rewritten(query, body)
    if found.fields:
        model = (found.boundary and body_filter.model_name) or model
        return Rewritten(query, rewrite_form(found, body, model) if model else body)
    return Rewritten(rewrite_query(query or b"", model) if model else query, body)


def rewrite_query(query: bytes, model: str) -> bytes:
    """Return a query with this model, in every parameter `model` that it has."""
    reader = UrlencodedReader({"model"})
    reader.feed(query)
    return spliced(query, _splices(reader.finish(), _quoted(model)))


def rewrite_form(found: Named, body: Body, model: str) -> Body:
    """Return the form with this model, in every field `model` that it has; takes `body` over.

    Raises:
        RewriteError: the name would end a part of the multipart form.
    """
    if not found.boundary:
        value = _quoted(model)
    else:
        value = model.encode()
        if b"--" + found.boundary in value:
            raise RewriteError(
                f"the model name {model!r} contains the boundary of the multipart form"
            )
    splices = _splices(found.fields, value)
    if not isinstance(body, MemoryBody):
        return SplicedBody(body, splices)
    body.replace(spliced(body.data, splices))
    return body


def _splices(fields: Sequence[Field], value: bytes) -> list[Splice]:
    return [Splice(f.start, f.end, f.before + value + f.after) for f in fields]


def _quoted(text: str) -> bytes:
    """Write a value as every reader of queries and urlencoded forms understands it."""
    return quote(text, safe="").encode("ascii")
