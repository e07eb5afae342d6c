"""Compound questions: split into two single ones, and answered in turn from given facts.

Two lines, "1. ..." and "2. ...", are the one form of both. Where the second question is about the first's answer it says #1:
"When was the author of X born?" becomes "1. Who wrote X?" and "2. When was #1 born?" (as in Wolfson et al. 2020,
arXiv 2001.11770).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.facts import ATTRIBUTES, Attribute, Fact, fact, facts, told, upper
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

SPLIT: dict[Language, tuple[str, ...]] = {
    "en": (
        "Split the question into two simple ones.", "Break the question into two steps.", "Which two questions must be answered?",
        "Write the two single questions, numbered.", "Take the question apart.", "List the sub-questions in order; #1 is the first answer.",
        "Decompose the question.", "Turn this into two short questions.", "Do not answer. Write two questions, 1 and 2.",
    ),
    "zh": (
        "把问题拆成两个简单的问题。", "将问题分成两步。", "要回答它，需要先回答哪两个问题？", "写出两个单独的问题，编号。", "把复合问题拆开。",
        "按顺序列出子问题，用#1表示第一个答案。", "分解这个问题。", "改写成两个短问题。", "不要回答，只写出问题1和问题2。",
    ),
}  # fmt: skip
COMPOSE: dict[Language, tuple[str, ...]] = {
    "en": (
        "Answer both parts from the text.", "Answer the two questions in turn.", "Give the two answers, numbered.", "Use the facts to answer, one line each.",
        "Read the text, then answer 1 and 2.", "Answer step by step in two lines.", "Find both answers in the text.", "Write answer 1 and answer 2.",
    ),
    "zh": (
        "根据材料回答两部分。", "依次回答两个问题。", "写出两个答案，编号。", "用给出的事实作答，每个一行。", "读材料，回答1和2。", "分两行一步一步回答。",
        "从材料里找出两个答案。", "写出答案1和答案2。",
    ),
}  # fmt: skip
BOTH: dict[Language, tuple[str, ...]] = {  # {a} and {b}: two questions without their marks
    "en": (
        "{a}, and {b}?", "{a} and {b}?", "I would like to know two things: {a}, and {b}?", "{a}? And {b}?", "Tell me: {a} and {b}?",
        "{a}; also, {b}?", "First, {a}? Second, {b}?", "Can you say {a} and {b}?",
    ),
    "zh": (
        "{a}，{b}？", "{a}？另外，{b}？", "我想知道两件事：{a}，还有{b}？", "{a}，以及{b}？", "请问{a}，{b}？", "{a}？还有，{b}？", "先说{a}，再说{b}？",
        "能不能告诉我{a}和{b}？",
    ),
}  # fmt: skip
NESTED: dict[Language, tuple[str, ...]] = {  # {q}: a question in which "the author of X" stands for a name
    "en": ("{q}", "Do you know: {q}", "Tell me, {q}", "My question is: {q}", "{q} Please find out."),
    "zh": ("{q}", "你知道吗，{q}", "请问{q}", "我的问题是：{q}", "{q}请查一下。"),
}
GIVEN: dict[Language, tuple[str, ...]] = {
    "en": ("{t}\n{q}", "Facts: {t}\nQuestion: {q}", "{q}\nText: {t}", "Read: {t}\nThen answer: {q}"),
    "zh": ("{t}\n{q}", "材料：{t}\n问题：{q}", "{q}\n材料：{t}", "请读：{t}\n回答：{q}"),
}


@dataclass(frozen=True)
class Compound:
    """A question made of two, the two, their answers, and the facts that give them. ``key`` is the same in every wording."""

    text: str
    parts: tuple[str, str]
    answers: tuple[str, str]
    known: tuple[Fact, ...]
    key: str


def draw_compound(rng: random.Random, language: Language) -> Compound:
    """Two questions about one or two things, or one about what another answers."""
    return rng.choice((_both, _both, _nested))(rng, language)


def _both(rng: random.Random, language: Language) -> Compound:
    """Two questions side by side: of two things, or two of one thing."""
    one, two = fact(rng, language), fact(rng, language)
    if rng.random() < 0.4:
        kind = rng.choice(list(ATTRIBUTES[language]))
        one, two = rng.sample(facts(rng, language, kind, least=2), 2)
    a, b = one.asked(rng), two.asked(rng)
    small_a, small_b = _small(_unmarked(a), one.name), _small(_unmarked(b), two.name)
    text = rng.choice(BOTH[language]).format(a=small_a, b=small_b)
    return Compound(upper(text), (upper(a), upper(b)), (one.value, two.value), (one, two), f"{_key(one)}|{_key(two)}")


def _nested(rng: random.Random, language: Language) -> Compound:
    """The second question is about the answer to the first, which it names only as "the author of X"."""
    leading = [(kind, a) for kind, many in ATTRIBUTES[language].items() for a in many if a.leads]
    kind, attribute = rng.choice(leading)
    one = _valued(rng, language, kind, attribute)
    two = facts(rng, language, attribute.leads, name=one.value, most=1)[0]
    wording = rng.choice(two.attribute.asked)
    named = f"the {attribute.noun} of {one.name}" if language == "en" else f"{one.name}的{attribute.noun}"
    text = rng.choice(NESTED[language]).format(q=_small(wording.format(x=named), named))
    first = upper(attribute.asked[0].format(x=one.name))  # its first wording: the text does not say which
    second = upper(wording.format(x="#1"))
    return Compound(upper(text), (first, second), (one.value, two.value), (one, two), f"{_key(one)}|{_key(two)}")


def _valued(rng: random.Random, language: Language, kind: str, attribute: Attribute) -> Fact:
    """A fact with that attribute."""
    return Fact(facts(rng, language, kind, most=1)[0].name, attribute, attribute.draw(rng))


def _key(known: Fact) -> str:
    return f"{known.attribute.noun} {known.name}"


def _unmarked(question: str) -> str:
    return question.rstrip("?？.")


def _small(question: str, name: str) -> str:
    """The question with a small front, unless a name stands there."""
    return question if question.startswith(name) else question[:1].lower() + question[1:]


def numbered(one: str, two: str) -> str:
    """The one form of two lines."""
    return f"1. {one}\n2. {two}"


def splitting(rng: random.Random, sources: Sources) -> Exercise:
    """A compound question, to be split."""
    language: Language = rng.choice(("zh", "en"))

    def drawn() -> tuple[str, str, str]:
        compound = draw_compound(rng, language)
        return compound.text, numbered(*compound.parts), compound.key

    text, target, key = drawn()
    return Exercise(
        family="splitting",
        kind="generate",
        language=language,
        input=text,
        target=target,
        description=rng.choice(SPLIT[language]),
        demonstrations=demonstrations(rng, drawn, question=text, key=key, shots=rng.choice((0, 0, 0, 1, 2, 3, 4, 8))),
        key=key,
    )


def composing(rng: random.Random, sources: Sources) -> Exercise:
    """Facts and a compound question, or its two parts: both answers in turn."""
    language: Language = rng.choice(("zh", "en"))
    layout = rng.choice(GIVEN[language])
    parts = rng.random() < 0.4

    def drawn() -> tuple[str, str, str]:
        compound = draw_compound(rng, language)
        names = {f.name for f in compound.known}
        others = [fact(rng, language) for _ in range(rng.choice((0, 1, 1, 2)))]
        passage = told(rng, [*compound.known, *(f for f in others if f.name not in names)], language)
        question = numbered(*compound.parts) if parts else compound.text
        return layout.format(t=passage, q=question), numbered(*compound.answers), compound.key

    text, target, key = drawn()
    return Exercise(
        family="composing",
        kind="generate",
        language=language,
        input=text,
        target=target,
        description=rng.choice(COMPOSE[language]),
        demonstrations=demonstrations(rng, drawn, question=text, key=key, shots=rng.choice((0, 0, 0, 1, 2, 3, 4))),
        key=key,
    )


FAMILIES: tuple[Family, ...] = (Family("splitting", splitting), Family("composing", composing))
