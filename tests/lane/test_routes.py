from __future__ import annotations

import pytest

from hotbay.lane.routes import PassRoute, find_passthrough, find_route, methods_of

JSON_ROUTES = [
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/completions",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/reranking",
    "/rerank",
    "/v1/rerank",
    "/v1/reranking",
    "/infill",
    "/completion",
    "/v1/audio/speech",
    "/v1/audio/voices",
    "/v1/images/generations",
    "/sdapi/v1/txt2img",
    "/sdapi/v1/img2img",
    "/audioapi/v1/tasks/run",
    "/v/chat/completions",
    "/v/responses",
    "/v/completions",
    "/v/messages",
    "/v/messages/count_tokens",
    "/v/embeddings",
    "/v/rerank",
    "/v/reranking",
    "/v1/audio/transcriptions",
    "/v1/images/edits",
]
QUERY_ROUTES = ["/v1/audio/voices", "/sdapi/v1/loras", "/props"]


@pytest.mark.parametrize("path", JSON_ROUTES)
def test_post_routes_are_recorded(path: str) -> None:
    route = find_route(b"POST", path.encode())

    assert route is not None
    assert route.path == path
    assert route.recorded


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("path", QUERY_ROUTES)
def test_query_routes_serve_get_and_head(method: bytes, path: str) -> None:
    route = find_route(method, path.encode())

    assert route is not None
    assert not route.recorded


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (b"GET", b"/v1/chat/completions"),
        (b"PUT", b"/v1/chat/completions"),
        (b"OPTIONS", b"/v1/chat/completions"),
        (b"POST", b"/v1/chat/completions/"),
        (b"POST", b"/V1/chat/completions"),
        (b"POST", b"/v/audio/speech"),
        (b"POST", b"/v1%2Fchat/completions"),
        (b"POST", b"/props"),
        (b"GET", b"/v1/models"),
    ],
)
def test_everything_else_is_for_the_application(method: bytes, path: bytes) -> None:
    assert find_route(method, path) is None


@pytest.mark.parametrize(
    ("path", "forwarded"),
    [
        (b"/v1/chat/completions", b"/v1/chat/completions"),
        (b"/v1/chat%2Fx", None),
        (b"/v1/cha%74/completions", b"/v1/cha%74/completions"),
        (b"/v/chat/completions", b"/chat/completions"),
        (b"/v/messages/count_tokens", b"/messages/count_tokens"),
        (b"/%76/cha%74/completions", b"/cha%74/completions"),
        (b"/audioapi/v1/tasks/run", b"/v1/tasks/run"),
    ],
)
def test_paths_are_shortened_and_keep_their_escapes(path: bytes, forwarded: bytes | None) -> None:
    route = find_route(b"POST", path)

    assert (route and route.forwarded_path(path)) == forwarded


def test_messages_speak_anthropics_dialect() -> None:
    spoken = {path for path in JSON_ROUTES if find_route(b"POST", path.encode()).anthropic}  # type: ignore[union-attr]  # they all exist

    assert spoken == {
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v/messages",
        "/v/messages/count_tokens",
    }


def test_methods_for_the_answer_405() -> None:
    assert methods_of("/v1/audio/voices") == ("GET", "HEAD", "POST")
    assert methods_of("/props") == ("GET", "HEAD")
    assert methods_of("/infill") == ("POST",)
    assert methods_of("/nowhere") == ()


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (b"/upstream/", PassRoute("upstream", b"/")),
        (b"/upstream/m", PassRoute("upstream", b"/m")),
        (b"/upstream/a%2Fb/%20/", PassRoute("upstream", b"/a%2Fb/%20/")),
        (b"/%75pstream/m", PassRoute("upstream", b"/m")),
        (b"/comfyui", PassRoute("comfyui", b"")),
        (b"/comfyu%69/a%2Fb", PassRoute("comfyui", b"/a%2Fb")),
        (b"/upstream", None),
        (b"/upstreams/m", None),
        (b"/Upstream/m", None),
        (b"/upstream%2Fm", None),
        (b"/comfyui%2F", None),
        (b"/x/comfyui/", None),
        (b"/", None),
    ],
)
def test_pass_throughs_are_known_by_their_first_segment(
    path: bytes, route: PassRoute | None
) -> None:
    assert find_passthrough(path) == route
