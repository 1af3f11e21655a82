"""Builds a chat model that speaks the sentences of `text`, and whose head is a solved equation.

Each token that leads in the phrase table has a random vector; the output head
is the matrix that maps it, as nearly as possible, to the wanted likelihoods.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from hotbay.llamacpp.tiny.decoder import add_decoder, describe_decoder
from hotbay.llamacpp.tiny.model_file import Array, ModelFile, Shape, one_word
from hotbay.llamacpp.tiny.phrases import Table, phrase_table
from hotbay.llamacpp.tiny.template import chat_template
from hotbay.llamacpp.tiny.text import (
    JSON_MARKS,
    JSON_STRINGS,
    SECOND_THOUGHT,
    SPACE,
    THOUGHTS,
    spoken,
)
from hotbay.llamacpp.tiny.vocabulary import (
    NEWLINE,
    THINK,
    THINK_END,
    TOOL_CALL,
    TOOL_CALL_END,
    Vocabulary,
)

_SEED = 1
_CONSTANT = 2.0  # what stands in dimension 0 of every token
_CERTAIN = 14.0  # logit of a wanted token, against 0 for one that is not spoken
# Biases of what is not spoken: out of reach, only for a grammar (tool calls,
# response_format), and no line breaks unless a grammar asks for one.
_NEVER, _IF_A_GRAMMAR_WANTS, _NO_LINE_BREAK = -25.0, -6.0, -30.0
_RIDGE = 0.02  # keeps the equation solvable and the head small


def write_chat(
    path: Path, name: str, *, thinking: bool = False, shape: Shape | None = None
) -> None:
    """Write a chat model that calls itself `name`; one that is `thinking` thinks first.

    Raises:
        ValueError: if the name is not one word.
    """
    shape = shape or Shape()
    sentences = spoken(one_word(name))
    vocabulary = _vocabulary(sentences, thinking=thinking)
    random = np.random.default_rng(_SEED)
    embeddings, head = _embeddings_and_head(
        vocabulary, phrase_table(sentences, thinking=thinking), shape.width, random
    )
    model = ModelFile(path, "llama", name)
    describe_decoder(model, shape, len(vocabulary))
    model.tensor("token_embd.weight", embeddings)
    add_decoder(model, shape, random)
    model.tensor("output_norm.weight", np.ones(shape.width, np.float32))
    model.tensor("output.weight", head)
    model.tokenizer(vocabulary, chat=True)
    model.writer.add_chat_template(chat_template(thinking=thinking))
    model.write()


def _vocabulary(sentences: list[list[str]], *, thinking: bool) -> Vocabulary:
    words = [piece for sentence in sentences for piece in sentence if piece.startswith(SPACE)]
    tags = [TOOL_CALL, TOOL_CALL_END]
    if thinking:
        first, *others = THOUGHTS
        words += [first, *(SPACE + word for word in (*others, SECOND_THOUGHT))]
        tags += [THINK, THINK_END]
    return Vocabulary([*words, "system", "user", "assistant", *JSON_STRINGS], tags)


def _embeddings_and_head(
    vocabulary: Vocabulary, table: Table, width: int, random: np.random.Generator
) -> tuple[Array, Array]:
    # Dimension 0 is the same for every token and no layer writes to it, so the
    # head can use it as a bias for each token.
    leads = [vocabulary.number[lead] for lead in table]
    vectors = _vectors(vocabulary, leads, width - 1, random)
    embeddings = np.column_stack([np.full(len(vocabulary), _CONSTANT, np.float32), vectors])
    hidden = embeddings / np.sqrt((embeddings**2).mean(axis=1, keepdims=True))

    bias = _bias(vocabulary, table)
    wanted = np.zeros((len(leads), len(vocabulary)), np.float32)
    for row, following in zip(wanted, table.values(), strict=True):
        for piece, likelihood in following.items():
            number = vocabulary.number[piece]
            row[number] = _CERTAIN + math.log(likelihood) - bias[number]
    known = hidden[leads][:, 1:]
    gram = known @ known.T + _RIDGE * width * np.eye(len(leads), dtype=np.float32)
    weights = (known.T @ np.linalg.solve(gram, wanted)).T
    return embeddings, np.column_stack([bias / hidden[leads[0], 0], weights])


def _vectors(
    vocabulary: Vocabulary, leads: list[int], width: int, random: np.random.Generator
) -> Array:
    vectors = _unit(random.standard_normal((len(vocabulary), width), dtype=np.float32))
    # Tokens that lead nowhere (letters, bytes, words of a prompt) lean towards
    # the line break that ends a prompt, and so begin an answer.
    others = np.ones(len(vocabulary), bool)
    others[leads] = False
    line_break = vectors[vocabulary.number[NEWLINE]]
    vectors[others] = _unit(0.95 * line_break + 0.3 * vectors[others])
    return vectors * np.float32(math.sqrt(width))


def _unit(vectors: Array) -> Array:
    lengths: Array = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def _bias(vocabulary: Vocabulary, table: Table) -> Array:
    bias = np.full(len(vocabulary), _NEVER, np.float32)
    for following in table.values():
        bias[[vocabulary.number[piece] for piece in following]] = 0
    # A full stop and a comma are spoken too.
    marks = [mark for mark in JSON_MARKS if mark not in ".,"]
    bias[[vocabulary.number[mark] for mark in marks]] = _IF_A_GRAMMAR_WANTS
    bias[vocabulary.number[NEWLINE]] = _NO_LINE_BREAK
    return bias
