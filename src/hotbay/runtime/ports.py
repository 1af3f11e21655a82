"""Which port each model server gets while hotbay runs (design 7.5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hotbay.config import PortRequest
from hotbay.config.model import ModelConfig
from hotbay.config.ports import LAST_PORT
from hotbay.runtime.probe import port_in_use


def free_ports(
    old: Mapping[str, ModelConfig],
    in_use: Collection[int],
    start_port: int,
    wanted: Sequence[PortRequest],
) -> Mapping[str, int]:
    """Leave unchanged models their port; the others get the lowest that nobody has.

    Args:
        old: the models so far; none at the start.
        in_use: ports of model servers that live, whatever becomes of them.
        start_port: the lowest port to be given.
        wanted: who needs one, in order.
    """
    ports = {
        request.model_id: port
        for request in wanted
        if (model := old.get(request.model_id)) is not None
        and model.fingerprint == request.fingerprint
        and (port := model.port) is not None
    }
    taken = {*ports.values(), *in_use}
    port = start_port
    for request in wanted:
        if request.model_id in ports:
            continue
        while port in taken or (port <= LAST_PORT and port_in_use("localhost", port)):
            port += 1
        ports[request.model_id] = port
        taken.add(port)
    return ports
