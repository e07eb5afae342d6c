"""Labelled sets whose licence allows training, each asked for in many ways.

translation    tatoeba, both ways
simplify       onestop_simplify: a sentence in simpler words, and which of two is the simpler one
reading-level  onestop_english: elementary, intermediate or advanced
titles         articles of the encyclopedias: what a passage is about
dialogue       kdconv: turns of a chat, with the facts that the assistant uses in the system message

Left out: gsm8k, whose word problems take more steps than so small a model holds (arithmetic.py has sums in words); csl_title and
csl_keywords, whose papers are all in csl_category, a set that models are measured on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from rung.instruct.episode import episode
from rung.instruct.exercises.skills import Asked, Skill
from rung.instruct.exercises.snippets import articles, joined, run
from rung.instruct.exercises.texts import LETTERS, LINE, Make, Wordings, drawn
from rung.instruct.family import Family
from rung.instruct.item import Dialogue, Exercise, Turn
from rung.instruct.sources import Sources
from rung.types import Language

TO_ZH: Wordings = {
    "en": (
        "Translate into Chinese.", "Translate the sentence from English to Chinese.", "How do you say this in Chinese?", "Write this in Chinese.",
        "Give the Chinese translation.", "Put it into Chinese.", "English to Chinese, please.", "What is this in Chinese?",
    ),
    "zh": (
        "翻译成中文。", "把英文译成中文。", "用中文怎么说？", "请写出中文翻译。", "英译汉。", "这句话用汉语怎么讲？", "将下面的英语翻成中文。", "给出译文（中文）。",
        "请翻译。",
    ),
}  # fmt: skip
TO_EN: Wordings = {
    "en": (
        "Translate into English.", "Translate the sentence from Chinese to English.", "How do you say this in English?", "Write this in English.",
        "Give the English translation.", "Put it into English.", "Chinese to English, please.", "What is this in English?",
    ),
    "zh": (
        "翻译成英文。", "把中文译成英文。", "用英语怎么说？", "请写出英文翻译。", "汉译英。", "这句话用英文怎么讲？", "将下面的中文翻成英语。", "给出译文（英文）。",
    ),
}  # fmt: skip
SIMPLER: Wordings = {
    "en": (
        "Write it in simpler words.", "Make the sentence easier to read.", "Simplify the sentence.", "Say the same in plain English.",
        "Rewrite this for learners of English.", "Put it more simply.", "Rephrase so that a child can understand it.", "Use easier words.",
    ),
    "zh": ("用更简单的英文改写。", "把这句英文改得容易懂。", "简化句子。", "为英语初学者改写这句话。", "换成更浅显的说法（英文）。", "改写成简单的英语。"),
}  # fmt: skip
WHICH_SIMPLER: Wordings = {
    "en": ("Which sentence is easier to read?", "Choose the simpler sentence.", "Which of the two uses plainer words?", "Pick the one for beginners."),
    "zh": ("哪一句更容易读？", "选出较简单的一句。", "两句中哪句用词更浅显？", "哪一句适合初学者？"),
}  # fmt: skip
LEVEL: Wordings = {
    "en": (
        "How hard is the text to read?", "Give the reading level.", "For which learners is this text?", "Decide how difficult the English is.",
        "Judge the level of the passage.", "",
    ),
    "zh": ("这段英文的阅读难度如何？", "判断文章的难度级别。", "这篇适合哪个程度的学习者？", "给英文短文定级。", ""),
}  # fmt: skip
LEVELS: dict[Language, tuple[tuple[str, str, str], ...]] = {
    "en": (
        ("elementary", "intermediate", "advanced"),
        ("easy", "medium", "hard"),
        ("beginner", "intermediate", "expert"),
    ),
    "zh": (("初级", "中级", "高级"), ("简单", "中等", "困难"), ("入门", "进阶", "高阶")),
}
TITLE: Wordings = {
    "en": (
        "Give the text a title.", "What is the passage about? Write its subject.", "Name the subject of the text.", "Write a heading for this.",
        "What would the encyclopedia article be called?", "Find the title.", "Who or what is described here?",
    ),
    "zh": (
        "给这段文字拟一个标题。", "这段话讲的是什么？写出主题。", "写出文中介绍的对象。", "为短文加标题。", "这个词条叫什么名字？", "找出标题。",
        "这里介绍的是谁或什么？",
    ),
}  # fmt: skip
WHICH_TITLE: Wordings = {
    "en": ("Which title fits the text?", "Choose the best heading.", "Which of these is the text about?", "Pick the title."),
    "zh": ("哪个标题合适？", "选出最合适的题目。", "这段话讲的是其中哪一个？", "为文章选标题。"),
}  # fmt: skip
KNOWN = (
    "你知道：{f}。",
    "已知资料：{f}。请据此聊天。",
    "参考信息：{f}。",
    "聊天时可以用这些知识：{f}。",
    "资料：{f}。",
    "你和用户闲聊。资料：{f}。",
)
CHATTY = ("", "你是一个友好的聊天伙伴。", "陪用户聊天，回答简短自然。", "和用户闲聊。", "你是一名热情的聊天助手。")


def _number(rng: random.Random) -> int:
    """A part of the keys of a set with a dev split: it lets exams ask any row of that, not only each tenth.

    The splits keep trained and asked apart. One number for all rows of an exercise, or one of them could stand there twice.
    """
    return rng.randrange(20)


def translation(rng: random.Random, given: Sources, language: Language) -> Skill:
    source, target, asks = rng.choice((("en", "zh", TO_ZH), ("zh", "en", TO_EN)))
    rows, number = given.rows("tatoeba"), _number(rng)

    def draw() -> Asked:
        row = rng.choice(rows)
        while row["en"] in QUESTIONS:
            row = rng.choice(rows)
        return Asked(row[source], row[target], f"{target}|{row[source]}|{number}")

    return Skill(asks[language], draw)


# These sentences of tatoeba are in trec too, which models are measured on.
QUESTIONS = {"Why can't ostriches fly?", "Who invented the telephone?", "Who discovered radium?", "Who wrote Hamlet?"}


def simpler(rng: random.Random, given: Sources, language: Language) -> Skill:
    rows, number = _pairs(given), _number(rng)

    def draw() -> Asked:
        row = rng.choice(rows)
        return Asked(row["input"], row["output"], f"{row['input']}|{number}")

    return Skill(SIMPLER[language], draw)


def which_simpler(rng: random.Random, given: Sources, language: Language) -> Skill:
    rows, number, letters, line = _pairs(given), _number(rng), rng.choice(LETTERS)[:2], rng.choice(LINE)

    def draw() -> Asked:
        row = rng.choice(rows)
        both = rng.sample((row["input"], row["output"]), 2)
        text = "\n".join(line.format(n=n, x=x) for n, x in zip(letters, both, strict=True))
        return Asked(text, letters[both.index(row["output"])], f"{row['input']}|{number}")

    return Skill(WHICH_SIMPLER[language], draw, labels=letters)


@cache
def _pairs(given: Sources) -> list[dict[str, Any]]:
    """Sentences of moderate length that stayed about as long: others have lost a part of what they said, or won one.

    Two spaces stand where the set has lost letters (" ve to ten stores").
    """
    rows = [r for r in given.rows("onestop_simplify") if "  " not in r["input"] + r["output"]]
    return [r for r in rows if len(r["input"]) <= 240 and 0.5 < len(r["output"]) / len(r["input"]) <= 1.1]


def reading_level(rng: random.Random, sources: Sources) -> Exercise:
    """Paragraphs of two or three levels, as an episode: the names of the levels, or other words, are the labels."""
    language: Language = rng.choice(("zh", "en", "en"))
    shelves = _levels(sources)
    names = rng.choice(LEVELS[language])
    levels = dict(zip(names, ("elementary", "intermediate", "advanced"), strict=True))
    if rng.random() < 0.6:  # the outer two can be told apart
        del levels[names[1]]

    def drawer(level: str) -> Callable[[], str]:
        return lambda: rng.choice(shelves[level])

    groups = {name: drawer(level) for name, level in levels.items()}
    made = episode(rng, "reading-level", language, groups, description=rng.choice(LEVEL[language]))
    return replace(made, key=f"{made.input}|{' '.join(sorted(made.labels))}|{_number(rng)}")


@cache
def _levels(given: Sources) -> dict[str, list[str]]:
    """Level -> its paragraphs of a few lines, without the level's own name, with which some texts begin."""
    shelves: dict[str, list[str]] = {}
    for row in given.rows("onestop_english"):
        parts = [" ".join(part.split()) for part in row["text"].split("\n")]
        kept = [
            p
            for p in parts
            if 120 <= len(p) <= 420 and not p.lower().startswith(("elementary", "intermediate", "advanced"))
        ]
        shelves.setdefault(row["label"], []).extend(kept)
    return shelves


