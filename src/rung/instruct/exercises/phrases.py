"""Phrase files: sections of alternatives, a small grammar by hand that texts are composed from.

    # a comment
    [film.good]                     a section
    {film.it} is {good.adj} | ...   its alternatives; {name} is another section, {10-40} a number

Files lie in ``words/``, one a language and theme: en_opinions.txt.
"""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

from rung.types import Language

WORDS = Path(__file__).with_name("words")
_SLOT = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"(\d+)-(\d+)")
_SILENT = re.compile(r"hour|honest|heir|honou?r")  # an hour, though it is written with h
_SPOKEN = re.compile(r"uni(?!m|n)|use|usu|one|once|eu|ut[ei]")  # a unique, a one-hour
Sections = dict[str, tuple[str, ...]]


@cache
def phrases(theme: str, language: Language) -> Sections:
    """The sections of ``words/{language}_{theme}.txt``."""
    found: dict[str, list[str]] = {}
    for line in (WORDS / f"{language}_{theme}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[] "), [])
        elif line.strip() and not line.startswith("#"):
            section += [part.strip() for part in line.split(" | ")]
    return {name: tuple(parts) for name, parts in found.items()}


def say(rng: random.Random, sections: Sections, name: str) -> str:
    """A phrase of the section, with its slots filled and, in English, "a" before a vowel as "an"."""
    return article(fill(rng, sections, rng.choice(sections[name])))


def fill(rng: random.Random, sections: Sections, text: str) -> str:
    """The text with its slots filled."""

    def drawn(slot: re.Match[str]) -> str:
        if limits := _RANGE.fullmatch(slot[1]):
            return str(rng.randint(int(limits[1]), int(limits[2])))
        return fill(rng, sections, rng.choice(sections[slot[1]]))

    return _SLOT.sub(drawn, text)


def article(text: str) -> str:
    """The text with "a" and "an" as the word behind them wants it."""
    return re.sub(r"\b([Aa])n? (?=(\w+))", lambda m: f"{m[1]}{'n' if _vowel(m[2]) else ''} ", text)


def _vowel(word: str) -> bool:
    word = word.lower()
    return bool(_SILENT.match(word)) or (word[0] in "aeiou" and not _SPOKEN.match(word))
