"""Sums in words: bare ("47 + 38 ="), asked ("What is 47 plus 38?"), or as a short story about people and things.

A story opens with what there is, tells what comes and goes, and asks what is there in the end. Its numbers stand in the order
of the sum.
"""

from __future__ import annotations

import random

from rung.instruct.exercises.sums import Sum
from rung.instruct.exercises.world import BOXES, NAMES, PLACES, THINGS
from rung.types import Language

ASKED: dict[Language, tuple[str, ...]] = {  # {sum}: the expression
    "en": (
        "{sum} =", "{sum}=", "{sum} = ?", "What is {sum}?", "Calculate {sum}.", "Work out {sum}.", "How much is {sum}?",
        "{sum}", "Compute {sum}", "What do you get for {sum}?", "Please solve {sum}.", "Find the value of {sum}.",
        "Can you tell me what {sum} is?", "{sum} equals what?", "Evaluate: {sum}", "I need the result of {sum}.",
    ),
    "zh": (
        "{sum}=", "{sum} =", "{sum}=？", "{sum}等于多少？", "{sum}等于几？", "计算{sum}。", "请算一算：{sum}", "{sum}", "求{sum}的值。",
        "{sum}的结果是多少？", "算一下{sum}", "帮我算{sum}等于多少。", "{sum}是多少？", "请问{sum}得多少？", "口算：{sum}", "列竖式计算{sum}",
    ),
}  # fmt: skip
SPOKEN: dict[Language, dict[str, tuple[str, ...]]] = {  # two numbers {a} and {b}
    "en": {
        "+": (
            "What is {a} plus {b}?", "Add {a} and {b}.", "What is the sum of {a} and {b}?", "How much is {a} and {b} together?",
            "Find the total of {a} and {b}.", "{a} plus {b} is what?", "Start at {a} and count on {b}. Where are you?",
        ),
        "-": (
            "What is {a} minus {b}?", "Take {b} from {a}.", "What is the difference between {a} and {b}?",
            "How much is left when {b} is taken from {a}?", "{a} minus {b} is what?", "By how much is {a} bigger than {b}?",
        ),
        "×": (
            "What is {a} times {b}?", "Multiply {a} by {b}.", "What is the product of {a} and {b}?", "{a} times {b} is what?",
            "How much is {a} multiplied by {b}?",
        ),
    },
    "zh": {
        "+": (
            "{a}加{b}等于多少？", "{a}加上{b}是多少？", "{a}与{b}的和是多少？", "求{a}和{b}的和。", "把{a}和{b}加起来得多少？", "比{a}多{b}的数是几？",
        ),
        "-": (
            "{a}减{b}等于多少？", "{a}减去{b}是多少？", "{a}与{b}的差是多少？", "从{a}里去掉{b}还剩多少？", "{a}比{b}大多少？", "比{a}少{b}的数是几？",
        ),
        "×": ("{a}乘{b}等于多少？", "{a}乘以{b}得多少？", "{a}与{b}的积是多少？", "求{a}和{b}的乘积。", "{b}个{a}是多少？"),
    },
}  # fmt: skip