def title(rng: random.Random, given: Sources, language: Language) -> Skill:
    """The front of an article, in which its title stands."""
    limit = rng.choice((50, 100, 150))

    def draw() -> Asked:
        while True:
            article = rng.choice(articles(given, language))
            parts = run(rng, article, limit, front=True)
            if parts and article.title in parts[0] and "(" not in article.title:
                return Asked(joined(parts, language), article.title)

    return Skill(TITLE[language], draw)


def which_title(rng: random.Random, given: Sources, language: Language) -> Skill:
    """Any part of an article, and titles under letters."""
    count = rng.choice((2, 3, 4))
    letters, line, limit = rng.choice(LETTERS)[:count], rng.choice(LINE), rng.choice((50, 100))

    def draw() -> Asked:
        while True:
            chosen = rng.sample(articles(given, language), count)
            parts = run(rng, chosen[0], limit)
            if parts:
                break
        shown = rng.sample(chosen, count)
        lines = [line.format(n=n, x=a.title) for n, a in zip(letters, shown, strict=True)]
        text = joined(parts, language)
        return Asked("\n".join([text, *lines]), letters[shown.index(chosen[0])], text)

    return Skill(WHICH_TITLE[language], draw, labels=letters, shown=False)


def dialogue(rng: random.Random, sources: Sources) -> Dialogue:
    """Two to eight turns of a chat. What the assistant knows stands in the system message, as far as the set tells it."""
    while True:
        row = rng.choice(sources.rows("kdconv"))
        messages = row["messages"]
        first = rng.choice((0, 0, rng.randrange(len(messages) - 1)))
        first -= messages[first]["role"] == "assistant"
        said = messages[first : first + 2 * rng.randint(1, 4)]
        if said and said[-1]["role"] != "assistant":
            said = said[:-1]
        if first >= 0 and said:
            break
    facts = [fact for fact in map(_fact, row["knowledge"]) if fact and _told(fact, said)]
    shown = "；".join(dict.fromkeys(f"{name}的{what}是{value}" for name, what, value in rng.sample(facts, len(facts))))
    system = rng.choice(KNOWN).format(f=shown) if shown else rng.choice(CHATTY)
    turns = [Turn(m["role"], m["content"].strip("，"), learned=m["role"] == "assistant") for m in said]
    return Dialogue("dialogue", "zh", (*((Turn("system", system),) if system else ()), *turns))


