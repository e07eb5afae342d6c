"""Is a proposed answer right? Sums, facts from a line above, sorted lists and counted letters.

checking          a label: right or wrong, in many words for it
checking-steps    the same for sums, with the sum worked out before the label
checking-reasons  in words, in one form: "right", or "wrong: 7+8=15, so the answer is 85" / "对"、"错：7+8=15，所以答案是85"
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from rung.instruct.exercises.arithmetic import reasoning_prompt, thought
from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.facts import ATTRIBUTES, facts, told, upper
from rung.instruct.exercises.stories import wording
from rung.instruct.exercises.sums import Sum, columns, draw_sum
from rung.instruct.exercises.world import THINGS, invented
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

RIGHT: dict[Language, str] = {"en": "right", "zh": "对"}
WRONG: dict[Language, str] = {"en": "wrong: ", "zh": "错："}
LABELS: dict[Language, tuple[tuple[str, str], ...]] = {  # what is right, what is wrong
    "en": (
        ("right", "wrong"), ("correct", "incorrect"), ("yes", "no"), ("true", "false"), ("Yes", "No"), ("True", "False"),
        ("correct", "wrong"), ("right", "not right"), ("accept", "reject"), ("OK", "error"),
    ),
    "zh": (
        ("对", "错"), ("正确", "错误"), ("是", "否"), ("是", "不是"), ("对", "不对"), ("正确", "不正确"), ("真", "假"),
        ("通过", "不通过"), ("答对了", "答错了"), ("没问题", "有问题"),
    ),
}  # fmt: skip
ASK: dict[Language, tuple[str, ...]] = {  # {a}: the word for right, {b}: the word for wrong
    "en": (
        "Is the proposed answer right? Write {a} if it is, {b} if it is not.", "Check the answer: {a} or {b}?",
        "You check homework. Say {a} for a good answer and {b} for a bad one.", "Decide whether the answer is true to the question.",
        "Does the answer hold? {a} / {b}", "Judge the answer: write {a} when it is right, else {b}.", "Mark the answer.",
        "Look at the answer and verify it.", "Is this correct?", "Find out whether a mistake was made: {b} if so, otherwise {a}.",
    ),
    "zh": (
        "给出的答案对吗？对就写“{a}”，不对就写“{b}”。", "检查答案，回答{a}或{b}。", "你来批改作业，答得对写{a}，答得不对写{b}。", "判断答案是否正确。",
        "这个答案成立吗？{a}/{b}", "核对下面的答案：正确写{a}，否则写{b}。", "给答案打分，只写{a}或{b}。", "看一看答案有没有错。", "这样回答对不对？",
        "请验证答案，有错写{b}，没错写{a}。",
    ),
}  # fmt: skip
ASK_WHY: dict[Language, tuple[str, ...]] = {
    "en": (
        "Check the answer. If it is wrong, say what is right.", "Say whether the answer is right, and what is wrong with it.",
        "Correct the homework.", "Is it right? If not, explain the mistake.", "Find the mistake, if there is one.",
        "You are a teacher. Check the answer and mend it where it is wrong.", "Verify the answer and give a reason when it fails.",
        "Right or wrong? Give the reason for wrong.",
    ),
    "zh": (
        "检查答案，如果错了，说出正确的。", "答案对吗？不对的话说明哪里错了。", "批改作业，写出错在哪里。", "判断对错，错的要改正。", "找出答案里的错误，没有就说对。",
        "你是老师，请检查答案并订正。", "核对答案，答错时给出理由。", "对还是错？错了请说明原因。",
    ),
}  # fmt: skip
LAYOUTS: dict[Language, tuple[str, ...]] = {  # {q}: what was asked, {p}: the proposed answer
    "en": (
        "{q}\nAnswer: {p}", "{q}\nProposed answer: {p}", "Question: {q}\nAnswer given: {p}", "{q} -> {p}", "{q} | {p}",
        "A pupil was asked: {q}\nThe pupil wrote: {p}", "{q}\nSomebody says {p}.", "{q} Is it {p}?", "Task: {q}\nSolution: {p}",
    ),
    "zh": (
        "{q}\n答案：{p}", "{q}\n给出的答案：{p}", "题目：{q}\n作答：{p}", "{q} → {p}", "{q}｜{p}", "学生遇到的题：{q}\n学生写的是：{p}",
        "{q}\n有人说是{p}。", "{q}是{p}吗？", "任务：{q}\n解答：{p}",
    ),
}  # fmt: skip
SORT: dict[Language, tuple[tuple[str, str], ...]] = {  # to sort up, to sort down
    "en": (
        ("Sort from small to large: {x}", "Sort from large to small: {x}"), ("Put in rising order: {x}", "Put in falling order: {x}"),
        ("Write {x} with the smallest first.", "Write {x} with the largest first."),
        ("Order these numbers upwards: {x}", "Order these numbers downwards: {x}"),
    ),
    "zh": (
        ("从小到大排列：{x}", "从大到小排列：{x}"), ("把{x}按升序排好。", "把{x}按降序排好。"), ("{x}，小的在前，重新写一遍。", "{x}，大的在前，重新写一遍。"),
        ("请给这些数由小到大排序：{x}", "请给这些数由大到小排序：{x}"),
    ),
}  # fmt: skip
COUNT: dict[Language, tuple[str, ...]] = {
    "en": (
        "How many times does {c} stand in {x}?", "Count {c} in {x}.", "How often do you see {c} in {x}?",
        "Look at {x}. How many are {c}?",
    ),
    "zh": ("{x}里有几个{c}？", "数一数{x}中{c}出现了几次。", "{c}在{x}中出现多少次？", "看{x}，其中{c}有几个？"),
}  # fmt: skip
PASSAGES: dict[Language, tuple[str, ...]] = {
    "en": ("{t}\n{q}", "Text: {t}\nQuestion: {q}", "{q}\n({t})", "Note: {t} {q}"),
    "zh": ("{t}\n{q}", "原文：{t}\n问题：{q}", "{q}\n（{t}）", "资料：{t}{q}"),
}


@dataclass(frozen=True)
class Checked:
    """A question with a proposed answer. ``reason`` is what is said of a wrong one.

    Only sums have ``steps``: the sum worked out, and compared with what was proposed.
    """

    question: str
    proposed: str
    right: bool
    reason: str
    key: str
    steps: str = ""


def checked_sum(rng: random.Random, language: Language) -> Checked:
    """A sum, and its value or a near miss."""
    total = draw_sum(rng)
    right = rng.random() < 0.5
    proposed = total.value if right else miss(rng, total)
    so = f"，所以答案是{total.value}" if language == "zh" else f", so the answer is {total.value}"
    reason = "" if right else fault(total, proposed) + so
    steps = f"{total.steps(language)}\n{total.value}{'=' if right else '≠'}{proposed}"
    return Checked(wording(rng, total, language), str(proposed), right, reason, total.key, steps)


def miss(rng: random.Random, total: Sum) -> int:
    """A wrong value such as a hurried person writes: one digit off, ten off, the carry forgotten, two digits exchanged."""
    value = total.value
    digits = str(value)
    near = {value + step for step in (-20, -10, -2, -1, 1, 2, 10, 20)}
    if len(digits) > 1:
        near.add(int(digits[:-2] + digits[-1] + digits[-2]))
    if len(total.terms) == 1 and total.signs == "+":
        near.add(sum(sum(n // 10**p % 10 for n in total.numbers) % 10 * 10**p for p in range(3)))
    return rng.choice(sorted(number for number in near - {value} if number >= 0))


def fault(total: Sum, proposed: int) -> str:
    """The calculation that shows the mistake: of the first place from the right whose digit is not as proposed.

    Where the answer takes more than one line, the last of them.
    """
    if len(total.lines("en")) > 1:
        return total.lines("en")[-1].split(":")[0] + f"={total.value}"
    a, b = total.numbers
    sign = total.signs
    if sign == "×" and b > a:
        a, b = b, a
    clauses = columns(a, sign, b, "en")
    wrong = next(p for p in range(9) if total.value // 10**p % 10 != proposed // 10**p % 10)
    work = clauses[min(wrong, len(clauses) - 1)].split(", write")[0]
    return work.split(" ", 1)[1].split(", ")[-1]


def checked_fact(rng: random.Random, language: Language) -> Checked:
    """A question about a passage, and the passage's answer or another."""
    known = facts(rng, language, rng.choice(list(ATTRIBUTES[language])))
    asked = rng.choice(known)
    right = rng.random() < 0.5
    proposed = asked.value if right else asked.other(rng).value
    question = rng.choice(PASSAGES[language]).format(t=told(rng, known, language), q=upper(asked.asked(rng)))
    reason = f"原文说的是{asked.value}" if language == "zh" else f"the text says {asked.value}"
    return Checked(question, proposed, right, reason, f"{question}|{asked.value}")


