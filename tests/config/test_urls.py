"""Which base URLs are accepted (spec/config.md 5.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotbay.config.urls import check_url


@pytest.mark.parametrize(
    "url",
    [
        "://x",
        "127.0.0.1:8080",
        "1http://x",
        " http://x",
        "http://[::1",
        "http://h:abc",
        "http://[::1]:x",
        "http://[::1]x",
        "http://a b/",
        "http://h\\x",
        "http://u:p w@h",
        "http://u%zz@h",
        "http://h/%zz",
        "http://h/%4",
        "http://%zz/",
        "http://h%41/",
        "http://h/a\x00b",
        "http://h/\n",
        "http://h/\x7f",
        "1a:b/c",
        "http://h{}/",
    ],
)
def test_malformed_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not a URL") as caught:
        check_url(url)
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080",
        "example.com",
        "/path",
        "path/with:colon",
        "http://h:99999",
        "http://h:",
        "http:///p",
        "HTTP://X",
        "ftp://x",
        "http://h/a b",
        "http://[::1]:8080/v1",
        "http://[fe80::1%25en0]:80",
        "http://h/?q=%zz",
        "http://user:p%20w@h:80/p%20q?x#y",
        "http://bücher.example/",
        "http://b%C3%BCcher/",
        "svc+x-1.0://h",
        "//host/path",
        "///path:x",
    ],
)
def test_other_urls_are_accepted_as_they_are(url: str) -> None:
    assert check_url(url) == url


def test_a_malformed_proxy_is_placed(errors_of: Callable[..., list[str]]) -> None:
    text = """\
models:
  a: {cmd: run, proxy: '127.0.0.1:80'}
peers:
  p: {proxy: 'h h:1', models: [m]}
"""
    model, peer = errors_of(text)
    assert model.startswith(
        "config.yaml:2:24: models.a.proxy: '127.0.0.1:80' is not a URL: the scheme is missing"
    )
    assert peer.startswith("config.yaml:4:14: peers.p.proxy: 'h h:1' is not a URL")
