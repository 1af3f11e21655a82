"""Which target a selector means now, and how many requests each target has through it.

Owns the reservations of spillover selectors and the counters that break their ties
(spec/request-pipeline.md 5). A reservation is taken in the same step in which the target
is chosen, so that two requests can never both see the last free place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hotbay.core.rules import SelectorRules
from hotbay.core.states import State

_UP = (State.READY, State.STARTING)


class Choice(NamedTuple):
    """A target: its name as configured, and its model's ID, None if it is a peer's."""

    name: str
    model: str | None


class Selectors:
    """The selectors of the rules in force."""

    def __init__(self, rules: Mapping[str, SelectorRules], state: Callable[[str], State]) -> None:
        """Begin without reservations; `state` tells a model server's."""
        self.rules = rules
        self._state = state
        self._reserved: Counter[tuple[str, str]] = Counter()
        self._holders: dict[int, tuple[str, str]] = {}
        self._ties: Counter[str] = Counter()

    def preview(self, selector: str) -> Choice | None:
        """Return what the selector would choose now; None if there is nothing to choose."""
        return self._choose(self.rules[selector])[0]

    def take(self, request: int, selector: str) -> Choice | None:
        """Choose for a request, and reserve its place until `release`."""
        rules = self.rules[selector]
        choice, tied = self._choose(rules)
        if choice is not None and rules.strategy == "spillover":
            self._ties[selector] += tied
            self._holders[request] = (selector, choice.name)
            self._reserved[selector, choice.name] += 1
        return choice

    def release(self, request: int) -> None:
        """Give the reservation of a request back, if it has one."""
        holder = self._holders.pop(request, None)
        if holder is not None:
            self._reserved[holder] -= 1
            if not self._reserved[holder]:
                del self._reserved[holder]

    def _choose(self, rules: SelectorRules) -> tuple[Choice | None, bool]:
        """Return the choice, and whether a tie was broken for it."""
        choices = [Choice(*target) for target in zip(rules.targets, rules.local, strict=True)]
        if rules.strategy == "pin":
            return choices[0], False
        if rules.strategy == "warm":
            return self._warmest(choices), False
        return self._spill(rules, choices)

    def _warmest(self, choices: Sequence[Choice]) -> Choice:
        for wanted in _UP:
            for choice in choices:
                if choice.model is not None and self._state(choice.model) is wanted:
                    return choice
        return choices[0]

    def _spill(self, rules: SelectorRules, choices: Sequence[Choice]) -> tuple[Choice | None, bool]:
        counts = {choice: self._reserved[rules.id, choice.name] for choice in choices}
        active: list[Choice] = []
        cold: list[Choice] = []
        for choice, count in counts.items():
            state = None if choice.model is None else self._state(choice.model)
            if state is State.STOPPING:
                continue
            (active if count or state in _UP else cold).append(choice)
        least = min((counts[choice] for choice in active), default=rules.spillover)
        if cold and least >= rules.spillover:
            return cold[0], False
        idlest = [choice for choice in active if counts[choice] == least]
        if not idlest:
            return None, False
        return idlest[self._ties[rules.id] % len(idlest)], len(idlest) > 1