Told = tuple[tuple[str, ...], ...]
# A story with a person: openings, openings in boxes, what comes, what goes, the question.
HELD: dict[Language, Told] = {
    "en": (
        ("{name} has {n} {things}.", "{name} starts the day with {n} {things}.", "{name} counts {n} {things}.",
         "In the morning {name} has {n} {things}.", "{name} owns {n} {things}.", "{n} {things} belong to {name}."),
        ("{name} has {n} {boxes} with {m} {things} in each.", "{name} fills {n} {boxes} with {m} {things} each.",
         "{name} buys {n} {boxes} of {things}, {m} in each.", "{name} packs {n} {boxes}. Each holds {m} {things}."),
        ("{other} gives {name} {n} more.", "{name} buys {n} more.", "Then {name} finds {n} more.", "{name} gets {n} as a present.",
         "Later {n} more come from {other}.", "{name} is given another {n}."),
        ("{name} gives {n} to {other}.", "{name} sells {n}.", "{name} loses {n} of them.", "{other} borrows {n}.",
         "{n} of them break.", "{name} puts {n} aside for {other}."),
        ("How many {things} does {name} have now?", "How many {things} are there in the end?", "How many does {name} have?",
         "What is the number of {things} now?", "Count the {things} that {name} has now."),
    ),
    "zh": (
        ("{name}有{n}{m}{things}。", "{name}早上有{n}{m}{things}。", "{name}原来有{n}{m}{things}。", "{name}数了数，一共有{n}{m}{things}。",
         "{name}带来了{n}{m}{things}。", "{name}家里有{n}{m}{things}。"),
        ("{name}有{n}{boxes}{things}，每{boxes}{m}{unit}。", "{name}买了{n}{boxes}{things}，每{boxes}有{m}{unit}。",
         "{name}把{things}装成{n}{boxes}，每{boxes}{m}{unit}。", "每{boxes}{things}的数量一样，{name}搬来{n}{boxes}，每{boxes}{m}{unit}。"),
        ("{other}又给了{name}{n}{m}。", "{name}又买了{n}{m}。", "后来{name}又找到{n}{m}。", "{other}再送来{n}{m}。", "{name}又得到{n}{m}。",
         "下午又多了{n}{m}。"),
        ("{name}给了{other}{n}{m}。", "{name}卖掉了{n}{m}。", "{name}弄丢了{n}{m}。", "{other}借走了{n}{m}。", "其中{n}{m}坏了。",
         "{name}送给{other}{n}{m}。"),
        ("{name}现在有多少{m}{things}？", "现在一共有多少{m}{things}？", "最后有几{m}{things}？", "{name}手里有多少{m}？", "请问现在有多少{m}{things}？"),
    ),
}  # fmt: skip
# The same about a place.
KEPT: dict[Language, Told] = {
    "en": (
        ("There are {n} {things} in {place}.", "In {place} there are {n} {things}.", "{place} has {n} {things}."),
        ("In {place} stand {n} {boxes} with {m} {things} in each.", "There are {n} {boxes} in {place}, each with {m} {things}."),
        ("{n} more are brought in.", "Then {n} more arrive.", "{name} adds {n}.", "In the afternoon another {n} come."),
        ("{n} are taken away.", "{n} of them are sold.", "{name} carries {n} out.", "{n} are given to {name}."),
        ("How many {things} are in {place} now?", "How many are there now?"),
    ),
    "zh": (
        ("{place}有{n}{m}{things}。", "{place}原来有{n}{m}{things}。", "{place}放着{n}{m}{things}。"),
        ("{place}有{n}{boxes}{things}，每{boxes}{m}{unit}。", "{place}摆着{n}{boxes}{things}，每{boxes}都是{m}{unit}。"),
        ("又运来{n}{m}。", "后来又送来{n}{m}。", "{name}又放进{n}{m}。", "下午再添{n}{m}。"),
        ("拿走了{n}{m}。", "卖出了{n}{m}。", "{name}取走{n}{m}。", "分给{name}{n}{m}。"),
        ("{place}现在有多少{m}{things}？", "那里现在有几{m}{things}？", "现在一共是多少{m}？"),
    ),
}  # fmt: skip
# Two numbers that are compared or belong to different people.
COMPARED: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "+": (
            "{name} has {a} {things} and {other} has {b}. How many do they have together?",
            "{name} has {a} {things}. {other} has {b} more than {name}. How many {things} does {other} have?",
            "{name} picks {a} {things}, {other} picks {b}. How many is that in all?",
            "One page shows {a} {things}, the next shows {b}. How many {things} are on both pages?",
            "On Monday {name} sold {a} {things}, on Tuesday {b}. How many in two days?",
        ),
        "-": (
            "{name} has {a} {things} and {other} has {b}. How many more does {name} have?",
            "{name} has {a} {things}. {other} has {b} fewer than {name}. How many does {other} have?",
            "{name} needs {a} {things} and has {b}. How many are missing?",
            "Of {a} {things}, {b} are red. How many are not red?",
            "{name} wants to pack {a} {things} and has packed {b}. How many are still to pack?",
        ),
        "×": (
            "One ticket costs {a} dollars. What do {b} tickets cost?",
            "{name} reads {a} pages a day. How many pages does {name} read in {b} days?",
            "{name} walks {a} km every day. How far is that in {b} days?",
            "There are {a} rows with {b} seats each. How many seats are there?",
            "{name} earns {a} dollars an hour and works {b} hours. How many dollars is that?",
        ),
    },
    "zh": {
        "+": (
            "{name}有{a}{m}{things}，{other}有{b}{m}，两人一共有多少{m}？",
            "{name}有{a}{m}{things}，{other}比{name}多{b}{m}，{other}有多少{m}？",
            "{name}摘了{a}{m}{things}，{other}摘了{b}{m}，合起来是多少{m}？",
            "星期一卖出{a}{m}{things}，星期二卖出{b}{m}，两天共卖出多少{m}？",
            "左边有{a}{m}{things}，右边有{b}{m}，一共几{m}？",
        ),
        "-": (
            "{name}有{a}{m}{things}，{other}有{b}{m}，{name}比{other}多多少{m}？",
            "{name}有{a}{m}{things}，{other}比{name}少{b}{m}，{other}有多少{m}？",
            "{name}需要{a}{m}{things}，已经有{b}{m}，还差多少{m}？",
            "{a}{m}{things}中有{b}{m}是红色的，不是红色的有多少{m}？",
            "一共要搬{a}{m}{things}，已经搬了{b}{m}，还剩多少{m}没搬？",
        ),
        "×": (
            "一{m}{things}{a}元，{b}{m}要多少元？",
            "{name}每天看{a}页书，{b}天能看多少页？",
            "{name}每天走{a}千米，{b}天一共走多少千米？",
            "教室里有{a}排座位，每排{b}个，一共有多少个座位？",
            "{name}每小时挣{a}元，工作{b}小时能挣多少元？",
        ),
    },
}  # fmt: skip


