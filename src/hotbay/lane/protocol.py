"""The turns on one client's connection: requests for models take the lane, others go to uvicorn.

Owns the order in which requests are answered, and the bridge to uvicorn's application
cycle (design 7.9). Requests that arrive before an earlier one is answered are held, up to a
limit; reading goes on meanwhile, so that a client that leaves is noticed.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from hotbay.lane.answers import AnswerTurn, answer_at_once
from hotbay.lane.body import BodyRefused
from hotbay.lane.context import Lane
from hotbay.lane.control import ControlTurn
from hotbay.lane.departure import LOOK_EVERY, has_left
from hotbay.lane.exchange import Exchange
from hotbay.lane.gate import Control, judge
from hotbay.lane.hardened import HardenedProtocol
from hotbay.lane.head import BadRequest, Head, wants_continue
from hotbay.lane.incoming import Incoming
from hotbay.lane.model_exchange import ModelExchange
from hotbay.lane.pass_exchange import PassExchange
from hotbay.lane.passthrough import Passthrough
from hotbay.lane.response import CONTINUE, http_date
from hotbay.lane.routes import ModelRoute, PassRoute, find_passthrough, find_route
from hotbay.lane.turn import Turn

_HELD_LIMIT = 64 * 1024
"""Bytes of requests that may wait behind the one being answered."""


class LaneProtocol(HardenedProtocol):
    """One client's connection."""

    __slots__ = ("_active", "_lane", "_last", "_look", "_receiving", "_waiting", "peer")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        lane: Lane,
    ) -> None:
        super().__init__(
            config, server_state, app_state, lane.context.config.limits, lane.read_buffer
        )
        self.peer = ""
        self._lane = lane
        self._active: Turn | None = None  # whose answer may be written
        self._receiving: Turn | None = None  # whose body is not complete
        self._waiting: list[_Waiting] = []
        self._last = False  # no request after the present one
        self._look: asyncio.TimerHandle | None = None  # for a client that is not read from

    # -- the transport's side ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Note who it is."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client is not None else ""

    def eof_received(self) -> None:
        """Treat a client that sends no more as gone, as nginx does (design 4.6)."""
        if self._active is not None or self._waiting:
            self.abort()

    def pause_writing(self) -> None:
        """Hold up whoever writes."""
        super().pause_writing()
        if self._active is not None:
            self._active.pause()

    def resume_writing(self) -> None:
        """Let whoever writes go on."""
        super().resume_writing()
        if self._active is not None:
            self._active.resume()

    @property
    def writable(self) -> bool:
        """Whether the client keeps up."""
        return not self.flow.write_paused

    def pause_reading(self) -> None:
        """Stop reading from the client, but see whether it leaves."""
        self.flow.pause_reading()
        if self._look is None:
            self._look = self.loop.call_later(LOOK_EVERY, self._look_for_client)

    def _look_for_client(self) -> None:
        self._look = None
        if self.transport.is_closing() or self.transport.is_reading():
            return
        if has_left(self.transport):
            self.abort()
        else:
            self._look = self.loop.call_later(LOOK_EVERY, self._look_for_client)

    def resume_reading(self) -> None:
        """Go on reading from the client."""
        self.flow.resume_reading()
        if self._in_body and not self._deaf:
            self._time_body()

    def invite(self) -> None:
        """Ask the client for its body, if it waits for that."""
        if not self._invited:
            self.transport.write(CONTINUE)
            self._invited = True
            self._time_body()

    # -- requests arrive ----------------------------------------------------------------------

    def head_received(self, head: Head, *, upgrade: bool) -> None:
        """Decide who answers, and let it if nobody is before."""
        context = self._lane.context
        verdict = judge(head, context.gate)
        turn: Turn
        if isinstance(verdict, ModelRoute):
            turn = ModelExchange(self, context, head, verdict, upgrade=upgrade)
        elif isinstance(verdict, PassRoute):
            turn = self._pass_turn(head, verdict, upgrade=upgrade)
        elif isinstance(verdict, Control):
            turn = self._control_turn(head, verdict.path)
        else:
            turn = AnswerTurn(self, answer_at_once(verdict, head), head, context)
        self._receiving = turn
        self._invited = not (isinstance(turn, Incoming) and wants_continue(head))
        if self._active is None and not self._waiting:
            self._active = turn
            turn.begin()
        else:
            self._waiting.append(_Waiting(turn))
            self._hold(self.head_size())

    def _pass_turn(self, head: Head, route: PassRoute, *, upgrade: bool) -> Turn:
        context = self._lane.context
        profile = context.profile
        found = context.directory.passthroughs.find(
            route, head, upgrade=upgrade, pin_path=profile.pin_path if profile.pins else None
        )
        if isinstance(found, Passthrough):
            return PassExchange(self, context, head, found, upgrade=upgrade)
        return AnswerTurn(self, answer_at_once(found, head), head, context)

    def body_received(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        turn = self._receiving
        if turn is None:
            return
        if turn is not self._active and self._waiting and self._waiting[-1].turn is turn:
            self._hold(len(data))
        turn.receive(data)

    def request_received(self) -> None:
        """Let a complete request know."""
        turn, self._receiving = self._receiving, None
        if turn is not None:
            turn.complete()
        if self._active is None and not self._waiting:
            self.await_request()

    def _hold(self, size: int) -> None:
        self._waiting[-1].size += size
        if sum(held.size for held in self._waiting) > _HELD_LIMIT:
            raise BadRequest(400, "too much was sent before an earlier request was answered")

    def opens_tunnel(self, head: Head) -> bool:
        """Pass on the wish for a websocket to a model; not from behind another request."""
        wanted = head.fields.get(b"upgrade", b"").lower().split(b",")
        return (
            head.method == b"GET"
            and b"websocket" in [name.strip() for name in wanted]
            and b"transfer-encoding" not in head.fields
            and not int(head.fields.get(b"content-length", b"0"))
            and (find_route(head.method, head.path) or find_passthrough(head.path)) is not None
            and self._active is None
            and not self._waiting
        )

    def tunnel_received(self, data: bytes) -> None:
        """Pass on what is not HTTP."""
        if self._active is not None:
            self._active.receive(data)

    # -- requests to the application ----------------------------------------------------------

    def _control_turn(self, head: Head, path: str) -> ControlTurn:
        """Have uvicorn make scope and cycle, but not run them yet."""
        uvicorn = HttpToolsProtocol
        uvicorn.on_message_begin(self)
        self.headers += head.headers
        self.expect_100_continue = wants_continue(head)
        self.url = b"/"  # what uvicorn makes of it is replaced by what was judged
        self.cycle = None  # type: ignore[assignment]  # so that uvicorn wants to run the new one
        self.server_state.default_headers = [(b"date", http_date(int(time.time())))]
        uvicorn.on_headers_complete(self)
        self.scope["path"] = path
        self.scope["raw_path"] = head.path
        self.scope["query_string"] = head.query or b""
        cycle, app = self.pipeline.pop()
        return ControlTurn(
            cycle,
            start=partial(uvicorn._start_asgi_task, self, cycle, app),  # noqa: SLF001  the seam
            feed=partial(uvicorn.on_body, self),
            finish=partial(uvicorn.on_message_complete, self),
            limit=self._lane.context.config.limits.body,
        )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Keep what uvicorn wants to run, for `_control_turn`."""
        self.pipeline.append((cycle, app))

    def on_response_complete(self) -> None:
        """Learn that the application has answered."""
        self.flow.resume_reading()
        if self._active is not None:
            self.answered(self._active)

    # -- answers end --------------------------------------------------------------------------

    def answered(self, turn: Turn) -> None:
        """Go on after a complete answer."""
        self._active = None
        if self._last or not turn.keep_alive or self.transport.is_closing():
            self.close_gently(all_read=self._receiving is None)
        elif self._waiting:
            self.loop.call_soon(self._next)
        else:
            self.await_request()

    def _next(self) -> None:
        if self._waiting and not self.transport.is_closing():
            self._active = self._waiting.pop(0).turn
            self._active.begin()

    def is_answerable(self) -> bool:
        """Tell whether no answer has begun or is owed to an earlier request."""
        turn = self._active
        if turn is None:  # what is still received has been answered already
            return self._receiving is None and not self._waiting
        return turn is self._receiving and not turn.answering

    def reject(self, error: BadRequest) -> None:
        """Have a request for a model refused like others are; what was asked otherwise, here."""
        turn = self._active
        if isinstance(turn, Exchange) and self.is_answerable():
            turn.turn_away(BodyRefused(error.status, error.message))
        else:
            super().reject(error)

    def drop_turns(self) -> None:
        """Tell every turn that nothing can be written any more."""
        turns = [self._active, self._receiving, *(held.turn for held in self._waiting)]
        self._waiting.clear()
        self._active = self._receiving = None
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for turn in turns:
            if turn is not None:
                turn.leave()

    def shutdown(self) -> None:
        """Take no more requests, and close once nothing is being answered."""
        self._last = True
        if self._active is None:
            self.transport.close()
        else:
            self._active.keep_alive = False

    def end_stream(self) -> None:
        """End what would go on for as long as the client listens."""
        if self._active is not None:
            self._active.end_stream()


class _Waiting:
    """A turn behind the active one, and the bytes held for it."""

    __slots__ = ("size", "turn")

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.size = 0
