"""Keys of the top level and its smaller sections (spec/config.md 1 to 4, design 6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotbay.config import Config

Configs = Callable[..., Config]
Errors = Callable[..., list[str]]
MIB = 1 << 20


def value_at(config: Config, path: str) -> Any:
    found: Any = config
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("health_check_timeout", 120),
        ("log_level", "info"),
        ("log_time_format", ""),
        ("log_to_stdout", "proxy"),
        ("log_requests", False),
        ("metrics_max_in_memory", 1000),
        ("capture_buffer", 5),
        ("store", None),
        ("ui.activity.session_id", ("X-Session-ID", "X-Litellm-Session-Id")),
        ("performance.disabled", False),
        ("performance.every", 5),
        ("upstream.ignore_paths", (r".*\.(js|json|css|png|gif|jpg|jpeg|ico|txt)$",)),
        ("start_port", 5800),
        ("send_loading_state", False),
        ("include_aliases_in_list", False),
        ("global_ttl", 0),
        ("unload_timeout", 10),
        ("macros", {}),
        ("api_keys", ()),
        ("hooks.on_startup.preload", ()),
        ("models", {}),
        ("profiles", {}),
        ("selectors", {}),
        ("peers", {}),
        ("routing.router.use", "group"),
        ("routing.scheduler.use", "fifo"),
        ("routing.scheduler.settings.fifo.priority", {}),
        ("routing.scheduler.settings.fifo.max_wait", 60),
        ("limits.body", 512 * MIB),
        ("limits.json_body", 64 * MIB),
        ("limits.body_memory", 1024 * MIB),
        ("limits.head", 65536),
        ("limits.head_timeout", 30),
        ("limits.body_idle", 60),
        ("access.allowed_hosts", ()),
        ("access.allowed_origins", ()),
    ],
)
def test_defaults(config_of: Configs, path: str, value: object) -> None:
    assert value_at(config_of(""), path) == value


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("healthCheckTimeout: 14", "health_check_timeout", 15),
        ("healthCheckTimeout: -1", "health_check_timeout", 15),
        ("healthCheckTimeout: 16", "health_check_timeout", 16),
        ("logLevel: ' WARN '", "log_level", "warn"),
        ("logTimeFormat: ' RFC3339Nano '", "log_time_format", "rfc3339nano"),
        ("logToStdout: both", "log_to_stdout", "both"),
        ("metricsMaxInMemory: 0", "metrics_max_in_memory", 1000),
        ("metricsMaxInMemory: -3", "metrics_max_in_memory", 1000),
        ("metricsMaxInMemory: 3", "metrics_max_in_memory", 3),
        ("captureBuffer: 0", "capture_buffer", 0),
        ("captureBuffer: -3", "capture_buffer", 0),
        ("unloadTimeout: 0", "unload_timeout", 10),
        ("unloadTimeout: 3", "unload_timeout", 3),
        ("performance: {every: 0s}", "performance.every", 5),
        ("performance: {every: '0'}", "performance.every", 5),
        ("performance: {every: 1m}", "performance.every", 60),
        (
            "ui: {activity: {session_id: [' A ', '', a, B, b, A]}}",
            "ui.activity.session_id",
            ("A", "B"),
        ),
        ("ui: {activity: {session_id: []}}", "ui.activity.session_id", ()),
        (
            "upstream: {ignorePaths: []}",
            "upstream.ignore_paths",
            (r".*\.(js|json|css|png|gif|jpg|jpeg|ico|txt)$",),
        ),
        ("upstream: {ignorePaths: ['^/x$']}", "upstream.ignore_paths", ("^/x$",)),
        ('apiKeys: ["a\\tb"]', "api_keys", ("a\tb",)),
        ("limits: {body: 1GiB, head: 1024}", "limits.body", 1 << 30),
        ("limits: {body: 1GiB, head: 1024}", "limits.head", 1024),
        ("limits: {headTimeout: 0.5}", "limits.head_timeout", 0.5),
        ("limits: {queue: 0, queuePerModel: 3}", "limits.queue_per_model", 3),
        ("access: {allowedHosts: [LLM.example.org]}", "access.allowed_hosts", ("llm.example.org",)),
        (
            "access: {allowedOrigins: ['HTTPS://x:8443']}",
            "access.allowed_origins",
            ("https://x:8443",),
        ),
        (
            "routing: {scheduler: {settings: {fifo: {maxWait: 0}}}}",
            "routing.scheduler.settings.fifo.max_wait",
            0,
        ),
        (
            "routing: {scheduler: {settings: {fifo: {maxWait: 2.5}}}}",
            "routing.scheduler.settings.fifo.max_wait",
            2.5,
        ),
    ],
)
def test_values_and_their_normalised_form(
    config_of: Configs, text: str, path: str, value: object
) -> None:
    assert value_at(config_of(text), path) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("logToStdout: ''", "1:14: logToStdout: expected one of proxy, upstream, both, none"),
        ("logToStdout: Both", "1:14: logToStdout: expected one of proxy, upstream, both, none"),
        ("globalTTL: -1", "1:12: globalTTL: must be at least 0, found -1"),
        ("unloadTimeout: -1", "1:16: unloadTimeout: must be at least 0, found -1"),
        ("performance: {every: 4s}", "1:22: performance.every: must be at least 5s"),
        ("performance: {every: -5s}", "1:22: performance.every: must be at least 5s"),
        ("performance: {every: 0}", "1:22: performance.every: expected a duration"),
        ("performance: {every: 5, disabled: true}", "1:22: performance.every: expected a duration"),
        ("performance: {every: 1d}", "1:22: performance.every: expected a duration"),
        ("apiKeys: [k, '']", "1:14: apiKeys[1]: an API key must not be empty"),
        ("apiKeys: ['a b']", "1:11: apiKeys[0]: an API key must not contain a space"),
        ("store: {}", "1:1: store.path: missing"),
        ("store: {path: ' '}", "1:15: store.path: must not be blank"),
        (
            "upstream: {ignorePaths: ['(?=a)']}",
            "1:26: upstream.ignorePaths[0]: '(?=a)' is not a regular expression (RE2)",
        ),
        ("upstream: {ignorePaths: [x, '(a)\\1']}", "1:29: upstream.ignorePaths[1]: "),
        ("upstream: {ignorePaths: ['a++b']}", "1:26: upstream.ignorePaths[0]: "),
        ("upstream: {ignorePaths: ['(?>a)']}", "1:26: upstream.ignorePaths[0]: "),
        ("upstream: {ignorePaths: ['a(']}", "1:26: upstream.ignorePaths[0]: "),
        ("limits: {body: 0}", "1:16: limits.body: must be at least 1, found 0"),
        ("limits: {body: 5MB}", "1:16: limits.body: expected bytes or a size such as"),
        ("limits: {headTimeout: 0}", "1:23: limits.headTimeout: must be more than 0 seconds"),
        ("limits: {bodyIdle: '5'}", "1:20: limits.bodyIdle: expected a number without quotes"),
        ("limits: {connections: 0}", "1:23: limits.connections: must be at least 1"),
        ("limits: {queue: -1}", "1:17: limits.queue: must be at least 0"),
        (
            "access: {allowedHosts: ['http://x']}",
            "1:25: access.allowedHosts[0]: 'http://x' is not a host",
        ),
        (
            "access: {allowedOrigins: [x.org]}",
            "1:27: access.allowedOrigins[0]: 'x.org' is not an origin",
        ),
        ("access: {allowedOrigins: ['http://x/']}", "1:27: access.allowedOrigins[0]: "),
        (
            "routing: {scheduler: {settings: {fifo: {maxWait: -1}}}}",
            "1:50: routing.scheduler.settings.fifo.maxWait: must be 0 or more",
        ),
        (
            "routing: {scheduler: {settings: {fifo: {maxWait: .nan}}}}",
            "1:50: routing.scheduler.settings.fifo.maxWait: must be 0 or more",
        ),
        ("routing: {scheduler: {use: lifo}}", "1:28: routing.scheduler.use: expected fifo"),
    ],
)
def test_what_is_refused(errors_of: Errors, text: str, error: str) -> None:
    (found,) = errors_of(text)
    assert found.startswith(f"config.yaml:{error}")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("logLevel: loud", "1:11: logLevel: unknown value 'loud', it acts as info"),
        ("logTimeFormat: iso", "1:16: logTimeFormat: unknown value 'iso', it acts as none"),
        ("logRequests: true", "1:1: logRequests: Accepted and without effect."),
        (
            "hooks: {on_startup: {preload: [ghost]}}",
            "1:32: hooks.on_startup.preload[0]: 'ghost' is not a local model",
        ),
    ],
)
def test_what_is_worth_a_warning(warnings_of: Errors, text: str, warning: str) -> None:
    (found,) = warnings_of(text)
    assert found.startswith(f"config.yaml:{warning}")


def test_preload_keeps_order_and_repeats_of_local_models(config_of: Configs) -> None:
    config = config_of("""
        models:
          a: {cmd: run, proxy: "http://x", aliases: [x]}
          b: {cmd: run, proxy: "http://x"}
        peers: {p: {proxy: "http://x", models: [m]}}
        selectors: {s: {strategy: pin, targets: [a]}}
        hooks: {on_startup: {preload: [b, " x ", "", ghost, m, s, b]}}
    """)
    assert config.hooks.on_startup.preload == ("b", "a", "b")


def test_a_store_may_be_made_in_a_writable_directory(config_of: Configs, tmp_path: Path) -> None:
    config = config_of(f"store: {{path: ' {tmp_path}/new.db '}}")
    assert config.store is not None
    assert config.store.path == f"{tmp_path}/new.db"


def test_a_store_may_be_there_already(config_of: Configs, tmp_path: Path) -> None:
    (tmp_path / "old.db").write_bytes(b"")
    config_of(f"store: {{path: '{tmp_path}/old.db'}}")
    assert list(tmp_path.glob("*.db")) == [tmp_path / "old.db"]


def test_a_windows_store_is_probed_without_leaving_a_trace(
    config_of: Configs, tmp_path: Path
) -> None:
    before = set(tmp_path.iterdir())
    config_of(f"store: {{path: '{tmp_path}/new.db'}}", windows=True)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "config.yaml"}


@pytest.mark.parametrize(
    ("path", "error"),
    [("", "is a directory"), ("/gone/x.db", "cannot be created: there is no directory")],
)
def test_a_store_path_that_cannot_be_used(
    errors_of: Errors, tmp_path: Path, path: str, error: str
) -> None:
    (found,) = errors_of(f"store: {{path: '{tmp_path}{path}'}}")
    assert found.startswith("config.yaml:1:15: store.path: ")
    assert error in found


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_in_a_read_only_directory_is_refused(errors_of: Errors, tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    assert "is not writable" in errors_of(f"store: {{path: '{folder}/x.db'}}")[0]
