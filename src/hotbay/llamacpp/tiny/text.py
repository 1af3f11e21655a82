"""The words that the tiny models know, and the sentences that a chat model says."""

from __future__ import annotations

import re

SPACE = "▁"  # how SentencePiece writes the space in front of a word

# Hardly any word is in two sentences: the next word then depends on the last
# one alone, and the sentences come out whole.
SENTENCES = (
    "I am {name}, a tiny model made on this machine.",
    "My words come from random numbers plus one small table.",
    "Nobody trained me with real data.",
    "Your request woke my server up.",
    "Large networks seldom fit into memory together.",
    "That is why hotbay swaps them in and out.",
    "Streaming shows every token at once.",
    "Ask again for more of these lines.",
    "Pick another name to watch it happen.",
    "Goodbye until then.",
)

THOUGHTS = ("Hmm", "let", "us", "think")
SECOND_THOUGHT = "twice"

JSON_MARKS = '"{}[]:,0123456789-.'
JSON_STRINGS = ("paris", "berlin")  # what a tool's free text argument is filled with

# One topic on each line: its words are related to each other.
_TOPICS = """
animal bird cat cow dog fish horse kitten lion mouse pet puppy sheep wolf zoo
apple baker bread butter cheese coffee cook egg fruit kitchen milk recipe salt soup sugar tea wine
airport bicycle boat bridge bus car driver engine plane road ship station street ticket train
berlin capital city country england europe france germany italy london madrid paris rome spain
code computer database error file function memory model network program python server software
beach cloud flower forest garden grass island lake mountain ocean rain river snow sun tree wind
band concert drum guitar melody music orchestra piano singer song violin
doctor health heart hospital medicine nurse patient
artist book library museum painting paper poem school story student teacher university writer
astronaut moon physics planet rocket science space star telescope
ball football game match player stadium team
bank business law market money office police price
"""

_FUNCTION_WORDS = """
a about am an and are as at be been but by can did do does for from had has have he how i if in
into is it its me my no not of on or our please she so tell than that the their them then there
they this to us was we were what when where which who why will with would write yes you your
"""

TOPICS = tuple(tuple(line.split()) for line in _TOPICS.strip().splitlines())
FUNCTION_WORDS = tuple(_FUNCTION_WORDS.split())


def words_of(sentence: str) -> list[str]:
    """A sentence as the pieces that a SentencePiece vocabulary has."""
    pieces = re.findall(r"[^\s.,!?]+|[.,!?]", sentence)
    return [piece if piece in ".,!?" else SPACE + piece for piece in pieces]


def spoken(name: str) -> list[list[str]]:
    """The sentences of the chat model of that name, as pieces."""
    return [words_of(sentence.format(name=name)) for sentence in SENTENCES]
