"""Days and dates: the day of the week after some days, another way to write a date, earlier or later, the days between."""

from __future__ import annotations

import random
from datetime import date, timedelta

from rung.instruct.exercises.skills import Asked, Skill
from rung.instruct.exercises.snippets import MONTHS
from rung.instruct.exercises.texts import Make, Wordings, drawn
from rung.instruct.family import Family
from rung.instruct.sources import Sources
from rung.types import Language

DAYS: dict[Language, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
}
ZH_MONTHS = tuple(f"{n}月" for n in range(1, 13))

AFTER: Wordings = {  # {d}: a day, {n}: of days
    "en": (
        "Today is {d}. What day is it in {n} days?", "Which day of the week comes {n} days after {d}?", "If it is {d}, what day is it {n} days later?",
        "{d} plus {n} days is which day?", "It is {d} now. {n} days from now it will be ...",
    ),
    "zh": ("今天是{d}，{n}天后是星期几？", "{d}之后第{n}天是星期几？", "如果今天是{d}，再过{n}天是星期几？", "{d}加{n}天是星期几？", "从{d}起，过{n}天是星期几？"),
}  # fmt: skip
BEFORE: Wordings = {
    "en": ("Today is {d}. What day was it {n} days ago?", "Which day of the week comes {n} days before {d}?", "If it is {d}, what day was it {n} days earlier?"),
    "zh": ("今天是{d}，{n}天前是星期几？", "{d}往前数{n}天是星期几？", "如果今天是{d}，{n}天以前是星期几？"),
}  # fmt: skip
NEXT: Wordings = {  # {d}: a day or a month
    "en": ("What comes right after {d}?", "Which one follows {d}?", "{d} is followed by ..."),
    "zh": ("{d}的下一个是什么？", "{d}之后紧接着是什么？", "{d}后面是哪一个？"),
}  # fmt: skip
PREVIOUS: Wordings = {
    "en": ("What comes right before {d}?", "Which one is in front of {d}?", "What precedes {d}?"),
    "zh": ("{d}的上一个是什么？", "{d}之前紧挨着的是什么？", "{d}前面是哪一个？"),
}  # fmt: skip
BETWEEN: Wordings = {  # {a} and {b}: dates of one month
    "en": (
        "How many days are there from {a} to {b}?", "Count the days between {a} and {b}.", "It is {a}. In how many days is {b}?",
        "How long is it from {a} until {b}, in days?",
    ),
    "zh": ("从{a}到{b}相隔几天？", "{a}到{b}有多少天？", "今天是{a}，再过几天是{b}？", "{a}距{b}多少天？"),
}  # fmt: skip
LATER: Wordings = {  # {a}: a date, {n}: of days
    "en": ("What is the date {n} days after {a}?", "It is {a}. Which date is it in {n} days?", "{a} plus {n} days?"),
    "zh": ("{a}之后{n}天是几月几日？", "今天是{a}，{n}天后是几号？", "{a}加{n}天是哪一天？"),
}  # fmt: skip
EARLIER: Wordings = {
    "en": ("Which date is earlier?", "Which of the two comes first?", "Write the earlier date.", "Pick the date that is longer ago."),
    "zh": ("哪个日期更早？", "两个日期哪个在前？", "写出较早的日期。", "选出更早的一天。"),
}  # fmt: skip
LATEST: Wordings = {
    "en": ("Which date is later?", "Which of the two comes last?", "Write the later date.", "Pick the more recent date."),
    "zh": ("哪个日期更晚？", "两个日期哪个在后？", "写出较晚的日期。", "选出更晚的一天。"),
}  # fmt: skip
SORT: Wordings = {
    "en": ("Sort the dates, the earliest first.", "Put the dates in order.", "Arrange from old to new."),
    "zh": ("把日期从早到晚排列。", "按时间先后排序。", "由早到晚重写这些日期。"),
}  # fmt: skip
FIELD: dict[Language, tuple[tuple[tuple[str, ...], str], ...]] = {
    "en": (
        (("Write the year.", "Which year is it?", "Take the year out of the date."), "{0.year}"),
        (("Write the month as a word.", "Which month is it?", "Name the month."), "{m}"),
        (("Write the day as a number.", "Which day of the month is it?", "Take the day out of the date."), "{0.day}"),
    ),
    "zh": (
        (("写出年份。", "是哪一年？", "取出日期中的年。"), "{0.year}年"),
        (("写出月份。", "是几月？", "取出日期中的月。"), "{0.month}月"),
        (("写出日。", "是几号？", "取出日期中的日。"), "{0.day}日"),
    ),
}  # fmt: skip
FORMATS: dict[Language, tuple[tuple[str, str], ...]] = {  # a format, what it is called
    "en": (
        ("{0.year}-{0.month:02}-{0.day:02}", "as YYYY-MM-DD"), ("{0.day} {m} {0.year}", "as day, month in words, year"),
        ("{m} {0.day}, {0.year}", "with the month in words first"), ("{0.day:02}/{0.month:02}/{0.year}", "as DD/MM/YYYY"),
        ("{0.year}/{0.month:02}/{0.day:02}", "as YYYY/MM/DD"), ("{0.day}.{0.month}.{0.year}", "with dots: day.month.year"),
    ),
    "zh": (
        ("{0.year}-{0.month:02}-{0.day:02}", "YYYY-MM-DD的格式"), ("{0.year}年{0.month}月{0.day}日", "某年某月某日的形式"),
        ("{0.year}/{0.month:02}/{0.day:02}", "YYYY/MM/DD的格式"), ("{0.year}.{0.month}.{0.day}", "用点隔开的形式（年.月.日）"),
        ("{0.day:02}/{0.month:02}/{0.year}", "DD/MM/YYYY的格式"), ("{0.year}{0.month:02}{0.day:02}", "八位数字"),
    ),
}  # fmt: skip
CONVERT: Wordings = {
    "en": ("Write the date {f}.", "Change the date: write it {f}.", "Convert the date, {f}.", "Give the same date {f}."),
    "zh": ("把日期改成{f}。", "日期换成{f}。", "请转换日期格式：{f}。", "同一个日期，写成{f}。"),
}  # fmt: skip


