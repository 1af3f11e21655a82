"""The commands and their flags: `hotbay [flags]` serves; other commands stand beside it.

Owns the table of commands. Each command's work is in a module of its own, imported only when
it is asked for, so that none pays for another. The flags of the server and of `llama-server`
are listed here for --help; `main` serves before their words would come here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="hotbay",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
    help=(
        "Many local AI model servers behind one OpenAI- and Anthropic-compatible endpoint, "
        "swapped in and out on demand. Without a command: serve."
    ),
)

# The same flag has the same wording in every command.
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file.")]
ConfigDir = Annotated[
    Path | None,
    typer.Option("--config-dir", help="Folder of *.yml and *.yaml files, merged after --config."),
]
Listen = Annotated[
    str,
    typer.Option(
        "--listen",
        help="host:port to listen on; an empty host means every interface. "
        "Default: 127.0.0.1:8080, with TLS 127.0.0.1:8443.",
    ),
]
Watch = Annotated[
    bool, typer.Option("--watch-config", help="Reload when the configuration changes.")
]
CertFile = Annotated[
    Path | None,
    typer.Option("--tls-cert-file", help="PEM certificate chain; needs --tls-key-file."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--tls-key-file", help="PEM private key; needs --tls-cert-file."),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Address of a running hotbay. Default: HOTBAY_URL, else http://127.0.0.1:8080. "
        "A key is taken from HOTBAY_API_KEY.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.callback(invoke_without_command=True)
def root(
    *,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    listen: Listen = "",
    watch_config: Watch = False,
    tls_cert_file: CertFile = None,
    tls_key_file: KeyFile = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Serve, unless another command is named."""
    if version:
        from hotbay.cli.version import print_version  # noqa: PLC0415 - see the module's docstring

        print_version()


@app.command("serve")
def serve_command(
    *,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    listen: Listen = "",
    watch_config: Watch = False,
    tls_cert_file: CertFile = None,
    tls_key_file: KeyFile = None,
) -> None:
    """Serve the models of a configuration."""


@app.command("check")
def check_command(
    config: ConfigFile = None, config_dir: ConfigDir = None, as_json: AsJson = False
) -> None:
    """Check a configuration; with --json print what it comes to."""
    from hotbay.cli.check import check  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(check(config, config_dir, as_json=as_json))


@app.command("plan")
def plan_command(
    model: Annotated[str, typer.Argument(help="Model or alias that would be asked for.")],
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    running: Annotated[
        str, typer.Option("--running", help="Models that run, separated by commas.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say whom a request for a model would evict, and why."""
    from hotbay.cli.plan import plan  # noqa: PLC0415 - see the module's docstring

    names = [name.strip() for name in running.split(",") if name.strip()]
    raise typer.Exit(plan(config, config_dir, names, model, as_json=as_json))


@app.command("simulate")
def simulate_command(
    *,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    workload: Annotated[
        Path | None, typer.Option("--workload", help="Workload file (docs/simulator.md).")
    ] = None,
    activity: Annotated[
        Path | None,
        typer.Option("--activity", help="Activity store (SQLite) whose requests are replayed."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random numbers.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Play a workload in virtual time: swaps, cold starts, waiting times, conflicts."""
    from hotbay.cli.simulate import simulate  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(simulate(config, config_dir, workload, activity, seed, as_json=as_json))


@app.command("top")
def top_command(url: Url = None, as_json: AsJson = False) -> None:
    """Show what a running hotbay does: models, memory, requests, speeds."""
    from hotbay.cli.client.connection import talk  # noqa: PLC0415 - see the module's docstring
    from hotbay.cli.client.top import top  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(talk(url, lambda server: top(server, as_json=as_json)))


@app.command("ps")
def ps_command(url: Url = None, as_json: AsJson = False) -> None:
    """List the model servers that run, and what they use."""
    from hotbay.cli.client.connection import talk  # noqa: PLC0415 - see the module's docstring
    from hotbay.cli.client.ps import ps  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(talk(url, lambda server: ps(server, as_json=as_json)))


@app.command("load")
def load_command(
    model: Annotated[str, typer.Argument(help="Model or alias.")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Load a model; return when it is ready."""
    from hotbay.cli.client.connection import talk  # noqa: PLC0415 - see the module's docstring
    from hotbay.cli.client.load import load  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(talk(url, lambda server: load(server, model, as_json=as_json)))


@app.command("unload")
def unload_command(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Models; without any, all.")
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Stop model servers; return when they are gone."""
    from hotbay.cli.client.connection import talk  # noqa: PLC0415 - see the module's docstring
    from hotbay.cli.client.unload import unload  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(talk(url, lambda server: unload(server, models or (), as_json=as_json)))


@app.command("logs")
def logs_command(
    name: Annotated[
        str, typer.Argument(help="Model, `proxy` or `upstream`; without it, hotbay's output.")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written.")
    ] = False,
    url: Url = None,
) -> None:
    """Print what hotbay or a model server has written."""
    from hotbay.cli.client.connection import talk  # noqa: PLC0415 - see the module's docstring
    from hotbay.cli.client.logs import logs  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(talk(url, lambda server: logs(server, name, follow=follow)))


@app.command("activity")
def activity_command(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="IDs; without any, all.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=999, help="How many requests.")] = 25,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the last requests, their tokens and how long they took."""
    from hotbay.cli.client.activity import activity  # noqa: PLC0415 - see the module's docstring
    from hotbay.cli.client.connection import talk  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(
        talk(url, lambda server: activity(server, models or (), limit, as_json=as_json))
    )


@app.command("cancel")
def cancel_command(
    number: Annotated[str, typer.Argument(metavar="REQUEST", help="As `hotbay top` shows it.")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """End a request in progress."""
    from hotbay.cli.client.cancel import cancel  # noqa: PLC0415 - see the module's docstring
    from hotbay.cli.client.connection import talk  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(talk(url, lambda server: cancel(server, number, as_json=as_json)))


@app.command("demo")
def demo_command(
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Where models and configuration are made."),
    ] = None,
    listen: Listen = "",
) -> None:
    """Make tiny models and a configuration, and serve them."""
    from hotbay.cli.demo import demo  # noqa: PLC0415 - see the module's docstring

    raise typer.Exit(demo(folder, listen))


@app.command(
    "llama-server",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
def llama_server_command() -> None:
    """Run llama.cpp's server from the `llamacpp` extra; takes llama-server's options."""
