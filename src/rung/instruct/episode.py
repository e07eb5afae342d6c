"""Few-shot classification episodes: groups of texts become a task whose labels must be read off the demonstrations.

Label words are the groups' own names, the names exchanged ("flipped"), or arbitrary words; only the first kind can be answered
without demonstrations. What a label means is then nowhere but in the context (Min et al. 2022, arXiv 2202.12837, and Wei et
al. 2023, arXiv 2303.03846, measure models that lean on names instead; MetaICL, Min et al. 2022, arXiv 2110.15943, trains on such episodes).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from rung.instruct.item import Exercise
from rung.types import Demonstration, Language

ROOM = 2600  # UTF-8 bytes of a whole episode: about 850 tokens of the 1,024
SHOTS = (1, 2, 2, 3, 4, 4, 6, 8, 8, 12, 16)

ARBITRARY: dict[Language, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("A", "B", "C", "D", "E", "F"),
        ("1", "2", "3", "4", "5", "6"),
        ("foo", "bar", "baz", "qux", "zap", "wug"),
        ("red", "blue", "green", "white", "black", "brown"),
        ("apple", "stone", "river", "chair", "moon", "bread"),
        ("north", "south", "east", "west", "up", "down"),
        ("dog", "cat", "horse", "bird", "fish", "snake"),
        ("yes", "no", "maybe", "never", "always", "often"),
        ("x", "y", "z", "p", "q", "r"),
        ("Tom", "Mary", "John", "Anna", "Paul", "Kate"),
        ("one", "two", "three", "four", "five", "six"),
        ("gold", "silver", "iron", "wood", "glass", "paper"),
    ),
    "zh": (
        ("甲", "乙", "丙", "丁", "戊", "己"),
        ("A", "B", "C", "D", "E", "F"),
        ("1", "2", "3", "4", "5", "6"),
        ("红", "蓝", "绿", "白", "黑", "黄"),
        ("苹果", "石头", "河流", "椅子", "月亮", "面包"),
        ("东", "南", "西", "北", "上", "下"),
        ("狗", "猫", "马", "鸟", "鱼", "蛇"),
        ("是", "否", "也许", "从不", "总是", "常常"),
        ("春", "夏", "秋", "冬", "晨", "夜"),
        ("金", "木", "水", "火", "土", "风"),
        ("小明", "小红", "小刚", "小丽", "小华", "小军"),
        ("一", "二", "三", "四", "五", "六"),
    ),
}


def episode(
    rng: random.Random,
    family: str,
    language: Language,
    groups: Mapping[str, Callable[[], str]],
    *,
    description: str = "",
    named: bool = True,
    shots: int | None = None,
    kind: str = "",
) -> Exercise:
    """A classification exercise over ``groups`` (name -> a function that draws a text of that group).

    named: the names say what the groups are, so that they may be the labels, also with no demonstration at all. The description is
    given only where the names are the labels. Demonstrations are as many of ``shots`` as there is room for, classes in random
    order, each class at least once where there are enough. ``kind`` fixes what the label words are: "names", "flipped", "arbitrary".
    """
    names = list(groups)
    kind = kind or rng.choices(("arbitrary", "names", "flipped"), (5, 4, 1) if named else (1, 0, 0))[0]
    words = label_words(rng, language, names, kind)
    if shots is None:
        shots = 0 if kind == "names" and rng.random() < 0.25 else rng.choice(SHOTS)
    if kind != "names":
        shots = max(shots, len(names))
    asked = rng.choice(names)
    text = groups[asked]()
    drawn = names * (shots // len(names)) + rng.sample(names, shots % len(names))
    if rng.random() < 0.5:  # random rather than balanced, but every class at least once where that can be
        drawn = [*names[: min(shots, len(names))], *(rng.choice(names) for _ in range(shots - len(names)))]
    rng.shuffle(drawn)
    pairs = [(groups[name](), name) for name in drawn]
    pairs = fitting([p for p in dict(pairs).items() if p[0] != text], len(text.encode()))
    labels = list(words.values())
    rng.shuffle(labels)
    return Exercise(
        family=family,
        kind="classify",
        language=language,
        input=text,
        target=words[asked],
        description=description if kind == "names" else "",
        labels=tuple(labels),
        demonstrations=tuple(Demonstration(t, words[name]) for t, name in pairs),
    )


def label_words(rng: random.Random, language: Language, names: Sequence[str], kind: str) -> dict[str, str]:
    """The label word of each group."""
    if kind == "arbitrary":
        return dict(zip(names, rng.sample(rng.choice(ARBITRARY[language]), len(names)), strict=True))
    if kind == "flipped":
        turned = [*names[1:], names[0]]
        return dict(zip(names, turned, strict=True))
    return {name: name for name in names}


def fitting(pairs: Sequence[tuple[str, str]], used: int) -> list[tuple[str, str]]:
    """As many of the pairs from the front as there is room for beside ``used`` bytes."""
    kept: list[tuple[str, str]] = []
    for text, label in pairs:
        used += len(text.encode()) + 40
        if used > ROOM:
            break
        kept.append((text, label))
    return kept
