"""Harmful content and advertising, by density of words from two small lists written by hand.

One hit says nothing: statutes speak of drugs and rape, novels curse, an encyclopedia has an article on casinos. A
document goes where several different terms make up a good part of it. What such lists cannot know, they miss: insult
without a swear word, new slang, another language. They find the trade that fills the web, not every harm.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib.resources import files

from rung.pretrain.clean.document import Document, Finding, Stage

DISTINCT = 4  # different terms at least
DENSITY = 0.045  # hits for each unit, a term of several units counted once; encyclopedic articles have up to 0.042
HARSH = {"hate and violence": 2}  # kinds that are asked for fewer different terms
Lists = dict[
    str, tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]
]  # kind -> Latin words, phrases, Chinese terms


def harm(document: Document) -> Finding | None:
    """A document of the kinds in ``words/harm.txt``."""
    return _judged(document, "harm")


def spam(document: Document) -> Finding | None:
    """Advertising: ``words/spam.txt``."""
    return _judged(document, "spam")


STAGES: dict[str, Stage] = {"spam": spam, "harm": harm}


def _judged(document: Document, reason: str) -> Finding | None:
    for kind, found in hits(document, reason).items():
        density = found.total() / max(1, len(document.units))
        if len(found) >= HARSH.get(kind, DISTINCT) and density >= DENSITY:
            shown = ", ".join(term for term, _ in found.most_common(6))
            return Finding(reason, kind, round(density, 3), f"{shown}: {document.text[:120]}")
    return None


def hits(document: Document, name: str) -> dict[str, Counter[str]]:
    """How often each term of the list stands in the document, by kind."""
    text, words = document.text.lower(), document.words
    kinds = frozenset(words)
    found: dict[str, Counter[str]] = {}
    for kind, (latin, phrases, chinese) in lists(name).items():
        counts = Counter({word: words.count(word) for word in latin & kinds})
        counts.update({term: text.count(term) for term in chinese if term in text} if document.units.han else {})
        for phrase in phrases:
            if phrase in text:
                counts[phrase] = len(re.findall(rf"\b{re.escape(phrase)}\b", text))
        found[kind] = +counts
    return found


@cache
def lists(name: str) -> Lists:
    """The terms of ``words/NAME.txt``."""
    found: Lists = {}
    kind = ""
    for line in files("rung.pretrain.clean").joinpath(f"words/{name}.txt").read_text(encoding="utf-8").splitlines():
        term = line.strip().lower()
        if term.startswith("["):
            kind = term.strip("[]")
            found[kind] = frozenset(), (), ()
        elif term and not term.startswith("#"):
            latin, phrases, chinese = found[kind]
            if not term.isascii():
                chinese = (*chinese, term)
            elif term.isalpha():
                latin = latin | {term}
            else:
                phrases = (*phrases, term)
            found[kind] = latin, phrases, chinese
    return found