def checked_sort(rng: random.Random, language: Language) -> Checked:
    """Numbers to be sorted, and the list sorted or with two neighbours exchanged."""
    numbers = rng.sample(range(1, rng.choice((10, 100, 100, 1000))), rng.randint(3, 6))
    down = rng.random() < 0.4
    order = sorted(numbers, reverse=down)
    right = rng.random() < 0.5
    proposed = list(order)
    at = rng.randrange(len(order) - 1)
    if not right:
        proposed[at], proposed[at + 1] = proposed[at + 1], proposed[at]
    comma = rng.choice(("、", "，", " ") if language == "zh" else (", ", " "))
    question = rng.choice(SORT[language])[down].format(x=comma.join(map(str, numbers)))
    first, second = order[at], order[at + 1]
    reason = f"{first}应排在{second}前面" if language == "zh" else f"{first} comes before {second}"
    return Checked(question, comma.join(map(str, proposed)), right, reason, f"{sorted(numbers)}{down}{numbers}")


def checked_count(rng: random.Random, language: Language) -> Checked:
    """A letter in a word or a thing in a list, and how often it stands there."""
    way = rng.choice(("letters", "things", "word"))
    comma = "、" if language == "zh" else ", "
    if way == "word":
        text = "".join(invented(rng, language) for _ in range(2)).lower()
        text = text if language == "en" else text + text[: rng.randrange(3)]
        item = rng.choice(text)
        times, shown = text.count(item), text
    else:
        pool = [t for t, _ in THINGS[language]] if way == "things" else list("abcdefgh")
        pool = rng.sample(pool, 3)
        items = [rng.choice(pool) for _ in range(rng.randint(3, 8))]
        item = rng.choice(items)
        times, shown = items.count(item), (comma if way == "things" else " ").join(items)
    right = rng.random() < 0.5
    proposed = times if right else rng.choice([n for n in (times - 2, times - 1, times + 1, times + 2) if n >= 0])
    quoted = ("“{}”" if language == "zh" else '"{}"').format
    question = rng.choice(COUNT[language]).format(c=quoted(item), x=quoted(shown))
    reason = f"有{times}个{quoted(item)}" if language == "zh" else f"the count of {quoted(item)} is {times}"
    return Checked(question, str(proposed), right, reason, f"{shown}|{item}")


