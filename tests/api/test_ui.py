"""How the web UI is served (spec/http-api.md 15)."""

from __future__ import annotations

import gzip
from pathlib import Path

import brotli
import pytest
from tests.api.conftest import Serve, Served

from hotbay.api import ui

PAGE = b"<!doctype html><html><head><title>x</title></head></html>"
SCRIPT = b"export const answer = 42;\n" * 20


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built UI of few files in place of the real one."""
    tree = tmp_path / "static"
    assets = tree / "assets"
    assets.mkdir(parents=True)
    (tree / "index.html").write_bytes(PAGE)
    (tree / "favicon.ico").write_bytes(b"icon")
    (tree / "icon.svg").write_bytes(b"<svg/>")
    (tree / ".hidden").write_bytes(b"hidden")
    (assets / "main-Ab12.js").write_bytes(SCRIPT)
    (assets / "main-Ab12.js.br").write_bytes(brotli.compress(SCRIPT))
    (assets / "main-Ab12.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    monkeypatch.setattr(ui, "STATIC", tree)
    return tree


@pytest.fixture
async def served(serve: Serve, tree: Path) -> Served:
    return await serve()


async def test_the_bare_address_leads_to_the_ui(served: Served) -> None:
    answer = await served.get("/")
    assert (answer.status, answer.headers["Location"]) == (302, "/ui")
    answer = await served.get("/ui")
    assert (answer.status, answer.headers["Location"]) == (307, "/ui/")


async def test_upstream_without_a_model_shows_a_browser_the_models(served: Served) -> None:
    answer = await served.get("/upstream")
    assert (answer.status, answer.headers["Location"]) == (302, "/ui/models")
    answer = await served.ask("POST", "/upstream", body={})
    assert (answer.status, answer.headers["Location"]) == (307, "/upstream/")


@pytest.mark.parametrize("path", ["/ui/", "/ui/index.html", "/ui/models", "/ui/settings"])
async def test_a_path_that_is_no_file_is_the_page(served: Served, path: str) -> None:
    answer = await served.get(path)
    assert (answer.status, answer.body) == (200, PAGE)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "base"),
    [("/ui/models/a", "../"), ("/ui/models/llama-3.2", "../"), ("/ui/models/lab/deep", "../../")],
)
async def test_the_page_finds_its_files_from_any_depth(
    served: Served, path: str, base: str
) -> None:
    answer = await served.get(path)
    assert answer.status == 200
    assert f'<head><base href="{base}">'.encode() in answer.body


@pytest.mark.parametrize(
    "path", ["/ui/x.js", "/ui/assets/x.js", "/ui/.hidden", "/ui/a/b.png", "/ui/..%2Fsecret.txt"]
)
async def test_a_file_that_does_not_exist_is_missing(served: Served, path: str) -> None:
    answer = await served.get(path)
    assert (answer.status, answer.body) == (404, b"404 page not found")


@pytest.mark.parametrize(
    "path",
    ["/ui/..%2Fsecret", "/ui/assets", "/ui/assets/", "/ui/%00", "/ui/a%5Cb", f"/ui/{'n' * 300}"],
)
async def test_nothing_outside_the_tree_and_no_folder_is_served(served: Served, path: str) -> None:
    answer = await served.get(path)
    assert answer.status == 200
    assert b"<title>x</title>" in answer.body


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.1", "br"),
        ("gzip", "gzip"),
        ("brotli", None),
        ("", None),
    ],
)
async def test_a_file_goes_out_as_small_as_the_browser_takes_it(
    served: Served, accepts: str, encoding: str | None
) -> None:
    answer = await served.get("/ui/assets/main-Ab12.js", Accept_Encoding=accepts)
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert unpack(answer.body) == SCRIPT
    assert answer.headers["Content-Encoding"] == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(answer.body))


async def test_a_file_whose_name_changes_with_it_is_kept_for_ever(served: Served) -> None:
    answer = await served.get("/ui/assets/main-Ab12.js")
    assert answer.headers["Cache-Control"] == "max-age=31536000, immutable"
    assert (await served.get("/ui/icon.svg")).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/ui/", "/ui/icon.svg", "/ui/assets/main-Ab12.js"])
async def test_what_a_browser_has_already_is_not_sent_again(served: Served, path: str) -> None:
    first = await served.get(path)
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await served.get(path, If_None_Match=known)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert (await served.get(path, If_None_Match='"x"')).status == 200


async def test_each_encoding_of_a_file_has_a_tag_of_its_own(served: Served) -> None:
    path = "/ui/assets/main-Ab12.js"
    answers = [await served.get(path, Accept_Encoding=token) for token in ("br", "gzip", "x")]
    assert len({answer.headers["ETag"] for answer in answers}) == 3


async def test_a_changed_file_has_another_tag(served: Served, tree: Path) -> None:
    tag = (await served.get("/ui/")).headers["ETag"]
    (tree / "index.html").write_bytes(PAGE + b"\n")
    answer = await served.get("/ui/", If_None_Match=tag)
    assert (answer.status, answer.body) == (200, PAGE + b"\n")


async def test_a_part_of_a_file_can_be_asked_for(served: Served) -> None:
    answer = await served.get("/ui/assets/main-Ab12.js", Range="bytes=2-5")
    assert (answer.status, answer.body) == (206, SCRIPT[2:6])
    assert answer.headers["Content-Range"] == f"bytes 2-5/{len(SCRIPT)}"
    answer = await served.get("/ui/assets/main-Ab12.js", Range="bytes=100000-")
    assert answer.status == 416


@pytest.mark.parametrize("path", ["/ui/", "/ui/models/a", "/ui/assets/main-Ab12.js"])
async def test_a_page_may_run_and_load_nothing_from_elsewhere(served: Served, path: str) -> None:
    headers = (await served.get(path)).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert not any("unsafe" in value or "*" in value for value in policy.values())
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-DNS-Prefetch-Control"] == "off"


async def test_the_head_alone_can_be_asked_for(served: Served) -> None:
    for path, size in (("/ui/", len(PAGE)), ("/ui/assets/main-Ab12.js", len(SCRIPT))):
        answer = await served.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Length"] == str(size)


async def test_the_icon_needs_no_key_and_the_page_does(serve: Serve, tree: Path) -> None:
    served = await serve({"apiKeys": ["k"]})
    assert (await served.get("/favicon.ico")).body == b"icon"
    for path in ("/ui/", "/ui/icon.svg", "/ui/assets/main-Ab12.js"):
        answer = await served.get(path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="llama-swap"'
        assert (await served.get(path, Authorization="Bearer k")).status == 200


async def test_a_browser_gets_the_page_which_asks_for_the_key_itself(
    serve: Serve, tree: Path
) -> None:
    served = await serve({"apiKeys": ["k"]})
    browser = {"User-Agent": "Mozilla/5.0"}
    assert (await served.get("/ui/", **browser)).body == PAGE
    assert (await served.get("/ui/assets/main-Ab12.js", **browser)).body == SCRIPT
    answer = await served.get("/api/version", **browser, **{"X-Requested-With": "hotbay"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="llama-swap"'


async def test_without_a_built_ui_everything_is_missing(served: Served, tree: Path) -> None:
    (tree / "index.html").unlink()
    (tree / "favicon.ico").unlink()
    for path in ("/ui/", "/ui/models", "/ui/assets/main-Ab12.js", "/favicon.ico"):
        answer = await served.get(path)
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert b"make ui" in answer.body
