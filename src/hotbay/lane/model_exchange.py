"""A request that names its model in body or query: all routes of spec/http-api.md 4.

Owns what such requests have beyond others: the name, through profile and selector to a
destination (spec/request-pipeline.md 1), the filters, the loading text, the retry.
"""

from __future__ import annotations

import asyncio
import time

from hotbay.activity.recording import Outcome
from hotbay.core.effects import Admitted, Grant, Position, Refusal, Refused
from hotbay.core.events import Mode
from hotbay.lane.asked import Asked
from hotbay.lane.body import Body
from hotbay.lane.call import UpstreamError
from hotbay.lane.context import LaneContext
from hotbay.lane.exchange import Exchange
from hotbay.lane.filters import FilterError
from hotbay.lane.head import Head, decoded
from hotbay.lane.intake import Intake
from hotbay.lane.loading import LoadingText, loading_head, wants_loading_text
from hotbay.lane.model_name import BadBody, Named, NoName
from hotbay.lane.passthrough import no_websocket
from hotbay.lane.refusals import UNKNOWN_MODEL
from hotbay.lane.relay import LateRelay, Relay
from hotbay.lane.response import Framing
from hotbay.lane.rewrite import RewriteError, rewrite
from hotbay.lane.routes import ModelRoute
from hotbay.lane.turn import Connection
from hotbay.lane.waiting import waiting_words
from hotbay.runtime.endpoint import Endpoint

_NO_NAME = "no model id could be identified"


