"""A request that goes to a model server as it is: `/upstream/…` and `/comfyui/…`.

Its body is streamed once there is leave to forward (design 7.7). Only where a peer knows the
model under another name is it collected, for that name to be replaced (spec/http-api.md 8.3).
"""

from __future__ import annotations

from hotbay.activity.recording import Outcome
from hotbay.core.effects import Admitted, Position
from hotbay.lane.asked import Asked
from hotbay.lane.body import Body, MemoryBody
from hotbay.lane.context import LaneContext
from hotbay.lane.directory import NO_FILTER, Destination
from hotbay.lane.errors import is_anthropic
from hotbay.lane.exchange import Exchange
from hotbay.lane.head import Head, decoded
from hotbay.lane.intake import Intake, StreamIntake
from hotbay.lane.model_name import Found, Named
from hotbay.lane.passthrough import Passthrough
from hotbay.lane.rewrite import RewriteError, rewrite
from hotbay.lane.turn import Connection
from hotbay.runtime.endpoint import Endpoint


class PassExchange(Exchange):
    """One passed-through request."""

    __slots__ = ("_found", "_query")

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
        peer = context.directory.peer(found.peer) if found.peer else None
        self._destination = Destination(found.requested, found.model, peer, "", NO_FILTER)
        if found.renamed:
            self._intake = Intake(connection, context, head, self._collected)
        elif self._whole:
            self._body = MemoryBody()  # may be sent again on a fresh connection
        else:
            self._intake = stream = StreamIntake(
                connection, context, head, self._collected, copied=found.recorded
            )
            self._body = stream.body

    # -- whom it is for -----------------------------------------------------------------------

    def _go(self, body: Body) -> None:
        if isinstance(self._intake, Intake) and not self._rename(self._intake.find(body), body):
            return
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

    def _rename(self, named: Found, body: Body) -> bool:
        """Replace the name of the model if it is one that the peer does not know."""
        if not isinstance(named, Named) or named.name not in self._found.renamed:
            return True
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
            return False
        return True

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
        if not self._whole:
            self._connection.invite()
        super()._forward(endpoint, attempt)

    def _head_for(self, endpoint: Endpoint, length: int | None) -> bytes:
        return self._upstream_head(
            endpoint, length, query=self._query, recorded=self._found.recorded
        )

    def _end(self, status: int, size: int, outcome: Outcome, error: str = "") -> None:
        if self._recording is not None:
            path = decoded(self._found.path)
            self._recording.forwarded(path, self._head.headers, self._seen())
        super()._end(status, size, outcome, error)

    def _seen(self) -> bytes | None:
        """Return the body for a capture, None if it is too large or did not come whole."""
        if isinstance(self._intake, StreamIntake):
            return self._intake.copy() if self._whole else None
        return None if self._body is None else self._body.data
