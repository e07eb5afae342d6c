"""Mappings without a meaning: which label a text has is nowhere but in the demonstrations, where it or its like stood before.

What must be learned here is what every episode needs, in its barest form: at a label, look back for the demonstrations that are
most like this text, and say what they were labelled (induction heads: Olsson et al. 2022, arXiv 2209.11895; they form abruptly, and
sooner where things recur within a context: Chan et al. 2022, arXiv 2205.05055; Reddy 2023, arXiv 2312.03002). Nearly every label after
the first few can be told from the context, so a short text is full of signal. From easy to hard:

===========  =====================================================================
word         single words, each seen before
phrase       some words in a row, seen before
bag          a label has a set of words, a text is some of them
sign         the texts of a label share a word among others that say nothing
echo         a sentence, then the same with words left out or cut short
===========  =====================================================================
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache

from rung.instruct.episode import ARBITRARY, fitting
from rung.instruct.exercises.passages import sentences
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Demonstration, Language

MOST = 40  # pairs that are shown: they are short
KINDS = {"word": 4, "phrase": 2, "bag": 3, "sign": 3, "echo": 2}
Draw = Callable[[], str]


def mapping(rng: random.Random, given: Sources) -> Exercise:
    """Texts of two to twelve labels in random order; each label shown at least once before it is asked."""
    language: Language = rng.choice(("zh", "en"))
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    count = rng.choice((2, 2, 3, 3, 4, 5, 6, 8, 10, 12))
    few = count <= 6 and rng.random() < 0.5
    labels = rng.sample(rng.choice(ARBITRARY[language]), count) if few else _some(rng, given, language, count)
    groups = dict(zip(labels, MAKERS[kind](rng, given, language, count), strict=True))
    shots = max(2 * count, rng.choice((8, 12, 16, 16, 24, 24, MOST)))
    order = [*labels, *rng.choices(labels, k=shots - count)]
    rng.shuffle(order)
    asked = rng.choice(labels)
    text = groups[asked]()
    shown = fitting([(groups[label](), label) for label in order], len(text.encode()))
    return Exercise(
        family="mapping-episodes", kind="classify", language=language, input=text, target=asked,
        labels=tuple(sorted(labels)), demonstrations=tuple(Demonstration(t, label) for t, label in shown),
        key="\n".join((text, *(t for t, _ in shown))),
    )  # fmt: skip


def words(rng: random.Random, given: Sources, language: Language, count: int) -> list[Draw]:
    """One or two words a label, asked again and again."""
    return [_any(rng, _some(rng, given, language, rng.choice((1, 1, 1, 2)))) for _ in range(count)]


def phrases(rng: random.Random, given: Sources, language: Language, count: int) -> list[Draw]:
    size = rng.choice((2, 3, 4, 6))
    made = [
        [_joined(language, _some(rng, given, language, size)) for _ in range(rng.choice((1, 2)))] for _ in range(count)
    ]
    return [_any(rng, own) for own in made]


def bags(rng: random.Random, given: Sources, language: Language, count: int) -> list[Draw]:
    size, drawn = rng.choice((3, 4, 6)), rng.choice((1, 2, 3))

    def bag() -> Draw:
        own = _some(rng, given, language, size)
        return lambda: _joined(language, rng.sample(own, drawn))

    return [bag() for _ in range(count)]


def signs(rng: random.Random, given: Sources, language: Language, count: int) -> list[Draw]:
    """One of a label's one or two words, at a random place among up to eight words of the language."""
    most = rng.choice((2, 4, 8))

    def sign() -> Draw:
        own = _some(rng, given, language, rng.choice((1, 1, 2)))

        def text() -> str:
            around = _some(rng, given, language, rng.randint(1, most))
            around.insert(rng.randint(0, len(around)), rng.choice(own))
            return _joined(language, around)

        return text

    return [sign() for _ in range(count)]


def echoes(rng: random.Random, given: Sources, language: Language, count: int) -> list[Draw]:
    """A sentence or two a label; each time it is whole, cut at a random place, or with words left out."""
    source = rng.choice(("zh_wiki", "zh_vernacular") if language == "zh" else ("en_wiki", "en_books"))
    longest = rng.choice((8, 16, 30))

    def echo() -> Draw:
        own = [_pieces(rng, rng.choice(sentences(rng.choice(given.passages(source)).text)), language)[:longest]
               for _ in range(rng.choice((1, 1, 2)))]  # fmt: skip

        def text() -> str:
            parts = rng.choice(own)
            if rng.random() < 0.4:
                kept = [part for part in parts if rng.random() < 0.6] or parts[:1]
            else:
                first = rng.randrange(max(1, len(parts) // 2)) if rng.random() < 0.5 else 0
                kept = parts[first:]
            return ("" if language == "zh" else " ").join(kept)

        return text

    return [echo() for _ in range(count)]


MAKERS = {"word": words, "phrase": phrases, "bag": bags, "sign": signs, "echo": echoes}


def _any(rng: random.Random, texts: list[str]) -> Draw:
    return lambda: rng.choice(texts)


def _joined(language: Language, parts: list[str]) -> str:
    return ("、" if language == "zh" else " ").join(parts)


def _pieces(rng: random.Random, sentence: str, language: Language) -> list[str]:
    """Words, or in Chinese runs of two characters."""
    return sentence.split() if language == "en" else re.findall(r"..?", sentence)


def _some(rng: random.Random, given: Sources, language: Language, count: int) -> list[str]:
    """Different words of the language's encyclopedia and books."""
    return rng.sample(_words(given, language), count)


@cache
def _words(given: Sources, language: Language) -> list[str]:
    """Words of some passages, the frequent ones no more often than the rare; in Chinese two or three characters in a row."""
    rng = random.Random(f"words {language}")
    pattern = r"[A-Za-z]{3,10}" if language == "en" else r"[\u4e00-\u9fff]{2,3}"
    found: set[str] = set()
    for source in ("en_wiki", "en_books") if language == "en" else ("zh_wiki", "zh_vernacular"):
        passages = given.passages(source)
        for passage in rng.sample(passages, min(len(passages), 300)):
            found.update(re.findall(pattern, passage.text[:2000]))
    return sorted(found)


FAMILIES = (
    Family("mapping-episodes", mapping, ("text:en_wiki", "text:en_books", "text:zh_wiki", "text:zh_vernacular")),
)
