"""Whole texts that were written for lessons, by what they are; what phrases compose has the words of a thing, these have how people say it.

    food.bad<TAB>等了两个小时，汤都洒了           a line of written/zh_reviews.tsv: its key, its text

Files are one a language and theme: reviews (domain.mood, and film.fact for what happens in a film), news and titles (topic), questions
(type), intents (trade.intent), kinds (set.label). Large language models wrote them one by one; none is from a data set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from rung.types import Language

FOLDER = Path(__file__).with_name("written")
SHARE = 0.6  # of the draws, where there are texts of the key
MARKS = re.compile(
    r"\s*([,.;!?:]+(?!\d)|n't\b|'(?:s|m|ve|re|ll|d)\b)"
)  # set apart in tokenised English: "is n't , it 's"


@cache
def written(theme: str, language: Language) -> Mapping[str, tuple[str, ...]]:
    """The texts of ``written/{language}_{theme}.tsv`` by key."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / f"{language}_{theme}.tsv").read_text(encoding="utf-8").splitlines():
        key, text = line.split("\t")
        found.setdefault(key, []).append(text)
    return {key: tuple(texts) for key, texts in found.items()}


def count() -> int:
    """All the texts of all the files."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in FOLDER.glob("*.tsv"))


def either(
    rng: random.Random, theme: str, language: Language, key: str, composed: Callable[[], str], *, apart: bool = True
) -> str:
    """A text of the key, or one that is composed.

    ``apart``: some English texts are lower case with marks set apart, as many data sets have them. A text has one form for good:
    what is held out for exams is told by it.
    """
    texts = written(theme, language).get(key, ())
    if not texts or rng.random() >= SHARE:
        return composed()
    text = rng.choice(texts)
    return spelled(text) if apart and language == "en" else text


def spelled(text: str) -> str:
    """The text as it was written, or lower case with marks set apart; the text itself decides."""
    # Its own generator: the same text always falls to the same side.
    if random.Random(text).random() < 0.5:
        return text
    return tokenised(text).lower()


def tokenised(text: str) -> str:
    """Marks and clipped words set apart: "is n't , it 's"."""
    text = " ".join(MARKS.sub(r" \1", text).split())
    return text if text[-1] in ".!?" else f"{text} ."
