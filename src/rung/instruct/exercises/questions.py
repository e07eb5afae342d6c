"""Questions about a passage that need no labels: made from its own sentences by patterns that are hard to get wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from rung.instruct.exercises.snippets import YEAR, items, joined
from rung.types import Language

Wordings = dict[Language, tuple[str, ...]]

FILL: Wordings = {  # {s}: words of the passage with a gap
    "en": (
        'Which word is missing: "{s}"?', 'What belongs in the gap: "{s}"?', 'Fill the gap from the text: "{s}"', "Complete from the text: {s}",
        'What stands in the text in place of ____: "{s}"', "Fill in the blank: {s}", 'According to the text, what is ____ in "{s}"?',
    ),
    "zh": (
        "填空：“{s}”", "“{s}”中的空处应填什么？", "根据原文填空：{s}", "原文里____处是什么：“{s}”", "补全句子：{s}", "“{s}”，缺的是什么？",
        "请从文中找出____处的内容：{s}",
    ),
}  # fmt: skip
FIRST: Wordings = {
    "en": ("What is the first sentence?", "Copy the first sentence of the text.", "How does the passage begin? Quote its first sentence."),
    "zh": ("第一句话是什么？", "抄写文中的第一句。", "这段话的开头一句是什么？"),
}  # fmt: skip
LAST: Wordings = {
    "en": ("What is the last sentence?", "Copy the last sentence of the text.", "How does the passage end? Quote its last sentence."),
    "zh": ("最后一句话是什么？", "抄写文中的最后一句。", "这段话的结尾一句是什么？"),
}  # fmt: skip
MENTION: Wordings = {  # {x}: a name or a number
    "en": ("Which sentence mentions {x}?", "Quote the sentence with {x}.", "Where does the text speak of {x}? Copy the sentence."),
    "zh": ("哪一句提到了{x}？", "找出含有“{x}”的句子。", "文中哪句话说到{x}？"),
}  # fmt: skip
WHEN: Wordings = {  # {s}: what happened
    "en": (
        'In which year did this happen: "{s}"?', 'When was this: "{s}"?', 'Which year does the text give for "{s}"?',
        "When? {s}", 'What is the year of this: "{s}"?',
    ),
    "zh": ("“{s}”是哪一年的事？", "哪一年{s}？", "“{s}”发生在什么时候？", "{s}，这是哪一年？", "文中说“{s}”是在哪一年？"),
}  # fmt: skip
COUNT: Wordings = {  # {x}: what is counted
    "en": ("How many {x} does the text mention?", "How many {x} are there?", "How many {x} is it about?", "What number of {x} is given?"),
    "zh": ("文中说的是多少{x}？", "原文提到了多少{x}？", "文中提到有多少{x}？", "文中给出的是多少{x}？"),
}  # fmt: skip
WHAT: Wordings = {  # {x}: the title of the article
    "en": ("{v} {x}?", "What does the text call {x}?", "According to the text, {u} {x}?", "How is {x} described?"),
    "zh": ("{x}是什么？", "{x}指的是什么？", "文中说{x}是什么？", "什么是{x}？"),
}  # fmt: skip
FACTS: dict[Language, tuple[tuple[str, tuple[str, ...]], ...]] = {  # pattern of the first sentence, questions
    "en": (
        (r"\(born (\d{1,2} \w+ \d{4}|\w+ \d{1,2}, \d{4})", ("When was {x} born?", "What is the date of birth of {x}?", "On which day was {x} born?")),
        (r"\b(?:located|situated) in ((?:the )?[^.,;()]{3,40})[.,]", ("Where is {x}?", "Where is {x} located?", "In what place does {x} lie?")),
        (r"\bis a (?:city|town|village|river|lake|mountain|island|district|county)[a-z ]* (?:in|of) ((?:the )?[A-Z][^.,;()]{3,40})[.,]",
         ("Where is {x}?", "Where does {x} lie?", "In what place is {x}?")),
        (r"\bwritten by ((?:[A-Z][\w.]+ ?)+)[.,]", ("Who wrote {x}?", "Who is the author of {x}?")),
        (r"\bdirected by ((?:[A-Z][\w.]+ ?)+)[.,]", ("Who directed {x}?", "Who is the director of {x}?")),
        (r"\b(?:founded|established) in (\d{4})\b", ("When was {x} founded?", "In which year was {x} founded?")),
        (r"\bcapital (?:and largest city )?of ((?:the )?[A-Z][A-Za-z ]+)[.,]", ("Of what is {x} the capital?", "Which place has {x} as its capital?")),
    ),
    "zh": (
        (r"位于([^，。；：（）]{2,18})[，。；]", ("{x}位于哪里？", "{x}在什么地方？", "{x}的位置在哪里？")),
        (r"（(?:[^（），]*，)?(\d{4}年\d{1,2}月\d{1,2}日)[－—–-]", ("{x}的生日是哪一天？", "{x}出生于哪一天？", "{x}是什么时候出生的？")),
        (r"(?:出生于|生于)([^\d，。；（）]{2,12})[，。；]", ("{x}出生在哪里？", "{x}的出生地是哪里？")),
        (r"毕业于([^，。；（）]{3,18})[，。；]", ("{x}毕业于哪里？", "{x}是从哪所学校毕业的？")),
        (r"由([^，。；（）的]{2,12}?)所?(?:执导|导演)", ("{x}的导演是谁？", "{x}由谁执导？")),
        (r"(?:创立|成立|创办|建立|开业|始建)于(\d{4}年)", ("{x}是哪一年成立的？", "{x}成立于什么时候？")),
        (r"由([^，。；（）的]{2,14}?)所?(?:创立|创办|创建)", ("{x}是谁创办的？", "{x}由谁创立？")),
        (r"是([^，。；（）]{1,8})(?:籍|国)[^，。；（）]{0,4}(?:演员|歌手|作家|足球|运动员|画家|导演)", ("{x}是哪国人？", "{x}的国籍是什么？")),
    ),
}  # fmt: skip
UNITS = [
    "人",
    "座",
    "公里",
    "平方公里",
    "米",
    "首",
    "集",
    "页",
    "家",
    "所",
    "条",
    "个国家",
    "公顷",
    "名学生",
    "间",
    "架",
    "艘",
    "层",
    "枚",
    "票",
    "分钟",
    "小时",
    "种",
    "个月",
]
_COUNTED = {
    "en": re.compile(r"\b(\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|twelve) ([a-z]{4,}s|people|children|km|men|women)\b"),
    "zh": re.compile(rf"(?<![\d.,第年月])(\d[\d,.]*万?|[两三四五六七八九十]+)({'|'.join(sorted(UNITS, key=len, reverse=True))})"),
}  # fmt: skip


class Found(NamedTuple):
    """``mark``: what the passage must not contain where the question is to have no answer."""

    question: str
    answer: str
    mark: str


@dataclass(frozen=True)
class Stretch:
    """Whole sentences of an article; ``front``: from its beginning."""

    title: str
    parts: tuple[str, ...]
    language: Language
    front: bool

    @property
    def text(self) -> str:
        return joined(list(self.parts), self.language)


Maker = Callable[[random.Random, Stretch], Found | None]


def fill(rng: random.Random, given: Stretch) -> Found | None:
    """A gap in some words of the passage."""
    text = given.text
    if not (found := items(text, given.language)):
        return None
    item = rng.choice(found)
    before, after = text.split(item)
    left, right = _edge(rng, before[::-1], given.language)[::-1], _edge(rng, after, given.language)
    if len(left + right) < (6 if given.language == "zh" else 18):
        return None
    shown = f"{left}____{right}".strip(" ，、,;；")
    return Found(rng.choice(FILL[given.language]).format(s=shown), item, item)


def _edge(rng: random.Random, text: str, language: Language) -> str:
    """The front of a text up to a limit and to the end of its sentence: whole words in English, to a mark in Chinese if near."""
    if language == "zh":
        text = re.split(r"[。！？]", text)[0]
        limit = rng.randint(5, 18)
        near = [m.start() for m in re.finditer("[，；、]", text) if 4 <= m.start() <= limit]
        return text[: near[-1] if near else limit]
    words = re.split(r"(?<= )", re.split(r"[.!?](?: |$)", text)[0])
    return "".join(words[: rng.randint(4, 9)])


def first(rng: random.Random, given: Stretch) -> Found | None:
    return Found(rng.choice(FIRST[given.language]), given.parts[0], "") if len(given.parts) > 1 else None


def last(rng: random.Random, given: Stretch) -> Found | None:
    return Found(rng.choice(LAST[given.language]), given.parts[-1], "") if len(given.parts) > 1 else None


def mention(rng: random.Random, given: Stretch) -> Found | None:
    """The one sentence with a name or number in it."""
    if len(given.parts) < 2 or not (found := items(given.text, given.language)):
        return None
    item = rng.choice(found)
    where = [part for part in given.parts if item in part]
    return Found(rng.choice(MENTION[given.language]).format(x=item), where[0], item) if len(where) == 1 else None


_HAPPENED = {
    "en": re.compile(r"In (\d{4}),? ([^;.]{15,110})\.$"),
    "zh": re.compile(r"(\d{4}年)(?!代)(?:\d{1,2}月)?(?:\d{1,2}日)?，?([^。；，\d][^。；]{5,40}?)[。；，]"),
}


def when(rng: random.Random, given: Stretch) -> Found | None:
    """The year of what a sentence tells behind it: "In 1974, he ..."."""
    found = [m for part in given.parts if (m := _HAPPENED[given.language].match(part))]
    if not found:
        return None
    year, said = rng.choice(found).groups()
    if YEAR[given.language].search(said) or given.text.count(said) > 1:
        return None
    return Found(rng.choice(WHEN[given.language]).format(s=said), year, said)


def count(rng: random.Random, given: Stretch) -> Found | None:
    """How many, where only one number stands before the noun or the measure word."""
    found = _COUNTED[given.language].findall(given.text)
    nouns = [noun for _, noun in found]
    once = [(n.rstrip(".,"), noun) for n, noun in found if nouns.count(noun) == 1]
    if not once:
        return None
    number, noun = rng.choice(once)
    if given.language == "en" and given.text.count(noun) > 1:
        return None
    answer = number + noun if given.language == "zh" else number
    return Found(rng.choice(COUNT[given.language]).format(x=noun), answer, noun)


_ENDS = r"(?:[.;]|,? (?:in |of |by |for |to )?(?:that|which|who|whose|where) |, (?:located|also|with|including|based|usually|often) )"


def what(rng: random.Random, given: Stretch) -> Found | None:
    """What the article's first sentence says its subject is."""
    name = re.escape(given.title)
    if given.language == "zh":
        match = re.match(rf"{name}(?:（[^（）\d]*）)?是([^，。；（）]{{3,30}})[，。]", given.parts[0])
        return Found(rng.choice(WHAT["zh"]).format(x=given.title), match.group(1), given.title) if match else None
    match = re.match(
        rf"(?:An? |The )?{name}(?: \([^()\d]*\))? (is|was|are|were) ((?:an? |the |one of )[^.,;()]{{5,80}}?){_ENDS}",
        given.parts[0],
    )
    if not given.front or not match:
        return None
    verb, said = match.groups()
    question = rng.choice(WHAT["en"]).format(x=_named(given), v=f"What {verb}", u=f"what {verb}")
    return Found(question, said, given.title)


def fact(rng: random.Random, given: Stretch) -> Found | None:
    """What the first sentence says in one of a few fixed phrases about its subject."""
    if not given.front or not given.parts[0].removeprefix("The ").startswith(given.title):
        return None
    patterns = FACTS[given.language]
    found = [(m.group(1).strip(), asks) for pattern, asks in patterns if (m := re.search(pattern, given.parts[0]))]
    if not found:
        return None
    answer, asks = rng.choice(found)
    if answer[0] in "该其此本":
        return None
    return Found(rng.choice(asks).format(x=_named(given)), answer, given.title)


def _named(given: Stretch) -> str:
    """The title as the sentence has it: "the Swedish Academy"."""
    return f"the {given.title}" if given.parts[0].startswith(f"The {given.title}") else given.title


# Facts and years are rarely there to be asked for, gaps nearly always.
WEIGHTS: dict[Maker, int] = {fill: 6, when: 20, count: 10, what: 20, fact: 40, mention: 3, first: 1, last: 1}
ABSENT: tuple[Maker, ...] = (
    fill,
    when,
    count,
    what,
    fact,
    mention,
)  # those whose question can be asked of another passage
