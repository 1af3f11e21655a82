"""A SentencePiece vocabulary with byte fallback, as llama.cpp reads it from a GGUF file."""

from __future__ import annotations

from collections.abc import Iterable

import gguf

from hotbay.llamacpp.tiny.text import SPACE

UNKNOWN, START, END = "<unk>", "<s>", "</s>"
NEWLINE = "<0x0A>"
TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
USE_TOOL = "<|use_tool|>"  # ends the prompt where a tool should be called
FILL_MARKS = {  # the key that llama.cpp wants for each, for /infill
    "tokenizer.ggml.fim_pre_token_id": "<|fim_prefix|>",
    "tokenizer.ggml.fim_suf_token_id": "<|fim_suffix|>",
    "tokenizer.ggml.fim_mid_token_id": "<|fim_middle|>",
}
TOOL_CALL, TOOL_CALL_END = "<tool_call>", "</tool_call>"
THINK, THINK_END = "<think>", "</think>"


class Vocabulary:
    """Pieces of text with their numbers.

    llama.cpp builds a piece by joining two neighbours that are pieces
    themselves, so every beginning of a word is a piece too.
    """

    def __init__(self, words: Iterable[str], tags: Iterable[str] = ()) -> None:
        self.pieces: list[str] = []
        self.types: list[int] = []
        self.number: dict[str, int] = {}
        kind = gguf.TokenType
        self._add(UNKNOWN, kind.UNKNOWN)
        for piece in (START, END):
            self._add(piece, kind.CONTROL)
        for byte in range(256):
            self._add(f"<0x{byte:02X}>", kind.BYTE)
        for piece in (TURN_START, TURN_END, USE_TOOL, *FILL_MARKS.values()):
            self._add(piece, kind.CONTROL)
        for piece in tags:
            self._add(piece, kind.USER_DEFINED)
        for piece in (SPACE, *map(chr, range(ord("!"), ord("~") + 1))):
            self._add(piece, kind.NORMAL)
        for word in words:
            for length in range(2, len(word) + 1):
                self._add(word[:length], kind.NORMAL)

    def __len__(self) -> int:
        return len(self.pieces)

    def scores(self) -> list[float]:
        """How much each piece is worth when text is cut: long ones first, then early ones."""
        return [
            len(piece) - number * 1e-4 if kind == gguf.TokenType.NORMAL else 0.0
            for number, (piece, kind) in enumerate(zip(self.pieces, self.types, strict=True))
        ]

    def _add(self, piece: str, kind: int) -> None:
        if piece not in self.number:
            self.number[piece] = len(self.pieces)
            self.pieces.append(piece)
            self.types.append(int(kind))
