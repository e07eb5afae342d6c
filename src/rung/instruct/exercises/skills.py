"""A skill is something to do with a text: ways to ask for it, and a way to draw a text with the answer. It becomes an exercise here.

What is asked for stands above the texts, beside each of them, or nowhere: then the demonstrations alone must tell it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.item import Exercise
from rung.prompts import TEMPLATES
from rung.types import Kind, Language, Prompt

SHOTS = (0, 0, 0, 0, 0, 1, 2, 3, 4, 6, 8)
BESIDE: dict[Language, tuple[str, ...]] = {  # {a}: what is asked, {t}: the text
    "en": ("{a}\n{t}", "{a} {t}", "{a}\n\n{t}", "{t}\n{a}", "{t}\n\n{a}", "{a}\nText: {t}", "Text: {t}\nTask: {a}", "Please do this. {a}\n{t}"),
    "zh": ("{a}\n{t}", "{a}{t}", "{a}\n\n{t}", "{t}\n{a}", "{t}\n\n{a}", "{a}\n文本：{t}", "文本：{t}\n要求：{a}", "请完成任务。{a}\n{t}"),
}  # fmt: skip


class Asked(NamedTuple):
    """A text and the answer to it. ``key`` is what exams hold out; empty: the text."""

    text: str
    target: str
    key: str = ""


@dataclass(frozen=True)
class Skill:
    """``ask``: whole sentences; one of them goes with all that is drawn. Empty: the text itself says what to do."""

    ask: Sequence[str]
    draw: Callable[[], Asked]
    labels: tuple[str, ...] = ()  # given: one of them is the answer, and it is chosen rather than written
    shown: bool = True  # demonstrations alone can tell what to do


def exercise(
    rng: random.Random, family: str, language: Language, skill: Skill, shots: Sequence[int] = SHOTS
) -> Exercise:
    """The skill asked for in one of many ways, behind as many demonstrations of it as are drawn and fit."""
    kind: Kind = "classify" if skill.labels else "generate"
    item = skill.draw()
    ask = rng.choice(skill.ask) if skill.ask else ""
    place = rng.choices(("above", "beside", "nowhere"), (5, 4, 1 if skill.shown else 0))[0] if ask else "nowhere"
    layout = rng.choice(BESIDE[language]) if place == "beside" else "{t}"

    def put(text: str) -> str:
        return layout.format(a=ask, t=text)

    def another() -> tuple[str, str, str]:
        other = skill.draw()
        return put(other.text), other.target, other.key or other.text

    wanted = rng.choice((3, 4, 6, 8)) if ask and place == "nowhere" else rng.choice(shots)
    found = demonstrations(rng, another, question=put(item.text), key=item.key or item.text, shots=wanted)
    told = place == "above" or (place == "nowhere" and len(found) < 3)
    return Exercise(
        family=family,
        kind=kind,
        language=language,
        input=put(item.text),
        target=item.target,
        description=ask if told else "",
        labels=tuple(rng.sample(skill.labels, len(skill.labels))),
        demonstrations=found,
        prompt=telling(rng, language, kind) if ((told and ask) or skill.labels) and len(found) < 3 else None,
        key=item.key or item.text,
    )


def telling(rng: random.Random, language: Language, kind: Kind) -> Prompt:
    """A template that shows the description and the labels."""
    return rng.choice([p for p in TEMPLATES[language][kind] if p.name in ("instruct", "role", "question")])
