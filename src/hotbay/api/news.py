"""What the program has to tell, turned into events for those who listen.

Owns the two hubs, llama-swap's messages and hotbay's own events, and the state of the models as
they have been told. Whoever does something that is worth telling calls it here.
"""

from __future__ import annotations

import asyncio
import codecs
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from hotbay.activity.hub import Hub
from hotbay.activity.moments import now
from hotbay.activity.timeline import Timeline
from hotbay.api import sse
from hotbay.api.model_status import model_status
from hotbay.api.queue import queue_as_plain
from hotbay.api.redaction import line_without_secrets
from hotbay.config.model import Config
from hotbay.config.problems import Problem
from hotbay.core.effects import Effect, StartFailed, State, StateChanged, SwapStarted
from hotbay.core.explain import QueueView
from hotbay.runtime.logs import LogBook

MESSAGES = frozenset(
    {"logData", "modelStatus", "uiConfig", "profileChanged", "inflight", "activity"}
)
"""The types of llama-swap's messages (spec/events-and-logs.md 7)."""
EVENTS = frozenset(
    {
        "state",
        "swap",
        "start_failed",
        "queue",
        "grant",
        "patience",
        "config",
        "profile",
        "inflight",
        "activity",
        "log",
    }
)
"""The names of hotbay's own events that can be asked for."""
UNASKED = EVENTS - {"log"}
"""Those that a reader gets who asks for none."""
_OF_THE_QUEUE = frozenset({"queue", "patience"})
QUEUE_EVERY = 0.25
"""Seconds between two events about the queue."""


