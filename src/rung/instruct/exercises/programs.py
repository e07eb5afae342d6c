"""A question in words, and in place of its answer the small program that computes it.

One form: each number of the text in its order as a, b, c, then one line for the answer.

    a = 12
    b = 30
    answer = a * b

The numbers may be larger than a small model can reckon with; the program is run by whoever asked for it (Gao et al. 2022,
arXiv 2211.10435; Chen et al. 2022, arXiv 2211.12588).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from rung.instruct.exercises.demonstrate import demonstrations
from rung.instruct.exercises.stories import story
from rung.instruct.exercises.sums import Sum
from rung.instruct.exercises.world import NAMES, THINGS
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

LETTERS = "abcd"
DESCRIPTIONS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Write a short program that computes the answer.", "Translate the question into a program.", "Give the program, not the number.",
        "Write Python lines; the last one sets answer.", "Turn the problem into code.", "Program the calculation.",
        "Write the numbers as a, b, c and then the formula for answer.", "Do not solve it: write the program that does.",
        "Express the problem as a few lines of code.", "Which program finds the answer?",
    ),
    "zh": (
        "写一小段程序来计算答案。", "把题目翻译成程序。", "只写程序，不写得数。", "写几行 Python，最后一行给 answer 赋值。", "把问题变成代码。", "用程序表示这个计算。",
        "把数字依次记作a、b、c，再写出answer的算式。", "不用算出来，写出能算的程序。", "用几行代码表示这道题。", "什么程序能算出答案？",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A formula over a, b, c, stories for it, and numbers that suit them: no debts, and division comes out even."""

    formula: str
    numbers: Callable[[random.Random], tuple[int, ...]]
    stories: dict[Language, tuple[str, ...]]


def _within(*highs: int) -> Callable[[random.Random], tuple[int, ...]]:
    """Each number from 2 up to its bound, which is left out."""
    return lambda rng: tuple(rng.randrange(2, high) for high in highs)


def _even(rng: random.Random) -> tuple[int, ...]:
    b = rng.randrange(2, 60)
    return b * rng.randrange(2, 60), b


def _change(rng: random.Random) -> tuple[int, ...]:
    b, c = rng.randrange(2, 60), rng.randrange(2, 50)
    return b * c + rng.randrange(1, 2000), b, c


def _less(rng: random.Random) -> tuple[int, ...]:
    b = rng.randrange(2, 150)
    return b + rng.randrange(2, 200), b, rng.randrange(2, 40)


def _rest(rng: random.Random) -> tuple[int, ...]:
    b, c = rng.randrange(2, 200), rng.randrange(2, 40)
    return b + c * rng.randrange(2, 40), b, c


def _mean(rng: random.Random) -> tuple[int, ...]:
    a, b = rng.randrange(2, 100), rng.randrange(2, 100)
    return a, b, rng.choice([c for c in range(2, 100) if (a + b + c) % 3 == 0])


def _percent(rng: random.Random) -> tuple[int, ...]:
    return rng.randrange(1, 90) * 100, rng.randrange(2, 100)


