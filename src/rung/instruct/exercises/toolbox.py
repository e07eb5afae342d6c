"""Tools as a system message lists them, each with questions that want it, the call, and what it would return."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.instruct.exercises.facts import fact
from rung.instruct.exercises.sums import Sum
from rung.instruct.exercises.world import THINGS, invented, person
from rung.types import Language

Draw = Callable[[random.Random], str]
MISSING: dict[Language, str] = {"en": "not found", "zh": "没有找到"}


@dataclass(frozen=True)
class Use:
    """A question, the arguments of the call that answers it, and what the tool returns for them.

    ``answer`` is what the question wants of the result: all of it, unless told otherwise; None where the tool has nothing.
    ``known`` are a few entries of the table behind the tool, where it may be shown.
    """

    question: str
    arguments: tuple[Any, ...]
    result: str
    answer: str | None = ""
    key: str = ""  # of the question; empty: its text
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def final(self) -> str | None:
        return self.result if self.answer == "" else self.answer


@dataclass(frozen=True)
class Tool:
    """``names``, ``does`` and ``takes`` are wordings, one of each of which a system message shows."""

    names: tuple[str, ...]
    does: tuple[str, ...]
    takes: tuple[tuple[str, ...], ...]  # the names of its arguments
    use: Callable[[random.Random], Use]


def _times(rng: random.Random) -> str:
    return f"{rng.randrange(6, 22)}:{rng.choice(('00', '15', '30', '45', '20', '10'))}"


def _date(rng: random.Random) -> str:
    return f"20{rng.randrange(10, 40)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def _calculate(language: Language) -> Callable[[random.Random], Use]:
    asked = {
        "en": (
            "What is {s}?",
            "Work out {s} for me.",
            "How much is {s}?",
            "Calculate {s}.",
            "I need {s}.",
            "Tell me {s}, please.",
        ),
        "zh": ("{s}等于多少？", "帮我算{s}。", "请计算{s}", "{s}是多少？", "我要知道{s}的结果。", "算一下{s}"),
    }[language]
    told = {
        "en": {
            "+": (
                "A shop sold {a} {x} in May and {b} in June. How many in all?",
                "{p} has {a} coins and gets {b} more. How many now?",
            ),
            "-": ("{p} had {a} {x} and sold {b}. How many are left?", "Of {a} {x}, {b} are gone. How many remain?"),
            "×": (
                "What do {b} machines at {a} dollars each cost?",
                "{p} packs {a} boxes of {b} {x}. How many {x} is that?",
            ),
        },
        "zh": {
            "+": ("商店五月卖出{a}{m}{x}，六月卖出{b}{m}，一共多少？", "{p}有{a}元，又得到{b}元，现在有多少元？"),
            "-": ("{p}有{a}{m}{x}，卖掉{b}{m}，还剩多少？", "{a}{m}{x}用掉了{b}{m}，剩下几{m}？"),
            "×": ("每台机器{a}元，买{b}台要多少元？", "{p}装了{a}箱{x}，每箱{b}{m}，一共多少？"),
        },
    }[language]

    def use(rng: random.Random) -> Use:
        sign = rng.choice("+-×")
        a, b = rng.randrange(100, 10000), rng.randrange(11, 1000)
        total = Sum(max(a, b), ((sign, min(a, b)),))
        a, b = total.numbers
        if rng.random() < 0.5:
            shown = total.text(rng.choice(("×", "*", "x")), rng.choice(("", " ")))
            text = rng.choice(asked).format(s=shown)
        else:
            thing, measure = rng.choice(THINGS[language])
            text = rng.choice(told[sign]).format(a=a, b=b, x=thing, m=measure, p=person(rng, language))
        return Use(text, (total.text("*"),), str(total.value), key=total.key)

    return use


def _table(language: Language, asked: tuple[str, ...], name: Draw, value: Draw) -> Callable[[random.Random], Use]:
    """Questions for one entry by its name; one in six asks for an entry that is not there."""

    def use(rng: random.Random) -> Use:
        table = {name(rng): value(rng) for _ in range(rng.randint(3, 5))}
        wanted = rng.choice(list(table))
        text = rng.choice(asked).format(x=wanted)
        if rng.random() < 1 / 6:
            del table[wanted]
        found = table.get(wanted)
        return Use(text, (wanted,), found or MISSING[language], "" if found else None, known=table)

    return use


def _phone(rng: random.Random) -> str:
    return "".join(rng.choice("0123456789") for _ in range(rng.choice((4, 5, 7, 8))))


def _code(rng: random.Random) -> str:
    return f"{rng.choice('ABCDEFGHKLMNPRSTX')}{rng.randrange(10, 1000)}"


def _searched(language: Language) -> Callable[[random.Random], Use]:
    """The query is the question; a sentence comes back, and the answer is a part of it."""

    def use(rng: random.Random) -> Use:
        found = fact(rng, language)
        text = found.asked(rng)
        text = text[0].upper() + text[1:]
        return Use(text, (text,), found.said(rng), found.value)

    return use


def _converted(language: Language) -> Callable[[random.Random], Use]:
    units = {
        "en": (("km", "m", 1000), ("kg", "g", 1000), ("m", "cm", 100), ("hours", "minutes", 60), ("minutes", "seconds", 60),
               ("weeks", "days", 7), ("days", "hours", 24), ("tons", "kg", 1000), ("litres", "ml", 1000), ("dozens", "pieces", 12)),
        "zh": (("千米", "米", 1000), ("千克", "克", 1000), ("米", "厘米", 100), ("小时", "分钟", 60), ("分钟", "秒", 60),
               ("周", "天", 7), ("天", "小时", 24), ("吨", "千克", 1000), ("升", "毫升", 1000), ("斤", "克", 500)),
    }[language]  # fmt: skip
    asked = {
        "en": (
            "How many {to} are {n} {of}?",
            "Convert {n} {of} to {to}.",
            "{n} {of} in {to}?",
            "What is {n} {of} in {to}?",
        ),
        "zh": ("{n}{of}等于多少{to}？", "把{n}{of}换算成{to}。", "{n}{of}是多少{to}？", "{n}{of}合多少{to}？"),
    }[language]

    def use(rng: random.Random) -> Use:
        of, to, rate = rng.choice(units)
        n = rng.randrange(2, 200)
        unit = to if language == "zh" else f" {to}"
        return Use(rng.choice(asked).format(n=n, of=of, to=to), (n, of, to), f"{n * rate}{unit}")

    return use


def _translated(language: Language) -> Callable[[random.Random], Use]:
    pairs = (
        ("apple", "苹果"), ("water", "水"), ("mountain", "山"), ("river", "河"), ("friend", "朋友"), ("school", "学校"), ("book", "书"),
        ("teacher", "老师"), ("winter", "冬天"), ("spring", "春天"), ("bread", "面包"), ("horse", "马"), ("moon", "月亮"), ("sun", "太阳"),
        ("city", "城市"), ("road", "路"), ("letter", "信"), ("music", "音乐"), ("paper", "纸"), ("rain", "雨"), ("snow", "雪"), ("tea", "茶"),
        ("bird", "鸟"), ("fish", "鱼"), ("tree", "树"), ("flower", "花"), ("window", "窗户"), ("door", "门"), ("table", "桌子"), ("hand", "手"),
    )  # fmt: skip
    asked = {
        "en": (
            "What is “{x}” in {to}?",
            "Translate “{x}” into {to}.",
            "How do you say “{x}” in {to}?",
            "The {to} word for “{x}”, please.",
        ),
        "zh": ("“{x}”用{to}怎么说？", "把“{x}”翻译成{to}。", "“{x}”的{to}是什么？", "请把“{x}”译成{to}。"),
    }[language]
    names = ("English", "Chinese") if language == "en" else ("英文", "中文")

    def use(rng: random.Random) -> Use:
        pair = rng.choice(pairs)
        back = rng.randrange(2)
        word, to = pair[1 - back], names[back]
        return Use(rng.choice(asked).format(x=word, to=to), (word, to), pair[back])

    return use


def _weather(language: Language) -> Callable[[random.Random], Use]:
    skies = {
        "en": ("sunny", "cloudy", "rain", "light snow", "fog", "windy", "clear", "thunderstorms", "hail"),
        "zh": ("晴", "多云", "小雨", "大雪", "有雾", "大风", "阴", "雷阵雨", "冰雹"),
    }[language]
    asked = {
        "en": (
            "What is the weather in {x}?",
            "How is the weather in {x} today?",
            "Tell me the weather in {x}.",
            "Weather for {x}, please.",
        ),
        "zh": ("{x}今天天气怎么样？", "{x}的天气如何？", "查一下{x}的天气。", "告诉我{x}今天的天气。"),
    }[language]

    def use(rng: random.Random) -> Use:
        town = invented(rng, language)
        degrees = rng.randrange(-9, 38)
        sky = rng.choice(skies)
        return Use(
            rng.choice(asked).format(x=town),
            (town,),
            f"{sky}，{degrees}度" if language == "zh" else f"{sky}, {degrees} degrees",
        )

    return use


def _stock(rng: random.Random) -> str:
    return str(rng.randrange(1, 400))


TOOLS: dict[Language, dict[str, Tool]] = {
    "en": {
        "calculator": Tool(
            ("calculator", "calc", "compute", "math", "arithmetic"),
            ("computes an arithmetic expression", "does arithmetic with + - *", "works out sums, exactly", "evaluates a formula of numbers"),
            (("expression",), ("formula",)), _calculate("en")),
        "lookup": Tool(
            ("lookup", "get_record", "find_entry", "phone_book", "directory"),
            ("finds the phone number of a person", "looks up a person's number", "returns the number stored under a name"),
            (("key",), ("name",)),
            _table("en", ("What is the phone number of {x}?", "I want to call {x}. Which number?", "{x}'s number, please.", "Find the number of {x}."),
                   lambda rng: person(rng, "en"), _phone)),
        "search": Tool(
            ("search", "web_search", "find", "look_on_the_web", "library"),
            ("searches the library for a sentence that answers a question", "finds facts about people, towns, books and firms",
             "searches an encyclopedia"),
            (("query",), ("question",), ("q",)), _searched("en")),
        "weather": Tool(
            ("weather", "forecast", "get_weather"), ("tells today's weather in a town", "gives the forecast for a place"),
            (("city",), ("town",), ("place",)), _weather("en")),
        "calendar": Tool(
            ("calendar", "agenda", "read_diary"), ("tells what is planned on a date", "shows the appointment of a day"),
            (("date",), ("day",)),
            _table("en", ("What is planned on {x}?", "Do I have something on {x}?", "Which appointment is on {x}?", "What happens on {x}?"),
                   _date, lambda rng: rng.choice(("dentist", "meeting", "concert", "exam", "lunch with Ben", "swimming", "train trip")))),
        "translate": Tool(
            ("translate", "dictionary", "translator"), ("translates a word", "gives a word in another language"),
            (("text", "to"), ("word", "language")), _translated("en")),
        "convert": Tool(
            ("convert", "units", "unit_converter"), ("converts an amount from one unit to another", "changes units of measure"),
            (("amount", "from", "to"), ("value", "unit", "target")), _converted("en")),
        "price": Tool(
            ("price", "price_list", "get_price"), ("gives the price of an article by its code", "returns what an article costs"),
            (("article",), ("code",)),
            _table("en", ("What does article {x} cost?", "Price of {x}?", "How much is item {x}?", "I want to buy {x}. What does it cost?"),
                   _code, lambda rng: f"{rng.randrange(2, 999)} dollars")),
        "stock": Tool(
            ("stock", "inventory", "count_stock"), ("says how many pieces of a thing are in the store", "counts what is in stock"),
            (("item",), ("thing",)),
            _table("en", ("How many {x} are in stock?", "Do we still have {x}? How many?", "Count the {x} in the store.", "Number of {x} left?"),
                   lambda rng: rng.choice(THINGS["en"])[0], _stock)),
        "timetable": Tool(
            ("timetable", "trains", "departures"), ("tells when the next train to a town leaves", "gives the departure to a place"),
            (("to",), ("destination",)),
            _table("en", ("When does the next train to {x} leave?", "Train to {x}?", "At what time can I go to {x}?", "I must get to {x}. When is a train?"),
                   lambda rng: invented(rng, "en"), _times)),
        "room": Tool(
            ("room_finder", "where_is", "rooms"), ("tells where a person sits", "finds the office of a colleague"),
            (("person",), ("colleague",)),
            _table("en", ("Where does {x} sit?", "In which room is {x}?", "Where can I find {x}?", "The office of {x}?"),
                   lambda rng: person(rng, "en"), lambda rng: f"room {rng.randrange(100, 600)}")),
    },
    "zh": {
        "calculator": Tool(
            ("calculator", "calc", "compute", "计算器", "算术"), ("计算一个算式", "做加减乘运算", "算出表达式的值", "精确计算数字"),
            (("expression",), ("formula",), ("算式",)), _calculate("zh")),
        "lookup": Tool(
            ("lookup", "get_record", "电话簿", "查号", "phone_book"), ("查一个人的电话号码", "按姓名返回号码", "查询联系人的电话"),
            (("key",), ("name",), ("姓名",)),
            _table("zh", ("{x}的电话是多少？", "我要给{x}打电话，号码是什么？", "查一下{x}的号码。", "请问{x}的电话号码？"), lambda rng: person(rng, "zh"), _phone)),
        "search": Tool(
            ("search", "web_search", "搜索", "查资料", "find"), ("在资料库里搜索能回答问题的句子", "查找人物、地方、书和公司的资料", "搜索百科"),
            (("query",), ("问题",), ("q",)), _searched("zh")),
        "weather": Tool(
            ("weather", "天气", "get_weather", "forecast"), ("查询一个地方今天的天气", "给出某地的天气预报"),
            (("city",), ("地点",), ("place",)), _weather("zh")),
        "calendar": Tool(
            ("calendar", "日程", "agenda"), ("查看某一天的安排", "返回某个日期的日程"), (("date",), ("日期",)),
            _table("zh", ("{x}有什么安排？", "我{x}有事吗？", "{x}的日程是什么？", "查一下{x}的安排。"), _date,
                   lambda rng: rng.choice(("看牙医", "开会", "听音乐会", "考试", "和小李吃饭", "游泳", "坐火车出差", "家长会")))),
        "translate": Tool(
            ("translate", "翻译", "dictionary"), ("翻译一个词", "给出一个词在另一种语言里的说法"),
            (("text", "to"), ("词", "语言")), _translated("zh")),
        "convert": Tool(
            ("convert", "换算", "unit_converter"), ("换算单位", "把一个数量从一种单位换成另一种"),
            (("amount", "from", "to"), ("数量", "原单位", "新单位")), _converted("zh")),
        "price": Tool(
            ("price", "查价格", "get_price"), ("按编号查商品的价格", "返回一件商品多少钱"), (("article",), ("编号",)),
            _table("zh", ("商品{x}多少钱？", "{x}的价格是多少？", "我想买{x}，要多少钱？", "编号{x}卖多少钱？"), _code, lambda rng: f"{rng.randrange(2, 999)}元")),
        "stock": Tool(
            ("stock", "库存", "inventory"), ("查询仓库里某种东西的数量", "看看还有多少存货"), (("item",), ("物品",)),
            _table("zh", ("仓库里还有多少{x}？", "{x}还剩多少？", "{x}的库存是多少？", "查一下{x}有几件。"), lambda rng: rng.choice(THINGS["zh"])[0], _stock)),
        "timetable": Tool(
            ("timetable", "时刻表", "trains"), ("查询去某地的下一班火车", "返回开往某地的发车时间"), (("to",), ("目的地",)),
            _table("zh", ("下一班去{x}的火车几点开？", "去{x}的车几点？", "我要去{x}，什么时候有车？", "几点有火车到{x}？"), lambda rng: invented(rng, "zh"), _times)),
        "room": Tool(
            ("room_finder", "找人", "rooms"), ("查一位同事在哪个房间", "告诉你某人坐在哪里"), (("person",), ("同事",)),
            _table("zh", ("{x}在哪个房间？", "{x}坐在哪里？", "到哪里能找到{x}？", "请问{x}的办公室在哪？"), lambda rng: person(rng, "zh"),
                   lambda rng: f"{rng.randrange(100, 600)}室")),
    },
}  # fmt: skip
