"""The routes of the lane: which requests are for a model, and what its server sees of the path.

Owns the table of spec/http-api.md 4 and the prefixes of 8 and 9. Everything else belongs to
the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from hotbay.lane.errors import is_anthropic
from hotbay.lane.head import decoded

_POST_JSON = """
    /v1/chat/completions      /v1/responses             /v1/completions
    /v1/messages              /v1/messages/count_tokens /v1/embeddings
    /reranking                /rerank                   /v1/rerank
    /v1/reranking             /infill                   /completion
    /v1/audio/speech          /v1/audio/voices          /v1/images/generations
    /sdapi/v1/txt2img         /sdapi/v1/img2img         /audioapi/v1/tasks/run
    /v/chat/completions       /v/responses              /v/completions
    /v/messages               /v/messages/count_tokens  /v/embeddings
    /v/rerank                 /v/reranking
"""
_POST_FORM = "/v1/audio/transcriptions /v1/images/edits"
_GET = "/v1/audio/voices /sdapi/v1/loras /props"

Prefix = Literal["upstream", "comfyui"]


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """One of the routes whose requests name a model.

    Attributes:
        path: as the client writes it.
        recorded: its requests make an activity row (spec/request-pipeline.md 8.1).
        anthropic: its errors have Anthropic's shape.
        shortened: the model server is asked for the path without its first segment.
    """

    path: str
    recorded: bool
    anthropic: bool
    shortened: bool

    def forwarded_path(self, path: bytes) -> bytes:
        """Return what to ask the model server for; `path` is as sent, its escapes are kept."""
        return path[path.index(b"/", 1) :] if self.shortened else path


@dataclass(frozen=True, slots=True)
class PassRoute:
    """A request that goes to a model server as it is, whatever its method and path.

    Attributes:
        prefix: the first segment of the path.
        rest: what follows it, as sent; begins with a slash, empty only for `/comfyui`.
        objection: why the request is refused with 403 unless it is for inference; empty: it is
            not. Only who knows the models' names can tell, see `hotbay.lane.passthrough`.
    """

    prefix: Prefix
    rest: bytes
    objection: str = ""


def find_route(method: bytes, path: bytes) -> ModelRoute | None:
    """Return the model route of a request; `path` is as sent. None: it is not for the lane."""
    routes = _BY_METHOD.get(method)
    if routes is None:
        return None
    route = routes.get(path)
    if route is None and b"%" in path:
        route = routes.get(decoded(path).encode())
    return route


def find_passthrough(path: bytes) -> PassRoute | None:
    """Return the pass-through that a path, as sent, asks for; any method will do.

    The bare `/upstream` is none.
    """
    first = path[1:].partition(b"/")[0]
    rest = path[1 + len(first) :]
    name = decoded(first)
    if name == "upstream" and rest:
        return PassRoute("upstream", rest)
    return PassRoute("comfyui", rest) if name == "comfyui" else None


def methods_of(path: str) -> tuple[str, ...]:
    """Return the methods of a model route, empty for other paths; for the application's 405."""
    return tuple(m.decode() for m, routes in _BY_METHOD.items() if path.encode() in routes)


def model_paths() -> frozenset[str]:
    """Return the paths of all model routes, as a client writes them."""
    return frozenset(path.decode() for routes in _BY_METHOD.values() for path in routes)


def passthrough_paths() -> frozenset[str]:
    """Return the paths of the pass-throughs, as the documentation writes them."""
    return frozenset({"/comfyui"} | {f"/{prefix}/{{rest}}" for prefix in get_args(Prefix)})


def _routes(listing: str, *, recorded: bool) -> dict[bytes, ModelRoute]:
    return {
        path.encode(): ModelRoute(
            path=path,
            recorded=recorded,
            anthropic=is_anthropic(path),
            shortened=path.startswith(("/v/", "/audioapi/")),
        )
        for path in listing.split()
    }


_POST_ROUTES = _routes(_POST_JSON + _POST_FORM, recorded=True)
_GET_ROUTES = _routes(_GET, recorded=False)
_BY_METHOD: Mapping[bytes, Mapping[bytes, ModelRoute]] = {
    b"GET": _GET_ROUTES,
    b"HEAD": _GET_ROUTES,
    b"POST": _POST_ROUTES,
}
