"""The life of one request for a model: body, name, place in the queue, forwarding, end.

Owns what the request holds: its body and its place with the engine. Both are given back
exactly once, however the request ends. Everything runs in callbacks; there is no task
for a request.
"""

from __future__ import annotations

from hotbay.core.effects import Admitted, Grant, Position, Refused
from hotbay.core.events import Mode
from hotbay.lane.access import CLIENT_LEFT
from hotbay.lane.answers import error_answer
from hotbay.lane.body import Body, BodyRefused
from hotbay.lane.buffer import BodyBuffer
from hotbay.lane.call import UpstreamError
from hotbay.lane.context import LaneContext
from hotbay.lane.forwarding import request_head
from hotbay.lane.gate import body_limit
from hotbay.lane.head import Head, wants_continue
from hotbay.lane.model_name import BadBody, NoName, name_finder
from hotbay.lane.refusals import UNKNOWN_MODEL, describe
from hotbay.lane.relay import Relay
from hotbay.lane.response import CONTINUE
from hotbay.lane.routes import ModelRoute
from hotbay.lane.turn import Connection

_EARLY_LIMIT = 64 * 1024
"""Bytes that a client may send into a tunnel before it is open."""


class Exchange:
    """One request for a model, as a turn on its connection and as a caller of the engine."""

    __slots__ = (
        "_begun",
        "_body",
        "_buffer",
        "_connection",
        "_context",
        "_early",
        "_ended",
        "_failure",
        "_finder",
        "_granted",
        "_head",
        "_model",
        "_relay",
        "_request",
        "_route",
        "_since",
        "_upgrade",
        "_whole",
        "keep_alive",
    )

    def __init__(
        self,
        connection: Connection,
        context: LaneContext,
        head: Head,
        route: ModelRoute,
        *,
        upgrade: bool,
    ) -> None:
        """Begin to collect the body; nothing is answered before `begin`."""
        self.keep_alive = head.keep_alive
        self._connection = connection
        self._context = context
        self._head = head
        self._route = route
        self._upgrade = upgrade
        self._early = bytearray()
        self._since = context.clock()
        self._begun = False
        self._whole = False
        self._ended = False
        self._granted = False
        self._failure: BodyRefused | None = None
        self._body: Body | None = None
        self._relay: Relay | None = None
        self._request = 0
        self._model = ""
        content_type = head.fields.get(b"content-type", b"")
        method = b"GET" if head.method == b"HEAD" else head.method
        self._finder = name_finder(method, content_type, head.query or b"")
        self._buffer = BodyBuffer(
            context.memory,
            limit=body_limit(head, context.gate),
            spool=not self._finder.in_memory,
            pause=connection.pause_reading,
            resume=connection.resume_reading,
        )

    # -- a turn on the connection -----------------------------------------------------------

    @property
    def answering(self) -> bool:
        """Whether a part of the answer has been written."""
        return self._relay is not None and self._relay.status != 0

    def begin(self) -> None:
        """Go on as far as possible."""
        self._begun = True
        if self._failure is not None:
            self._refuse_body(self._failure)
        elif self._body is not None:
            self._ask(self._body)
        elif wants_continue(self._head):
            self._connection.transport.write(CONTINUE)

    def receive(self, data: bytes) -> None:
        """Collect a piece of the body; pass on what comes through a tunnel."""
        if self._ended or self._failure is not None:
            return
        if self._upgrade:
            self._tunnel(data)
            return
        self._finder.feed(data)
        try:
            self._buffer.feed(data)
        except BodyRefused as refused:
            self._refuse_body(refused)

    def _tunnel(self, data: bytes) -> None:
        if self.answering:
            assert self._relay is not None  # noqa: S101  for the type checker: it answers
            self._relay.call.write(data)
            return
        self._early += data
        if len(self._early) > _EARLY_LIMIT:
            self._connection.abort()

    def tunnel_opened(self) -> None:
        """Pass on what the client sent too early."""
        early, self._early = bytes(self._early), bytearray()
        if early:
            self._tunnel(early)

    def complete(self) -> None:
        """Have the body made of its pieces."""
        self._whole = True
        if not self._ended and self._failure is None:
            self._buffer.finish(self._collected)

    def leave(self) -> None:
        """Withdraw: close the upstream connection, or give the place in the queue back."""
        if self._ended:
            return
        status, size = CLIENT_LEFT, 0
        relay = self._relay
        if relay is not None:
            relay.call.abort()
            status, size = relay.status or CLIENT_LEFT, relay.size
        elif self._request and not self._granted:
            self._context.engine.left(self._request)
        self._end(status, size)

    def end_stream(self) -> None:
        """Let a model server finish: it has its own end, and the shutdown has a limit."""

    def pause(self) -> None:
        """Read no more from the model server for now."""
        if self._relay is not None:
            self._relay.call.pause()

    def resume(self) -> None:
        """Read on."""
        if self._relay is not None:
            self._relay.call.resume()

    # -- body -------------------------------------------------------------------------------

    def _collected(self, body: Body | BodyRefused) -> None:
        if isinstance(body, BodyRefused):
            self._refuse_body(body)
        elif self._ended:
            body.release()
        else:
            self._body = body
            del self._buffer
            if self._begun:
                self._ask(body)

    def _refuse_body(self, refused: BodyRefused) -> None:
        if not self._begun:
            self._failure = refused
            return
        self._fail(refused.status, refused.message)

    # -- a caller of the engine ---------------------------------------------------------------

    def _ask(self, body: Body) -> None:
        """Find the model and ask for it."""
        found = self._finder.find(body)
        if isinstance(found, BadBody):
            self._fail(400, found.message)
            return
        if isinstance(found, NoName):
            self._fail(404, "no model id could be identified")
            return
        model = self._context.config.names.local(found.name)
        if model is None:
            self._fail(404, UNKNOWN_MODEL)
            return
        self._model = model
        engine = self._context.engine
        self._request = engine.new_request()
        engine.arrive(self._request, model, Mode.NORMAL, self)

    def admitted(self, effect: Admitted) -> None:
        """Wait."""

    def moved(self, effect: Position) -> None:
        """Go on waiting."""

    def refused(self, effect: Refused) -> None:
        """Tell the client why."""
        self._request = 0
        self._fail(*describe(effect, self._model, self._context.config.routing.router.use))

    def granted(self, effect: Grant) -> None:
        """Forward."""
        self._granted = True
        self._model = effect.model
        try:
            endpoint = self._context.engine.endpoint(effect.model)
        except KeyError:  # it went away in the same moment
            self._fail(503, f"[{effect.model}] process is not ready")
            return
        body = self._body
        assert body is not None  # noqa: S101  for the type checker: it was there before the engine was asked
        head, connection = self._head, self._connection
        data = request_head(
            head,
            endpoint.base_path.encode() + self._route.forwarded_path(head.path),
            authority=endpoint.authority.encode(),
            peer=connection.peer.encode(),
            length=body.length or 0,
            recorded=self._route.recorded,
            upgrade=self._upgrade,
        )
        relay = self._relay = Relay(self, connection, head)
        relay.call = self._context.client.request(
            endpoint, data, body, relay, head_only=head.method == b"HEAD"
        )
        if not connection.writable:
            relay.call.pause()

    # -- the answer ---------------------------------------------------------------------------

    def relayed(self) -> None:
        """Learn that the answer is complete."""
        assert self._relay is not None  # noqa: S101  for the type checker: it is the relay who calls
        self._end(self._relay.status, self._relay.size)
        self._connection.answered(self)

    def broken(self, error: UpstreamError) -> None:
        """Say so, or break the answer off so that the client can see it is not complete."""
        if self.answering:
            self._connection.abort()
        else:
            self._fail(502, f"model {self._model}: {error.message}")

    def _fail(self, status: int, message: str, code: str | None = None) -> None:
        if not self._whole:
            self.keep_alive = False
        answer = error_answer(
            status,
            message,
            head=self._head,
            keep_alive=self.keep_alive,
            anthropic=self._route.anthropic,
            code=code,
        )
        self._connection.transport.write(answer.data)
        self._end(answer.status, answer.size)
        self._connection.answered(self)

    def _end(self, status: int, size: int) -> None:
        """Give back what is held, once, and leave no cycle to the garbage collector."""
        self._ended = True
        if self._body is not None:
            self._body.release()
        else:
            self._buffer.release()
            del self._buffer
        if self._relay is not None:
            del self._relay.call
            self._relay = None
        context = self._context
        if self._granted:
            context.engine.finished(self._request)
        context.log(
            self._head,
            self._route.path,
            self._connection.peer,
            status=status,
            size=size,
            since=self._since,
        )
