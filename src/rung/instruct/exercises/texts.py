"""Skills that any text can be asked for, without labels: copying, and choosing what fits.

copying  repeat it, its first or last word or sentence, what stands between marks, all its numbers, dates or names
cloze    the word, number or sentence that was taken out, among two to four
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from rung.instruct.exercises.skills import Asked, Skill, exercise
from rung.instruct.exercises.snippets import DATE, NAME, NEEDS, NUMBER, TEXTS, items, joined, run, sentence
from rung.instruct.exercises.world import invented
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

Wordings = dict[Language, tuple[str, ...]]
Make = Callable[[random.Random, Sources, Language], Skill]

REPEAT: Wordings = {
    "en": (
        "Repeat the text.", "Copy this exactly.", "Write the same again.", "Say the following once more, word for word.", "Repeat after me.",
        "Echo the text without any change.", "Write down what I say.", "Copy the sentence.",
    ),
    "zh": (
        "重复这段话。", "请原样抄写。", "照着写一遍。", "把下面的话一字不差地再写一次。", "跟我说。", "原文照抄，不要改动。", "请复述原句。", "抄写句子。",
    ),
}  # fmt: skip
FIRST_WORD: Wordings = {
    "en": ("Write the first word.", "What is the first word of the sentence?", "Give only the word that the text begins with."),
    "zh": ("写出前两个字。", "这句话的前两个字是什么？", "只写开头两个字。"),
}  # fmt: skip
LAST_WORD: Wordings = {
    "en": ("Write the last word.", "What is the last word of the sentence?", "Give only the word that the text ends with."),
    "zh": ("写出最后两个字，不要标点。", "这句话最后两个字（不算标点）是什么？", "只写结尾两个字，不带标点。"),
}  # fmt: skip
NTH: Wordings = {  # {n}: 2, 3, ...; {o}: second, third, ...
    "en": ("What is word number {n}?", "Write the {o} word.", "Give only the {o} word of the sentence."),
    "zh": ("第{n}个字是什么？", "写出第{n}个字。", "只写第{n}个字。"),
}  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
FIRST_SENTENCE: Wordings = {
    "en": ("Copy the first sentence.", "Write only the first sentence of the passage.", "Give the opening sentence.", "Quote the first sentence."),
    "zh": ("抄写第一句话。", "只写出这段话的第一句。", "给出开头的那句。", "引用第一句。"),
}  # fmt: skip
LAST_SENTENCE: Wordings = {
    "en": ("Copy the last sentence.", "Write only the last sentence of the passage.", "Give the closing sentence.", "Quote the last sentence."),
    "zh": ("抄写最后一句话。", "只写出这段话的最后一句。", "给出结尾的那句。", "引用最后一句。"),
}  # fmt: skip
SECOND_SENTENCE: Wordings = {
    "en": ("Copy the second sentence.", "Write only the second sentence of the passage.", "Which sentence comes second?"),
    "zh": ("抄写第二句话。", "只写出这段话的第二句。", "第二句是什么？"),
}  # fmt: skip
BETWEEN: Wordings = {  # {a} and {b}: the marks
    "en": (
        "Copy what stands between {a} and {b}.", "Extract the text inside {a} {b}.", "What is written between {a} and {b}?",
        "Give only the words enclosed in {a}{b}.",
    ),
    "zh": ("抄写{a}和{b}之间的内容。", "提取{a}{b}里的文字。", "{a}与{b}之间写的是什么？", "只写出{a}{b}括起来的部分。"),
}  # fmt: skip
NUMBERS: Wordings = {
    "en": ("List all numbers in the text.", "Find every number.", "Write out the numbers that occur, in their order.", "Extract the numbers."),
    "zh": ("列出文中所有的数字。", "找出每一个数字。", "按顺序写出出现的数字。", "提取数字。"),
}  # fmt: skip
NAMES: Wordings = {
    "en": ("List the names in the text.", "Find all names that are written with a capital, except the first word.", "Extract the proper names."),
    "zh": ("列出书名号里的所有名称。", "找出文中《》里的作品。", "提取带书名号的内容。"),
}  # fmt: skip
DATES: Wordings = {
    "en": ("Find the date.", "Which date does the text give?", "Extract the full date.", "Copy the date out of the text."),
    "zh": ("找出日期。", "文中的日期是哪一天？", "提取完整的日期。", "把日期抄出来。"),
}  # fmt: skip
UPTO: Wordings = {  # {m}: a mark
    "en": ("Copy the text up to the first comma.", "Write what stands before the first comma.", "Give the part in front of the comma."),
    "zh": ("抄写第一个逗号之前的部分。", "写出逗号前面的内容。", "只写到第一个逗号为止，不含逗号。"),
}  # fmt: skip
AFTER: Wordings = {  # {x}: a word
    "en": ("Which word comes right after \"{x}\"?", "Write the word that follows \"{x}\".", "What follows \"{x}\"? One word."),
    "zh": ("“{x}”后面的两个字是什么？", "写出紧跟在“{x}”之后的两个字。", "“{x}”后面接哪两个字？"),
}  # fmt: skip
MARKS = (("[", "]"), ("(", ")"), ("<<", ">>"), ("**", "**"), ("~", "~"), ("##", "##"), ('"', '"'), ("<b>", "</b>"))
ZH_MARKS = (("【", "】"), ("（", "）"), ("[", "]"), ("「", "」"), ("**", "**"), ("##", "##"), ("“", "”"))


OPENERS = {
    "The",
    "In",
    "He",
    "She",
    "It",
    "A",
    "An",
    "On",
    "At",
    "They",
    "His",
    "Her",
    "This",
    "During",
    "After",
    "From",
    "By",
    "Its",
    "Their",
    "For",
}


def words(text: str, language: Language) -> list[str]:
    """The words of a text; in Chinese its characters, marks aside."""
    return re.findall(r"[\u4e00-\u9fff]", text) if language == "zh" else re.findall(r"[A-Za-z0-9][\w'’-]*", text)


def repeat(rng: random.Random, given: Sources, language: Language) -> Skill:
    high = rng.choice((15, 30, 60))

    def draw() -> Asked:
        if rng.random() < 0.15:
            text = " ".join(invented(rng, language) for _ in range(rng.randint(1, 5)))
        else:
            text = sentence(rng, given, language, 5, high)
        return Asked(text, text)

    return Skill(REPEAT[language], draw)


def part(asks: Wordings, take: Callable[[str, Language], str], *, wiki: bool = False) -> Make:
    """A part of a sentence that ``take`` takes; novels have few numbers, dates and names in marks."""

    def make(rng: random.Random, given: Sources, language: Language) -> Skill:
        high = rng.choice((30, 50) if wiki else (20, 40))

        def draw() -> Asked:
            while True:
                text = sentence(rng, given, language, 6, high, wiki=wiki)
                if target := take(text, language):
                    return Asked(text, target)

        return Skill(asks[language], draw)

    return make


def _first(text: str, language: Language) -> str:
    return re.sub(r"\W", "", text)[:2] if language == "zh" else words(text, language)[0]


def _last(text: str, language: Language) -> str:
    return re.sub(r"\W", "", text)[-2:] if language == "zh" else words(text, language)[-1]


def _upto(text: str, language: Language) -> str:
    front = re.split("，" if language == "zh" else ", ", text)
    return front[0] if len(front) > 1 and len(front[0]) > 3 else ""


def _numbers(text: str, language: Language) -> str:
    found = NUMBER.findall(text)
    whole = len(found) == len(re.findall(r"\d+(?:[.,]\d+)*", text))
    return (", " if language == "en" else "、").join(found) if len(found) > 1 and whole else ""


def _names(text: str, language: Language) -> str:
    found = list(dict.fromkeys(NAME[language].findall(text)))
    capitals = re.findall(r"(?<=\W)[A-Z]\w*", text[1:])
    if language == "en" and (text.split()[0] not in OPENERS or sum(len(n.split()) for n in found) != len(capitals)):
        return ""  # "Martin met ...", "the US", "World War II": no clear answer
    return (", " if language == "en" else "、").join(found)


def _date(text: str, language: Language) -> str:
    found = DATE[language].findall(text)
    return found[0] if len(found) == 1 else ""


def nth(rng: random.Random, given: Sources, language: Language) -> Skill:
    number = rng.randint(2, 5)
    if language == "zh":
        asks = [ask.format(n="零一二三四五六"[number]) for ask in NTH["zh"]]
    else:
        asks = [ask.format(n=number, o=ORDINALS[number - 1]) for ask in NTH["en"]]

    def draw() -> Asked:
        while True:
            text = sentence(rng, given, language, 6, 20)
            plain = re.sub(r"[^\w\s'’-]", "", text)
            found = list(plain.replace(" ", "")) if language == "zh" else plain.split()
            if len(found) > number:
                return Asked(text, found[number - 1], f"{number} {text}")

    return Skill(asks, draw)


def after(rng: random.Random, given: Sources, language: Language) -> Skill:
    """The question is another one with every text, so it stands in the text."""
    ask = rng.choice(AFTER[language])

    def draw() -> Asked:
        while True:
            text = sentence(rng, given, language, 8, 30)
            plain = (
                re.findall(r"[\u4e00-\u9fff]{4}", text) if language == "zh" else re.findall(r"\w{3,} \w{2,}(?= )", text)
            )
            if not plain:
                continue
            pair = rng.choice(plain)
            word, following = (pair[:2], pair[2:]) if language == "zh" else pair.split()
            if text.count(word) == 1:
                return Asked(f"{text}\n{ask.format(x=word)}", following)

    return Skill((), draw)


def between(rng: random.Random, given: Sources, language: Language) -> Skill:
    a, b = rng.choice(ZH_MARKS if language == "zh" else MARKS)
    asks = [ask.format(a=a, b=b) for ask in BETWEEN[language]]

    def draw() -> Asked:
        while True:
            text = sentence(rng, given, language, 8, 40)
            parts = list(text) if language == "zh" else text.split()
            low = rng.randrange(len(parts))
            high = rng.randint(low + 1, min(len(parts), low + (12 if language == "zh" else 8)))
            space = "" if language == "zh" else " "
            inside = space.join(parts[low:high])
            whole = inside.strip("，。、；：！？,.") == inside and not re.search(r"[“”\"]", inside)
            if whole and a not in text and b not in text:
                marked = space.join([*parts[:low], f"{a}{inside}{b}", *parts[high:]])
                return Asked(marked, inside)

    return Skill(asks, draw)


def which(asks: Wordings, at: int) -> Make:
    """One of the sentences of a passage."""

    def make(rng: random.Random, given: Sources, language: Language) -> Skill:
        limit = rng.choice((60, 100, 140))

        def draw() -> Asked:
            while True:
                parts = run(rng, rng.choice(given.passages(rng.choice(TEXTS[language]))), limit)
                if len(parts) > 1 and len(parts[at]) <= (60 if language == "zh" else 200):
                    return Asked(joined(parts, language), parts[at])

        return Skill(asks[language], draw)

    return make


COPYING: tuple[tuple[Make, int], ...] = (
    (repeat, 6), (part(FIRST_WORD, _first), 2), (part(LAST_WORD, _last), 2), (part(UPTO, _upto), 2), (part(NUMBERS, _numbers, wiki=True), 3),
    (part(NAMES, _names, wiki=True), 2), (part(DATES, _date, wiki=True), 2), (nth, 2), (after, 3), (between, 4), (which(FIRST_SENTENCE, 0), 2),
    (which(SECOND_SENTENCE, 1), 1), (which(LAST_SENTENCE, -1), 2),
)  # fmt: skip

GAP: Wordings = {
    "en": (
        "Which word fits the gap?", "Choose the word for the blank.", "Pick the word that is missing.", "Fill in the blank with one of the words.",
        "Which of the words was taken out?", "Complete the sentence.",
    ),
    "zh": ("哪个词填在空处合适？", "选词填空。", "选出缺少的词。", "从备选词中选一个填空。", "空格里原来是哪个词？", "把句子补完整。"),
}  # fmt: skip
NEXT: Wordings = {
    "en": ("Which sentence comes next?", "Choose the sentence that follows.", "How does the text go on?", "Pick the continuation."),
    "zh": ("下一句是哪一句？", "选出接下来的句子。", "下文是什么？", "哪一句接在后面？"),
}  # fmt: skip
COMMON: dict[Language, tuple[str, ...]] = {  # words that occur in most texts; those in a row exclude each other where one stands
    "en": (
        "because", "although", "before", "after", "under", "between", "during", "without", "against", "through", "he", "they", "people",
        "city", "water", "year", "music", "company", "war", "school", "film", "river", "book", "house", "king", "daughter", "language",
        "south", "north", "small", "large", "first", "last", "white", "black", "born", "built", "written", "called", "known", "used",
        "found", "played", "won", "died", "became", "said", "went", "hand", "eyes", "door", "night", "morning", "church", "island", "army",
        "government", "species", "team", "album", "university", "century", "country", "children", "mother", "father", "food", "animals",
    ),
    "zh": (
        "因为", "但是", "所以", "如果", "虽然", "而且", "或者", "已经", "开始", "结束", "我们", "他们", "自己", "什么", "没有", "可以", "必须", "城市",
        "学校", "公司", "音乐", "电影", "历史", "政府", "战争", "铁路", "大学", "比赛", "作品", "语言", "文化", "经济", "北部", "南部", "东部", "西部", "出生",
        "逝世", "成立", "建造", "担任", "毕业", "获得", "发行", "使用", "称为", "属于", "位于", "父亲", "母亲", "儿子", "女儿", "老师", "学生", "医院", "车站",
        "道路", "河流", "岛屿", "动物", "植物", "军队", "皇帝", "先生", "夫人", "今天", "明天", "早上", "晚上", "心里", "眼睛", "声音", "第一", "最后",
    ),
}  # fmt: skip
OPTIONS: Wordings = {
    "en": ("Options: {x}", "Words: {x}", "({x})", "Choose from: {x}"),
    "zh": ("选项：{x}", "备选：{x}", "（{x}）", "从中选择：{x}"),
}
LETTERS = (("A", "B", "C", "D"), ("1", "2", "3", "4"), ("a", "b", "c", "d"), ("①", "②", "③", "④"))
LINE = ("{n}. {x}", "{n}) {x}", "({n}) {x}", "{n}: {x}")


def gapped(rng: random.Random, given: Sources, language: Language, count: int) -> tuple[str, str, list[str]]:
    """A sentence with a gap, the word that was there, and ``count`` candidates of which it is one."""
    while True:
        text = sentence(rng, given, language, 10, 45)
        here = set(re.findall(r"\w+", text)) if language == "en" else None
        known = [w for w in COMMON[language] if (w in here if here is not None else w in text)]
        found = [w for w in known if text.count(w) == 1]
        names = items(text, language)
        if names and rng.random() < 0.3:
            word = rng.choice(names)
            other = [
                i
                for i in items(sentence(rng, given, language, 10, 60), language)
                if _like(i) == _like(word) and i not in text
            ]
            others = other[: count - 1]
        elif found:
            word = rng.choice(found)
            others = rng.sample([w for w in COMMON[language] if w not in known], count - 1)
        else:
            continue
        if len(others) == count - 1:
            return text.replace(word, "____", 1), word, rng.sample([word, *others], count)


def _like(item: str) -> str:
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"[\d,.]+", "0", item))


def following(rng: random.Random, given: Sources, language: Language, count: int) -> tuple[str, str, list[str]]:
    """The front of a passage, the sentence that comes next, and ``count`` candidates; the others are from other texts."""
    while True:
        source = rng.choice(TEXTS[language])
        parts = run(rng, rng.choice(given.passages(source)), 90)
        if len(parts) < 2:
            continue
        others = [sentence(rng, given, language, 8, 40) for _ in range(count - 1)]
        if len(set([*others, parts[-1]])) == count:
            return joined(parts[:-1], language), parts[-1], rng.sample([parts[-1], *others], count)


Choice = Callable[[random.Random, Sources, Language, int], tuple[str, str, list[str]]]


def lettered(asks: Wordings, choice: Choice) -> Make:
    """The candidates under letters, of which one is the answer."""

    def make(rng: random.Random, given: Sources, language: Language) -> Skill:
        count = rng.choice((2, 2, 3, 4))
        letters, line = rng.choice(LETTERS)[:count], rng.choice(LINE)

        def draw() -> Asked:
            text, answer, candidates = choice(rng, given, language, count)
            lines = [line.format(n=n, x=x) for n, x in zip(letters, candidates, strict=True)]
            return Asked("\n".join([text, *lines]), letters[candidates.index(answer)], text)

        return Skill(asks[language], draw, labels=letters, shown=False)

    return make


def written(asks: Wordings, choice: Choice) -> Make:
    """The candidates in a row; the answer is written."""

    def make(rng: random.Random, given: Sources, language: Language) -> Skill:
        layout = rng.choice(OPTIONS[language])
        comma = rng.choice(("、", "；", "/") if language == "zh" else (", ", " / ", "; "))

        def draw() -> Asked:
            text, answer, candidates = choice(rng, given, language, rng.choice((2, 3, 4)))
            return Asked(f"{text}\n{layout.format(x=comma.join(candidates))}", answer, text)

        return Skill(asks[language], draw, shown=False)

    return make


def labelled(rng: random.Random, given: Sources, language: Language) -> Skill:
    """The candidates are the labels themselves."""
    text, answer, candidates = gapped(rng, given, language, rng.choice((2, 3, 4)))
    return Skill(GAP[language], lambda: Asked(text, answer), labels=tuple(candidates), shown=False)


CLOZE: tuple[tuple[Make, int], ...] = (
    (lettered(GAP, gapped), 3), (written(GAP, gapped), 4), (labelled, 3), (lettered(NEXT, following), 3),
)  # fmt: skip


def drawn(name: str, makers: Sequence[tuple[Make, int]]) -> Callable[[random.Random, Sources], Exercise]:
    """The way to draw a family of several skills."""

    def make(rng: random.Random, sources: Sources) -> Exercise:
        language: Language = rng.choice(("zh", "en"))
        chosen = rng.choices([m for m, _ in makers], [w for _, w in makers])[0]
        return exercise(rng, name, language, chosen(rng, sources, language))

    return make


FAMILIES: tuple[Family, ...] = (
    Family("copying", drawn("copying", COPYING), NEEDS),
    Family("cloze", drawn("cloze", CLOZE), NEEDS),
)
