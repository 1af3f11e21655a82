"""`hotbay top`: a screen that shows what goes on, until it is interrupted."""

from __future__ import annotations

import sys
import threading
from dataclasses import asdict

from hotbay.cli.client.connection import Server, ServerError
from hotbay.cli.client.events import read_events
from hotbay.cli.client.formats import json_text
from hotbay.cli.client.present import EVENTS, Present

INTERVAL = 2.0
"""Seconds between two looks."""
SILENCE = 40.0
"""Seconds without a sign of life from the events; a comment comes every 15."""


def top(server: Server, *, as_json: bool) -> int:
    """Show the present again and again; once, if nobody sees it or it is for a program."""
    present = Present(server)
    if as_json or not sys.stdout.isatty():
        _take_snapshot(server, present)
        frame = present.frame()
        if as_json:
            print(json_text(asdict(frame)))
        else:
            from rich.console import Console  # noqa: PLC0415 - takes time that --json need not

            from hotbay.cli.client.screen import draw  # noqa: PLC0415 - see above

            Console().print(draw(frame))
        return 0
    return _show(server, present)


def _take_snapshot(server: Server, present: Present) -> None:
    with server.stream(EVENTS, patience=SILENCE) as pieces:
        for name, content in read_events(pieces):
            present.take(name, content)
            return


def _show(server: Server, present: Present) -> int:
    from rich.live import Live  # noqa: PLC0415 - takes time that --json need not

    from hotbay.cli.client.screen import draw  # noqa: PLC0415 - see above

    present.frame()  # whoever asks in vain is told before the screen is taken
    over = threading.Event()
    listener = threading.Thread(target=_listen, args=(server, present, over), daemon=True)
    listener.start()
    try:
        with Live(screen=True, auto_refresh=False) as live:
            while not over.is_set():
                lines = max(1, live.console.height - 8)
                live.update(draw(present.frame(), requests=lines), refresh=True)
                over.wait(INTERVAL)
    except KeyboardInterrupt:
        pass
    finally:
        over.set()
    return 0


def _listen(server: Server, present: Present, over: threading.Event) -> None:
    """Take events as they come; a stream that ends is begun anew."""
    while not over.is_set():
        try:
            with server.stream(EVENTS, patience=SILENCE) as pieces:
                for name, content in read_events(pieces):
                    present.take(name, content)
        except ServerError:  # the questions of the screen fail as well, and end it
            pass
        over.wait(INTERVAL)