def wording(rng: random.Random, total: Sum, language: Language) -> str:
    """A question whose answer is the sum: an expression, spoken, or a story."""
    simple = total.signs in ("+", "-", "×")
    way = rng.choices(("asked", "spoken", "compared", "story"), (8, 4, 4, 6) if simple else (8, 0, 0, 8))[0]
    if way == "asked":
        return rng.choice(ASKED[language]).format(sum=expression(rng, total))
    if way == "story":
        return story(rng, total, language)
    words = COMPARED if way == "compared" else SPOKEN
    a, b = total.numbers
    return rng.choice(words[language][total.signs]).format(a=a, b=b, **_cast(rng, language))


def expression(rng: random.Random, total: Sum) -> str:
    """``47 + 38``, ``47+38``, ``6x47``, ``6 * 47``."""
    return total.text(rng.choice(("×", "×", "*", "x")), rng.choice(("", " ", " ")))


def story(rng: random.Random, total: Sum, language: Language) -> str:
    """What there is, what comes and goes, and the question, about one person or place."""
    cast = _cast(rng, language)
    opening, boxed, more, less, question = rng.choice((HELD, KEPT))[language]
    unit = cast["m"]
    terms = list(total.terms)
    if total.signs.startswith("×"):
        _, each = terms.pop(0)
        parts = [rng.choice(boxed).format(n=total.first, unit=unit, **{**cast, "m": each})]
    else:
        parts = [rng.choice(opening).format(n=total.first, **cast)]
    for sign, number in terms:
        parts.append(rng.choice(more if sign == "+" else less).format(n=number, **cast))
    parts.append(rng.choice(question).format(**cast))
    text = ("" if language == "zh" else " ").join(parts)
    return text[0].upper() + text[1:]


def _cast(rng: random.Random, language: Language) -> dict[str, str]:
    """Who and what a question is about: two people, a thing with its measure word (zh), a place, a box."""
    name, other = rng.sample(NAMES[language], 2)
    things, measure = rng.choice(THINGS[language])
    return {
        "name": name, "other": other, "things": things, "m": measure,
        "place": rng.choice(PLACES[language]), "boxes": rng.choice(BOXES[language]),
    }  # fmt: skip
