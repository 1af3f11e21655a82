"""The decisions a second time, in the most naive way: lists, and counts made anew each time.

After spec/scheduler.md 4.1-4.7 with the *better* of section 10, spec/lifecycle.md and
design 7.3. Where the machine remembers, sorts in place and looks only where something
has changed, this walks over everything after every event.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.properties.naive_groups import evicted
from tests.properties.outcome import Outcome

from hotbay.core import events
from hotbay.core.effects import Refusal
from hotbay.core.rules import ModelRules, Rules
from hotbay.testing.ledger import ProcessEvent


@dataclass
class Asked:
    """An admitted request; `place` is "queue", "swap" or "granted". A peer's has no model."""

    id: int
    model: str
    arrived: float
    priority: int
    place: str = ""
    generation: int = 0
    attempt: int = 1
    broken: bool = False
    reservation: tuple[str, str] = ("", "")


@dataclass
class Server:
    rules: ModelRules
    state: str = "stopped"
    generation: int = 0
    last_used: float = 0.0
    killed_at: float = float("inf")
    outdated: bool = False
    crashed: bool = False


@dataclass
class Swap:
    target: str
    evict: list[str]
    started: bool = False


class Naive:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.requests: list[Asked] = []
        self.servers = {model: Server(rules.models[model]) for model in rules.models}
        self.swaps: list[Swap] = []
        self.unloads: list[tuple[int, list[str]]] = []
        self.generations = 0
        self.ties: dict[str, int] = {}
        self.deadline: float | None = None
        self.draining = self.closing = self.closed = False
        self.now = 0.0
        self.out = Outcome()

    # -- what is the case --------------------------------------------------------------

    def queue(self) -> list[Asked]:
        queued = [r for r in self.requests if r.place == "queue"]
        return sorted(queued, key=lambda r: -r.priority)

    def waiters(self, model: str) -> list[Asked]:
        return [r for r in self.requests if r.place == "swap" and r.model == model]

    def in_flight(self, model: str) -> int:
        return len([r for r in self.requests if r.place == "granted" and r.model == model])

    def running(self, besides: str = "") -> list[str]:
        models = [m for m in self.servers if not self.stopped(m)]
        models += [swap.target for swap in self.swaps]
        return sorted({*models, besides} - {""})

    def plan(self, model: str, besides: str = "") -> list[str]:
        return evicted(self.rules.planner, model, self.running(besides))

    def stopped(self, model: str) -> bool:
        return model not in self.servers or self.servers[model].state == "stopped"

    def being_unloaded(self, model: str) -> bool:
        return any(model in models for _, models in self.unloads)

    def overdue(self) -> Asked | None:
        """Return the oldest request of the queue that has waited too long."""
        for request in self.requests:
            if request.place == "queue" and 0 < self.rules.max_wait <= self.now - request.arrived:
                return request
        return None

    # -- decisions ---------------------------------------------------------------------

    def decide(self, model: str, head: Asked | None) -> str:
        """Spec/scheduler.md 4.1 from step 3 on; `head` is the overdue request, if it is another."""
        if model in [swap.target for swap in self.swaps]:
            return "join"
        evict = self.plan(model)
        for concerned in [model, *evict]:
            if self.being_unloaded(concerned) or self.servers[concerned].outdated:
                return "queue"
        for swap in self.swaps:
            collides = swap.target in evict or model in swap.evict or set(evict) & set(swap.evict)
            in_its_room = not swap.started and model in self.plan(swap.target, besides=model)
            if collides or in_its_room:
                return "queue"
        if any(self.in_flight(x) for x in evict):
            return "queue"
        if head is not None and self.delays(model, evict, head.model):
            return "queue"
        if self.servers[model].state == "ready" and not evict:
            return "grant"
        return "swap"

    def delays(self, model: str, evict: list[str], target: str) -> bool:
        """Design 7.3: may serving `model` make the overdue request for `target` wait longer?"""
        if model == target:
            return False
        wanted = self.plan(target, besides=model)
        ousted = target in self.plan(model, besides=target)
        return model in wanted or ousted or bool(set(evict) & set(wanted))

    def follow(self, request: Asked, head: Asked | None) -> bool:
        """Decide on a request and do so; False if it stays in the queue."""
        decision = self.decide(request.model, head)
        if decision == "queue":
            request.place = "queue"
            return False
        if decision == "grant":
            self.grant(request)
            return True
        request.place = "swap"
        if decision == "swap":
            evict = self.plan(request.model)
            self.swaps.append(Swap(request.model, evict))
            self.out.swapped.append((request.model, tuple(evict)))
            for model in evict:
                self.stop(model, self.servers[model].rules.unload_timeout)
            self.advance()
        return True

    def grant(self, request: Asked) -> None:
        request.place = "granted"
        request.generation = self.servers[request.model].generation
        self.out.granted.append((request.id, request.model, request.generation))

    def advance(self) -> None:
        """Start targets whose evicted are gone; grant if the target is ready all the while."""
        for swap in list(self.swaps):
            server = self.servers[swap.target]
            if swap.started or not all(self.stopped(m) for m in swap.evict):
                continue
            if server.state == "ready":
                self.succeed(swap.target)
            elif server.state == "stopped":
                swap.started = True
                self.generations += 1
                server.state, server.generation = "starting", self.generations
                server.killed_at, server.crashed = float("inf"), False
                self.out.spawned.append((swap.target, server.generation))

    def walk(self) -> bool:
        """Walk the queue once, the overdue request first; True if anybody proceeded."""
        moved = False
        while (head := self.overdue()) is not None and self.follow(head, None):
            moved = True
        for request in self.queue():
            if request is not head and self.follow(request, head):
                moved = True
        return moved

    def settle(self) -> None:
        self.advance()
        while self.walk():
            self.advance()
        if self.draining and not self.closing and not [r for r in self.requests if r.model]:
            self.close(None)
        if self.closing and not self.closed and all(self.stopped(m) for m in self.servers):
            self.closed = self.out.closed = True

    # -- events --------------------------------------------------------------------------

    def step(self, event: events.Event, now: float) -> Outcome:
        self.now = now
        self.out = Outcome()
        match event:
            case events.Arrived():
                self.arrive(event)
            case events.Left(request):
                self.leave(request)
            case events.Finished(request):
                self.finish(request)
            case events.Broken(request):
                self.lose(request)
            case events.TimerFired(timer):
                self.timer(timer.kind, timer.model, timer.generation)
            case events.UnloadAsked():
                self.unload(event)
            case events.RulesChanged(rules):
                self.reload(rules)
            case events.Drain(deadline):
                self.draining, self.deadline = True, deadline
            case events.Close(grace):
                self.close(grace)
            case _:
                self.process(event)
        self.settle()
        self.out.sort()
        return self.out

    def arrive(self, event: events.Arrived) -> None:
        model, name = event.target, ""
        if event.selector and not self.draining:
            target = self.choose(event.target)
            if target is None:
                self.out.refused.append((event.request, Refusal.NO_TARGET))
                return
            name, local = target
            if local is None:
                peers = Asked(event.request, "", self.now, 0, "granted")
                self.reserve(peers, event.target, name)
                self.requests.append(peers)
                self.out.granted.append((event.request, "", 0))
                return
            model = local
        mode = event.mode
        if mode is events.Mode.WEBSOCKET:
            rules = self.rules.models.get(model)
            ignored = rules is not None and rules.ignore_websockets
            mode = events.Mode.UNTRACKED if ignored else events.Mode.NORMAL
        refusal = self.refusal(model, mode)
        if refusal is not None:
            self.out.refused.append((event.request, refusal))
            return
        if mode is events.Mode.UNTRACKED:
            generation = self.servers[model].generation
            self.out.granted.append((event.request, model, generation))
            return
        priority = self.rules.models[model].priority
        request = Asked(event.request, model, self.now, priority)
        self.reserve(request, event.target if event.selector else "", name)
        self.requests.append(request)
        self.follow(request, self.overdue())

    def reserve(self, request: Asked, selector: str, name: str) -> None:
        if selector and self.rules.selectors[selector].strategy == "spillover":
            request.reservation = (selector, name)

    def choose(self, selector: str) -> tuple[str, str | None] | None:
        """Spec/request-pipeline.md 5."""
        rules = self.rules.selectors[selector]
        targets = list(zip(rules.targets, rules.local, strict=True))
        if rules.strategy == "pin":
            return targets[0]
        states = {m: s.state for m, s in self.servers.items()}
        if rules.strategy == "warm":
            ready = [t for t in targets if t[1] and states[t[1]] == "ready"]
            starting = [t for t in targets if t[1] and states[t[1]] == "starting"]
            return [*ready, *starting, *targets][0]
        usable = [t for t in targets if not t[1] or states[t[1]] != "stopping"]
        count = {
            t: len([r for r in self.requests if r.reservation == (selector, t[0])]) for t in usable
        }
        up = [t for t in usable if t[1] and states[t[1]] in ("ready", "starting")]
        active = [t for t in usable if t in up or count[t] > 0]
        cold = [t for t in usable if t not in active]
        least = [t for t in active if count[t] == min(count[x] for x in active)]
        if cold and (not active or count[least[0]] >= rules.spillover):
            return cold[0]
        if not active:
            return None
        turn = self.ties.get(selector, 0)
        if len(least) > 1:
            self.ties[selector] = turn + 1
        return least[turn % len(least)]

    def lose(self, request: int) -> None:
        """Design 7.6."""
        asked = next((r for r in self.requests if r.id == request and r.model), None)
        if asked is None:
            self.requests = [r for r in self.requests if r.id != request]
            self.out.refused.append((request, Refusal.BROKEN))
            return
        server = self.servers.get(asked.model)
        its_own = server is not None and server.generation == asked.generation
        if server is not None and its_own and asked.attempt == 1 and server.state == "ready":
            asked.broken = True
        elif server is not None and its_own and asked.attempt == 1 and server.crashed:
            self.again(asked)
        else:
            self.out.refused.append((request, Refusal.BROKEN))
            self.finish(request)

    def again(self, asked: Asked) -> None:
        asked.place, asked.attempt, asked.broken = "queue", 2, False
        if asked.model not in self.rules.models:
            self.refuse([asked], Refusal.REMOVED)
        elif self.closing:
            self.refuse([asked], Refusal.SHUTTING_DOWN)

    def refusal(self, model: str, mode: events.Mode) -> Refusal | None:
        if self.draining:
            return Refusal.SHUTTING_DOWN
        if model not in self.rules.models:
            return Refusal.UNKNOWN_MODEL
        if mode is events.Mode.UNTRACKED:
            return None if self.servers[model].state == "ready" else Refusal.NOT_READY
        admitted = [r for r in self.requests if r.model == model]
        if len(admitted) >= self.rules.models[model].concurrency_limit:
            return Refusal.CONCURRENCY
        decision = self.decide(model, self.overdue())
        if mode is events.Mode.ONLY_IF_READY and decision != "grant":
            return Refusal.NOT_READY
        queued = self.queue()
        of_model = [r for r in queued if r.model == model]
        full = 0 < self.rules.queue_limit <= len(queued)
        full_of_model = 0 < self.rules.queue_limit_per_model <= len(of_model)
        return Refusal.QUEUE_FULL if decision == "queue" and (full or full_of_model) else None

    def leave(self, request: int) -> None:
        for asked in list(self.requests):
            if asked.id != request or (asked.place == "granted" and not asked.broken):
                continue
            if asked.broken:
                self.finish(request)
                return
            self.requests.remove(asked)
            swap = next((s for s in self.swaps if s.target == asked.model), None)
            if swap is not None and not self.waiters(asked.model) and not swap.started:
                self.swaps.remove(swap)

    def finish(self, request: int) -> None:
        for asked in list(self.requests):
            if asked.id == request:
                self.requests.remove(asked)
                server = self.servers.get(asked.model)
                if server is not None and self.in_flight(asked.model) == 0:
                    server.last_used = self.now
                    if server.outdated:
                        self.stop(asked.model, server.rules.unload_timeout)

    def process(self, event: ProcessEvent) -> None:
        model = event.model
        server = self.servers.get(model)
        if server is None or server.generation != event.generation or self.stopped(model):
            return
        starting = server.state == "starting"
        match event:
            case events.Spawned() | events.ProbeOk() if starting:
                if isinstance(event, events.ProbeOk) or not server.rules.check:
                    server.state, server.last_used = "ready", self.now
                    self.succeed(model)
            case events.SpawnFailed() | events.Gone():
                self.over(server)
                if starting:
                    self.fail(model, server)
                if server.outdated:
                    self.renew(model)
            case events.Exited():
                server.crashed = server.state == "ready"
                server.state = "stopping"
                if starting:
                    self.fail(model, server)
                if server.crashed:
                    for asked in [r for r in self.requests if r.broken and r.model == model]:
                        self.again(asked)

    def succeed(self, model: str) -> None:
        granted = self.waiters(model)
        self.swaps = [swap for swap in self.swaps if swap.target != model]
        for request in granted:
            self.grant(request)

    def fail(self, model: str, server: Server) -> None:
        self.out.failed.append((model, server.generation))
        self.refuse(self.waiters(model), Refusal.START_FAILED)
        self.swaps = [swap for swap in self.swaps if swap.target != model]

    def over(self, server: Server) -> None:
        """No process of this server is left."""
        server.state = "stopped"
        for token, models in list(self.unloads):
            if all(self.stopped(m) for m in models):
                self.unloads.remove((token, models))
                self.out.unloaded.append(token)

    def timer(self, kind: str, model: str, generation: int) -> None:
        if kind == "deadline":
            self.close(None)
            return
        server = self.servers.get(model)
        if server is None or server.generation != generation:
            return
        if kind == "start" and server.state == "starting":
            self.stop(model, 5.0)
            self.fail(model, server)
        if kind == "broken":
            for asked in [r for r in self.requests if r.broken and r.model == model]:
                self.out.refused.append((asked.id, Refusal.BROKEN))
                self.finish(asked.id)
        if kind == "drain" and server.outdated:
            self.stop(model, server.rules.unload_timeout)
        if kind == "ttl" and server.state == "ready" and server.rules.ttl > 0:
            wanted = [r for r in self.requests if r.model == model]
            if not wanted and self.now >= server.last_used + server.rules.ttl:
                self.stop(model, server.rules.unload_timeout)

    def unload(self, event: events.UnloadAsked) -> None:
        models = [m for m in self.servers if event.models is None or m in event.models]
        self.withdraw(models, Refusal.UNLOADED)
        for model in models:
            rules = self.servers[model].rules
            self.stop(model, rules.unload_timeout if event.grace is None else event.grace)
        if all(self.stopped(m) for m in models):
            self.out.unloaded.append(event.token)
        else:
            self.unloads.append((event.token, models))

    def reload(self, rules: Rules) -> None:
        self.rules = rules
        self.withdraw([m for m in self.servers if m not in rules.models], Refusal.REMOVED)
        for model in rules.models:
            self.servers.setdefault(model, Server(rules.models[model]))
        for model, server in list(self.servers.items()):
            wanted = rules.models.get(model)
            if server.state == "stopped":
                self.renew(model)
            elif server.outdated:
                continue
            elif wanted is not None and wanted.fingerprint == server.rules.fingerprint:
                server.rules = wanted
            else:
                server.outdated = True
                for request in self.waiters(model):
                    request.place = "queue"
                self.swaps = [swap for swap in self.swaps if swap.target != model]
                idle = server.state == "ready" and self.in_flight(model) == 0
                if idle or server.state == "starting":
                    self.stop(model, server.rules.unload_timeout)

    def renew(self, model: str) -> None:
        """A stopped server takes the rules of today, or goes if there are none for it."""
        server = self.servers[model]
        if model in self.rules.models:
            server.rules, server.outdated = self.rules.models[model], False
        else:
            del self.servers[model]

    def close(self, grace: float | None) -> None:
        self.draining = self.closing = True
        self.withdraw(list(self.servers), Refusal.SHUTTING_DOWN)
        for model, server in self.servers.items():
            mine = server.rules.unload_timeout if grace is None else grace
            if grace is None and self.deadline is not None:
                mine = max(0.001, min(mine, self.deadline - self.now))
            self.stop(model, mine)

    # -- what events come down to -----------------------------------------------------------

    def withdraw(self, models: list[str], refusal: Refusal) -> None:
        self.refuse(
            [r for r in self.requests if r.model in models and (r.broken or r.place != "granted")],
            refusal,
        )
        self.swaps = [swap for swap in self.swaps if swap.target not in models]

    def refuse(self, requests: list[Asked], refusal: Refusal) -> None:
        for request in requests:
            self.requests.remove(request)
            self.out.refused.append((request.id, refusal))

    def stop(self, model: str, grace: float) -> None:
        server = self.servers[model]
        if server.state == "stopped":
            return
        server.crashed = False
        if server.state == "starting":
            grace = min(grace, 5.0)
        server.state = "stopping"
        if self.now + grace < server.killed_at:
            server.killed_at = self.now + grace
            self.out.stopped.append((model, server.generation, grace))