def shown(day: date, form: str) -> str:
    return form.format(day, m=MONTHS[day.month - 1])


def any_date(rng: random.Random) -> date:
    return date(1900, 1, 1) + timedelta(days=rng.randrange(49_000))


def _form(rng: random.Random, language: Language) -> str:
    """A way to write dates in which day and month cannot be taken for each other."""
    return rng.choice([form for form, _ in FORMATS[language] if not form.startswith("{0.day:02}")])


def weekday(rng: random.Random, given: Sources, language: Language) -> Skill:
    back = rng.random() < 0.35
    top = rng.choice((3, 6, 6, 10, 20))

    def draw() -> Asked:
        start, days = rng.randrange(7), rng.randint(1, top)
        text = rng.choice((BEFORE if back else AFTER)[language]).format(d=DAYS[language][start], n=days)
        if days == 1:
            text = text.replace("1 days", "1 day")
        return Asked(
            text,
            DAYS[language][(start + (-days if back else days)) % 7],
            f"{start}{'-' if back else '+'}{days} {language}",
        )

    return Skill((), draw)


def neighbour(rng: random.Random, given: Sources, language: Language) -> Skill:
    back = rng.random() < 0.5
    months = ZH_MONTHS if language == "zh" else MONTHS

    def draw() -> Asked:
        ring = rng.choice((DAYS[language], months))
        at = rng.randrange(len(ring))
        text = rng.choice((PREVIOUS if back else NEXT)[language]).format(d=ring[at])
        return Asked(text, ring[(at + (-1 if back else 1)) % len(ring)])

    return Skill((), draw)


def between(rng: random.Random, given: Sources, language: Language) -> Skill:
    """Within a month."""

    def draw() -> Asked:
        month = rng.randrange(12)
        low, high = sorted(rng.sample(range(1, 29), 2))
        a, b = (f"{month + 1}月{d}日" if language == "zh" else f"{MONTHS[month]} {d}" for d in (low, high))
        text = rng.choice(BETWEEN[language]).format(a=a, b=b)
        return Asked(text, f"{high - low}天" if language == "zh" else str(high - low), f"{low} to {high}, {month}")

    return Skill((), draw)


def later(rng: random.Random, given: Sources, language: Language) -> Skill:
    """Within a month."""

    def draw() -> Asked:
        month = rng.randrange(12)
        low, high = sorted(rng.sample(range(1, 29), 2))
        a, b = (f"{month + 1}月{d}日" if language == "zh" else f"{MONTHS[month]} {d}" for d in (low, high))
        text = rng.choice(LATER[language]).format(a=a, n=high - low)
        return Asked(text.replace(" 1 days", " 1 day"), b, f"{low} and {high - low}, {month}")

    return Skill((), draw)


def convert(rng: random.Random, given: Sources, language: Language) -> Skill:
    (before, _), (after, name) = rng.sample(FORMATS[language], 2)

    def draw() -> Asked:
        day = any_date(rng)
        return Asked(shown(day, before), shown(day, after), f"{day} {after}")

    return Skill([ask.format(f=name) for ask in CONVERT[language]], draw)


def field(rng: random.Random, given: Sources, language: Language) -> Skill:
    asks, form = rng.choice(FIELD[language])
    before = _form(rng, language)

    def draw() -> Asked:
        day = any_date(rng)
        return Asked(shown(day, before), shown(day, form), f"{day} {form}")

    return Skill(asks, draw)


def compare(rng: random.Random, given: Sources, language: Language) -> Skill:
    """Two dates, near each other or far apart."""
    latest, form = rng.random() < 0.5, _form(rng, language)
    comma = rng.choice(("，", "和", "\n") if language == "zh" else (", ", " or ", "\n"))

    def draw() -> Asked:
        one = any_date(rng)
        two = one + timedelta(days=rng.choice((1, 3, 11, 40, 400, 4000)) * rng.choice((-1, 1)))
        answer = max(one, two) if latest else min(one, two)
        return Asked(shown(one, form) + comma + shown(two, form), shown(answer, form), f"{one} {two} {latest}")

    return Skill((LATEST if latest else EARLIER)[language], draw)


def order(rng: random.Random, given: Sources, language: Language) -> Skill:
    form, comma = _form(rng, language), "；" if language == "zh" else "; "

    def draw() -> Asked:
        days = [any_date(rng) for _ in range(rng.randint(3, 4))]
        return Asked(*(comma.join(shown(day, form) for day in many) for many in (days, sorted(days))))

    return Skill(SORT[language], draw)


DATES: tuple[tuple[Make, int], ...] = (
    (weekday, 3), (neighbour, 1), (between, 3), (later, 2), (convert, 5), (field, 2), (compare, 4), (order, 2),
)  # fmt: skip

FAMILIES: tuple[Family, ...] = (Family("dates", drawn("dates", DATES)),)
