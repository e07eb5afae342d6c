"""Harmful content and advertising, by density of words from two small lists written by hand.

One hit says nothing: statutes speak of drugs and rape, novels curse, an encyclopedia has an article on casinos. A
document goes where several different terms make up a good part of it. What such lists cannot know, they miss: insult
without a swear word, new slang, another language. They find the trade that fills the web, not every harm.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from rung.pretrain.clean.document import Document, Finding

# The list, or one kind of it -> different terms, and hits for each unit, that a document must have. The most that stood
# in a good text: an article on a sexual practice with 0.042 of harm, few have five words of selling at 0.06.
LIMITS = {"harm": (4, 0.045), "advertising": (3, 0.01), "selling": (5, 0.06)}


@dataclass
class Terms:
    """The terms of one kind. Latin ones are whole words, Chinese ones are found anywhere."""

    words: set[str] = field(default_factory=set)
    phrases: list[str] = field(default_factory=list)
    chinese: list[str] = field(default_factory=list)


def harm(document: Document) -> Finding | None:
    """A document of what is in ``words/harm.txt``, all kinds together; the finding names the commonest."""
    found = hits(document, "harm")
    together = sum(found.values(), Counter())
    kind = max(found, key=lambda name: found[name].total())
    return _judged(document, "harm", kind, together, *LIMITS["harm"])


def spam(document: Document) -> Finding | None:
    """A document of phrases of advertising, or of the vocabulary of selling: ``words/spam.txt``."""
    for kind, found in hits(document, "spam").items():
        if finding := _judged(document, "spam", kind, found, *LIMITS[kind]):
            return finding
    return None


def _judged(
    document: Document, reason: str, kind: str, found: Counter[str], distinct: int, dense: float
) -> Finding | None:
    density = found.total() / max(1, len(document.units))
    if len(found) < distinct or density < dense:
        return None
    shown = ", ".join(term for term, _ in found.most_common(6))
    return Finding(reason, kind, round(density, 3), shown)


def hits(document: Document, name: str) -> dict[str, Counter[str]]:
    """How often each term of the list stands in the document, by kind."""
    text, words = document.text.lower(), document.words
    different = frozenset(words)
    found: dict[str, Counter[str]] = {}
    for kind, terms in lists(name).items():
        counts = Counter({word: words.count(word) for word in terms.words & different})
        for phrase in terms.phrases:
            if phrase in text:
                counts[phrase] = len(re.findall(rf"\b{re.escape(phrase)}\b", text))
        for term in terms.chinese if document.units.han else ():
            if term in text:
                counts[term] = text.count(term)
        found[kind] = +counts
    return found


@cache
def lists(name: str) -> dict[str, Terms]:
    """The terms of ``words/NAME.txt`` by kind: a heading in brackets, then one term a line."""
    found: dict[str, Terms] = {}
    for line in files("rung.pretrain.clean").joinpath(f"words/{name}.txt").read_text(encoding="utf-8").splitlines():
        term = line.strip().lower()
        if term.startswith("["):
            kind = found[term.strip("[]")] = Terms()
        elif term and not term.startswith("#"):
            if not term.isascii():
                kind.chinese.append(term)
            elif term.isalpha():
                kind.words.add(term)
            else:
                kind.phrases.append(term)
    return found
