"""Options for the HTTP server and its log."""

from __future__ import annotations

from hotbay.llamacpp.options.option import (
    Option,
    Target,
    contents,
    converted,
    folder,
    integer,
    switch,
    text,
    whole,
)

_EVERYTHING = 2**31 - 1  # llama.cpp's level for --verbose


def _hosts(value: str) -> list[str]:
    return [host.strip() for host in value.split(",")]


def _add_api_keys(target: Target, keys: list[str]) -> None:
    target.put("api_keys", target.get("api_keys") + [key for key in keys if key])


def _api_key(target: Target, value: str) -> None:
    _add_api_keys(target, value.split(","))


def _api_key_file(target: Target, value: str) -> None:
    _add_api_keys(
        target, [line for line in contents(value).splitlines() if not line.startswith("#")]
    )


def _timeout(target: Target, value: str) -> None:
    seconds = whole(value, at_least=0)
    target.put("timeout_read", seconds)
    target.put("timeout_write", seconds)


def _slot_save_path(value: str) -> str:
    """The folder as llama.cpp wants it: a file name is put right behind it."""
    return folder(value).rstrip("/") + "/"


def _verbose(target: Target, _value: str) -> None:
    target.put("verbosity", _EVERYTHING)


SERVING = (
    Option(
        ("--host",),
        "ADDRESS",
        "Addresses to listen on, with commas, or a socket that ends in .sock (default: 127.0.0.1).",
        converted("hostnames", _hosts),
    ),
    Option(
        ("--port",),
        "N",
        "Port to listen on (default: 8080; 0: any free one).",
        integer("port", at_least=0, at_most=65535),
    ),
    Option(
        ("--reuse-port",),
        "",
        "Let other programs listen on the same port.",
        switch("reuse_port"),
    ),
    Option(
        ("-to", "--timeout"),
        "SECONDS",
        "How long the server waits for a client to read or write (default: 3600).",
        _timeout,
    ),
    Option(
        ("--threads-http",),
        "N",
        "Threads that serve HTTP (default: as many as it takes).",
        integer("n_threads_http"),
    ),
    Option(
        ("--api-key",),
        "KEYS",
        "Keys that clients must send, with commas; may be repeated.",
        _api_key,
    ),
    Option(("--api-key-file",), "FILE", "A file with one key on each line.", _api_key_file),
    Option(("--path",), "FOLDER", "Serve files from here.", converted("public_path", folder)),
    Option(("--api-prefix",), "PREFIX", "Put every route below this path.", text("api_prefix")),
    Option(
        ("--webui", "--ui"),
        "",
        "Serve llama.cpp's web page (default).",
        switch("ui"),
        off=("--no-webui", "--no-ui"),
    ),
    Option(("--metrics",), "", "Serve GET /metrics.", switch("endpoint_metrics")),
    Option(("--props",), "", "Allow POST /props.", switch("endpoint_props")),
    Option(
        ("--slots",),
        "",
        "Serve GET /slots (default).",
        switch("endpoint_slots"),
        off=("--no-slots",),
    ),
    Option(
        ("--slot-save-path",),
        "FOLDER",
        "Where POST /slots saves the cache of a slot.",
        converted("slot_save_path", _slot_save_path),
    ),
    Option(
        ("--media-path",),
        "FOLDER",
        "Where file:// addresses of images are looked up.",
        converted("media_path", folder),
    ),
    Option(
        ("--sleep-idle-seconds",),
        "N",
        "Free the model's memory after so many idle seconds (default: -1, never).",
        integer("sleep_idle_seconds", at_least=-1),
    ),
    Option(
        ("-lv", "--verbosity", "--log-verbosity"),
        "N",
        "How much is logged: 0 little, 1 errors, 2 warnings, 3 (default), 4, 5 everything.",
        integer("verbosity"),
    ),
    Option(("-v", "--verbose", "--log-verbose"), "", "Log everything.", _verbose),
)
