"""What it takes to start one model server: program, environment, address, check.

Pure: turns a model's configuration into a `Launch`, or says why it cannot be started.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotbay.config.model import ModelConfig
from hotbay.runtime.endpoint import Endpoint, endpoint_at
from hotbay.runtime.processes import ProcessSpec

NO_CHECK = "none"


class LaunchError(Exception):
    """A model server cannot be started as configured; the text is for people."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one generation of a model server.

    Attributes:
        spec: the program.
        endpoint: where it will listen, by configuration.
        check: path to probe for readiness, None if the model is ready once spawned.
        own_port: the port is one that hotbay assigned, so nobody else may listen on it.
    """

    spec: ProcessSpec
    endpoint: Endpoint
    check: str | None
    own_port: bool


def plan_launch(model: ModelConfig, generation: int, environ: Mapping[str, str]) -> Launch:
    """Return how to start `model`; `environ` is what its program inherits.

    Raises:
        LaunchError: the model has no command or no usable proxy URL (spec/lifecycle.md 4.3).
    """
    if not model.proxy:
        raise LaunchError("upstream proxy missing")
    if not model.argv:
        raise LaunchError("unable to get sanitized command: empty command")
    check = model.check_endpoint.strip()
    return Launch(
        spec=ProcessSpec(
            argv=model.argv,
            env=_environment(environ, model.env),
            stop_argv=model.stop_argv,
            grace=model.unload_timeout,
        ),
        endpoint=endpoint_of(model, generation),
        check=None if check == NO_CHECK else check,
        own_port=model.port is not None and not model.stop_argv,
    )


def endpoint_of(model: ModelConfig, generation: int) -> Endpoint:
    """Return the address that the model's proxy URL names.

    Raises:
        LaunchError: the URL is not one that can be forwarded to.
    """
    try:
        return endpoint_at(
            model.proxy, model=model.id, generation=generation, timeouts=model.timeouts
        )
    except ValueError as error:
        raise LaunchError(str(error)) from error


def _environment(inherited: Mapping[str, str], own: tuple[str, ...]) -> dict[str, str]:
    """Add `NAME=value` entries to what is inherited; the last of a name wins."""
    env = dict(inherited)
    for entry in own:
        name, _, value = entry.partition("=")
        env[name] = value
    return env
