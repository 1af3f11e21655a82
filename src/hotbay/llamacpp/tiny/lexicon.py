"""The vocabulary of the embedder and the reranker, which care about words of content.

A word is known with and without a capital letter, and both are the same word.
"""

from __future__ import annotations

from dataclasses import dataclass

from hotbay.llamacpp.tiny.text import FUNCTION_WORDS, SPACE, TOPICS
from hotbay.llamacpp.tiny.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Word:
    """A word of content: its tokens, and the topic that it belongs to."""

    tokens: tuple[int, ...]
    topic: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """A vocabulary, and its words of content."""

    vocabulary: Vocabulary
    words: tuple[Word, ...]


def lexicon() -> Lexicon:
    """The one vocabulary that both models have."""
    content = [word for topic in TOPICS for word in topic]
    vocabulary = Vocabulary(
        spelling for word in (*content, *FUNCTION_WORDS) for spelling in _spellings(word)
    )
    words = tuple(
        Word(tuple(vocabulary.number[spelling] for spelling in _spellings(word)), topic)
        for topic, members in enumerate(TOPICS)
        for word in members
    )
    return Lexicon(vocabulary, words)


def _spellings(word: str) -> tuple[str, str]:
    return SPACE + word, SPACE + word.capitalize()
