"""Low quality by rules that can be read: those of Gopher (Rae et al. 2021) and C4 (Raffel et al. 2020) for English, and
their counterparts for Chinese, which has no spaces and is counted in characters.

    English                                     Chinese
    mean length of a word 3..10                 mean length of a clause 2.5..40 characters
    at least two of the, be, to, of ...         at least 3.5 % of 的一是了不在有人 and the like, classical ones too
    words with a letter, 80 %                   Han and letters, 70 % of letters and digits
    capitals in less than 30 % of letters       (no counterpart)

In any language: enough text, not a list of bullets or of cut-off lines, not lines of two words only, few # and braces.
Verse is good text that breaks rules made for prose: what asks for full stops or long lines is not among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np

from rung.pretrain.clean.document import Document, Finding
from rung.pretrain.clean.units import Hashes, Units, units

FEWEST = 20  # units; a quatrain of five characters a line has 20
PROSE = 100  # units from which shares of stop words are asked for: a short poem may do without
STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
STOP_CHARACTERS = "的一是了不在有人之以为其而也于与中上来和大到我他这个年者所无曰何"
WORD_LENGTH = (3.0, 10.0)  # mean, in English
CLAUSE_LENGTH = (2.5, 40.0)  # mean, in Chinese; verse has 2.6 at least
CLAUSE_WORDS = 2.0  # mean, in English, where good texts have 2.4 at least: a list of keywords has one
STOPS_ZH = 0.035  # of the Han characters; the shared encyclopedia has 0.04 in its driest article
LETTERED = {"en": 0.8, "zh": 0.7}  # of words; of letters and digits
CAPITALS = 0.3
BULLETS, ELLIPSES, SHORT = 0.9, 0.3, 0.9  # of lines
SIGNS = 0.1  # of # { } | \ for each unit
MANY_LINES = 6
VERSE = 9.0  # characters of a mean clause in verse, at most
NO_LETTER = re.compile(r"(?<!\S)[^A-Za-z\s]+(?!\S)")
CAPITAL, DIGITS = re.compile("[A-Z]+"), re.compile(r"\d+")
CLAUSE = re.compile(r"[，。！？；：、,.!?;:\s「」『』“”（）()《》]+")
CLAUSE_EN = re.compile(r"[,.;:!?()\n“”\"]+")
BULLET = re.compile(r"^\s*[-*•●○■◆▪·►➤※]")
ELLIPSIS = re.compile(r"(?:…|\.\.\.|。。。|\[更多\]|查看更多|read more)\s*$", re.I)


def quality(document: Document) -> Finding | None:
    """The first rule that the document breaks."""
    for rule, value, broken in _measures(document):
        if broken:
            shown = round(value, 3) if isinstance(value, float) else value
            return Finding("quality", rule, shown, document.text[:120])
    return None


def _measures(document: Document) -> Iterator[tuple[str, float, bool]]:
    """(rule, what was measured, whether that is too bad), the cheapest first."""
    read, text = document.units, document.text
    yield "too short", len(read), len(read) < FEWEST
    yield from _lines(text)
    signs = sum(text.count(sign) for sign in "#{}|\\") / len(read)
    yield "signs of code", signs, signs > 2 * SIGNS
    if document.language == "en":
        yield from _english(document)
    elif document.language == "zh":
        yield from _chinese(text, read)


def _lines(text: str) -> Iterator[tuple[str, float, bool]]:
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < MANY_LINES:
        return
    for rule, pattern, most in (("bullets", BULLET, BULLETS), ("cut-off lines", ELLIPSIS, ELLIPSES)):
        share = sum(bool(pattern.search(line)) for line in lines) / len(lines)
        yield rule, share, share > most
    share = sum(len(line.strip()) <= (4 if not line.isascii() else 12) for line in lines) / len(lines)
    yield "lines of a word or two", share, share > SHORT


def _english(document: Document) -> Iterator[tuple[str, float, bool]]:
    text, words = document.text, document.words
    letters = sum(map(len, words))
    length = letters / max(1, len(words))
    yield "mean word length", length, not WORD_LENGTH[0] <= length <= WORD_LENGTH[1]
    clauses = sum(bool(part.strip()) for part in CLAUSE_EN.split(text))
    yield "words in a clause", len(words) / max(1, clauses), len(words) < CLAUSE_WORDS * clauses
    share = 1 - len(NO_LETTER.findall(text)) / max(1, len(text.split()))
    yield "words with a letter", share, share < LETTERED["en"]
    capitals = sum(map(len, CAPITAL.findall(text))) / max(1, letters)
    yield "capitals", capitals, capitals > CAPITALS
    if len(words) >= PROSE / 2:
        kinds = len(STOP_WORDS.intersection(words))
        yield "stop words", kinds, kinds < 2


def _chinese(text: str, read: Units) -> Iterator[tuple[str, float, bool]]:
    clauses = [part for part in CLAUSE.split(text) if part]
    length = sum(map(len, clauses)) / max(1, len(clauses))
    yield "mean clause length", length, not CLAUSE_LENGTH[0] <= length <= CLAUSE_LENGTH[1]
    lettered = 1 - sum(map(len, DIGITS.findall(text))) / max(1, read.letters)
    yield "digits among letters", lettered, lettered < LETTERED["zh"]
    if len(read) >= PROSE and not verse(text, length):
        share = int(np.isin(read.hashes, _stops()).sum()) / max(1, read.han)
        yield "stop characters", share, share < STOPS_ZH


def verse(text: str, clause: float) -> bool:
    """Whether it looks like verse: four lines or more that end as sentences do, in short clauses."""
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    return len(lines) >= 4 and clause <= VERSE and sum(line[-1] in "。，！？；、" for line in lines) >= 0.7 * len(lines)


@cache
def _stops() -> Hashes:
    return units(STOP_CHARACTERS).hashes