THEMES: tuple[tuple[Callable[[random.Random, Language], Checked], int], ...] = (
    (checked_sum, 4), (checked_fact, 4), (checked_sort, 2), (checked_count, 2),
)  # fmt: skip


def checking(rng: random.Random, sources: Sources) -> Exercise:
    """A label for a proposed answer."""
    theme = rng.choices([t for t, _ in THEMES], [w for _, w in THEMES])[0]
    return _label(rng, "checking", theme)


def checking_steps(rng: random.Random, sources: Sources) -> Exercise:
    """A label for a proposed sum, behind the sum worked out and compared: "...; so 85\\n85≠75"."""
    return _label(rng, "checking-steps", checked_sum, steps=True)


def _label(
    rng: random.Random, family: str, theme: Callable[[random.Random, Language], Checked], *, steps: bool = False
) -> Exercise:
    language: Language = rng.choice(("zh", "en"))
    layout = rng.choice(LAYOUTS[language])
    good, bad = rng.choice(LABELS[language])
    item = theme(rng, language)

    def another() -> tuple[str, str, str]:
        other = theme(rng, language)
        return _shown(layout, other), good if other.right else bad, other.key

    text = _shown(layout, item)
    shots = rng.choice((0, 0, 0, 0, 1, 2, 4)) if steps else None
    return Exercise(
        family=family,
        kind="classify",
        language=language,
        input=text,
        target=good if item.right else bad,
        description=rng.choice(ASK[language]).format(a=good, b=bad),
        labels=tuple(rng.sample((good, bad), 2)),
        demonstrations=demonstrations(rng, another, question=text, key=item.key, shots=shots),
        reasoning=thought(item.steps, language) if steps else None,
        prompt=reasoning_prompt(rng, language, "classify") if steps else None,
        key=item.key,
    )


def checking_reasons(rng: random.Random, sources: Sources) -> Exercise:
    """What is wrong with a proposed answer, in words."""
    language: Language = rng.choice(("zh", "en"))
    theme = rng.choices([t for t, _ in THEMES], [w for _, w in THEMES])[0]
    layout = rng.choice(LAYOUTS[language])
    item = theme(rng, language)

    def another() -> tuple[str, str, str]:
        other = theme(rng, language)
        return _shown(layout, other), _verdict(other, language), other.key

    text = _shown(layout, item)
    return Exercise(
        family="checking-reasons",
        kind="generate",
        language=language,
        input=text,
        target=_verdict(item, language),
        description=rng.choice(ASK_WHY[language]),
        demonstrations=demonstrations(
            rng, another, question=text, key=item.key, shots=rng.choice((0, 0, 0, 1, 2, 4, 6))
        ),
        key=item.key,
    )


def _shown(layout: str, item: Checked) -> str:
    return layout.format(q=item.question, p=item.proposed)


def _verdict(item: Checked, language: Language) -> str:
    return RIGHT[language] if item.right else WRONG[language] + item.reason


FAMILIES: tuple[Family, ...] = (
    Family("checking", checking),
    Family("checking-steps", checking_steps),
    Family("checking-reasons", checking_reasons),
)
