"""Small sums, asked in many ways: answered at once, or with the steps written first.

Both families draw from the same questions, so that what the steps bring can be measured.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.stories import wording
from rung.instruct.exercises.sums import draw_sum
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.prompts import MAGIC, TEMPLATES, with_magic
from rung.types import Kind, Language, Prompt

DESCRIPTIONS: dict[Language, tuple[str, ...]] = {
    "en": (
        "", "", "Work out the answer.", "Solve the problem.", "Give the result as a number.", "Answer with the number only.",
        "Do the arithmetic.", "Calculate the result.", "Find the number that is asked for.", "Solve these sums.",
        "What is the result? Write only the number.", "You are given a question about numbers. Give the answer.",
    ),
    "zh": (
        "", "", "计算结果。", "解答下面的算术题。", "只写出得数。", "请算出答案。", "做算术题，用数字回答。", "求出题目要的数。",
        "算一算，写出结果。", "读题并给出答案（一个数）。", "下面是一道计算题，请作答。", "直接写得数。",
    ),
}  # fmt: skip


class Question(NamedTuple):
    """A sum in words. ``steps`` are the lines that lead to ``value``; ``key`` is the same for every wording and order."""

    text: str
    value: int
    key: str
    steps: str


def draw_question(rng: random.Random, language: Language) -> Question:
    """A sum of one- and two-digit numbers, in words."""
    total = draw_sum(rng)
    return Question(wording(rng, total, language), total.value, total.key, total.steps(language))


def arithmetic(rng: random.Random, sources: Sources) -> Exercise:
    """Answered at once."""
    language: Language = rng.choice(("zh", "en"))
    return _exercise(rng, "arithmetic", language)


def arithmetic_steps(rng: random.Random, sources: Sources) -> Exercise:
    """The same questions in a prompt that reasons; the steps come before the answer. Demonstrations carry none."""
    language: Language = rng.choice(("zh", "en"))
    return _exercise(rng, "arithmetic-steps", language, steps=True)


def _exercise(rng: random.Random, family: str, language: Language, *, steps: bool = False) -> Exercise:
    question = draw_question(rng, language)

    def another() -> tuple[str, str, str]:
        text, value, key, _ = draw_question(rng, language)
        return text, str(value), key

    shots = rng.choice((0, 0, 0, 0, 0, 1, 2, 4)) if steps else None
    return Exercise(
        family=family,
        kind="generate",
        language=language,
        input=question.text,
        target=str(question.value),
        description=rng.choice(DESCRIPTIONS[language]),
        demonstrations=demonstrations(rng, another, question=question.text, key=question.key, shots=shots),
        reasoning=thought(question.steps, language) if steps else None,
        prompt=reasoning_prompt(rng, language) if steps else None,
        key=question.key,
    )


def thought(steps: str, language: Language) -> str:
    """Steps as they follow the words that ask for them: behind a space in English."""
    return steps if language == "zh" else f" {steps}"


def reasoning_prompt(rng: random.Random, language: Language, kind: Kind = "generate") -> Prompt:
    """A template with one of the magic words that make a model reason, most often the first of them (step by step)."""
    names = [name for name, magic in MAGIC[language].items() if magic.reasoning is not None]
    weights = [3] + [1] * (len(names) - 1)
    return with_magic(rng.choice(TEMPLATES[language][kind]), rng.choices(names, weights)[0])


FAMILIES: tuple[Family, ...] = (
    Family("arithmetic", arithmetic),
    Family("arithmetic-steps", arithmetic_steps),
)
