"""How the tiny models are built; what they answer is in test_routes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import gguf
import pytest

from hotbay.llamacpp.tiny.chat import write_chat
from hotbay.llamacpp.tiny.embedder import write_embedder
from hotbay.llamacpp.tiny.lexicon import lexicon
from hotbay.llamacpp.tiny.model_file import Shape
from hotbay.llamacpp.tiny.phrases import phrase_table
from hotbay.llamacpp.tiny.reranker import write_reranker
from hotbay.llamacpp.tiny.text import FUNCTION_WORDS, SENTENCES, TOPICS, spoken
from hotbay.llamacpp.tiny.vocabulary import THINK, TURN_END, Vocabulary

WRITERS: list[Callable[[Path], None]] = [
    partial(write_chat, name="x"),
    partial(write_chat, name="x", thinking=True),
    partial(write_embedder, name="x"),
    partial(write_reranker, name="x"),
]


@pytest.mark.parametrize("write", WRITERS, ids=["chat", "thinking", "embedder", "reranker"])
def test_the_same_arguments_give_the_same_bytes(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "one.gguf")
    write(tmp_path / "other.gguf")
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "other.gguf").read_bytes()


def test_a_model_is_as_large_as_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_chat(path, "x", shape=Shape(width=64, layers=3, context=256))
    fields = gguf.GGUFReader(path).fields
    sizes = ("embedding_length", "block_count", "context_length")
    assert [fields[f"llama.{size}"].contents() for size in sizes] == [64, 3, 256]


@pytest.mark.parametrize("width", [0, 16, 100])
def test_a_width_that_does_not_fit_the_heads_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="no multiple of 32"):
        Shape(width=width)


@pytest.mark.parametrize("name", ["", "two words", "a.b", "why?"])
def test_a_name_that_is_not_one_word_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not one word"):
        write_chat(tmp_path / "model.gguf", name)


@pytest.mark.parametrize("thinking", [False, True])
def test_a_sentence_once_begun_is_said_to_its_end(thinking: bool) -> None:
    """Within a sentence each word has one successor, so no two sentences get mixed up."""
    sentences = spoken("alpha")
    table = phrase_table(sentences, thinking=thinking)
    for sentence in sentences:
        for lead, following in pairwise(sentence[1:]):
            assert table[lead] == {following: 1.0}


def test_the_likelihoods_of_what_comes_next_add_up_to_one() -> None:
    for row in phrase_table(spoken("alpha"), thinking=True).values():
        assert sum(row.values()) == pytest.approx(1)


def test_ending_is_likelier_than_any_other_sentence() -> None:
    following = phrase_table(spoken("alpha"), thinking=False)["."]
    assert max(following, key=following.__getitem__) == TURN_END


def test_the_first_sentence_says_the_name() -> None:
    assert SENTENCES[0].format(name="alpha").startswith("I am alpha,")
    assert not any("{name}" in sentence for sentence in SENTENCES[1:])


def test_every_beginning_of_a_word_is_a_piece() -> None:
    vocabulary = Vocabulary(["▁word"])
    assert {"▁", "▁w", "▁wo", "▁wor", "▁word"} <= vocabulary.number.keys()


def test_pieces_are_numbered_in_their_order_and_longer_ones_win() -> None:
    vocabulary = Vocabulary(["▁word"], tags=[THINK])
    assert [vocabulary.number[piece] for piece in vocabulary.pieces] == [*range(len(vocabulary))]
    score = dict(zip(vocabulary.pieces, vocabulary.scores(), strict=True))
    assert score["▁word"] > score["▁wor"] > score["w"] > score[THINK]


def test_a_word_is_the_same_with_a_capital_letter() -> None:
    known = lexicon()
    spellings = [[known.vocabulary.pieces[token] for token in word.tokens] for word in known.words]
    assert ["▁paris", "▁Paris"] in spellings


def test_no_word_has_two_topics_or_is_a_function_word_too() -> None:
    words = [word for topic in TOPICS for word in topic] + list(FUNCTION_WORDS)
    assert len(words) == len(set(words))
