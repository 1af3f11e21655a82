"""Settings of one model: `models.<id>` (spec/config.md 5 and 7)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hotbay.config.settings.base import DEPRECATED, Free, Frozen, Settings, Strings, no_entries
from hotbay.config.urls import check_url

MacroValue = str | int | float | bool
Macros = Frozen[MacroValue]
Medium = Literal["text", "audio", "image"]
Url = Annotated[str, AfterValidator(check_url)]


class Timeouts(Settings):
    """Limits of the connections to a server, in seconds; 0 means no limit."""

    connect: int = Field(30, description="Seconds until a TCP connection must be made.")
    keepalive: int = Field(
        30, description="Seconds between TCP keep-alive probes; 0 means the platform's 15."
    )
    response_header: int = Field(
        0, description="Seconds to wait for the head of a response; 0 means no limit."
    )
    tls_handshake: int = Field(10, description="Seconds until a TLS handshake must be complete.")
    expect_continue: int = Field(
        1, description="Seconds to wait for `100 Continue`; 0 sends the body without waiting."
    )
    idle_conn: int = Field(90, description="Seconds an idle pooled connection is kept.")


class Filters(Settings):
    """Changes to the JSON body of a request before it is forwarded.

    Keys are paths: `a.b` is the member b of the object a, a number is an element of a
    list, and a backslash takes the next character literally. `model` is protected.
    """

    strip_params: str = Field(
        "", description="Members to remove, separated by commas, such as `temperature, top_k`."
    )
    set_params: Free = Field(
        default_factory=no_entries,
        description="Members to set, whatever the request says; they win over `stripParams`.",
    )
    set_params_by_id: Frozen[Free] = Field(
        default_factory=no_entries,
        alias="setParamsByID",
        description="Like `setParams`, but only for requests that ask for exactly the name that is "
        "the key. A model's keys become aliases of it.",
    )

    @property
    def stripped(self) -> tuple[str, ...]:
        """The paths to remove, in order (only of normalised settings)."""
        return tuple(part for part in self.strip_params.split(", ") if part)


class ModelFilters(Filters):
    """Changes to the JSON body of a request before it is forwarded to the model."""

    old_strip_params: str = Field(
        "",
        alias="strip_params",
        description="Old spelling of `stripParams`; used if that one is empty.",
        json_schema_extra=DEPRECATED,
    )


class Compat(Settings):
    """Switches for programs with unusual habits."""

    ignore_websockets: bool = Field(
        default=False,
        description="WebSocket connections neither load the model nor count for concurrency, idle "
        "time and swapping.",
    )


class Capabilities(Settings):
    """What the model can do, as told in the model listing; nothing is told if all are defaults."""

    in_: tuple[Medium, ...] = Field(
        (), alias="in", description="Media the model accepts: `text`, `audio`, `image`."
    )
    out: tuple[Medium, ...] = Field(
        (), description="Media the model produces: `text`, `audio`, `image`."
    )
    tools: bool = Field(default=False, description="The model can call tools.")
    reranker: bool = Field(default=False, description="The model ranks documents.")
    context: int = Field(0, ge=0, description="Size of the context in tokens; 0 means not told.")


class ModelSettings(Settings):
    """One local model: how its server is started, reached, and presented."""

    cmd: str = Field(
        "",
        description="Command that starts the model server; run without a shell. `${PORT}` is the "
        "port assigned to the model; lines that begin with `#` are comments.",
    )
    cmd_stop: str = Field(
        "",
        description="Command that stops the model server; `${PID}` is its process ID. If empty, "
        "the server gets SIGTERM (on Windows: `taskkill /f /t /pid ${PID}`).",
    )
    proxy: Url = Field(
        "http://localhost:${PORT}", description="Base URL to which requests are forwarded."
    )
    aliases: Strings = Field((), description="Other names for the model; unique over all models.")
    env: Strings = Field(
        (), description="Entries `NAME=value` added to the environment of the model server."
    )
    check_endpoint: str = Field(
        "/health",
        description="Path that is asked until it answers 200: then the model is ready. `none` "
        "switches the check off.",
    )
    ttl: int = Field(
        -1,
        ge=-1,
        description="Seconds without requests after which the model is unloaded; 0 means never, "
        "-1 means `globalTTL`.",
    )
    unload_timeout: int = Field(
        0,
        ge=0,
        description="Seconds between asking the model server to stop and killing it; 0 means the "
        "global `unloadTimeout`.",
    )
    unlisted: bool = Field(
        default=False, description="Hide the model from the listing; it stays usable."
    )
    use_model_name: str = Field(
        "", description="Name that replaces `model` in requests sent to the model server."
    )
    name: str = Field("", description="Name for people, shown in the model listing.")
    description: str = Field("", description="Text shown in the model listing.")
    concurrency_limit: int = Field(
        0,
        description="Requests admitted at once, waiting or served; more get 429. 0 means 10.",
    )
    filters: ModelFilters = Field(
        default_factory=ModelFilters.model_construct, description="Changes to request bodies."
    )
    macros: Macros = Field(
        default_factory=no_entries,
        description="Macros of this model; one with the name of a global macro replaces it.",
    )
    metadata: Free = Field(
        default_factory=no_entries,
        description="Anything; passed through in the model listing.",
    )
    labels: Free = Field(
        default_factory=no_entries,
        description="Anything; shown to planners, such as `{gpu: 1, pinned: true}`.",
    )
    send_loading_state: bool | None = Field(
        None,
        description="Stream the loading progress as reasoning text to waiting clients; the global "
        "`sendLoadingState` if not given.",
    )
    timeouts: Timeouts = Field(
        default_factory=Timeouts.model_construct,
        description="Limits of the connections to the model server.",
    )
    compat: Compat = Field(
        default_factory=Compat.model_construct,
        description="Switches for programs with unusual habits.",
    )
    capabilities: Capabilities = Field(
        default_factory=Capabilities.model_construct,
        description="What the model can do, as told in the model listing.",
    )
    health_check_timeout: int = Field(
        0,
        description="Accepted and without effect: the global `healthCheckTimeout` counts.",
        json_schema_extra=DEPRECATED,
    )
