"""The proxies that are compared, each with a model server of its own behind it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.build import compiled, found, hotbay
from harness.program import Program, free_port

UNRECORDED = Path(__file__).with_name("unrecorded.py")
NGINX = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_buffer_size 8m;
  upstream model {{
    server 127.0.0.1:{upstream};
    keepalive 1024;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Cpus:
    """The two processors of a run: one for the proxies, one for everything around them."""

    proxy: int
    load: int


@dataclass(frozen=True)
class Contender:
    """A running proxy: its name, its process tree and where it listens on 127.0.0.1."""

    name: str
    program: Program
    port: int


def start_nginx(stack: ExitStack, folder: Path, cpus: Cpus) -> Contender:
    """Start a plain nginx proxy; it and its model server end with `stack`."""
    folder.mkdir()
    port, upstream = free_port(), free_port()
    command = [str(compiled("upstream")), "--port", str(upstream)]
    server = stack.enter_context(Program(command, folder / "upstream.log", cpu=cpus.load))
    server.wait_for_port(upstream)
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(NGINX.format(folder=folder, port=port, upstream=upstream, user=user))
    argv = [found("nginx", "nginx"), "-p", str(folder), "-c", str(config)]
    program = stack.enter_context(Program(argv, folder / "nginx.log", cpu=cpus.proxy))
    program.wait_for_port(port)
    return Contender("nginx", program, port)


def start_hotbay(stack: ExitStack, folder: Path, cpus: Cpus, *, recorded: bool = True) -> Contender:
    """Start hotbay with one model; it ends with `stack`.

    Everything is recorded, as by default, or nothing.
    """
    folder.mkdir()
    upstream = f"taskset -c {cpus.load} {compiled('upstream')} --port ${{PORT}}"
    config = {"models": {"bench": {"cmd": upstream, "concurrencyLimit": 10000}}}
    command = [hotbay()] if recorded else [sys.executable, "-P", str(UNRECORDED)]
    return run_hotbay(stack, folder, config, command, cpu=cpus.proxy)


def run_hotbay(
    stack: ExitStack,
    folder: Path,
    config: Mapping[str, object],
    command: Sequence[str] = (),
    *,
    cpu: int | None = None,
) -> Contender:
    """Start hotbay with a configuration (JSON is YAML) and wait until it listens.

    Its model servers get ports of their own, so that another hotbay may run meanwhile. `command`
    is what to start instead of the installed hotbay.
    """
    file, port = folder / "hotbay.yaml", free_port()
    file.write_text(json.dumps({"startPort": free_port(), **config}, indent=1))
    argv = [*(command or [hotbay()]), "--config", str(file), "--listen", f"127.0.0.1:{port}"]
    program = Program(argv, folder / "hotbay.log", cpu=cpu, apart=compiled("upstream"))
    stack.enter_context(program)
    program.wait_for_port(port)
    return Contender("hotbay", program, port)
