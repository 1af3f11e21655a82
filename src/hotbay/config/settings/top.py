"""The top level of the configuration (spec/config.md 1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hotbay.config.settings.base import (
    DEPRECATED,
    Frozen,
    NullFault,
    Secret,
    Settings,
    no_entries,
)
from hotbay.config.settings.model import Macros, ModelSettings
from hotbay.config.settings.peer import PeerConfig
from hotbay.config.settings.routing import (
    GroupConfig,
    MatrixConfig,
    Profile,
    Routing,
    SelectorConfig,
)
from hotbay.config.settings.sections import (
    Access,
    Hooks,
    Limits,
    Performance,
    Store,
    Ui,
    Upstream,
)

LOG_LEVELS = ("debug", "info", "warn", "error")
TIME_FORMATS = (
    "ansic", "unixdate", "rubydate", "rfc822", "rfc822z", "rfc850", "rfc1123", "rfc1123z",
    "rfc3339", "rfc3339nano", "kitchen", "stamp", "stampmilli", "stampmicro", "stampnano",
)  # fmt: skip


def _api_key(key: str) -> str:
    if not key:
        raise ValueError("an API key must not be empty")
    if " " in key:
        raise ValueError("an API key must not contain a space")
    return key


ApiKey = Annotated[
    str,
    Secret(),
    AfterValidator(_api_key),
    NullFault("an API key must not be null; without any key the server would be open to everybody"),
]
Model = Annotated[
    ModelSettings, NullFault("the model has no configuration; give it at least a `cmd`")
]


class TopSettings(Settings):
    """Configuration of hotbay."""

    health_check_timeout: int = Field(
        120,
        description="Seconds a starting model may take until it is ready; values below 15 count "
        "as 15.",
    )
    log_level: str = Field(
        "info",
        description="Lowest level of log lines: `debug`, `info`, `warn` or `error`.",
        examples=list(LOG_LEVELS),
    )
    log_time_format: str = Field(
        "",
        description="Time stamp of log lines: " + ", ".join(f"`{n}`" for n in TIME_FORMATS) + "; "
        "none if empty.",
        examples=list(TIME_FORMATS),
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="Form of hotbay's own log lines: `text`, or `json` with the members `time`, "
        "`level` and `message`. What model servers write stays as it is.",
    )
    log_to_stdout: Literal["proxy", "upstream", "both", "none"] = Field(
        "proxy",
        description="What is copied to standard output: hotbay's own log (`proxy`), the output of "
        "the model servers (`upstream`), `both` or `none`.",
    )
    log_requests: bool = Field(
        default=False, description="Accepted and without effect.", json_schema_extra=DEPRECATED
    )
    metrics_max_in_memory: int = Field(
        1000,
        description="Rows of activity kept if there is no `store`; 0 and less count as 1000.",
    )
    capture_buffer: int = Field(
        5,
        description="Memory for captured requests and responses, in MiB; 0 and less switch "
        "captures off.",
    )
    store: Store | None = Field(
        None, description="Durable store of the activity log; in memory if absent."
    )
    ui: Ui = Field(default_factory=Ui.model_construct, description="The user interface.")
    performance: Performance = Field(
        default_factory=Performance.model_construct,
        description="Sampling of CPU, memory and GPUs.",
    )
    upstream: Upstream = Field(
        default_factory=Upstream.model_construct,
        description="The pass-through `/upstream/<model>/…`.",
    )
    start_port: int = Field(
        5800, ge=1, description="First port assigned to models whose `cmd` contains `${PORT}`."
    )
    send_loading_state: bool = Field(
        default=False,
        description="Stream the loading progress as reasoning text to waiting clients; default "
        "for the models.",
    )
    include_aliases_in_list: bool = Field(
        default=False, description="List every alias as a model of its own."
    )
    global_ttl: int = Field(
        0,
        ge=0,
        alias="globalTTL",
        description="Seconds without requests after which a model without its own `ttl` is "
        "unloaded; 0 means never.",
    )
    unload_timeout: int = Field(
        10,
        ge=0,
        description="Seconds between asking a model server to stop and killing it; 0 means 10.",
    )
    macros: Macros = Field(
        default_factory=no_entries,
        description="Named values; `${name}` in any value stands for them. A macro may use the "
        "ones before it.",
    )
    api_keys: tuple[ApiKey, ...] = Field(
        (), description="Keys of which requests must carry one; without any, no key is needed."
    )
    hooks: Hooks = Field(
        default_factory=Hooks.model_construct, description="Actions at certain moments."
    )
    models: Frozen[Model] = Field(default_factory=no_entries, description="Local models by ID.")
    profiles: Frozen[Profile] = Field(
        default_factory=no_entries,
        description="Sets of renamings that can be switched on, by name.",
    )
    selectors: Frozen[SelectorConfig] = Field(
        default_factory=no_entries, description="Virtual models by ID."
    )
    peers: Frozen[PeerConfig] = Field(
        default_factory=no_entries, description="Remote servers by ID."
    )
    routing: Routing = Field(
        default_factory=Routing.model_construct, description="Swapping and queueing."
    )
    groups: Frozen[GroupConfig] = Field(
        default_factory=no_entries,
        description="Old place of `routing.router.settings.groups`.",
    )
    matrix: MatrixConfig | None = Field(
        None, description="Old place of `routing.router.settings.matrix`."
    )
    limits: Limits = Field(
        default_factory=Limits.model_construct,
        description="Bounds on what clients may use up; what goes beyond is refused.",
    )
    access: Access = Field(
        default_factory=Access.model_construct,
        description="Who may reach the server from a browser.",
    )
