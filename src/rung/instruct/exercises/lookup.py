"""Look a value up in the prompt: in sentences, lists and tables about invented people, towns, books, shops and rivers.

Where the prompt does not hold the answer, the answer is that: "I do not know." / "我不知道。"
"""

from __future__ import annotations

import random

from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.facts import ATTRIBUTES, Fact, entity, upper
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

UNKNOWN: dict[Language, str] = {"en": "I do not know.", "zh": "我不知道。"}
MISSING = 0.23  # of the questions
ASK: dict[Language, tuple[str, ...]] = {
    "en": (
        "Answer from the text. If it is not there, say that you do not know.", "Look it up. Say \"I do not know.\" when the answer is missing.",
        "Use only what is written here.", "Find the value. If there is none, answer: I do not know.", "Read the notes and answer the question.",
        "Answer with the words of the list.", "", "Do not guess: what is not in the text, you do not know.",
    ),
    "zh": (
        "根据内容回答，没有提到就说不知道。", "查一查，查不到就回答“我不知道。”", "只用给出的资料作答。", "找出对应的值，没有就写：我不知道。",
        "阅读资料，回答问题。", "用表里的原话回答。", "",
        "不要猜，资料里没有的就说不知道。",
    ),
}  # fmt: skip
ROWS = (
    "{x}: {v}",
    "{x} - {v}",
    "- {x}: {v}",
    "{x} = {v}",
    "{x} | {v}",
    "{x}, {v}",
    "{x} -> {v}",
    "* {x} ({v})",
    "{v}: {x}",
)
ROWS_ZH = (
    "{x}：{v}",
    "{x}：{v}",
    "- {x}：{v}",
    "{x} = {v}",
    "{x} | {v}",
    "{x}，{v}",
    "{x} → {v}",
    "* {x}（{v}）",
    "{v}：{x}",
)
HEADS: dict[Language, tuple[str, ...]] = {  # {n}: what the values are
    "en": ("{n}:", "List of entries with their {n}", "name and {n}", "({n})", "Table: {n}"),
    "zh": ("{n}：", "各项的{n}", "名称和{n}", "（{n}）", "表：{n}"),
}
WHOLE: dict[Language, tuple[str, ...]] = {  # {c}: what is told, {q}: the question
    "en": (
        "{c}\n{q}",
        "{c}\n\n{q}",
        "{q}\n{c}",
        "Notes:\n{c}\nQuestion: {q}",
        "Text: {c}\n{q}",
        "Here is what I know.\n{c}\nNow: {q}",
    ),
    "zh": ("{c}\n{q}", "{c}\n\n{q}", "{q}\n{c}", "资料：\n{c}\n问题：{q}", "文本：{c}\n{q}", "已知：\n{c}\n请问：{q}"),
}
BACK: dict[Language, tuple[str, ...]] = {  # the other way: {n} is {v}, whose?
    "en": ("Which entry has {v} as its {n}?", "Whose {n} is {v}?", "{v} is the {n} of what or whom?"),
    "zh": ("哪一项的{n}是{v}？", "谁或什么的{n}是{v}？", "{v}是哪一个的{n}？"),
}


def lookup(rng: random.Random, sources: Sources) -> Exercise:
    """A question about what the prompt tells, or about what it does not."""
    language: Language = rng.choice(("zh", "en"))
    text, target, key = _draw(rng, language)
    shots = rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))
    return Exercise(
        family="lookup",
        kind="generate",
        language=language,
        input=text,
        target=target,
        description=rng.choice(ASK[language]),
        demonstrations=demonstrations(rng, lambda: _draw(rng, language), question=text, key=key, shots=shots),
        key=key,
    )


def _draw(rng: random.Random, language: Language) -> tuple[str, str, str]:
    """The text with its question, the answer, and the key: names are invented, so a question hardly comes twice."""
    kind = rng.choice(list(ATTRIBUTES[language]))
    attributes = rng.sample(ATTRIBUTES[language][kind], rng.choice((1, 1, 2)))
    names = list({entity(rng, language, kind): None for _ in range(rng.choice((2, 3, 3, 4, 5, 6, 8)))})
    told = [[Fact(name, attribute, attribute.draw(rng)) for attribute in attributes] for name in names]
    asked = rng.choice(rng.choice(told))
    missing = rng.random() < MISSING
    if missing:
        told = _without(rng, told, asked, language, kind)
    question, target = asked.asked(rng), asked.value
    values = [fact.value for facts in told for fact in facts]
    if not missing and rng.random() < 0.2 and values.count(asked.value) == 1:
        question, target = rng.choice(BACK[language]).format(n=asked.attribute.noun, v=asked.value), asked.name
    text = rng.choice(WHOLE[language]).format(c=_context(rng, told, language), q=question)
    return text, UNKNOWN[language] if missing else target, f"{question} {asked.value}"


def _without(
    rng: random.Random, told: list[list[Fact]], asked: Fact, language: Language, kind: str
) -> list[list[Fact]]:
    """What is told without the answer: it leaves out the one asked for, or tells other things of it."""
    others = [a for a in ATTRIBUTES[language][kind] if a not in [fact.attribute for fact in told[0]]]
    if not others or rng.random() < 0.6:
        other = entity(rng, language, kind)
        while other == asked.name or other in [facts[0].name for facts in told]:
            other = entity(rng, language, kind)
        return [
            [Fact(other if f.name == asked.name else f.name, f.attribute, f.value) for f in facts] for facts in told
        ]
    changed = rng.choice(others)
    return [
        [Fact(f.name, changed, changed.draw(rng)) if f.attribute == asked.attribute else f for f in facts]
        for facts in told
    ]


def _context(rng: random.Random, told: list[list[Fact]], language: Language) -> str:
    """Sentences in random order; else a list (one attribute) or a table (two) under a heading that names what the values are."""
    if rng.random() < 0.5:
        said = [upper(fact.said(rng)) for facts in told for fact in facts]
        return rng.choice(("\n", "" if language == "zh" else " ")).join(rng.sample(said, len(said)))
    nouns = [fact.attribute.noun for fact in told[0]]
    if len(nouns) == 1:
        row = rng.choice(ROWS_ZH if language == "zh" else ROWS)
        lines = [row.format(x=fact.name, v=fact.value) for (fact,) in told]
        return "\n".join([rng.choice(HEADS[language]).format(n=nouns[0]), *lines])
    mark = rng.choice((" | ", "\t", ", ", ",", "; "))
    rows = [[facts[0].name, *(fact.value for fact in facts)] for facts in told]
    return "\n".join(mark.join(row) for row in [["名称" if language == "zh" else "name", *nouns], *rows])


FAMILIES: tuple[Family, ...] = (Family("lookup", lookup),)