class ModelExchange(Exchange):
    """One request on a model route."""

    __slots__ = (
        "_failure",
        "_found",
        "_framing",
        "_loading",
        "_query",
        "_route",
        "_selector",
        "_stream",
        "_typing",
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
        super().__init__(
            connection,
            context,
            head,
            upgrade=upgrade,
            log_path=route.path,
            anthropic=route.anthropic,
        )
        self._route = route
        self._query = head.query
        self._found: Named | None = None
        self._selector = ""
        self._stream = False
        self._failure: UpstreamError | None = None
        self._loading: LoadingText | None = None
        self._typing = False
        self._framing = Framing.NONE
        self._intake = Intake(connection, context, head, self._collected)

    @property
    def answering(self) -> bool:
        """Whether a part of the answer has been written."""
        return self._loading is not None or super().answering

    # -- whom it is for -----------------------------------------------------------------------

    def _go(self, body: Body) -> None:
        """Find out which model is meant, and ask for it (spec/request-pipeline.md 1 to 4)."""
        assert isinstance(self._intake, Intake)  # noqa: S101  for the type checker: see __init__
        found = self._intake.find(body)
        if isinstance(found, BadBody):
            self._fail(400, found.message, outcome="refused")
            return
        if isinstance(found, NoName):
            self._fail(404, _NO_NAME, outcome="refused")
            return
        self._found, self._stream = found, found.stream
        name = found.name
        if (pinned := self._context.profile.pin(name)) is not None:
            name = pinned
            if not name:
                self._fail(404, _NO_NAME, outcome="refused")
                return
        if name in self._context.config.selectors:
            self._selector = name
            self._ask(name, self._mode(), selector=True)
        else:
            self._go_to(name)

    def _go_to(self, name: str) -> None:
        self._destination = destination = self._context.directory.find(name)
        self._note(name)
        if destination is None:
            self._fail(404, UNKNOWN_MODEL, outcome="refused")
        elif destination.peer is None:
            self._ask(destination.model, self._mode())
        elif self._prepare():
            self._context.debug(f"dispatch: using peer for model: {name}")
            self._forward_to_peer(destination.peer)

    def _mode(self) -> Mode:
        return Mode.WEBSOCKET if self._upgrade else Mode.NORMAL

    def _note(self, name: str) -> None:
        """Have notes taken, unless nobody is to know of an ignored websocket."""
        config, destination = self._context.config, self._destination
        model = destination.model if destination is not None else name
        local = config.models.get(model)
        if self._upgrade and local is not None and local.compat.ignore_websockets:
            return
        route = self._route
        self._track(Asked(model, route.path, route.recorded, name, self._selector, self._stream))
        if self._recording is not None:
            self._recording.forwarded(decoded(self._path()), self._head.headers, None)

    def _prepare(self) -> bool:
        """Apply names and filters for the destination; False if the client was told why not."""
        found, destination, body = self._found, self._destination, self._body
        assert found is not None  # noqa: S101  for the type checker: the name was found
        assert destination is not None  # noqa: S101  for the type checker: it was chosen
        assert body is not None  # noqa: S101  for the type checker: it is whole
        self._found = None  # its places are others once the body is another
        other = destination.name if destination.name != found.name else ""
        try:
            self._query, self._body = rewrite(
                found,
                self._query,
                body,
                body_filter=destination.body_filter,
                requested=destination.name,
                model=destination.written or other,
            )
        except FilterError as error:
            self._fail(500, str(error))
            return False
        except RewriteError as error:
            self._fail(400, str(error), outcome="refused")
            return False
        if self._recording is not None:
            self._recording.forwarded(decoded(self._path()), self._head.headers, self._body.data)
        return True

    # -- a caller of the engine -----------------------------------------------------------------

    def admitted(self, effect: Admitted) -> None:
        """Get ready to be forwarded, and tell the client what it waits for."""
        if effect.choice:
            self._destination = self._context.directory.find(effect.choice)
            self._note(effect.choice)
            self._context.debug(f"selector: id={self._selector} target={effect.choice}")
        if self._destination is None:  # a reload took the target away in the same moment
            self._context.engine.left(self._request)
            self._fail(404, UNKNOWN_MODEL, outcome="refused")
            return
        if self._recording is not None and effect.target:
            fifo = self._context.config.routing.scheduler.settings.fifo
            self._recording.accepted(fifo.priority.get(effect.target, 0))
        request = self._request
        if not self._prepare():
            self._context.engine.left(request)
            return
        where = "local process" if effect.target else "peer"
        self._context.debug(f"dispatch: using {where} for model: {effect.target or effect.choice}")
        if effect.wait is not None:
            self.moved(Position(effect.request, effect.position, effect.wait))

    def moved(self, effect: Position) -> None:
        """Say why it waits."""
        super().moved(effect)
        if self._loading is None and self._wants_loading_text(effect):
            self._begin_loading_text()
        if self._loading is not None:
            if not self._typing:
                self._typing = True
                self._loading.start()
            engine = self._context.engine
            load_time = engine.load_time(self._model)
            self._loading.update(
                waiting_words(
                    effect.position, effect.wait, in_flight=engine.in_flight, load_time=load_time
                )
            )

    def refused(self, effect: Refused) -> None:
        """Tell the client why."""
        ignored = self._upgrade and effect.refusal is Refusal.NOT_READY
        if self._selector and self._destination is None and not ignored:
            self._note(self._selector)
        if effect.refusal is Refusal.BROKEN and self._failure is not None:
            super().broken(self._failure)
            return
        super().refused(effect)

    def granted(self, effect: Grant) -> None:
        """Forward."""
        if self._loading is not None:
            self._typing = False
            self._loading.finish()
        super().granted(effect)

    @property
    def _model(self) -> str:
        return super()._model or self._selector

    def _not_ready(self) -> str:
        return no_websocket(self._model) if self._upgrade else ""

    # -- loading text ---------------------------------------------------------------------------

    def _wants_loading_text(self, effect: Position) -> bool:
        model = self._context.config.models.get(self._model)
        return model is not None and wants_loading_text(
            Admitted(effect.request, model.id, effect.position, effect.wait),
            self._path(),
            stream=self._stream,
            send_loading_state=bool(model.send_loading_state),
        )

    def _begin_loading_text(self) -> None:
        head, self._framing = loading_head(
            self._head, keep_alive=self.keep_alive, extra=self._id_line()
        )
        if self._framing is Framing.CLOSE:
            self.keep_alive = False
        connection, loop = self._connection, asyncio.get_running_loop()
        if self._recording is not None:
            self._recording.answered(200, [(b"content-type", b"text/event-stream")])
        connection.transport.write(head)
        self._loading = LoadingText(
            self._model,
            self._write_loading_text,
            chunked=self._framing is Framing.CHUNKED,
            writable=lambda: connection.writable,
            call_later=loop.call_later,
            now=loop.time,
            created=int(time.time()),
        )

    def _write_loading_text(self, data: bytes) -> None:
        self._connection.transport.write(data)
        if self._recording is not None and self._loading is not None:
            self._recording.wrote(self._loading.size)

    # -- forwarding and the answer ----------------------------------------------------------------

    def _path(self) -> bytes:
        return self._route.forwarded_path(self._head.path)

    def _head_for(self, endpoint: Endpoint, length: int | None) -> bytes:
        if self._loading is None:
            return self._upstream_head(
                endpoint, length, query=self._query, recorded=self._route.recorded
            )
        # What was promised to the client is a stream without an encoding.
        identity = ((b"accept-encoding", b"identity"),)
        return self._upstream_head(endpoint, length, query=self._query, extra=identity)

    def _make_relay(self, attempt: int) -> Relay:
        if self._loading is None:
            return super()._make_relay(attempt)
        return LateRelay(
            self, self._connection, self._head, self._framing, recording=self._recording
        )

    def broken(self, error: UpstreamError) -> None:
        """Wait again if the model server has died before the client got anything from it."""
        relay = self._relay
        local = self._destination is not None and self._destination.peer is None
        died = error.kind in {"reset", "connect"} and self._granted and not self._upgrade
        if relay is None or relay.status or not (local and died):
            super().broken(error)
            return
        self._failure = error
        del relay.call
        self._relay = None
        self._granted = False
        self._context.engine.broken(self._request, self)

    def _told(self) -> tuple[int, int]:
        status, size = super()._told()
        return (200, size + self._loading.size) if self._loading is not None else (status, size)

    def _fail(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        retry_after: int = 0,
        outcome: Outcome = "failed",
    ) -> None:
        loading = self._loading
        if loading is None:
            super()._fail(status, message, code, retry_after=retry_after, outcome=outcome)
            return
        loading.fail(status, message, code)
        self._end(200, loading.size, outcome, message)
        self._connection.answered(self)

    def _end(self, status: int, size: int, outcome: Outcome, error: str = "") -> None:
        self._found = self._failure = None
        if self._loading is not None:
            self._loading.abandon()
        super()._end(status, size, outcome, error)
        self._loading = None
