"""Public test kit: virtual time, a ledger of what happened, a scripted world around the machine.

For the project's own tests and for whoever writes a planner: nothing here opens a
socket, starts a process or waits.

    world = World(rules, lambda model, generation: ServerScript(load=2.0))
    request = world.request("llama", run=5.0)
    world.run_until_quiet()
    assert world.ledger.requests[request].fate is Fate.FINISHED
"""

from __future__ import annotations

from hotbay.testing.clock import Clock
from hotbay.testing.ledger import Ledger
from hotbay.testing.records import ContractError, Fate, Moment, Phase, Process, Request
from hotbay.testing.world import ServerScript, World

__all__ = [
    "Clock",
    "ContractError",
    "Fate",
    "Ledger",
    "Moment",
    "Phase",
    "Process",
    "Request",
    "ServerScript",
    "World",
]
