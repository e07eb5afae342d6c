"""Clean sentences and stretches of the texts, and the names, numbers and dates in them."""

from __future__ import annotations

import random
import re
from functools import cache

from rung.instruct.exercises.passages import sentences
from rung.instruct.sources import Passage, Sources
from rung.types import Language

WIKI: dict[Language, str] = {"en": "en_wiki", "zh": "zh_wiki"}
TEXTS: dict[Language, tuple[str, ...]] = {
    "en": ("en_wiki", "en_wiki", "en_books"),
    "zh": ("zh_wiki", "zh_wiki", "zh_vernacular"),
}
NEEDS = ("text:en_wiki", "text:en_books", "text:zh_wiki", "text:zh_vernacular")

NUMBER = re.compile(r"(?<![\d.,:/-])\d+(?:,\d{3})*(?:\.\d+)?(?![\d/:-])")
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DATE: dict[Language, re.Pattern[str]] = {
    "en": re.compile(rf"\b\d{{1,2}} (?:{'|'.join(MONTHS)}) \d{{4}}\b|\b(?:{'|'.join(MONTHS)}) \d{{1,2}}, \d{{4}}\b"),
    "zh": re.compile(r"\d{4}年\d{1,2}月\d{1,2}日"),
}
NAME: dict[Language, re.Pattern[str]] = {  # not at the front of a sentence, where every word has a capital
    "en": re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*(?=[ ,.;])"),
    "zh": re.compile(r"《[^《》]{1,14}》"),
}
YEAR: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"\b1[0-9]{3}\b|\b20[0-2][0-9]\b"),
    "zh": re.compile(r"(?<!\d)\d{4}年(?!代)"),
}

_ABBREVIATION = re.compile(
    r"\b(?:[A-Za-z]|Mr|Mrs|Dr|St|Jr|Sr|vs|No|ca|Prof|Gen|Col|Capt|Lt|Co|Inc|Ltd|Bros|lit|approx|U\.S)\.$"
)
_PAIRS = (("(", ")"), ("（", "）"), ("“", "”"), ("《", "》"), ("「", "」"), ("[", "]"))
_BROKEN = re.compile(r"\( ?[,;)]|（[，；、）]|，，|、、|[|_{}<>=\\]|（\s*）|[ ,]{3}|\s[,.;]|[，、：][。；]|�|http|-{2}")


@cache
def clean(text: str, language: Language) -> bool:
    """Whether it is a whole sentence with nothing broken: brackets and quotes in pairs, a mark at its end."""
    if _BROKEN.search(text) or any(text.count(a) != text.count(b) for a, b in _PAIRS) or text.count('"') % 2:
        return False
    if language == "zh":
        return bool(re.match(r"[\u4e00-\u9fff\d《“]", text)) and text[-1] in "。！？"
    return bool(re.match(r"[A-Z][A-Za-z']* ", text)) and text[-1] in ".!?" and not _ABBREVIATION.search(text)


@cache
def articles(given: Sources, language: Language) -> tuple[Passage, ...]:
    """Articles of the encyclopedia with a short title and a few sentences."""
    return tuple(p for p in given.passages(WIKI[language]) if 1 < len(p.title) <= 30 and len(p.text) > 300)


def sentence(
    rng: random.Random, given: Sources, language: Language, low: int = 8, high: int = 60, *, wiki: bool = False
) -> str:
    """A clean sentence of ``low`` to ``high`` characters, in English three times as many."""
    times = 1 if language == "zh" else 3
    while True:
        passage = rng.choice(given.passages(WIKI[language] if wiki else rng.choice(TEXTS[language])))
        fitting = [s for s in sentences(passage.text) if low * times <= len(s) <= high * times]
        if fitting and clean(found := rng.choice(fitting), language):
            return found


def run(rng: random.Random, passage: Passage, limit: int, *, front: bool = False) -> list[str]:
    """Clean sentences that follow each other, within ``limit`` characters (three times as many in English); maybe none."""
    limit = limit if passage.language == "zh" else limit * 3
    found = sentences(passage.text)
    at = 0 if front else rng.randrange(len(found))
    kept: list[str] = []
    for following in found[at:]:
        if not clean(following, passage.language) or sum(map(len, kept)) + len(following) > limit:
            break
        kept.append(following)
    return kept


def joined(parts: list[str], language: Language) -> str:
    """Sentences as one passage."""
    return ("" if language == "zh" else " ").join(parts)


def items(text: str, language: Language) -> list[str]:
    """Dates, years, numbers and names that stand in the text just once: what can be asked for."""
    dates = DATE[language].findall(text)
    rest = DATE[language].sub("", text)
    years = YEAR[language].findall(rest)
    rest = YEAR[language].sub("", rest)
    found = [*dates, *years, *NUMBER.findall(rest), *NAME[language].findall(rest)]
    return [item for item in dict.fromkeys(found) if text.count(item) == 1]
