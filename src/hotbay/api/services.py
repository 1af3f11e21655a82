"""What the routes of the control plane work on. Owned and kept current by the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from hotbay.activity.activity import Activity
from hotbay.api.news import News
from hotbay.config.model import Config
from hotbay.config.sources import SourceText
from hotbay.monitor.machine import MachineMonitor
from hotbay.runtime.engine import Engine
from hotbay.runtime.logs import LogBook
from hotbay.runtime.profiles import ActiveProfile


@dataclass(frozen=True, slots=True)
class Build:
    """What `--version` and `/api/version` tell."""

    version: str
    commit: str
    date: str


@dataclass(slots=True)
class Services:
    """The running program as its routes see it; a reload replaces `config` and its `texts`.

    `texts` are the files that say it; `watched`, that a change of them is noticed.
    `reload` reads the files again; `news.last_load` then tells what became of it.
    `connections` tells how many clients are connected.
    `streams` counts the open streams, which `limits.subscribers` bounds.
    `checking` is held while a configuration is checked, one at a time.
    """

    config: Config
    engine: Engine
    logs: LogBook
    build: Build
    profiles: ActiveProfile
    news: News
    activity: Activity
    reload: Callable[[], Awaitable[None]]
    machine: MachineMonitor
    connections: Callable[[], int]
    texts: Sequence[SourceText]
    watched: bool
    streams: int = 0
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)


def services_of(request: Request) -> Services:
    """Return the services of the application that serves this request."""
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - tells the type checker what create_app() put there
    return services
