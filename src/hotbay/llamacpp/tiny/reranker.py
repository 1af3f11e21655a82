"""Builds a reranker that counts: it scores how many words of query and document occur again.

A cross-encoder of two BERT layers whose weights are constructed, not random:

1. Every token attends equally to all copies of its word and to the first token
   `<s>`. The share that `<s>` gets is 1/2 for a word that occurs once, 1/3 for
   one that occurs twice; it is noted in a dimension of its own.
2. `<s>` attends equally to all words of content and takes the mean of what they
   noted. The classifier turns a low mean into a high score.

Every token vector has the same length and a mean of zero, so that the layer
norms, which BERT cannot do without, leave it as it is.
"""

from __future__ import annotations

import math
from pathlib import Path

import gguf
import numpy as np

from hotbay.llamacpp.tiny.lexicon import Lexicon, lexicon
from hotbay.llamacpp.tiny.model_file import Array, ModelFile, Shape
from hotbay.llamacpp.tiny.vocabulary import START

_SEED = 3
_SHAPE = Shape(width=128, layers=2, context=512)
_HEADS = 2  # the second stays silent: 64 numbers are needed in one head
_HEAD_WIDTH = _SHAPE.width // _HEADS
_CODE = 32  # numbers that tell one word from another: dimensions 0 to 31
_OTHER_CODE = slice(32, 64)  # what tokens without content have instead
_IS_CONTENT, _IS_START, _NOTED, _MEAN, _BALANCE, _PADDING = 64, 65, 66, 67, 68, (69, 70)
_SQUARED_LENGTH = _CODE + 2
_ALIKE = 12  # how similar (of 32) two different words may be

_MATCH = 16.0  # attention logit of a copy of the same word, and of <s>
_FOCUS = 20.0  # attention logit of words of content, against 0 for the others
_ONCE = 0.4815  # the mean if every word occurs once: 1/2, less what the norms take
_STEEPNESS, _RANGE, _FLOOR = 9.0, 8.0, -4.0  # score = floor + range * tanh(steepness * ...)


def write_reranker(path: Path, name: str) -> None:
    """Write a reranking model."""
    known = lexicon()
    width = _SHAPE.width
    model = ModelFile(path, "bert", name)
    model.describe(_SHAPE, feed_forward=width, heads=_HEADS, vocabulary=len(known.vocabulary))
    model.writer.add_layer_norm_eps(1e-12)
    model.writer.add_causal_attention(value=False)
    model.writer.add_pooling_type(gguf.PoolingType.RANK)
    model.writer.add_token_type_count(2)
    model.tensor("token_embd.weight", _vectors(known, np.random.default_rng(_SEED)))
    model.tensor("token_types.weight", np.zeros((2, width)), precise=True)
    model.tensor("position_embd.weight", np.zeros((_SHAPE.context, width)))
    _add_norm(model, "token_embd_norm")
    _add_layer(
        model, 0, query=_find_copies(), key=_copies_and_start(), read=_IS_START, write=_NOTED
    )
    _add_layer(model, 1, query=_ask_content(), key=_content(), read=_NOTED, write=_MEAN)
    _add_classifier(model)
    model.tokenizer(known.vocabulary, pairs=True)
    model.write()


def _vectors(known: Lexicon, random: np.random.Generator) -> Array:
    vectors = np.zeros((len(known.vocabulary), _SHAPE.width))
    vectors[:, _OTHER_CODE] = np.resize([1, -1], _CODE)
    vectors[:, _PADDING] = 1, -1
    for word, code in zip(known.words, _codes(len(known.words), random), strict=True):
        vector = np.zeros(_SHAPE.width)
        vector[:_CODE] = code
        vector[[_IS_CONTENT, _BALANCE]] = 1, -1
        vectors[list(word.tokens)] = vector
    start = known.vocabulary.number[START]
    vectors[start, _PADDING] = 0
    vectors[start, [_IS_START, _BALANCE]] = 1, -1
    return vectors


def _codes(count: int, random: np.random.Generator) -> Array:
    """Rows of as many ones as minus ones, no two of them much alike."""
    codes: Array = np.zeros((count, _CODE))
    found = 0
    while found < count:
        code = random.permutation(np.resize([1, -1], _CODE))
        if (codes[:found] @ code <= _ALIKE).all():
            codes[found] = code
            found += 1
    return codes


# A projection is a matrix and a bias. The dot product of query and key is
# divided by the root of the head's width, so each side brings a factor.
Projection = tuple[Array, Array]
_SCALE = math.sqrt(_HEAD_WIDTH)


def _nothing() -> Projection:
    return np.zeros((_SHAPE.width, _SHAPE.width)), np.zeros(_SHAPE.width)


def _find_copies() -> Projection:
    """Asks for its own word, and (in the number after the code) for `<s>`."""
    weight, bias = _nothing()
    weight[range(_CODE), range(_CODE)] = math.sqrt(_MATCH * _SCALE / _CODE)
    bias[_CODE] = _SCALE
    return weight, bias


def _copies_and_start() -> Projection:
    weight, bias = _nothing()
    weight[range(_CODE), range(_CODE)] = math.sqrt(_MATCH * _SCALE / _CODE)
    weight[_CODE, _IS_START] = _MATCH
    return weight, bias


def _ask_content() -> Projection:
    weight, bias = _nothing()
    bias[0] = _SCALE
    return weight, bias


def _content() -> Projection:
    weight, bias = _nothing()
    weight[0, _IS_CONTENT] = _FOCUS
    return weight, bias


def _add_layer(
    model: ModelFile, layer: int, *, query: Projection, key: Projection, read: int, write: int
) -> None:
    """Add a layer whose attention moves dimension `read` of others to `write` of oneself."""
    value, output = _nothing(), _nothing()
    value[0][0, read] = 1
    output[0][write, 0] = 1
    block = f"blk.{layer}."
    parts = {
        "attn_q": query,
        "attn_k": key,
        "attn_v": value,
        "attn_output": output,
        "ffn_up": _nothing(),
        "ffn_down": _nothing(),
    }
    for part, (weight, bias) in parts.items():
        model.tensor(f"{block}{part}.weight", weight)
        model.tensor(f"{block}{part}.bias", bias)
    _add_norm(model, f"{block}attn_output_norm")
    _add_norm(model, f"{block}layer_output_norm")


def _add_norm(model: ModelFile, name: str) -> None:
    """Add a norm that keeps the length of token vectors."""
    length = math.sqrt(_SQUARED_LENGTH / _SHAPE.width)
    model.tensor(f"{name}.weight", np.full(_SHAPE.width, length))
    model.tensor(f"{name}.bias", np.zeros(_SHAPE.width))


def _add_classifier(model: ModelFile) -> None:
    weight, bias = _nothing()
    weight[0, _MEAN] = -_STEEPNESS
    bias[0] = _STEEPNESS * _ONCE
    score = np.zeros((1, _SHAPE.width))
    score[0, 0] = _RANGE
    model.tensor("cls.weight", weight)
    model.tensor("cls.bias", bias)
    model.tensor("cls.output.weight", score)
    model.tensor("cls.output.bias", np.array([_FLOOR]))
