"""Zero-shot classification: an instruction in words, the labels, the text; the names of the groups are the labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from rung.instruct.episode import episode
from rung.instruct.holdout import held_out
from rung.instruct.item import Exercise
from rung.prompts import TEMPLATES
from rung.types import Language

SHOTS = (0, 0, 0, 0, 0, 1, 2, 4)
ABROAD = 0.2  # of the tasks, whose labels are in the other language
MIXED = 0.1  # of the tasks where texts of both languages stand side by side
OTHER: Mapping[Language, Language] = {"zh": "en", "en": "zh"}
TOLD = ("instruct", "role", "question")  # the templates that show the description


class Reading(NamedTuple):
    """A way to ask about texts. ``names``: label words, in the order of the groups; ``asks``: instructions, with the words as {0}, {1}."""

    names: tuple[tuple[str, ...], ...]
    asks: tuple[str, ...]

    def draw(self, rng: random.Random, words: Reading | None = None) -> tuple[tuple[str, ...], str]:
        """Label words (of ``words``, where another reading gives them) and an instruction that may name them."""
        names = rng.choice((words or self).names)
        return names, rng.choice(self.asks).format(*names)


def label_language(rng: random.Random, language: Language) -> Language:
    """The language of the label words: that of the texts, now and then the other (Chinese messages under English labels)."""
    return OTHER[language] if rng.random() < ABROAD else language


def text_languages(rng: random.Random, language: Language) -> tuple[Language, ...]:
    """The languages of a task's texts: that of the instruction, now and then both, as messages of two markets come in."""
    return ("zh", "en") if rng.random() < MIXED else (language,)


def instructed(
    rng: random.Random, family: str, language: Language, groups: Mapping[str, Callable[[], str]], ask: str
) -> Exercise:
    """The exercise with its instruction in every template, most often without demonstrations."""
    shots = rng.choice(SHOTS)
    item = episode(rng, family, language, groups, description=ask, shots=shots, kind="names")
    told = [prompt for prompt in TEMPLATES[language]["classify"] if prompt.name in TOLD]
    return replace(item, prompt=rng.choice(told))


def unseen(draw: Callable[[], str], exam: bool) -> Callable[[], str]:
    """``draw`` for exams, or for training: demonstrations of lessons hold no text that exams ask either."""

    def drawn() -> str:
        for _ in range(200):
            if held_out(text := draw()) == exam:
                return text
        raise AssertionError("200 draws, all of them on the other side")

    return drawn


def grouped(names: Sequence[str], draws: Sequence[Callable[[], str]], *, exam: bool) -> dict[str, Callable[[], str]]:
    """Groups for an episode: name -> its draw of texts that exams, or lessons, may show."""
    return {name: unseen(draw, exam) for name, draw in zip(names, draws, strict=True)}
