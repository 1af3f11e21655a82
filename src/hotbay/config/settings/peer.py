"""Settings of one remote server: `peers.<id>` (spec/config.md 10)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from hotbay.config.settings.base import Secret, Settings, Strings
from hotbay.config.settings.model import Filters, Timeouts
from hotbay.config.urls import check_url


def _required_url(url: str) -> str:
    if not url:
        raise ValueError("must not be empty: it is the base URL of the peer")
    return check_url(url)


def _one_line(key: str) -> str:
    if "\n" in key.strip() or "\r" in key.strip():
        raise ValueError("must be one line: it is sent in a header")
    return key.strip()


def _some_models(models: Strings) -> Strings:
    if not models:
        raise ValueError("must name at least one model that the peer offers")
    return models


class PeerTimeouts(Timeouts):
    """Limits of the connections to a peer, in seconds; 0 means no limit."""

    response_header: int = Field(
        60, description="Seconds to wait for the head of a response; 0 means no limit."
    )


class PeerConfig(Settings):
    """One remote server and the models it offers; each is also known as `<peer>/<model>`."""

    proxy: Annotated[str, AfterValidator(_required_url)] = Field(
        description="Base URL of the peer; the path of a request is appended to its path."
    )
    api_key: Annotated[str, AfterValidator(_one_line), Secret()] = Field(
        "", description="Key sent to the peer, as `Authorization: Bearer` and `x-api-key`."
    )
    models: Annotated[Strings, AfterValidator(_some_models)] = Field(
        description="Names of the models that the peer offers."
    )
    filters: Filters = Field(
        default_factory=Filters.model_construct, description="Changes to request bodies."
    )
    timeouts: PeerTimeouts = Field(
        default_factory=PeerTimeouts.model_construct,
        description="Limits of the connections to the peer.",
    )
