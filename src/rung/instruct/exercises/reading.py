"""Answers from a given passage, in its own words; "I do not know." / "我不知道。" where it does not say.

Passages and questions are those of cmrc2018, cut around the answer, or made of articles without labels (questions.py). A
question that has no answer is a true one of another article, or of another piece of the same.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.questions import ABSENT, WEIGHTS, Found, Maker, Stretch
from rung.instruct.exercises.snippets import articles, run
from rung.instruct.exercises.tools import UNKNOWN
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

MISSING = 0.2  # share of the questions that the passage does not answer
ASK: dict[Language, tuple[str, ...]] = {
    "en": (
        "", "", "Answer the question from the text. If the answer is not there, say: I do not know.", "Read the passage and answer.",
        "Use only the text. Say \"I do not know.\" when it does not tell.", "Find the answer in the passage.", "Answer with words of the text.",
        "Answer briefly, by the text alone. Without an answer in the text, write: I do not know.", "Reading comprehension.",
        "Copy the answer out of the passage. If it cannot be found, reply \"I do not know.\"",
    ),
    "zh": (
        "", "", "根据文章回答问题，文中没有就说“我不知道。”", "阅读短文，回答问题。", "只能用文中的信息。找不到答案时回答：我不知道。", "从文中找出答案。",
        "用原文的词句作答。", "请简短回答。原文没有提到的，写“我不知道。”", "阅读理解。", "从原文里摘出答案；若没有，请答“我不知道。”",
    ),
}  # fmt: skip
LAYOUTS: dict[Language, tuple[str, ...]] = {  # {p}: the passage, {q}: the question
    "en": (
        "{p}\n{q}", "{p}\n\n{q}", "Text: {p}\nQuestion: {q}", "Passage: {p}\n\nQuestion: {q}", "{q}\n{p}", "Question: {q}\nText: {p}",
        "Read this: {p}\n{q}", "Context: {p}\nQ: {q}", "\"{p}\"\n{q}",
    ),
    "zh": (
        "{p}\n{q}", "{p}\n\n{q}", "原文：{p}\n问题：{q}", "文章：{p}\n\n问题：{q}", "{q}\n{p}", "问题：{q}\n原文：{p}", "请看：{p}\n{q}",
        "资料：{p}\n问：{q}", "“{p}”\n{q}",
    ),
}  # fmt: skip


class Read(NamedTuple):
    passage: str
    question: str
    answer: str


def reading(rng: random.Random, sources: Sources) -> Exercise:
    """A passage with a question; now and then a few short ones before it."""
    language: Language = rng.choice(("zh", "en"))
    layout = rng.choice(LAYOUTS[language])
    shots = rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))
    limit = rng.choice((50, 80)) if shots else rng.choice((60, 100, 150, 200))

    def draw() -> Read:
        if language == "zh" and rng.random() < 0.4:
            return labelled(rng, sources, limit)
        return made(rng, sources, language, limit)

    def shown(read: Read) -> str:
        return layout.format(p=read.passage, q=read.question)

    def another() -> tuple[str, str, str]:
        other = draw()
        return shown(other), other.answer, _key(other)

    read = draw()
    return Exercise(
        family="reading",
        kind="generate",
        language=language,
        input=shown(read),
        target=read.answer,
        description=rng.choice(ASK[language]),
        demonstrations=demonstrations(rng, another, question=shown(read), key=_key(read), shots=shots),
        key=_key(read),
    )


def _key(read: Read) -> str:
    """Sets are small: a question counts as another one with another piece of its passage. Exams have passages of their own."""
    return f"{read.question}|{read.passage}"


def made(rng: random.Random, sources: Sources, language: Language, limit: int) -> Read:
    """A question about a stretch of an article."""
    absent = rng.random() < MISSING
    while True:
        given, found = asked(rng, sources, language, limit, ABSENT if absent else tuple(WEIGHTS))
        if not absent:
            return Read(given.text, found.question, found.answer)
        other = stretch(rng, sources, language, limit)
        if not any(text in other.text for text in (found.answer, found.mark)):
            return Read(other.text, found.question, UNKNOWN[language])


def asked(
    rng: random.Random, sources: Sources, language: Language, limit: int, makers: Sequence[Maker]
) -> tuple[Stretch, Found]:
    """A stretch with a question about it: by a maker drawn by its weight, the next where it finds nothing to ask."""
    weights = [WEIGHTS[maker] for maker in makers]
    while True:
        given = stretch(rng, sources, language, limit)
        for maker in rng.choices(makers, weights, k=4):
            if (found := maker(rng, given)) and len(found.answer) <= (80 if language == "zh" else 240):
                return given, found


def stretch(rng: random.Random, sources: Sources, language: Language, limit: int) -> Stretch:
    """Two sentences or more of an article, from its front more often than not."""
    while True:
        article = rng.choice(articles(sources, language))
        front = rng.random() < 0.6
        parts = run(rng, article, limit, front=front)
        if len(parts) > 1:
            return Stretch(article.title, tuple(parts), language, front)


def labelled(rng: random.Random, sources: Sources, limit: int) -> Read:
    """A question of cmrc2018 with a piece of its passage that has the answer, or one that has not."""
    rows = _rows(sources)
    while True:
        row = rng.choice(rows)
        question, answer = row["question"], row["output"]
        if rng.random() >= MISSING:
            return Read(piece(rng, row, 2 * limit), question, answer)
        other = row if rng.random() < 0.5 else rng.choice(rows)
        parts = [part for part in _sentences(other["context"]) if answer not in part]
        text = _around(rng, parts, rng.randrange(len(parts)), 2 * limit) if parts else ""
        if text and answer not in text and (other is row or _apart(question, text)):
            return Read(text, question, UNKNOWN["zh"])


def piece(rng: random.Random, row: dict[str, Any], limit: int) -> str:
    """Sentences of the passage around those with the answer, of about ``limit`` characters."""
    context, answer = row["context"], row["output"]
    parts = _sentences(context)
    at = next((i for i, part in enumerate(parts) if answer in part), None)
    if at is None:  # over a sentence's end
        start = max(0, context.index(answer) - limit // 4)
        return context[start : start + len(answer) + limit]
    return _around(rng, parts, at, limit)


def _around(rng: random.Random, parts: list[str], at: int, limit: int) -> str:
    low, high = at, at + 1
    while low > 0 or high < len(parts):
        down = high == len(parts) or (low > 0 and rng.random() < 0.5)
        more = (low - 1, high) if down else (low, high + 1)
        if sum(map(len, parts[more[0] : more[1]])) > limit:
            break
        low, high = more
    return "".join(parts[low:high])


def _sentences(context: str) -> list[str]:
    return [part for part in re.split(r"(?<=[。！？；])", context) if part.strip()]


def _apart(question: str, text: str) -> bool:
    """Whether a passage has little of what a question speaks of: no four characters of it in a row."""
    return not any(question[i : i + 4] in text for i in range(len(question) - 3))


@cache
def _rows(sources: Sources) -> list[dict[str, Any]]:
    """Questions whose answer is short and, where it was marked with a full stop, without it."""
    rows = [{**row, "output": row["output"].strip("。，； ")} for row in sources.rows("cmrc2018")]
    return [row for row in rows if 0 < len(row["output"]) <= 30 and row["output"] in row["context"]]


FAMILIES: tuple[Family, ...] = (Family("reading", reading, ("cmrc2018", "text:en_wiki", "text:zh_wiki")),)
