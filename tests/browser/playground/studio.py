"""A model server for the Playground, which can do everything: `python studio.py PORT`.

A chat is answered with its last question, a few characters at a time. Words at the beginning of
the question change that: `!reason` puts reasoning in front, `!tool` calls a tool, `!cut` says that
the answer was too long, `!fail` breaks off with an error, `!refuse` answers with a status,
`!slow` waits between the pieces until the client leaves, and `!everywhere` has the text as
reasoning, tool call, addresses of pictures and error as well. Pictures and sounds are made up, and
a transcription tells what was sent. What else it is asked with `fail` in it is refused, in another
form for each that servers have for that, and `slow` has it take its time.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECE = 6
PAUSE = 0.2


class Studio(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/health":
            self._json({})
        elif self.path.startswith("/v1/audio/voices"):
            self._json({"voices": ["ada", {"id": "grace"}]})
        elif self.path.startswith("/sdapi/v1/loras"):
            self._json([{"name": "ink", "path": "ink.safetensors"}])
        else:
            self._json({"error": {"message": "no such page"}}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/chat/completions":
            self._chat(json.loads(body))
        elif b"fail" in body:
            self._refuse()
        elif b"slow" in body:
            self.rfile.read()  # until the client leaves
        elif self.path == "/v1/images/generations":
            asked = json.loads(body)
            width, height = (int(side) for side in asked["size"].split("x"))
            self._json({"data": [{"b64_json": picture(width, height)}]})
        elif self.path == "/v1/images/edits":
            assert b'name="image"; filename=' in body
            side = 64 if b'name="mask"; filename=' in body else 32
            self._json({"data": [{"b64_json": picture(side, side)}]})
        elif self.path in {"/sdapi/v1/txt2img", "/sdapi/v1/img2img"}:
            asked = json.loads(body)
            images = [picture(asked["width"], asked["height"])] * asked["batch_size"]
            self._json({"images": images, "info": json.dumps({"seed": 7})})
        elif self.path == "/v1/audio/speech":
            self._answer(sound(), "audio/wav")
        elif self.path == "/v1/audio/transcriptions":
            self._transcribe(body)
        elif self.path == "/v1/rerank":
            self._rerank(json.loads(body))
        else:
            self._json({"error": {"message": "no such page"}}, 404)

    def _chat(self, asked: dict[str, Any]) -> None:
        content = asked["messages"][-1]["content"]
        if isinstance(content, list):
            content = " ".join(part.get("text", "(picture)") for part in content)
        words, text = re.fullmatch(r"((?:!\w+\s+)*)(.*)", content, re.DOTALL).groups()  # type: ignore[union-attr]  # it fits everything
        orders = set(words.split())
        if "!refuse" in orders:
            self._json({"error": {"message": "the studio is closed"}}, 400)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "!reason" in orders:
            for word in ("First ", "I ", "think."):
                self._event(delta({"reasoning_content": word}))
        if "!fail" in orders:
            self._event({"error": {"message": "the studio burned down"}})
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        if "!everywhere" in orders:
            for piece in pieces:
                self._event(delta({"reasoning_content": piece}))
        while "!slow" in orders:
            self._event(delta({"content": "tick "}))
            time.sleep(PAUSE)
        for piece in pieces:
            self._event(delta({"content": piece}))
        if "!tool" in orders:
            function = {"name": "weather", "arguments": '{"place": "Oslo"}'}
            self._event(delta({"tool_calls": [{"index": 0, "function": function}]}))
        if "!everywhere" in orders:
            function = {"name": text, "arguments": text}
            self._event(delta({"tool_calls": [{"index": 0, "function": function}]}))
            pictures = [{"image_url": {"url": line}} for line in text.splitlines()]
            self._event(delta({"images": pictures}))
            self._event({"error": {"message": text}})
        finish = "length" if "!cut" in orders else "stop"
        self._event(delta({}, finish))
        usage = {"prompt_tokens": 12, "completion_tokens": len(pieces)}
        self._event({"choices": [], "usage": usage})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _refuse(self) -> None:
        if self.path.startswith("/v1/images"):
            self._json({"error": {"message": "safety system", "type": "invalid_request"}}, 400)
        elif self.path.startswith("/sdapi"):
            self._json({"error": "OutOfMemoryError", "detail": "no more memory"}, 500)
        elif self.path == "/v1/audio/speech":
            self._answer(b"Internal Server Error", "text/plain", 500)
        elif self.path == "/v1/audio/transcriptions":
            self._json({"detail": "Invalid file format."}, 415)
        else:
            self._json({"error": {"code": 400, "message": "no such pooling"}}, 400)

    def _transcribe(self, body: bytes) -> None:
        fields = dict(re.findall(rb'name="(\w+)"\r\n\r\n([^\r]*)', body))
        words = f"{len(body)} bytes of sound"
        form = fields.get(b"response_format", b"json")
        if form in {b"srt", b"vtt", b"text"}:
            self._answer(f"1\n00:00 --> 00:01\n{words}\n".encode(), "text/plain")
            return
        segments = [{"start": 0.0, "end": 1.5, "text": words}]
        answer: dict[str, object] = {"text": words}
        self._json(answer | ({"segments": segments} if form == b"verbose_json" else {}))

    def _rerank(self, asked: dict[str, Any]) -> None:
        query = set(asked["query"].lower().split())
        results = [
            {"index": index, "relevance_score": len(query & set(text.lower().split())) - 0.5}
            for index, text in enumerate(asked["documents"])
        ]
        self._json({"results": results, "usage": {"prompt_tokens": 34, "total_tokens": 34}})

    def _event(self, data: object) -> None:
        self._chunk(b"data: %b\n\n" % json.dumps(data).encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _json(self, value: object, status: int = 200) -> None:
        self._answer(json.dumps(value).encode(), "application/json", status)

    def _answer(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def picture(width: int, height: int) -> str:
    """Return a PNG (RFC 2083) of two colours, in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    line = bytes([0]) + bytes([0xF0]) * ((width + 7) // 8)
    parts = [
        chunk(b"IHDR", head),
        chunk(b"IDAT", zlib.compress(line * height)),
        chunk(b"IEND", b""),
    ]
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def sound() -> bytes:
    """Return half a second of a tone, as WAV."""
    samples = bytes(128 + (40 if at // 20 % 2 else -40) for at in range(4000))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


if __name__ == "__main__":
    Server = ThreadingHTTPServer
    Server.daemon_threads = True
    Server(("127.0.0.1", int(sys.argv[1])), Studio).serve_forever()
