"""Long seeded runs in a scripted world: clients, faulty model servers, operators, virtual time.

A failing run prints its seed, its rules and the fewest actions that still fail.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pytest
from tests.properties.invariants import Invariants
from tests.properties.rules import (
    NAMES,
    SELECTOR,
    changed,
    random_change,
    random_model,
    random_rules,
)

from hotbay.core.effects import Closed
from hotbay.core.events import Mode
from hotbay.core.rules import Rules
from hotbay.testing import Fate, Request, ServerScript, World

LONGEST_RUN = 4.0
LONGEST_LOAD = 3.0
LONGEST_STOP = 2.0
ACTIONS = 120


@dataclass(frozen=True)
class Action:
    """Something that clients or operators do at a time; `seed` settles its details."""

    at: float
    kind: str
    model: str
    seed: int


@dataclass(frozen=True)
class Scene:
    """A whole run: the same scene always runs the same way."""

    seed: int
    rules: Rules
    actions: tuple[Action, ...]
    faults: bool

    def play(self) -> World:
        world = World(self.rules, self._script, Invariants(self.rules))
        for action in self.actions:
            world.clock.at(action.at, partial(self._act, world, action))
        world.run_until_quiet()
        return world

    def _script(self, model: str, generation: int) -> ServerScript:
        rng = random.Random(f"{self.seed} {model} {generation}")
        script = ServerScript(
            load=rng.uniform(0.0, LONGEST_LOAD),
            stop=rng.uniform(0.0, LONGEST_STOP / 2),
            linger=rng.choice((0.0, rng.uniform(0.0, LONGEST_STOP / 2))),
        )
        if not self.faults:
            return script
        match rng.randrange(12):
            case 0:
                return replace(script, spawn_error="no such file")
            case 1:
                return replace(script, load=math.inf)
            case 2:
                return replace(script, life=rng.uniform(0.0, 2.0), breaks=rng.random() < 0.5)
            case 3:
                return replace(script, life=rng.uniform(2.0, 20.0), breaks=rng.random() < 0.5)
            case 4:
                return replace(script, stop=math.inf)
            case _:
                return script

    def _act(self, world: World, action: Action) -> None:
        rng = random.Random(action.seed)
        match action.kind:
            case "request":
                world.request(action.model, rng.uniform(0.0, LONGEST_RUN))
            case "selector":
                world.request(SELECTOR, rng.uniform(0.0, LONGEST_RUN))
            case "in a hurry":
                run, deadline = rng.uniform(0.0, LONGEST_RUN), world.now + rng.uniform(0.0, 9.0)
                world.request(action.model, run, deadline=deadline)
            case "impatient":
                request = world.request(action.model, rng.uniform(0.0, LONGEST_RUN))
                world.clock.after(rng.uniform(0.0, 4.0), lambda: world.leave(request))
            case "ready only":
                modes = (Mode.ONLY_IF_READY, Mode.UNTRACKED, Mode.WEBSOCKET)
                world.request(action.model, 1.0, rng.choice(modes))
            case "unload":
                world.unload(action.model, grace=rng.choice((None, 1.0)))
            case "unload all":
                world.unload()
            case "reload":
                world.reload(changed(world.ledger.rules, random_change(rng.choice)))
            case "drain":
                world.drain(world.now + rng.uniform(0.0, 20.0))
            case "close":
                world.close(rng.choice((None, 1.0)))


PEACEFUL = ("request",) * 6 + ("impatient",)
TROUBLED = (
    *("request",) * 20,
    *("selector", "impatient") * 5,
    *("in a hurry", "ready only", "unload", "unload all", "reload"),
)


def random_actions(rng: random.Random, kinds: Sequence[str], last: float) -> tuple[Action, ...]:
    favourites = rng.choices(NAMES, k=rng.randint(2, 6))  # some models are asked for more often
    actions = [
        Action(
            rng.uniform(0.0, last), rng.choice(kinds), rng.choice(favourites), rng.getrandbits(32)
        )
        for _ in range(ACTIONS)
    ]
    return tuple(sorted(actions, key=lambda action: action.at))


def troubled(seed: int) -> Scene:
    """Everything that can go wrong, and in the end a shutdown."""
    rng = random.Random(seed)
    rules = random_rules(rng.choice)
    last = rng.choice((20.0, 60.0, 200.0))
    end = Action(last, rng.choice(("drain", "close")), "", rng.getrandbits(32))
    return Scene(seed, rules, (*random_actions(rng, TROUBLED, last), end), faults=True)


def peaceful(seed: int) -> Scene:
    """Nothing fails, and no operator interferes: every wait is bounded (design 4, guarantee 5)."""
    rng = random.Random(seed)
    rules = random_rules(rng.choice)
    models = {m: replace(random_model(rng.choice, m), unload_timeout=10.0) for m in rules.models}
    rules = replace(rules, models=models, max_wait=rng.choice((1.0, 5.0)))
    return Scene(seed, rules, random_actions(rng, PEACEFUL, rng.choice((20.0, 60.0))), faults=False)


# -- what has to be true at the end ---------------------------------------------------------


def ends_well(scene: Scene) -> None:
    """L1-L3: everybody is answered, everything is over, nothing is left behind."""
    world = scene.play()
    ledger = world.ledger
    assert not ledger.open(), "L1: somebody is still there"
    assert not ledger.unloads, "an unload never returned"
    if any(action.kind in ("drain", "close") for action in scene.actions):
        assert ledger.closed, "L3: the shutdown does not end"
        assert not ledger.timers, "a timer outlives the shutdown"
        closings = [e for step in ledger.history for e in step.effects if isinstance(e, Closed)]
        assert len(closings) == 1


def waits_are_bounded(scene: Scene) -> None:
    """Guarantee 5 and L6."""
    world = scene.play()
    requests = list(world.ledger.requests.values())
    for request in requests:
        if request.fate is Fate.FINISHED:
            assert request.granted is not None
            waited = request.granted - request.arrived
            assert waited <= bound(request, requests, scene.rules) + 1e-6, f"{request}: {waited} s"
        else:
            assert request.fate in (Fate.REFUSED, Fate.LEFT), f"{request} waits for ever"


def bound(request: Request, requests: Sequence[Request], rules: Rules) -> float:
    """Return the longest wait: a swap that is under way when the patience ends runs on first."""
    patience = rules.max_wait
    overdue = request.arrived + patience
    ahead = {
        other.model
        for other in requests
        if other.number < request.number
        and other.model not in ("", request.model)
        and (other.granted or other.ended or 0.0) > overdue
    }
    swap = LONGEST_STOP + LONGEST_LOAD
    return patience + swap + (len(ahead) + 1) * (LONGEST_RUN + swap)


# -- the runs ----------------------------------------------------------------------------------


def fails(check: Callable[[Scene], None], scene: Scene) -> Exception | None:
    try:
        check(scene)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what we look for
        return error
    return None


def fewest(check: Callable[[Scene], None], scene: Scene) -> Scene:
    """Leave out actions, many at a time and then one by one, while the scene still fails."""
    size = len(scene.actions) // 2
    while size:
        start = 0
        while start < len(scene.actions):
            fewer = scene.actions[:start] + scene.actions[start + size :]
            shorter = replace(scene, actions=fewer)
            if fails(check, shorter):
                scene = shorter
            else:
                start += size
        size //= 2
    return scene


def run(check: Callable[[Scene], None], scenes: Callable[[int], Scene], seeds: range) -> None:
    for seed in seeds:
        scene = scenes(seed)
        if fails(check, scene):
            scene = fewest(check, scene)
            error = fails(check, scene)
            actions = "\n".join(f"  {action}" for action in scene.actions)
            pytest.fail(f"seed {seed}\n{scene.rules}\n{actions}\n{error!r}", pytrace=False)


def test_everything_that_can_go_wrong_ends_well() -> None:
    run(ends_well, troubled, range(800))


def test_nobody_starves() -> None:
    run(waits_are_bounded, peaceful, range(800))


@pytest.mark.soak
def test_everything_that_can_go_wrong_ends_well_for_long() -> None:
    run(ends_well, troubled, range(1_000, 40_000))


@pytest.mark.soak
def test_nobody_starves_for_long() -> None:
    run(waits_are_bounded, peaceful, range(1_000, 40_000))