def _fact(triple: str) -> tuple[str, str, str] | None:
    """Name, relation and value of a triple; none for a long text. What the name has in brackets is left away."""
    name, what, value = triple.split("|", 2)
    return None if what == "Information" or len(value) > 40 else (name.split("（")[0], what, value.strip("。"))


def _told(fact: tuple[str, str, str], said: list[dict[str, str]]) -> bool:
    """Whether the assistant tells the value or a part of it."""
    words = [part for part in fact[2].replace("、", " ").replace("，", " ").split() if len(part) > 1]
    return any(word in m["content"] for m in said if m["role"] == "assistant" for word in words)


TRANSLATION: tuple[tuple[Make, int], ...] = ((translation, 1),)
SIMPLIFY: tuple[tuple[Make, int], ...] = ((simpler, 3), (which_simpler, 1))
TITLES: tuple[tuple[Make, int], ...] = ((title, 3), (which_title, 2))

_WIKI = ("text:en_wiki", "text:zh_wiki")
FAMILIES: tuple[Family, ...] = (
    Family("translation", drawn("translation", TRANSLATION), ("tatoeba",)),
    Family("simplify", drawn("simplify", SIMPLIFY), ("onestop_simplify",)),
    Family("reading-level", reading_level, ("onestop_english",)),
    Family("titles", drawn("titles", TITLES), _WIKI),
    Family("dialogue", dialogue, ("kdconv",)),
)