SHAPES: tuple[Shape, ...] = (
    Shape(
        "a // b",
        _even,
        {
            "en": (
                "{p} shares {a} {x} equally among {b} children. How many does each get?",
                "{a} {x} are put into {b} equal rows. How many stand in each row?",
                "A rope of {a} m is cut into {b} equal parts. How long is each part?",
                "{a} dollars buy {b} equal tickets. What does one cost?",
                "{p} reads {a} pages in {b} days, the same number every day. How many a day?",
            ),
            "zh": (
                "{p}把{a}{m}{x}平均分给{b}个孩子，每人几{m}？",
                "{a}{m}{x}平均摆成{b}排，每排几{m}？",
                "一根{a}米的绳子剪成{b}段同样长的，每段多长？",
                "{p}用{a}元买了{b}张一样的票，一张多少元？",
                "{p}看{a}页书用了{b}天，每天一样多，一天看几页？",
            ),
        },
    ),
    Shape(
        "a * b + c",
        _within(300, 60, 500),
        {
            "en": (
                "{p} buys {a} {x} at {b} dollars each and pays {c} dollars for delivery. What is the total?",
                "{p} saves {a} dollars a week for {b} weeks and finds {c} more. How many dollars is that?",
                "A hall has {a} rows of {b} seats and {c} folding chairs. How many people can sit?",
                "{p} walks {a} km a day for {b} days and then {c} km more. How far is that?",
            ),
            "zh": (
                "{p}买了{a}{m}{x}，每{m}{b}元，另付运费{c}元，一共多少元？",
                "{p}每周存{a}元，存了{b}周，又捡到{c}元，共有多少元？",
                "礼堂有{a}排座位，每排{b}个，另有{c}把折椅，能坐多少人？",
                "{p}每天走{a}千米，走了{b}天，最后又走了{c}千米，一共多少千米？",
            ),
        },
    ),
    Shape(
        "a - b * c",
        _change,
        {
            "en": (
                "{p} has {a} dollars and buys {b} {x} at {c} dollars each. How much money is left?",
                "A tank holds {a} litres; {b} litres flow out every hour. What is left after {c} hours?",
                "{p} must read {a} pages and reads {b} a day. How many pages are left after {c} days?",
                "Of {a} {x}, {b} boxes with {c} in each are sold. How many remain?",
            ),
            "zh": (
                "{p}有{a}元，买了{b}{m}{x}，每{m}{c}元，还剩多少元？",
                "水箱里有{a}升水，每小时流出{b}升，{c}小时后还剩多少升？",
                "一本书{a}页，{p}每天读{b}页，读了{c}天，还剩多少页？",
                "{a}{m}{x}里卖掉了{b}箱，每箱{c}{m}，还剩几{m}？",
            ),
        },
    ),
    Shape(
        "(a + b) * c",
        _within(200, 200, 40),
        {
            "en": (
                "A ticket costs {a} dollars and a meal {b} dollars. What do {c} people pay together?",
                "{p} gets {a} {x} in the morning and {b} in the evening, every day for {c} days. How many in all?",
                "Each of the classes has {a} girls and {b} boys. How many children are in {c} such classes?",
                "A set has {a} cups and {b} plates. How many pieces are in {c} sets?",
            ),
            "zh": (
                "一张票{a}元，一顿饭{b}元，{c}个人一共要付多少元？",
                "{p}每天早上得到{a}{m}{x}，晚上得到{b}{m}，{c}天一共多少{m}？",
                "每个班有{a}名女生和{b}名男生，{c}个这样的班共有多少学生？",
                "一套餐具有{a}个杯子和{b}个盘子，{c}套共有多少件？",
            ),
        },
    ),
    Shape(
        "(a - b) * c",
        _less,
        {
            "en": (
                "A coat costs {a} dollars, today {b} dollars less. What do {c} coats cost?",
                "{p} earns {a} dollars a day and spends {b}. How much is saved in {c} days?",
                "{a} {x} are made every day and {b} of them break. How many good ones are made in {c} days?",
            ),
            "zh": (
                "一件大衣{a}元，今天便宜{b}元，买{c}件要多少元？",
                "{p}每天挣{a}元，花掉{b}元，{c}天能存多少元？",
                "工厂每天做{a}{m}{x}，其中{b}{m}是坏的，{c}天能做多少{m}好的？",
            ),
        },
    ),
    Shape(
        "(a - b) // c",
        _rest,
        {
            "en": (
                "Of {a} {x}, {b} are broken; the rest is shared equally by {c} people. How many does each get?",
                "{p} has {a} dollars, spends {b} and gives the rest to {c} friends in equal parts. What does each friend get?",
            ),
            "zh": (
                "{a}{m}{x}里有{b}{m}坏了，剩下的平均分给{c}个人，每人几{m}？",
                "{p}有{a}元，花了{b}元，剩下的平均分给{c}个朋友，每人多少元？",
            ),
        },
    ),
    Shape(
        "2 * (a + b)",
        _within(600, 600),
        {
            "en": (
                "A field is {a} m long and {b} m wide. How long is the fence around it?",
                "What is the perimeter of a rectangle of {a} cm by {b} cm?",
                "{p} runs once around a yard of {a} m by {b} m. How far is that?",
            ),
            "zh": (
                "一块地长{a}米，宽{b}米，四周的篱笆长多少米？",
                "长方形长{a}厘米、宽{b}厘米，周长是多少？",
                "{p}绕着长{a}米、宽{b}米的院子跑一圈，跑了多少米？",
            ),
        },
    ),
    Shape(
        "(a + b + c) // 3",
        _mean,
        {
            "en": (
                "{p} has the marks {a}, {b} and {c}. What is the average?",
                "What is the mean of {a}, {b} and {c}?",
                "The days were {a}, {b} and {c} degrees warm. What is the mean temperature?",
            ),
            "zh": (
                "{p}三次考试得了{a}、{b}、{c}分，平均分是多少？",
                "{a}、{b}、{c}的平均数是多少？",
                "三天的气温是{a}、{b}、{c}度，平均气温是多少？",
            ),
        },
    ),
    Shape(
        "a * b * c",
        _within(60, 60, 30),
        {
            "en": (
                "A box is {a} cm long, {b} cm wide and {c} cm high. What is its volume?",
                "{a} streets have {b} houses each, and {c} people live in each house. How many people live there?",
                "{p} stacks {a} layers of {b} rows with {c} {x} each. How many {x} are there?",
            ),
            "zh": (
                "箱子长{a}厘米、宽{b}厘米、高{c}厘米，体积是多少？",
                "{a}条街每条有{b}栋房子，每栋住{c}人，一共住多少人？",
                "{p}码了{a}层，每层{b}排，每排{c}{m}{x}，一共几{m}？",
            ),
        },
    ),
    Shape(
        "a * b // 100",
        _percent,
        {
            "en": (
                "{p} gets a bill of {a} dollars with {b} percent off. How many dollars are taken off?",
                "Of {a} people, {b} percent came by bus. How many is that?",
                "A shop has {a} {x}; {b} percent are sold. How many are sold?",
            ),
            "zh": (
                "账单{a}元，打折减去百分之{b}，减了多少元？",
                "{a}人里有百分之{b}坐公交车来，是多少人？",
                "商店有{a}{m}{x}，卖出了百分之{b}，卖出几{m}？",
            ),
        },
    ),
    Shape(
        "a * 7 + b",
        _within(60, 7),
        {
            "en": (
                "{p} is away for {a} weeks and {b} days. How many days is that?",
                "How many days are {a} weeks and {b} days?",
            ),
            "zh": ("{p}出差{a}周零{b}天，一共多少天？", "{a}周零{b}天是多少天？"),
        },
    ),
    Shape(
        "a * 60 + b",
        _within(40, 60),
        {
            "en": (
                "The film takes {a} hours and {b} minutes. How many minutes is that?",
                "How many minutes are {a} hours and {b} minutes?",
                "{p} ran for {a} minutes and {b} seconds. How many seconds is that?",
            ),
            "zh": ("电影放了{a}小时{b}分钟，是多少分钟？", "{a}小时{b}分是多少分钟？", "{p}跑了{a}分{b}秒，是多少秒？"),
        },
    ),
)


