"""Tells the proxy log what the machine decided (spec/lifecycle.md 11).

Owns the wording of those lines, nothing else.
"""

from __future__ import annotations

from hotbay.core.effects import Effect, StartFailed, State, StateChanged, Stop, SwapStarted
from hotbay.core.explain import plan_words
from hotbay.runtime.logs import LogBook


class Journal:
    """Writes a line for each effect that somebody may look for."""

    def __init__(self, logs: LogBook) -> None:
        self._log = logs.proxy
        self._logs = logs

    def watch(self, effect: Effect) -> None:
        """Log one effect, if it is worth a line."""
        match effect:
            case SwapStarted(model, evict, reason, runner_up) if evict:
                self._log.info(plan_words(model, evict, reason, runner_up))
            case StartFailed(model, _, reason):
                self._log.warn(f"{model}: start failed: {reason}")
                for line in self._logs.last_lines(model):
                    self._log.warn(f"{model}: last output: {line}")
            case StateChanged(old=State.READY, new=State.STOPPING) if _by_itself(effect):
                self._log.warn(f"{effect.model}: upstream process {effect.reason}")
            case StateChanged(old=State.READY, new=State.STOPPING):
                self._log.info(f"{effect.model}: stopping ({effect.reason})")
            case StateChanged(new=State.STARTING):
                self._log.info(f"{effect.model}: starting")
            case StateChanged(new=State.READY):
                self._log.info(f"{effect.model}: ready")
            case StateChanged(new=State.STOPPED):
                self._log.debug(f"{effect.model}: stopped")
            case Stop(model, _, grace):
                self._log.debug(f"{model}: stop signal sent, grace {grace:g}s")
            case _:
                pass


def _by_itself(effect: StateChanged) -> bool:
    return effect.reason.startswith("exited unexpectedly")
