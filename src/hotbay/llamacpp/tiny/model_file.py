"""Writes a GGUF file: shape, vocabulary and tensors of one tiny model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from hotbay.llamacpp.tiny.vocabulary import END, FILL_MARKS, START, TURN_END, UNKNOWN, Vocabulary

Array = npt.NDArray[np.floating[Any]]

HEAD_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a model is.

    Attributes:
        width: length of a hidden state, a multiple of 32; 128 speaks well, 1024
            (with 12 layers) gives some hundred tokens a second.
        layers: transformer layers.
        context: tokens of context.
    """

    width: int = 128
    layers: int = 2
    context: int = 4096

    def __post_init__(self) -> None:
        if self.width < HEAD_WIDTH or self.width % HEAD_WIDTH:
            raise ValueError(f"a width of {self.width} is no multiple of {HEAD_WIDTH}")


class ModelFile:
    """A GGUF file that is put together in memory and then written at once."""

    def __init__(self, path: Path, architecture: str, name: str) -> None:
        self.writer = gguf.GGUFWriter(path, architecture)
        self.writer.add_name(name)
        self.writer.add_description("tiny constructed model: nothing was learned")
        self.writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)

    def describe(self, shape: Shape, *, feed_forward: int, heads: int, vocabulary: int) -> None:
        """Say how large the model is."""
        writer = self.writer
        writer.add_context_length(shape.context)
        writer.add_embedding_length(shape.width)
        writer.add_block_count(shape.layers)
        writer.add_feed_forward_length(feed_forward)
        writer.add_head_count(heads)
        writer.add_head_count_kv(heads)
        writer.add_vocab_size(vocabulary)

    def tensor(self, name: str, values: Array, *, precise: bool = False) -> None:
        """Add a tensor: a vector as 32-bit numbers, a matrix as 16-bit ones unless `precise`."""
        kind = np.float32 if precise or values.ndim == 1 else np.float16
        self.writer.add_tensor(name, np.ascontiguousarray(values, dtype=kind))

    def tokenizer(self, vocabulary: Vocabulary, *, chat: bool = False, pairs: bool = False) -> None:
        """Add the vocabulary; `pairs` for texts that come with a query in front."""
        writer, number = self.writer, vocabulary.number
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(vocabulary.pieces)
        writer.add_token_scores(vocabulary.scores())
        writer.add_token_types(vocabulary.types)
        writer.add_unk_token_id(number[UNKNOWN])
        writer.add_bos_token_id(number[START])
        writer.add_eos_token_id(number[TURN_END if chat else END])
        writer.add_add_bos_token(value=True)
        writer.add_add_eos_token(pairs)
        # llama.cpp runs the start of an answer through a grammar as well, and a
        # space after a control token would make tool calls and JSON fail.
        writer.add_add_space_prefix(not chat)
        if pairs:
            writer.add_sep_token_id(number[END])
            writer.add_add_sep_token(value=True)
        if chat:
            for key, piece in FILL_MARKS.items():
                writer.add_uint32(key, number[piece])

    def write(self) -> None:
        """Write the file and close it."""
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def one_word(name: str) -> str:
    """The name of a model, if it can be spoken as one word.

    Raises:
        ValueError: if it is empty, or has a space or a mark that ends a word.
    """
    if not re.fullmatch(r"[^\s.,!?]+", name):
        raise ValueError(f"'{name}' is not one word without . , ! ?")
    return name