class News:
    """Tells what happens."""

    def __init__(
        self,
        config: Config,
        logs: LogBook,
        queue: Callable[[], QueueView],
        warnings: Sequence[Problem] = (),
    ) -> None:
        """Begin with every model stopped and no profile active.

        Args:
            config: in force; a reload is told by `reloaded`.
            logs: what is written there is told.
            queue: looks at the queue.
            warnings: what is odd about the configuration.
        """
        self.run = secrets.token_hex(4)
        """Part of each event's id, so that none of an earlier run is taken for one of this."""
        self.messages = Hub(sse.message, logs.proxy.warn, resumable=False)
        self.events = Hub(partial(sse.event, self.run), logs.proxy.warn, resumable=True)
        self.timeline = Timeline()
        self.profile: str | None = None
        self.last_load = _loaded("loaded", warnings)
        """What became of the last attempt to load the configuration; `since` is that of the one
        in force."""
        self._config = config
        self._queue = queue
        self._states: dict[str, State] = {}
        self._overdue: frozenset[int] = frozenset()
        self._round: asyncio.TimerHandle | None = None
        self._decoders: dict[str | None, codecs.IncrementalDecoder] = {}
        logs.on_output = self._written

    # -- models -----------------------------------------------------------------------------

    def watch(self, effect: Effect) -> None:
        """Tell of one of the engine's effects."""
        match effect:
            case StateChanged():
                self._state_changed(effect)
            case SwapStarted(model, evict, reason, runner_up):
                self.timeline.swapped(effect)
                self.events.publish(
                    "swap",
                    {
                        "at": now(),
                        "model": model,
                        "evict": evict,
                        "reason": reason,
                        "runner_up": runner_up,
                    },
                )
                self.queue_changed()
            case StartFailed(model, _, reason):
                self.timeline.failed(effect)
                self.events.publish("start_failed", {"at": now(), "model": model, "reason": reason})
            case _:
                pass

    def _state_changed(self, effect: StateChanged) -> None:
        lasted = self.timeline.changed(effect)
        self._states[effect.model] = effect.new
        self.events.publish(
            "state",
            {
                "at": now(),
                "model": effect.model,
                "generation": effect.generation,
                "from": effect.old.value,
                "to": effect.new.value,
                "reason": effect.reason,
                "seconds": round(lasted, 3),
            },
        )
        self._tell_status()
        self.queue_changed()

    def status(self) -> list[dict[str, Any]]:
        """Return llama-swap's list of all models, with the states as told last."""
        return model_status(self._config, self._states)

    def _tell_status(self) -> None:
        if "modelStatus" in self.messages.wanted:
            self.messages.publish("modelStatus", self.status())

    # -- requests ---------------------------------------------------------------------------

    def queue_changed(self) -> None:
        """Learn that somebody has begun or ceased to wait, or waits for something else."""
        if self._round is None and not self.events.wanted.isdisjoint(_OF_THE_QUEUE):
            loop = asyncio.get_running_loop()
            self._round = loop.call_later(QUEUE_EVERY, self._tell_queue)

    def _tell_queue(self) -> None:
        self._round = None
        view = self._queue()
        self.events.publish("queue", queue_as_plain(view))
        overdue = {waiter.request: waiter for waiter in view.waiting if waiter.patience == 0}
        for request in overdue.keys() - self._overdue:
            waiter = overdue[request]
            self.events.publish(
                "patience",
                {
                    "at": now(),
                    "request": request,
                    "model": waiter.model,
                    "waited": round(waiter.age, 3),
                },
            )
        self._overdue = frozenset(overdue)
        left = min((w.patience for w in view.waiting if w.patience), default=None)
        if left is not None and "patience" in self.events.wanted:
            self._round = asyncio.get_running_loop().call_later(
                max(left, QUEUE_EVERY), self._tell_queue
            )

    def recorded(self, row: int) -> None:
        """Tell that an activity row has been written, and its capture stored."""
        self.messages.publish("activity", {"id": row})
        self.events.publish("activity", {"id": row})

    # -- configuration ------------------------------------------------------------------------

    def reloaded(self, config: Config, warnings: Sequence[Problem]) -> None:
        """Tell that another configuration is in force."""
        old, self._config = self._config, config
        self.timeline.keep(config.models.keys())
        for model in self._states.keys() - config.models.keys():
            if self._states[model] is State.STOPPED:
                del self._states[model]
        self.last_load = _loaded("reloaded", warnings)
        self.events.publish("config", {**self.last_load, "models": changes(old, config)})
        if old.ui != config.ui:
            self.messages.publish("uiConfig", self.ui_config())
        self._tell_status()

    def refused(self, problems: Sequence[Problem], warnings: Sequence[Problem]) -> None:
        """Tell that a configuration could not be loaded; the one before stays in force."""
        self.last_load = _loaded("refused", warnings, problems, self.last_load["since"])
        self.events.publish("config", self.last_load)

    def ui_config(self) -> dict[str, Any]:
        """Return what llama-swap's user interface is told of its configuration."""
        return {"activity": {"session_id": self._config.ui.activity.session_id}}

    def profile_changed(self, active: str | None) -> None:
        """Tell which profile is active from now on."""
        self.profile = active
        self.messages.publish("profileChanged", {"active": active})
        self.events.publish("profile", {"at": now(), "active": active})
        self._tell_status()

    # -- logs ---------------------------------------------------------------------------------

    def _written(self, model: str | None, piece: bytes) -> None:
        told, asked = "logData" in self.messages.wanted, "log" in self.events.wanted
        if not (told or asked):
            self._decoders.clear()
            return
        decoder = self._decoders.get(model)
        if decoder is None:
            decoder = self._decoders[model] = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(piece)
        if not text:
            return
        size = len(piece)
        if told:
            source = "proxy" if model is None else "upstream"
            self.messages.publish(
                "logData", {"source": source, "data": text}, source=source, weight=size
            )
        if asked:
            data = {"model": model, "text": text}
            self.events.publish("log", data, source=model or "", weight=size)

    def close(self) -> None:
        """Let every stream come to its end: nothing more will be told."""
        if self._round is not None:
            self._round.cancel()
        self.messages.close()
        self.events.close()


def _loaded(
    result: str,
    warnings: Sequence[Problem],
    problems: Sequence[Problem] = (),
    since: str | None = None,
) -> dict[str, Any]:
    at = now()
    return {
        "at": at,
        "result": result,
        "since": since or at,
        "problems": [_told(problem) for problem in problems],
        "warnings": [_told(warning) for warning in warnings],
    }


def _told(problem: Problem) -> dict[str, Any]:
    return {**asdict(problem), "source_line": line_without_secrets(problem.source_line)}


def changes(old: Config, new: Config) -> dict[str, list[str]]:
    """Return which models have come, gone, and been changed so that they are started anew."""
    both = old.models.keys() & new.models.keys()
    return {
        "added": sorted(new.models.keys() - both),
        "removed": sorted(old.models.keys() - both),
        "changed": sorted(
            model
            for model in both
            if old.models[model].fingerprint != new.models[model].fingerprint
        ),
    }
