"""Settings of the smaller top-level sections (spec/config.md 3 and 4, design 6)."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from hotbay.config.settings.base import Bytes, Seconds, Settings, Strings

DEFAULT_IGNORED = r".*\.(js|json|css|png|gif|jpg|jpeg|ico|txt)$"
SHORTEST_SAMPLING = 5.0
MIB = 1 << 20


def _not_blank(path: str) -> str:
    if not path.strip():
        raise ValueError("must not be blank")
    return path


class Store(Settings):
    """The durable store of the activity log."""

    path: Annotated[str, AfterValidator(_not_blank)] = Field(
        description="SQLite file that keeps the activity log over restarts; its directory must "
        "exist and be writable."
    )
    keep_days: int = Field(
        0,
        ge=0,
        description="Days after which rows are removed from the file; 0 means never.",
    )
    keep_rows: int = Field(
        0, ge=0, description="How many rows the file keeps, the newest; 0 means all."
    )


class UiActivity(Settings):
    """The activity page of the user interface."""

    session_id: Strings = Field(
        ("X-Session-ID", "X-Litellm-Session-Id"),
        alias="session_id",
        description="Request headers that name a client's session, in order of preference; an "
        "empty list switches that off.",
    )


class Ui(Settings):
    """The user interface."""

    activity: UiActivity = Field(
        default_factory=UiActivity.model_construct, description="The activity page."
    )


def _sampling_interval(seconds: float) -> float:
    if seconds == 0:
        return SHORTEST_SAMPLING
    if seconds < SHORTEST_SAMPLING:
        raise ValueError("must be at least 5s")
    return seconds


class Performance(Settings):
    """Sampling of CPU, memory and GPUs."""

    disabled: bool = Field(default=False, description="Switch the sampling off.")
    every: Annotated[Seconds, AfterValidator(_sampling_interval)] = Field(
        SHORTEST_SAMPLING,
        description="Time between samples, at least 5s.",
    )


def _regular_expression(pattern: str) -> str:
    if pattern == DEFAULT_IGNORED:
        return pattern
    import re2  # noqa: PLC0415 - only configurations with own patterns need it

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        reason = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{pattern!r} is not a regular expression (RE2): {reason}") from None
    return pattern


class Upstream(Settings):
    """The pass-through `/upstream/<model>/…`."""

    ignore_paths: tuple[Annotated[str, AfterValidator(_regular_expression)], ...] = Field(
        (DEFAULT_IGNORED,),
        description="Regular expressions (RE2); a request whose path matches one does not start a "
        "model. An empty list means the default.",
    )


class OnStartup(Settings):
    """Actions at start and after each reload."""

    preload: Strings = Field((), description="IDs or aliases of models to load, one after another.")


class Hooks(Settings):
    """Actions at certain moments."""

    on_startup: OnStartup = Field(
        default_factory=OnStartup.model_construct,
        alias="on_startup",
        description="Actions at start and after each reload.",
    )


def _positive(seconds: float) -> float:
    if not 0 < seconds < math.inf:
        raise ValueError("must be more than 0 seconds")
    return seconds


Positive = Annotated[float, AfterValidator(_positive)]


class Limits(Settings):
    """Bounds on what clients may use up; what goes beyond is refused."""

    body: Bytes = Field(512 * MIB, description="Largest request body, in bytes or as `512MiB`.")
    json_body: Bytes = Field(
        64 * MIB, description="Largest JSON request body, which is held in memory."
    )
    body_memory: Bytes = Field(
        1024 * MIB, description="Memory for the bodies of all requests together."
    )
    head: Bytes = Field(65536, description="Largest request line with headers.")
    head_timeout: Positive = Field(
        30, description="Seconds within which the head of a request must have arrived."
    )
    body_idle: Positive = Field(
        60, description="Seconds without a byte after which an incomplete request body is given up."
    )
    connections: int = Field(4096, ge=1, description="Open client connections.")
    queue: int = Field(
        10_000, ge=0, description="Waiting requests over all models; 0 means no limit."
    )
    queue_per_model: int = Field(
        0,
        ge=0,
        description="Waiting requests of one model; 0 means no limit but its `concurrencyLimit`.",
    )
    subscribers: int = Field(128, ge=1, description="Open event and log streams.")


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")


def _host(host: str) -> str:
    if not host or re.search(r"[\s/@?#]", host):
        raise ValueError(f"{host!r} is not a host name; write it as in `llm.example.org`")
    return host.lower()


def _origin(origin: str) -> str:
    lower = origin.lower()
    if not _ORIGIN.fullmatch(lower):
        raise ValueError(f"{origin!r} is not an origin; write it as in `https://chat.example.org`")
    return lower


class Access(Settings):
    """Who may reach the server from a browser."""

    allowed_hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(
        (),
        description="Names under which the server may be addressed although it listens on "
        "loopback only, as a reverse proxy passes them on in `Host`.",
    )
    allowed_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        (), description="Origins of web pages elsewhere that may use the control routes."
    )
