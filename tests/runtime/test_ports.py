from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from hotbay.config import PortRequest
from hotbay.runtime.ports import free_ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_of_another_program_is_left_out(taken: int) -> None:
    ports = free_ports({}, (), taken, [PortRequest("a", ""), PortRequest("b", "")])
    assert taken not in ports.values()
    assert taken < ports["a"] < ports["b"]


def test_a_port_of_a_model_server_that_lives_is_left_out(taken: int) -> None:
    above = free_ports({}, (), taken + 1, [PortRequest("a", "")])["a"]
    ports = free_ports({}, (above,), taken + 1, [PortRequest("a", "")])
    assert ports["a"] > above