def draw_program(rng: random.Random, language: Language) -> tuple[str, str, str]:
    """A question, its program, and the key: the program, which is the same in every wording."""
    if rng.random() < 0.4:
        total = _sum(rng)
        text, numbers = story(rng, total, language), total.numbers
        formula = LETTERS[0] + "".join(f" {_PYTHON[sign]} {LETTERS[i]}" for i, sign in enumerate(total.signs, 1))
    else:
        shape = rng.choice(SHAPES)
        thing, measure = rng.choice(THINGS[language])
        words = {"p": rng.choice(NAMES[language]), "x": thing, "m": measure}
        numbers, formula = shape.numbers(rng), shape.formula
        text = rng.choice(shape.stories[language]).format(**dict(zip(LETTERS, numbers, strict=False)), **words)
    lines = [f"{letter} = {number}" for letter, number in zip(LETTERS, numbers, strict=False)]
    program = "\n".join([*lines, f"answer = {formula}"])
    return text, program, program


_PYTHON = {"+": "+", "-": "-", "×": "*"}


def _sum(rng: random.Random) -> Sum:
    """Two to four numbers, larger ones than a sum that is to be worked out by hand."""
    a, b = rng.randrange(20, 2000), rng.randrange(2, 60)
    first, total = rng.choice(((("×", b), a * b), (("+", b * 7), a + b * 7)))
    terms = [first]
    for _ in range(rng.choice((0, 1, 1, 2))):
        sign, number = rng.choice((("+", rng.randrange(2, 900)), ("-", rng.randrange(2, min(total, 2000)))))
        total += number if sign == "+" else -number
        terms.append((sign, number))
        if total < 3:
            break
    return Sum(a, tuple(terms))


def programs(rng: random.Random, sources: Sources) -> Exercise:
    """A question, answered by a program."""
    language: Language = rng.choice(("zh", "en"))
    text, program, key = draw_program(rng, language)
    shots = rng.choice((0, 0, 0, 1, 2, 3, 4, 8))
    return Exercise(
        family="programs",
        kind="generate",
        language=language,
        input=text,
        target=program,
        description=rng.choice(DESCRIPTIONS[language]),
        demonstrations=demonstrations(rng, lambda: draw_program(rng, language), question=text, key=key, shots=shots),
        key=key,
    )


FAMILIES: tuple[Family, ...] = (Family("programs", programs),)
