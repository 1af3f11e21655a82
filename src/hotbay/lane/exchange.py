"""The life of one request for a model: its place with the engine, forwarding, answer, end.

Owns what every such request holds, and gives it back exactly once, however the request
ends. Everything runs in callbacks; there is no task for a request. What the request says about
its model is the business of the two kinds, `ModelExchange` and `PassExchange`.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from hotbay.activity.recording import Outcome, Recording
from hotbay.core.effects import Admitted, Grant, Position, Refusal, Refused
from hotbay.core.events import Mode
from hotbay.lane.access import CLIENT_LEFT, caller_address
from hotbay.lane.answers import error_answer
from hotbay.lane.asked import Asked, about_request
from hotbay.lane.body import BodyRefused
from hotbay.lane.call import Headers, UpstreamError
from hotbay.lane.context import LaneContext
from hotbay.lane.directory import Destination, Peer, upstream_head
from hotbay.lane.head import Head
from hotbay.lane.incoming import Incoming
from hotbay.lane.peers import peer_failure
from hotbay.lane.refusals import describe, retry_after
from hotbay.lane.relay import Relay
from hotbay.lane.request_id import request_id
from hotbay.lane.time_limit import TimeLimitError, time_limit
from hotbay.lane.turn import Connection
from hotbay.runtime.endpoint import Endpoint

_EARLY_LIMIT = 64 * 1024
"""Bytes that a client may send into a tunnel before it is open."""

_COME_BACK = frozenset({Refusal.CONCURRENCY, Refusal.QUEUE_FULL, Refusal.TOO_SLOW})
"""Refusals after which the same request may be taken."""

CANCELLED = "the request was cancelled by an operator"


class Exchange(Incoming):
    """One request for a model, as a turn on its connection and as a caller of the engine."""

    __slots__ = (
        "_anthropic",
        "_deadline",
        "_destination",
        "_early",
        "_granted",
        "_id",
        "_log_path",
        "_recording",
        "_relay",
        "_request",
        "_since",
    )

    def __init__(
        self,
        connection: Connection,
        context: LaneContext,
        head: Head,
        *,
        upgrade: bool,
        log_path: str,
        anthropic: bool,
    ) -> None:
        """Receive; answer nothing before `begin`. `log_path` is decoded, and as requested."""
        super().__init__(connection, context, head, upgrade=upgrade)
        self._log_path = log_path
        self._anthropic = anthropic
        self._early = bytearray()
        self._since = context.clock()
        self._id = request_id(head.fields.get(b"x-request-id"))
        self._granted = False
        self._relay: Relay | None = None
        self._recording: Recording | None = None
        self._destination: Destination | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._request = 0

    # -- a turn on the connection -----------------------------------------------------------

    @property
    def _committed(self) -> bool:
        """Whether the client has got something of the model server's answer."""
        return self._relay is not None and self._relay.status != 0

    @property
    def answering(self) -> bool:
        """Whether a part of the answer has been written."""
        return self._committed

    def begin(self) -> None:
        """Go on as far as possible, within the time that the client gives."""
        try:
            seconds = time_limit(self._head.fields)
        except TimeLimitError as error:
            self._fail(400, str(error), outcome="refused")
            return
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_at(self._since + seconds, self._late, seconds)
        super().begin()

    def leave(self) -> None:
        """Withdraw: close the upstream connection, or give the place in the queue back."""
        if not self._ended:
            status, size = self._told()
            self._withdraw()
            self._end(status or CLIENT_LEFT, size, "cancelled by client")

    def cancel(self) -> None:
        """End everything that is done for the request, as an operator wants."""
        if not self._ended:
            self._give_up(502, CANCELLED, "cancelled by operator")

    def turn_away(self, refused: BodyRefused) -> None:
        """Refuse the request because of its body."""
        self._give_up(refused.status, refused.message, "refused")

    def end_stream(self) -> None:
        """Do nothing: a model server's stream has its own end, and the shutdown has a limit."""

    def pause(self) -> None:
        """Read no more from the model server for now."""
        if self._relay is not None:
            self._relay.call.pause()

    def resume(self) -> None:
        """Read on."""
        if self._relay is not None:
            self._relay.call.resume()

    def _tunnel(self, data: bytes) -> None:
        if self._relay is not None and self._relay.status:
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

    # -- a caller of the engine ---------------------------------------------------------------

    def _track(self, asked: Asked) -> None:
        """Have notes taken from here on."""
        if self._context.recorder is not None:
            remote = caller_address(self._head.fields, self._connection.peer)
            about = about_request(asked, self._head, remote, self._id, self.cancel)
            self._recording = self._context.recorder.begin(about)

    def _ask(self, target: str, mode: Mode, *, selector: bool = False) -> None:
        """Ask the engine for a model, or for what a selector chooses."""
        engine = self._context.engine
        deadline = None if self._deadline is None else self._deadline.when()
        self._request = engine.new_request()
        engine.arrive(self._request, target, mode, self, selector=selector, deadline=deadline)

    def _late(self, seconds: float) -> None:
        """End a request whose answer has not begun within the time that its client gave it."""
        if not self._committed:
            message = f"no answer began within the {seconds:g} s that the request allows"
            self._give_up(504, message, "failed")

    @abstractmethod
    def admitted(self, effect: Admitted) -> None:
        """Wait."""

    def moved(self, effect: Position) -> None:
        """Go on waiting."""
        if self._recording is not None:
            self._recording.waits(effect.wait.kind, effect.wait.models, effect.position)

    def refused(self, effect: Refused) -> None:
        """Tell the client why."""
        self._request = 0
        self._granted = False
        router = self._context.config.routing.router.use
        told = describe(effect, self._model, router, self._not_ready())
        self._fail(
            told.status,
            told.message,
            told.code,
            retry_after=retry_after(effect) if effect.refusal in _COME_BACK else 0,
            outcome="failed" if effect.model else "refused",
        )

    def granted(self, effect: Grant) -> None:
        """Forward."""
        self._granted = True
        peer = None if self._destination is None else self._destination.peer
        if peer is not None:
            self._forward_to_peer(peer)
            return
        try:
            endpoint = self._context.engine.endpoint(effect.model)
        except KeyError:  # it went away in the same moment
            self._fail(503, f"[{effect.model}] process is not ready")
            return
        self._forward(endpoint, effect.attempt)

    @property
    def _model(self) -> str:
        return "" if self._destination is None else self._destination.model

    @abstractmethod
    def _not_ready(self) -> str:
        """Say why the request may not start its model, if it may not."""

    # -- forwarding -----------------------------------------------------------------------------

    @abstractmethod
    def _path(self) -> bytes:
        """Return what the model server is asked for, without the query, escapes as sent."""

    @abstractmethod
    def _head_for(self, endpoint: Endpoint, length: int | None) -> bytes:
        """Return the head to be sent; `length` is that of the body, None if it is not known."""

    def _forward_to_peer(self, peer: Peer) -> None:
        if peer.endpoint is None:
            self._fail(502, f"{peer_failure(peer.problem)} (peer {peer.id})")
        else:
            self._forward(peer.endpoint, 1)

    def _forward(self, endpoint: Endpoint, attempt: int) -> None:
        body, connection = self._body, self._connection
        assert body is not None  # noqa: S101  for the type checker: it was there before the engine was asked
        if self._recording is not None:
            self._recording.granted(attempt)
        data = self._head_for(endpoint, body.length)
        relay = self._relay = self._make_relay(attempt)
        relay.call = self._context.client.request(
            endpoint, data, body, relay, head_only=self._head.method == b"HEAD"
        )
        if not connection.writable:
            relay.call.pause()

    def _make_relay(self, attempt: int) -> Relay:
        extra = self._id_line()
        if attempt > 1:
            extra += b"X-Hotbay-Retry: %d\r\n" % (attempt - 1)
        return Relay(self, self._connection, self._head, extra=extra, recording=self._recording)

    def _id_line(self) -> bytes:
        return b"X-Request-ID: %b\r\n" % self._id.encode()

    def _upstream_head(
        self,
        endpoint: Endpoint,
        length: int | None,
        *,
        query: bytes | None,
        recorded: bool = False,
        extra: Sequence[tuple[bytes, bytes]] = (),
    ) -> bytes:
        return upstream_head(
            self._head if query == self._head.query else replace(self._head, query=query),
            self._path(),
            endpoint,
            self._destination,
            client=self._connection.peer,
            own_keys=self._context.directory.own_keys,
            length=length,
            recorded=recorded,
            upgrade=self._upgrade,
            extra=[(b"x-request-id", self._id.encode()), *self._trace(), *extra],
        )

    def _trace(self) -> Headers:
        """Return the header that makes the model server's trace a part of this request's."""
        line = None if self._recording is None else self._recording.traceparent()
        return [] if line is None else [(b"traceparent", line)]

    # -- the answer ---------------------------------------------------------------------------

    def relayed(self, error: str = "") -> None:
        """Learn that the answer is complete."""
        status, size = self._told()
        upstream = self._relay.status if self._relay is not None else status
        if not self._whole:
            self.keep_alive = False
        self._end(status, size, "failed" if error or upstream >= 400 else "done", error)
        self._connection.answered(self)

    def broken(self, error: UpstreamError) -> None:
        """Say so, or break the answer off so that the client can see it is not complete."""
        if self._committed:
            self._give_up(502, error.message, "failed")
            return
        peer = None if self._destination is None else self._destination.peer
        if peer is None:
            self._fail(502, f"model {self._model}: {error.message}")
        else:
            self._context.warn(f"peer {peer.id}: proxy error: {error.message}")
            self._fail(502, f"{peer_failure(error.message)} (peer {peer.id})")

    def _told(self) -> tuple[int, int]:
        """Return the status that the client was told, 0 if none, and the size of the body."""
        relay = self._relay
        return (0, 0) if relay is None else (relay.status, relay.size)

    def _fail(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        retry_after: int = 0,
        outcome: Outcome = "failed",
    ) -> None:
        if not self._whole:
            self.keep_alive = False
        answer = error_answer(
            status,
            message,
            head=self._head,
            keep_alive=self.keep_alive,
            anthropic=self._anthropic,
            code=code,
            retry_after=retry_after,
            extra=((b"X-Request-ID", self._id.encode()),),
        )
        self._connection.transport.write(answer.data)
        if self._recording is not None:
            self._recording.answered(status, [(b"content-type", answer.content_type)])
        self._end(answer.status, answer.size, outcome, message)
        self._connection.answered(self)

    def _give_up(self, status: int, message: str, outcome: Outcome) -> None:
        """End what is done for the request; say why, or break off an answer that has begun."""
        committed, told = self._committed, self._told()
        self._withdraw()
        if committed:
            self._end(*told, outcome, message)
            self._connection.abort()
        else:
            self._fail(status, message, outcome=outcome)

    def _withdraw(self) -> None:
        """Let nobody do anything for the request any more."""
        if self._relay is not None:
            self._relay.call.abort()
        elif self._request and not self._granted:
            self._context.engine.left(self._request)
            self._request = 0

    def _end(self, status: int, size: int, outcome: Outcome, error: str = "") -> None:
        """Give back what is held, once, and leave no cycle to the garbage collector."""
        self._ended = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._release()
        if self._relay is not None:
            del self._relay.call
            self._relay = None
        context = self._context
        if self._granted:
            context.engine.finished(self._request)
        if self._recording is not None:
            self._recording.ended(outcome, status, error)
            self._recording = None
        context.log(
            self._head,
            self._log_path,
            self._connection.peer,
            status=status,
            size=size,
            since=self._since,
        )
