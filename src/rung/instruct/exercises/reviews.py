"""Reviews: clauses of one mood joined as people join them, with an opener, a "but", a verdict, and now and then a slip.

The clauses are in words/*_opinions.txt; what a review says of its domain and of its mood is known from how it is composed.
"""

from __future__ import annotations

import random
import re
from typing import Literal

from rung.instruct.exercises.phrases import phrases, say
from rung.instruct.exercises.written import tokenised
from rung.types import Language

Mood = Literal["good", "neutral", "bad"]
OTHER: dict[Mood, Mood] = {"good": "bad", "bad": "good", "neutral": "neutral"}
DOMAINS = ("film", "food", "delivery", "hotel", "phone", "book", "clothes", "app", "course", "home", "service")
BESIDE: dict[str, tuple[str, ...]] = {
    "food": ("delivery", "service"), "delivery": ("food",), "hotel": ("service",), "phone": ("delivery",), "clothes": ("delivery",),
    "home": ("delivery", "service"),
}  # fmt: skip
JOINTS: dict[Language, tuple[tuple[str, ...], ...]] = {  # each review keeps to one habit
    "zh": (("，",), ("，",), ("，", "。"), ("，", "，", "！"), ("。",), (" ",), ("",), (",",), ("，", "、"), ("！",), ("；",), ("～", "，")),
    "en": ((", ",), (", ", ". "), (". ",), (". ", "! "), (" and ", ", "), ("; ",), (" - ", ", "), ("... ", ". "), (", and ", ". "), (" ",)),
}  # fmt: skip
ENDS: dict[Language, tuple[str, ...]] = {
    "zh": ("。", "。", "", "", "！", "！！", "～", "…", "!", "。。。"),
    "en": (".", ".", ".", "!", "", "", "...", "!!"),
}
TURNS = ("but", "yet", "still", "however", "nevertheless", "even", "and", "so")  # no "and" before these
_PLURAL = re.compile(r"\b(these \w+|the (?:lessons|noodles|dumplings|fries)) (is|was|has|doesn't|\w+[^s\W]s)\b")
_VERBS = {"is": "are", "was": "were", "has": "have", "doesn't": "don't"}


def review(rng: random.Random, language: Language, mood: Mood, domain: str = "") -> str:
    """A review of a thing of that domain (one at random), short or long; its mood is the verdict, whatever else it says."""
    domain = domain or rng.choice(DOMAINS)
    if mood == "neutral":
        clauses = _lukewarm(rng, language, domain)
    else:
        clauses = _decided(rng, language, mood, domain)
    return finish(rng, language, clauses)


def remark(rng: random.Random, language: Language, section: str, most: int = 2) -> str:
    """One to ``most`` different phrases of one section, joined."""
    sections = phrases("opinions", language)
    return finish(rng, language, list(dict.fromkeys(say(rng, sections, section) for _ in range(rng.randint(1, most)))))


def _decided(rng: random.Random, language: Language, mood: Mood, domain: str) -> list[str]:
    count = rng.choices((1, 2, 3, 4, 5), (3, 4, 3, 2, 1))[0]
    sections = phrases("opinions", language)
    found = [_clause(rng, language, mood, domain, first=not i) for i in range(count)]
    if rng.random() < 0.2:  # what is said against it comes first, the verdict behind the "but"
        against = [_clause(rng, language, OTHER[mood], domain, first=True) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        verdict = say(rng, sections, f"any.{mood}") if len(against) > 1 or rng.random() < 0.3 else found[0]
        found = [*against, _after(language, say(rng, sections, "but"), verdict), *found[1 : rng.choice((1, 2, 3))]]
    if rng.random() < 0.12:
        found.append(say(rng, sections, f"tail.{mood}"))
    if rng.random() < 0.15:
        found.insert(0, say(rng, sections, f"opener.{mood}"))
    return list(dict.fromkeys(found))


def _clause(rng: random.Random, language: Language, mood: Mood, domain: str, *, first: bool) -> str:
    """Of the domain, always so at first; else now and then of anything, or of what goes with it."""
    near = domain
    if not first and rng.random() < 0.5:
        near = rng.choice(("any", "any", *BESIDE.get(domain, ("any",))))
    return say(rng, phrases("opinions", language), f"{near}.{mood}")


def _lukewarm(rng: random.Random, language: Language, domain: str) -> list[str]:
    """Neither, or as much for it as against it."""
    sections = phrases("opinions", language)
    plain = say(rng, sections, "any.neutral")
    if rng.random() < 0.4:
        return list(dict.fromkeys([plain, *(say(rng, sections, "any.neutral") for _ in range(rng.choice((0, 1, 2))))]))
    moods: tuple[Mood, ...] = ("good", "bad")
    one, two = (_clause(rng, language, mood, domain, first=True) for mood in rng.sample(moods, 2))
    found = [one, _after(language, say(rng, sections, "but"), two)]
    return [*found, plain] if rng.random() < 0.7 else [plain, *found]


def _after(language: Language, but: str, clause: str) -> str:
    return f"{but}{clause}" if language == "zh" else f"{but} {clause}"


def finish(rng: random.Random, language: Language, clauses: list[str]) -> str:
    """The clauses as one text: joined, closed, in one of the ways that people write, with a slip now and then."""
    habit = rng.choice(JOINTS[language])
    if len(clauses) < 3 and habit in ((" ",), ("",)):
        habit = JOINTS[language][0]
    text = clauses[0]
    for clause in clauses[1:]:
        joint = rng.choice(habit)
        text += (", " if "and" in joint and clause.split(" ")[0].strip(",") in TURNS else joint) + clause
    text += rng.choice(ENDS[language])
    if language == "zh":
        return _slip_zh(rng, text) if rng.random() < 0.08 else text
    return english(rng, _PLURAL.sub(lambda m: f"{m[1]} {_VERBS.get(m[2], m[2].removesuffix('s'))}", text))


def english(rng: random.Random, text: str) -> str:
    """Lower case with marks set apart, lower case, or sentences that open with a capital."""
    style = rng.choices(("apart", "lower", "sentences"), (4, 2, 5))[0]
    if style == "apart":
        return tokenised(text)
    if rng.random() < 0.1:
        text = _slip_en(rng, text)
    if style == "lower":
        return text
    text = re.sub(r"\bi\b", "I", text)
    return re.sub(r"(^|[.!?]\s+)([a-z])", lambda m: m[1] + m[2].upper(), text)


def _slip_en(rng: random.Random, text: str) -> str:
    """Two letters exchanged, one doubled or one left out."""
    at = rng.randrange(1, max(2, len(text) - 2))
    if not text[at : at + 2].isalpha():
        return text
    return text[:at] + rng.choice((text[at + 1] + text[at], text[at] * 2 + text[at + 1], text[at])) + text[at + 2 :]


def _slip_zh(rng: random.Random, text: str) -> str:
    """A mark left out, or a mark said twice."""
    marks = [i for i, c in enumerate(text) if c in "，。！"]
    if not marks:
        return text
    at = rng.choice(marks)
    return text[:at] + text[at + 1 :] if rng.random() < 0.5 else text[:at] + text[at] * 2 + text[at:]
