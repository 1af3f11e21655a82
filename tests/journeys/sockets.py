"""A model server for WebSockets: `python sockets.py PORT`.

It says with which path and which key it was asked, and sends back whatever it is sent.
"""

from __future__ import annotations

import json
import sys
from http import HTTPStatus

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve


def talk(connection: ServerConnection) -> None:
    request = connection.request
    assert request is not None
    key = request.headers.get("Authorization", "")
    connection.send(json.dumps({"path": request.path, "key": key}))
    for message in connection:
        connection.send(message)


def health(connection: ServerConnection, request: Request) -> Response | None:
    if request.path == "/health":
        return connection.respond(HTTPStatus.OK, "ready\n")
    return None


with serve(talk, "127.0.0.1", int(sys.argv[1]), process_request=health) as server:
    server.serve_forever()
