"""Answers that hotbay gives on the lane itself: refusals, redirects, errors.

Owns their rendering, for requests that were turned away by their head and for those
that failed on their way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotbay.lane.context import LaneContext
from hotbay.lane.errors import error_headers, is_anthropic, render_error
from hotbay.lane.gate import Denied, Redirect
from hotbay.lane.head import Head, decoded
from hotbay.lane.response import own_response
from hotbay.lane.turn import Connection

_DRAINED = 64 * 1024
"""A body up to this size is read and dropped so that its connection can go on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response.

    Attributes:
        status: for the log.
        data: head and body as the client gets them.
        size: bytes of the body in `data`.
        keep_alive: as `data` says, the connection goes on.
        content_type: of the body.
    """

    status: int
    data: bytes
    size: int
    keep_alive: bool
    content_type: bytes = b""


def error_answer(
    status: int,
    message: str,
    *,
    head: Head | None,
    keep_alive: bool,
    anthropic: bool = False,
    code: str | None = None,
    retry_after: int = 0,
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> Answer:
    """Return an error; `head` is None if the head of the request could not be read.

    `retry_after` is for `error_headers`; `extra` are headers that go out besides.
    """
    bodiless = head is not None and head.method == b"HEAD"
    by_script = head is not None and b"x-requested-with" in head.fields
    content_type, body = render_error(
        status,
        message,
        accept=head.accept if head is not None else "",
        anthropic=anthropic,
        code=code,
    )
    headers = [
        (b"Content-Type", content_type.encode()),
        *error_headers(status, retry_after, by_script=by_script),
        *extra,
    ]
    data = own_response(status, headers, body, bodiless=bodiless, keep_alive=keep_alive)
    size = 0 if bodiless else len(body)
    return Answer(status, data, size, keep_alive, content_type.encode())


def answer_at_once(verdict: Denied | Redirect, head: Head) -> Answer:
    """Return what the gate wants a request to be told."""
    keep_alive = head.keep_alive and _is_drainable(head)
    if isinstance(verdict, Denied):
        return error_answer(
            verdict.status,
            verdict.message,
            head=head,
            keep_alive=keep_alive,
            anthropic=is_anthropic(decoded(head.path)),
        )
    location = [(b"Location", verdict.location)]
    data = own_response(verdict.status, location, b"", keep_alive=keep_alive)
    return Answer(verdict.status, data, 0, keep_alive)


class AnswerTurn:
    """A request whose answer is known from its head; whatever body it has is dropped."""

    def __init__(
        self, connection: Connection, answer: Answer, head: Head, context: LaneContext
    ) -> None:
        self.keep_alive = answer.keep_alive
        self.answering = False
        self._connection = connection
        self._answer = answer
        self._head = head
        self._context = context
        self._since = context.clock()

    def begin(self) -> None:
        """Answer."""
        self.answering = True
        answer = self._answer
        self._connection.transport.write(answer.data)
        self._context.log(
            self._head,
            decoded(self._head.path),
            self._connection.peer,
            status=answer.status,
            size=answer.size,
            since=self._since,
        )
        self._connection.answered(self)

    def receive(self, data: bytes) -> None:
        """Drop a piece of the body."""

    def complete(self) -> None:
        """Do nothing: the answer does not wait for that."""

    def leave(self) -> None:
        """Do nothing: nothing is held."""

    def end_stream(self) -> None:
        """Do nothing: the answer ends by itself."""

    def pause(self) -> None:
        """Do nothing: the answer is written at once."""

    def resume(self) -> None:
        """Do nothing: the answer was written at once."""


def _is_drainable(head: Head) -> bool:
    """Tell whether a body that nobody wants is small and surely on its way."""
    return (
        b"transfer-encoding" not in head.fields
        and b"expect" not in head.fields
        and int(head.fields.get(b"content-length", b"0")) <= _DRAINED
    )
