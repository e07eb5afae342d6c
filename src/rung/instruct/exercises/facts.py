"""Invented people, towns, books, shops and rivers with a few facts each, told in plain sentences and asked about.

What is true of them stands nowhere but in the prompt, so that an answer cannot be remembered.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from rung.instruct.exercises.world import invented, person
from rung.types import Language

Draw = Callable[[random.Random], str]


@dataclass(frozen=True)
class Attribute:
    """One thing that is known about an entity; {x} is its name, {v} the value."""

    said: tuple[str, ...]  # "{x} was founded in {v}."
    asked: tuple[str, ...]  # "When was {x} founded?"
    noun: str  # what the value is: "the author of {x}", "{x}的作者"
    draw: Draw
    leads: str = ""  # the kind of entity that the value is: "person"


@dataclass(frozen=True)
class Fact:
    """``value`` of an attribute of the entity ``name``."""

    name: str
    attribute: Attribute
    value: str

    def said(self, rng: random.Random) -> str:
        return rng.choice(self.attribute.said).format(x=self.name, v=self.value)

    def asked(self, rng: random.Random) -> str:
        return rng.choice(self.attribute.asked).format(x=self.name)

    def other(self, rng: random.Random) -> Fact:
        """The same attribute with another value: a near miss for a year or a number, else drawn afresh."""
        while True:
            wrong = Fact(self.name, self.attribute, _near(rng, self.value) or self.attribute.draw(rng))
            if wrong.value != self.value:
                return wrong


def _near(rng: random.Random, value: str) -> str:
    """A number of one digit more or less somewhere, where the value is a number and the coin says so."""
    if not value.isdigit() or rng.random() < 0.4:
        return ""
    place = rng.randrange(1, len(value)) if len(value) > 1 else 0
    digit = rng.choice([d for d in "123456789" if d != value[place]])
    return value[:place] + digit + value[place + 1 :]


def entity(rng: random.Random, language: Language, kind: str) -> str:
    """A name for an entity of that kind."""
    return person(rng, language) if kind == "person" else titled(rng, language, kind)


def titled(rng: random.Random, language: Language, kind: str) -> str:
    """Velmor, the Torra, "The Red River"; 洛宁镇、青云河、《星月长风》."""
    name = invented(rng, language)
    if kind == "book":
        made = invented(rng, language)
        return f"《{name}{made}》" if language == "zh" else f"{rng.choice(_TITLES)} {name}"
    if language == "zh":
        return name + {"town": rng.choice("镇市县"), "river": rng.choice("河江溪"), "shop": rng.choice(_SHOPS)}[kind]
    return {"town": name, "river": f"the {name}", "shop": f"{name} {rng.choice(_TRADES)}"}[kind]


_TITLES = (
    "The House of",
    "Letters from",
    "The Road to",
    "A Winter in",
    "The Last King of",
    "The Garden of",
    "Songs of",
)
_TRADES = ("Bakery", "Books", "Foods", "Motors", "Tools", "Coffee", "Studio", "Press", "Toys", "Textiles")
_SHOPS = ("公司", "书店", "面包房", "茶馆", "工厂", "出版社", "餐厅", "花店")


def _year(rng: random.Random) -> str:
    return str(rng.randrange(1700, 2020))


def _count(low: int, high: int) -> Draw:
    return lambda rng: str(rng.randrange(low, high))


def _of(*words: str) -> Draw:
    return lambda rng: rng.choice(words)


def _person(language: Language) -> Draw:
    return lambda rng: person(rng, language)


def _town(language: Language) -> Draw:
    return lambda rng: titled(rng, language, "town")


ATTRIBUTES: dict[Language, dict[str, tuple[Attribute, ...]]] = {
    "en": {
        "person": (
            Attribute(("{x} was born in {v}.", "{x} came into the world in {v}.", "The year of {x}'s birth is {v}."),
                      ("When was {x} born?", "In which year was {x} born?", "What is {x}'s year of birth?"), "year of birth", _year),
            Attribute(("{x} comes from {v}.", "{x} grew up in {v}.", "The home town of {x} is {v}."),
                      ("Where does {x} come from?", "Which town is {x} from?", "What is the home town of {x}?"), "home town",
                      _town("en"), "town"),
            Attribute(("{x} works as a {v}.", "{x} is a {v} by trade.", "{x} earns a living as a {v}."),
                      ("What does {x} do for a living?", "What is {x}'s job?", "What work does {x} do?"), "job",
                      _of("teacher", "baker", "doctor", "painter", "driver", "farmer", "singer", "lawyer", "sailor", "tailor",
                          "nurse", "pilot", "cook", "carpenter", "journalist", "miner")),
            Attribute(("{x} likes {v} best.", "{x}'s favourite food is {v}.", "Most of all {x} likes to eat {v}."),
                      ("What is {x}'s favourite food?", "What does {x} like to eat best?"), "favourite food",
                      _of("soup", "noodles", "rice", "cheese", "pancakes", "fish", "dumplings", "pizza", "salad", "beans", "plums")),
            Attribute(("{x} keeps a {v}.", "{x} has a {v} at home.", "The pet of {x} is a {v}."),
                      ("Which animal does {x} keep?", "What pet does {x} have?"), "pet",
                      _of("dog", "cat", "parrot", "rabbit", "horse", "turtle", "hamster", "goat", "snake", "duck")),
        ),
        "town": (
            Attribute(("{x} was founded in {v}.", "The town of {x} dates from {v}.", "People first settled in {x} in {v}."),
                      ("When was {x} founded?", "In which year was {x} founded?"),
                      "founding year", _year),
            Attribute(("{x} has {v} inhabitants.", "{v} people live in {x}.", "The population of {x} is {v}."),
                      ("How many people live in {x}?", "What is the population of {x}?", "How many inhabitants does {x} have?"),
                      "population", _count(300, 9900)),
            Attribute(("The mayor of {x} is {v}.", "{v} is the mayor of {x}.", "{x} is governed by its mayor, {v}."),
                      ("Who is the mayor of {x}?", "What is the name of the mayor of {x}?"), "mayor", _person("en"), "person"),
            Attribute(("{x} is known for its {v}.", "{x} is famous for its {v}.", "Visitors come to {x} for its {v}."),
                      ("What is {x} known for?", "What is {x} famous for?"), "speciality",
                      _of("bridges", "cheese", "glass", "silk", "gardens", "clocks", "salt", "towers", "music", "pottery", "wine")),
        ),
        "book": (
            Attribute(("{x} was written by {v}.", "{v} wrote {x}.", "The author of {x} is {v}."),
                      ("Who wrote {x}?", "Who is the author of {x}?", "By whom was {x} written?"), "author", _person("en"), "person"),
            Attribute(("{x} was published in {v}.", "{x} came out in {v}.", "The first edition of {x} is from {v}."),
                      ("When was {x} published?", "In which year did {x} come out?"), "year of publication", _year),
            Attribute(("{x} has {v} pages.", "There are {v} pages in {x}.", "{x} is {v} pages long."),
                      ("How many pages does {x} have?", "How long is {x} in pages?"), "number of pages", _count(80, 900)),
            Attribute(("{x} is about a {v}.", "{x} tells the story of a {v}.", "In {x} a {v} sets out on a journey."),
                      ("What is {x} about?", "Whose story does {x} tell?"), "subject",
                      _of("sailor", "princess", "lighthouse keeper", "thief", "wolf", "clockmaker", "soldier", "gardener", "ghost")),
        ),
        "shop": (
            Attribute(("{x} was founded by {v}.", "{v} founded {x}.", "The founder of {x} is {v}."),
                      ("Who founded {x}?", "Who is the founder of {x}?"), "founder", _person("en"), "person"),
            Attribute(("{x} is based in {v}.", "{x} has its head office in {v}.", "The seat of {x} is {v}."),
                      ("Where is {x} based?", "In which town is {x}?", "Where is the seat of {x}?"), "seat", _town("en"), "town"),
            Attribute(("{x} employs {v} people.", "{v} people work at {x}.", "{x} has a staff of {v}."),
                      ("How many people work at {x}?", "How many people does {x} employ?"), "number of staff", _count(3, 700)),
            Attribute(("{x} opens at {v} o'clock.", "The doors of {x} open at {v} o'clock.", "You can enter {x} from {v} o'clock on."),
                      ("At what hour does {x} open?", "When does {x} open?"), "opening hour", _count(5, 12)),
        ),
        "river": (
            Attribute(("{x} is {v} km long.", "The length of {x} is {v} km.", "From spring to sea {x} runs {v} km."),
                      ("How many km long is {x}?", "What is the length of {x} in km?"), "length in km", _count(20, 990)),
            Attribute(("{x} flows through {v}.", "On its way {x} passes {v}.", "{v} lies on {x}."),
                      ("Which town does {x} flow through?", "Which town lies on {x}?"), "town", _town("en")),
            Attribute(("The water of {x} is {v}.", "{x} looks {v} from the bank.", "{x} has {v} water."),
                      ("What colour is the water of {x}?", "Which colour does {x} have?"), "colour",
                      _of("green", "blue", "brown", "grey", "yellow", "clear", "black")),
        ),
    },
    "zh": {
        "person": (
            Attribute(("{x}出生于{v}年。", "{x}生于{v}年。", "{x}的出生年份是{v}年。"),
                      ("{x}是哪一年出生的？", "{x}生于哪一年？", "{x}的出生年份是多少？"), "出生年份", _year),
            Attribute(("{x}的家乡是{v}。", "{x}来自{v}。", "{x}从小在{v}长大。"),
                      ("{x}的家乡是哪里？", "{x}来自什么地方？", "{x}是在哪里长大的？"), "家乡", _town("zh"), "town"),
            Attribute(("{x}的职业是{v}。", "{x}是一名{v}。", "{x}做的是{v}的工作。"),
                      ("{x}的职业是什么？", "{x}做什么工作？", "{x}靠什么谋生？"), "职业",
                      _of("老师", "医生", "面包师", "画家", "司机", "农民", "歌手", "律师", "水手", "裁缝", "护士", "飞行员", "厨师", "木匠", "记者")),
            Attribute(("{x}最喜欢吃{v}。", "{x}最爱的食物是{v}。", "要说吃的，{x}最喜欢{v}。"),
                      ("{x}最喜欢吃什么？", "{x}最爱的食物是什么？"), "最爱的食物",
                      _of("饺子", "面条", "米饭", "豆腐", "鱼", "包子", "火锅", "西瓜", "馒头", "青菜", "烤鸭")),
            Attribute(("{x}养了一只{v}。", "{x}家里有一只{v}。", "{x}的宠物是一只{v}。"),
                      ("{x}养了什么动物？", "{x}的宠物是什么？"), "宠物",
                      _of("狗", "猫", "鹦鹉", "兔子", "乌龟", "仓鼠", "山羊", "鸭子", "小猪", "鸽子")),
        ),
        "town": (
            Attribute(("{x}建于{v}年。", "{x}始建于{v}年。", "{x}的历史从{v}年开始。"),
                      ("{x}建于哪一年？", "{x}是哪一年建立的？", "{x}始建于什么时候？"), "建立年份", _year),
            Attribute(("{x}有{v}人。", "{x}的人口是{v}人。", "住在{x}的有{v}人。"),
                      ("{x}有多少人？", "{x}的人口是多少？", "有多少人住在{x}？"), "人口", _count(300, 9900)),
            Attribute(("{x}的负责人是{v}。", "{v}是{x}的负责人。", "{x}由{v}管理。"),
                      ("{x}的负责人是谁？", "谁管理{x}？", "{x}由谁负责？"), "负责人", _person("zh"), "person"),
            Attribute(("{x}以{v}闻名。", "{x}的特产是{v}。", "人们来{x}多半是为了{v}。"),
                      ("{x}以什么闻名？", "{x}的特产是什么？"), "特产",
                      _of("茶叶", "丝绸", "瓷器", "桃花", "米酒", "石桥", "竹器", "豆腐", "剪纸", "荔枝", "腊肉")),
        ),
        "book": (
            Attribute(("{x}的作者是{v}。", "{v}写了{x}。", "{x}是{v}写的。"),
                      ("{x}的作者是谁？", "{x}是谁写的？", "谁写了{x}？"), "作者", _person("zh"), "person"),
            Attribute(("{x}出版于{v}年。", "{x}在{v}年出版。", "{x}的第一版是{v}年的。"),
                      ("{x}是哪一年出版的？", "{x}出版于哪一年？"), "出版年份", _year),
            Attribute(("{x}共有{v}页。", "{x}一共{v}页。", "{x}的页数是{v}页。"),
                      ("{x}有多少页？", "{x}一共多少页？"), "页数", _count(80, 900)),
            Attribute(("{x}讲的是一个{v}的故事。", "{x}的主人公是一个{v}。", "{x}写一个{v}的一生。"),
                      ("{x}讲的是谁的故事？", "{x}的主人公是什么人？"), "主人公",
                      _of("水手", "公主", "小偷", "猎人", "钟表匠", "士兵", "园丁", "书生", "渔夫", "侠客", "商人")),
        ),
        "shop": (
            Attribute(("{x}的创办人是{v}。", "{v}创办了{x}。", "{x}由{v}创立。"),
                      ("{x}的创办人是谁？", "谁创办了{x}？", "{x}由谁创立？"), "创办人", _person("zh"), "person"),
            Attribute(("{x}位于{v}。", "{x}的总部在{v}。", "{x}开在{v}。"),
                      ("{x}在哪里？", "{x}位于什么地方？", "{x}的总部在哪里？"), "所在地", _town("zh"), "town"),
            Attribute(("{x}有{v}名员工。", "{x}的员工有{v}人。", "在{x}工作的有{v}人。"),
                      ("{x}有多少名员工？", "多少人在{x}工作？"), "员工人数", _count(3, 700)),
            Attribute(("{x}早上{v}点开门。", "{x}每天{v}点开始营业。", "{x}的开门时间是{v}点。"),
                      ("{x}几点开门？", "{x}每天几点开始营业？"), "开门时间", _count(5, 12)),
        ),
        "river": (
            Attribute(("{x}全长{v}公里。", "{x}长{v}公里。", "{x}的长度是{v}公里。"),
                      ("{x}有多少公里长？", "{x}全长多少公里？"), "长度", _count(20, 990)),
            Attribute(("{x}流经{v}。", "{x}从{v}穿过。", "{v}就在{x}边上。"),
                      ("{x}流经哪里？", "{x}从什么地方穿过？"), "流经的地方", _town("zh")),
            Attribute(("{x}的水是{v}的。", "远远看去，{x}是{v}的。", "{x}的颜色是{v}的。"),
                      ("{x}的水是什么颜色的？", "{x}是什么颜色的？"), "颜色",
                      _of("绿色", "蓝色", "棕色", "灰色", "黄色", "黑色", "青色")),
        ),
    },
}  # fmt: skip


def facts(
    rng: random.Random, language: Language, kind: str, *, name: str = "", least: int = 1, most: int = 3
) -> list[Fact]:
    """``least`` to ``most`` facts about one entity of that kind."""
    name = name or entity(rng, language, kind)
    attributes = ATTRIBUTES[language][kind]
    chosen = rng.sample(attributes, rng.randint(least, min(most, len(attributes))))
    return [Fact(name, attribute, attribute.draw(rng)) for attribute in chosen]


def fact(rng: random.Random, language: Language, kind: str = "") -> Fact:
    """One fact about an entity, of that kind or of any."""
    return facts(rng, language, kind or rng.choice(list(ATTRIBUTES[language])), most=1)[0]


def told(rng: random.Random, known: list[Fact], language: Language) -> str:
    """The facts as a passage, in random order."""
    sentences = [upper(f.said(rng)) for f in rng.sample(known, len(known))]
    return ("" if language == "zh" else " ").join(sentences)


def upper(text: str) -> str:
    """The text with a capital at its front: names of rivers begin with "the"."""
    return text[:1].upper() + text[1:]
