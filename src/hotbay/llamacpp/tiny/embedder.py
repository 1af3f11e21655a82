"""Builds an embedder: the mean of random word vectors, so shared words bring texts together."""

from __future__ import annotations

import math
from pathlib import Path

import gguf
import numpy as np

from hotbay.llamacpp.tiny.decoder import add_decoder, describe_decoder
from hotbay.llamacpp.tiny.lexicon import Lexicon, lexicon
from hotbay.llamacpp.tiny.model_file import Array, ModelFile, Shape
from hotbay.llamacpp.tiny.text import TOPICS

_SEED = 2
_MUTE = 6.0  # how much stronger dimension 0 is than the rest of a token without content
_KINSHIP = 0.6  # what a word shares with the others of its topic


def write_embedder(path: Path, name: str, *, shape: Shape | None = None) -> None:
    """Write an embedding model with mean pooling."""
    shape = shape or Shape()
    random = np.random.default_rng(_SEED)
    known = lexicon()
    model = ModelFile(path, "llama", name)
    describe_decoder(model, shape, len(known.vocabulary))
    model.writer.add_pooling_type(gguf.PoolingType.MEAN)
    model.tensor("token_embd.weight", _vectors(known, shape.width, random))
    add_decoder(model, shape, random)
    norm = np.ones(shape.width, np.float32)
    norm[0] = 0
    model.tensor("output_norm.weight", norm)
    model.tokenizer(known.vocabulary)
    model.write()


def _vectors(known: Lexicon, width: int, random: np.random.Generator) -> Array:
    vectors = random.standard_normal((len(known.vocabulary), width), dtype=np.float32)
    # The last norm makes all tokens equally long. What stands in dimension 0
    # takes its share of the length and is then dropped, so that letters and
    # function words weigh little in the mean.
    vectors[:, 0] = _MUTE * math.sqrt(width)
    topics = random.standard_normal((len(TOPICS), width), dtype=np.float32)
    alone = math.sqrt(1 - _KINSHIP**2)
    for word in known.words:
        own = random.standard_normal(width, dtype=np.float32)
        vector = _KINSHIP * topics[word.topic] + alone * own
        vector[0] = 0
        vectors[list(word.tokens)] = vector
    return vectors
