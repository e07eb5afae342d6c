"""What does a question ask for: a person, a place, a number, a date, a thing, an explanation, letters spelled out, yes or no?

Questions are whole ones (written.py) or composed from words/*_questions.txt around the titles of encyclopedia articles.
"""

from __future__ import annotations

import random
import re
from functools import cache, partial

from rung.instruct.episode import ARBITRARY, episode
from rung.instruct.exercises.instructed import grouped, instructed, label_language
from rung.instruct.exercises.phrases import Sections, phrases, say
from rung.instruct.exercises.written import either
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

TYPES: dict[str, tuple[str, ...]] = {  # a type -> the sections of the phrases that ask for it
    "person": ("person",), "place": ("place",), "number": ("number",), "date": ("date",), "thing": ("thing",), "abbreviation": ("abbreviation",),
    "yesno": ("yesno",), "reason": ("reason",), "definition": ("definition",), "manner": ("manner",),
    "explanation": ("definition", "definition", "manner", "reason"), "quantity": ("number", "number", "date"),
}  # fmt: skip
WITHIN = {"explanation": ("definition", "manner", "reason"), "quantity": ("number", "date")}  # not beside these
NAMES: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "person": ("person", "human", "who", "people", "person or group", "name of a person"), "place": ("place", "location", "where"),
        "number": ("number", "quantity", "how many", "amount"), "date": ("date", "time", "when", "year"), "thing": ("thing", "entity", "object", "something"),
        "abbreviation": ("abbreviation", "acronym", "short form"), "yesno": ("yes/no", "yes or no", "true or false"), "reason": ("reason", "cause", "why"),
        "definition": ("definition", "meaning", "what it is"), "manner": ("manner", "method", "how"),
        "explanation": ("description", "explanation", "description or definition"), "quantity": ("number", "numeric value", "figure"),
    },
    "zh": {
        "person": ("人物", "人", "谁", "人或团体"), "place": ("地点", "地方", "哪里", "位置"), "number": ("数字", "数量", "多少", "数值"), "date": ("时间", "日期", "何时"),
        "thing": ("事物", "东西", "实体", "物"), "abbreviation": ("缩写", "简称", "缩略语"), "yesno": ("是非", "是或否", "对错"), "reason": ("原因", "为什么", "理由"),
        "definition": ("定义", "含义", "是什么"), "manner": ("方法", "怎么做", "方式"), "explanation": ("描述", "说明", "解释"), "quantity": ("数字", "数值", "数据"),
    },
}  # fmt: skip
ASK: dict[Language, tuple[str, ...]] = {
    "en": (
        "What kind of answer does the question want?", "What is being asked for?", "Name the type of the question.", "Sort the questions by their answers.",
        "Would the answer be {all}?", "Do not answer the question. Say what sort of thing the answer would be.", "Which answer type is expected?",
        "Classify the question: {all}.", "Someone wants to know something. What is it: {all}?", "Tell what the asker is looking for.",
    ),
    "zh": (
        "这个问题想知道什么？", "问的是哪一类？", "判断问题的类型", "按答案的种类给问题分类", "答案会是{all}？", "不用回答，只说答案应该是哪种东西", "提问的人在找什么？",
        "问题分类：{all}", "答案属于哪一类：{all}", "看看这句话在问什么",
    ),
}  # fmt: skip
LIFE = re.compile(
    r"\([^()]*\d{4} ?[–-] ?[^()]*\d{4}\)|\((?:\w+ )?born|\d{4}年.{0,12}[－—–-]\d{4}年|出生于|生于"
)  # years of a life


def question_types(rng: random.Random, sources: Sources) -> Exercise:
    """Told by an instruction, or read off demonstrations."""
    language: Language = rng.choice(("zh", "en"))
    told = rng.random() < 0.6
    chosen = _chosen(rng, rng.choice((2, 3, 4, 5, 6, 6, 7)))[: None if told else len(ARBITRARY[language][0])]
    words = NAMES[label_language(rng, language)]
    names = [rng.choice(words[name]) for name in chosen]
    groups = grouped(names, [partial(_question, rng, sources, language, name) for name in chosen], exam=sources.exam)
    ask = rng.choice(ASK[language]).replace("{all}", _either(rng, language, names))
    if told:
        return instructed(rng, "question-types", language, groups, ask)
    return episode(rng, "question-types", language, groups, description=rng.choice((ask, "")))


def _chosen(rng: random.Random, count: int) -> list[str]:
    """Types that do not overlap."""
    order = rng.sample(list(TYPES), len(TYPES))
    if rng.random() < 0.5:  # the wide types, as question answering has them, rather than the narrow ones
        order.sort(key=lambda name: name not in WITHIN)
    found: list[str] = []
    for name in order:
        if not any(name in WITHIN.get(other, ()) or other in WITHIN.get(name, ()) for other in found):
            found.append(name)
    return found[:count] if rng.random() < 0.5 else rng.sample(found, min(count, len(found)))


def _either(rng: random.Random, language: Language, names: list[str]) -> str:
    names = rng.sample(names, len(names))
    comma, last = ("、", "还是") if language == "zh" else (", ", " or ")
    return comma.join(names[:-1]) + last + names[-1]


def _question(rng: random.Random, sources: Sources, language: Language, kind: str) -> str:
    """A whole one, or composed."""
    narrow = rng.choice(TYPES[kind])
    return either(rng, "questions", language, narrow, lambda: question(rng, sources, language, narrow))


def question(rng: random.Random, sources: Sources, language: Language, kind: str) -> str:
    """A question of that type, as people or lists of questions write it."""
    text = say(rng, _sections(sources, language), f"{rng.choice(TYPES[kind])}.asked")
    if language == "zh":
        return (
            rng.choice(("", "", "", "", "请问", "你知道", "想问一下，"))
            + text
            + rng.choice(("？", "？", "？", "", "?", "呢？" if text[-1] not in "吗没" else "？"))
        )
    text = _proper(text)
    style = rng.choice(("plain", "plain", "apart", "apart", "lower"))
    if style == "lower":
        return text + rng.choice(("?", "", " ?"))
    return text[0].upper() + text[1:] + (" ?" if style == "apart" else "?")


def _proper(text: str) -> str:
    """Cities and countries with a capital."""
    sections = phrases("questions", "en")
    for name in (*sections["city"], *sections["country"]):
        if name in text:
            text = text.replace(name, name.title())
    return text


@cache
def _sections(sources: Sources, language: Language) -> Sections:
    """The phrases, with short titles of articles as one more section, and those on people as another."""
    articles = [(p.title.split(" (")[0], p.text) for p in sources.passages(f"{language}_wiki")]
    limit = 12 if language == "zh" else 24
    short = dict(sorted((title, text) for title, text in articles if 1 < len(title) <= limit and "{" not in title))
    people = tuple(title for title, text in short.items() if LIFE.search(text[:120]))
    return phrases("questions", language) | {"title": tuple(short), "somebody": people or tuple(short)}


FAMILIES: tuple[Family, ...] = (Family("question-types", question_types, ("text:en_wiki", "text:zh_wiki")),)
