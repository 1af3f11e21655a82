"""A request that goes to a model server as it is: `/upstream/…` and `/comfyui/…`.

Owns how its body comes: streamed once there is leave to forward (design 7.7). Only where
a peer knows the model under another name is it collected, for that name to be replaced
(spec/http-api.md 8.3).
"""

from __future__ import annotations

from hotbay.activity.recording import Outcome
from hotbay.core.effects import Admitted, Position
from hotbay.lane.asked import Asked
from hotbay.lane.body import Body, BodyRefused, MemoryBody, StreamBody, in_units
from hotbay.lane.context import LaneContext
from hotbay.lane.directory import NO_FILTER, Destination
from hotbay.lane.errors import is_anthropic
from hotbay.lane.exchange import Exchange
from hotbay.lane.head import BadRequest, Head, decoded, wants_continue
from hotbay.lane.intake import Intake
from hotbay.lane.model_name import Named
from hotbay.lane.passthrough import Passthrough
from hotbay.lane.response import CONTINUE
from hotbay.lane.rewrite import RewriteError, rewrite
from hotbay.lane.turn import Connection
from hotbay.runtime.endpoint import Endpoint

_KEPT = 1 << 20
"""Bytes of a body that passes through that are kept for its capture; of a larger one nothing."""


class PassExchange(Exchange):
    """One passed-through request."""

    __slots__ = ("_found", "_intake", "_kept", "_query", "_received", "_stream")

    def __init__(
        self,
        connection: Connection,
        context: LaneContext,
        head: Head,
        found: Passthrough,
        *,
        upgrade: bool,
    ) -> None:
        """Nothing is asked or answered before `begin`."""
        path = decoded(found.path)
        super().__init__(
            connection,
            context,
            head,
            upgrade=upgrade,
            log_path=decoded(head.path),
            anthropic=is_anthropic(path),
        )
        self._found = found
        self._query = head.query
        self._received = 0
        self._kept: list[bytes] = []
        self._stream: StreamBody | None = None
        self._intake: Intake | None = None
        peer = context.directory.peer(found.peer) if found.peer else None
        self._destination = Destination(found.requested, found.model, peer, "", NO_FILTER)
        if found.renamed:
            self._intake = Intake(connection, context, head, self._collected)
        else:
            self._body = self._stream = self._passed_on()

    def _passed_on(self) -> StreamBody:
        fields = self._head.fields
        chunked = b"transfer-encoding" in fields
        length = None if chunked else int(fields.get(b"content-length", b"0"))
        connection = self._connection
        return StreamBody(length, pause=connection.pause_reading, resume=connection.resume_reading)

    # -- body -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Ask for the model."""
        self._begun = True
        if self._intake is None:
            self._go()
        elif self._body is not None:
            self._rename(self._body)
        elif wants_continue(self._head):
            self._connection.transport.write(CONTINUE)

    def receive(self, data: bytes) -> None:
        """Pass a piece of the body on, or what comes through a tunnel."""
        if self._ended:
            return
        if self._upgrade:
            self._tunnel(data)
        elif self._stream is None:
            if self._intake is not None:
                self._intake.receive(data)
        else:
            self._received += len(data)
            limit = self._context.gate.body
            if self._received > limit:
                raise BadRequest(
                    413, f"the request body is larger than limits.body ({in_units(limit)})"
                )
            if self._received <= _KEPT and self._found.recorded:
                self._kept.append(data)
            self._stream.feed(data)

    def complete(self) -> None:
        """Learn that the body is complete."""
        self._whole = True
        if self._ended:
            return
        if self._stream is not None:
            self._stream.finish()
        elif self._intake is not None:
            self._intake.complete()

    def _collected(self, body: Body | BodyRefused) -> None:
        if isinstance(body, BodyRefused):
            self._intake = None
            self._fail(body.status, body.message, outcome="refused")
        elif self._ended:
            body.release()
        else:
            self._body = body
            if self._begun:
                self._rename(body)

    def _rename(self, body: Body) -> None:
        """Replace the name of the model if it is the one that the peer does not know."""
        assert self._intake is not None  # noqa: S101  for the type checker: it collected the body
        named = self._intake.find(body)
        if isinstance(named, Named) and named.name in self._found.renamed:
            try:
                self._query, self._body = rewrite(
                    named,
                    self._query,
                    body,
                    body_filter=NO_FILTER,
                    requested=self._found.requested,
                    model=self._found.model,
                )
            except RewriteError as error:
                self._fail(400, str(error), outcome="refused")
                return
        self._go()

    def _go(self) -> None:
        found = self._found
        if found.tracked:
            shown = found.requested if found.peer else found.model
            self._track(Asked(shown, decoded(found.path), found.recorded, found.requested))
        if not found.peer:
            self._ask(found.model, found.mode)
            return
        assert self._destination is not None  # noqa: S101  for the type checker: set at the start
        assert self._destination.peer is not None  # noqa: S101  for the type checker: see above
        self._forward_to_peer(self._destination.peer)

    # -- a caller of the engine -----------------------------------------------------------------

    def admitted(self, effect: Admitted) -> None:
        """Wait."""
        if self._recording is not None:
            fifo = self._context.config.routing.scheduler.settings.fifo
            self._recording.accepted(fifo.priority.get(effect.target, 0))
        if effect.wait is not None:
            self.moved(Position(effect.request, effect.position, effect.wait))

    def _not_ready(self) -> str:
        return self._found.not_ready

    # -- forwarding -------------------------------------------------------------------------------

    def _path(self) -> bytes:
        return self._found.path

    def _forward(self, endpoint: Endpoint, attempt: int) -> None:
        if self._stream is not None and not self._whole and wants_continue(self._head):
            self._connection.transport.write(CONTINUE)
        if isinstance(self._body, StreamBody) and self._body.length == 0:
            self._body = MemoryBody()  # may be sent again on a fresh connection
        super()._forward(endpoint, attempt)

    def _head_for(self, endpoint: Endpoint, length: int | None) -> bytes:
        return self._upstream_head(
            endpoint, length, query=self._query, recorded=self._found.recorded
        )

    def _end(self, status: int, size: int, outcome: Outcome, error: str = "") -> None:
        if self._intake is not None and self._body is None:
            self._intake.release()
        if self._recording is not None:
            path = decoded(self._found.path)
            self._recording.forwarded(path, self._head.headers, self._seen())
        super()._end(status, size, outcome, error)
        self._intake = None

    def _seen(self) -> bytes | None:
        """Return the body for a capture, None if it is too large or did not come whole."""
        if self._stream is None:
            return None if self._body is None else self._body.data
        return b"".join(self._kept) if self._whole and self._received <= _KEPT else None
