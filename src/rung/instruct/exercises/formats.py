"""Records from one layout to another: name=value pairs, lines, tables, tags and bare values to JSON, and back.

Layouts of exams are held out as a whole (EXAM_FAMILIES): they write a pair in ways that no training layout does.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from rung.instruct.episode import ROOM
from rung.instruct.exercises.world import invented, person
from rung.instruct.family import Family
from rung.instruct.holdout import held_out
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.task.answers import canonical
from rung.types import Demonstration, Language

SPARE = 1150  # bytes of the room that stay empty: digits and marks are a token each
Draw = Callable[[random.Random, Language], str]


class Layout(NamedTuple):
    """How a record is written. ``pair``: {k} the name, {v} the value; ``around``: {r} the pairs joined."""

    pair: str
    joint: str
    around: str = "{r}"
    head: str = ""  # the mark between names in a line of their own above the values


class Column(NamedTuple):
    """A field of a record: its names in both languages, the first one for JSON, and its values."""

    en: tuple[str, ...]
    zh: tuple[str, ...]
    draw: Draw


def _of(en: str, zh: str) -> Draw:
    words = {"en": en.split(" | "), "zh": zh.split(" | ")}
    return lambda rng, language: rng.choice(words[language])


def _number(low: int, high: int, unit: str = "") -> Draw:
    return lambda rng, language: f"{rng.randint(low, high)}{unit}"


def _date(rng: random.Random, language: Language) -> str:
    year, month, day = rng.randint(1990, 2025), rng.randint(1, 12), rng.randint(1, 28)
    return f"{year}年{month}月{day}日" if language == "zh" and rng.random() < 0.5 else f"{year}-{month:02}-{day:02}"


def _mail(rng: random.Random, language: Language) -> str:
    return f"{invented(rng, 'en').lower()}@{rng.choice(('mail', 'post', 'inbox', 'work'))}.{rng.choice(('com', 'org', 'net', 'cn'))}"


COLUMNS = (
    Column(("name", "Name", "full name", "NAME"), ("姓名", "名字", "联系人"), person),
    Column(("age", "Age", "AGE"), ("年龄", "岁数"), _number(5, 90)),
    Column(("city", "City", "town", "CITY"), ("城市", "所在地", "居住地"), lambda rng, language: invented(rng, language)),
    Column(("job", "Job", "occupation", "profession"), ("职业", "工作"), _of(
        "teacher | doctor | baker | painter | driver | farmer | singer | lawyer | nurse | pilot | cook | carpenter",
        "老师 | 医生 | 面包师 | 画家 | 司机 | 农民 | 歌手 | 律师 | 护士 | 飞行员 | 厨师 | 木匠",
    )),
    Column(("phone", "Phone", "tel"), ("电话", "手机号", "联系电话"), _number(20000000, 99999999)),
    Column(("email", "Email", "e-mail"), ("邮箱", "电子邮件"), _mail),
    Column(("date", "Date", "day"), ("日期", "时间"), _date),
    Column(("product", "Product", "item"), ("商品", "品名", "产品"), _of(
        "lamp | chair | kettle | bicycle | umbrella | radio | blanket | mirror | clock | carpet | backpack | tent",
        "台灯 | 椅子 | 水壶 | 自行车 | 雨伞 | 收音机 | 毛毯 | 镜子 | 闹钟 | 地毯 | 背包 | 帐篷",
    )),
    Column(("price", "Price", "cost"), ("价格", "单价"), _number(3, 990)),
    Column(("quantity", "Qty", "amount"), ("数量", "件数"), _number(1, 60)),
    Column(("color", "Color", "colour"), ("颜色",), _of(
        "red | blue | green | white | black | grey | yellow | brown | purple | orange", "红色 | 蓝色 | 绿色 | 白色 | 黑色 | 灰色 | 黄色 | 棕色 | 紫色 | 橙色"
    )),
    Column(("team", "Team", "department"), ("部门", "小组"), _of(
        "sales | design | support | research | finance | kitchen | transport | press", "销售部 | 设计部 | 客服部 | 研发部 | 财务部 | 后勤部 | 运输部 | 宣传部"
    )),
    Column(("id", "ID", "number", "no."), ("编号", "序号", "学号"), _number(1000, 9999)),
    Column(("score", "Score", "points"), ("分数", "得分", "成绩"), _number(10, 100)),
    Column(("weight", "Weight"), ("重量", "体重"), _number(2, 120, "kg")),
)  # fmt: skip
PAIRS = (
    "{k}: {v}",
    "{k}: {v}",
    "{k}:{v}",
    "{k}={v}",
    "{k} = {v}",
    "{k} - {v}",
    "{k} -> {v}",
    "{k}\t{v}",
    "[{k}] {v}",
    "{k}({v})",
    '{k}="{v}"',
)
PAIRS_ZH = (
    "{k}：{v}",
    "{k}：{v}",
    "{k}:{v}",
    "{k}={v}",
    "{k}是{v}",
    "{k}为{v}",
    "{k} - {v}",
    "{k}→{v}",
    "【{k}】{v}",
    "{k}（{v}）",
    '{k}="{v}"',
)
JOINTS = ("\n", "\n", ", ", "; ", " | ", " ", " / ", "&", ",")
JOINTS_ZH = ("\n", "\n", "，", "；", " | ", " ", "、", "&", ",")
AROUND = ("{r}",) * 8 + ("{{{r}}}", "({r})", "<{r}>", "record: {r}", "[{r}]", "{r}.")
FIXED: dict[Language, tuple[Layout, ...]] = {  # sentences, tags, bullets, a table, values alone
    "en": (
        Layout("the {k} is {v}", ", ", "{r}."), Layout("the {k} is {v}", " and ", "{r}."), Layout("The {k} is {v}.", " "), Layout("{v} is the {k}", ", "),
        Layout("<{k}>{v}</{k}>", ""), Layout("<{k}>{v}</{k}>", "\n"), Layout("- {k}: {v}", "\n"), Layout("* **{k}**: {v}", "\n"),
        Layout("{v}", ",", head=","), Layout("{v}", " | ", head=" | "), Layout("{v}", "\t", head="\t"), Layout("{v}", ","), Layout("{v}", ", "), Layout("{v}", ";"),
        Layout("{v}", "\t"), Layout("{v}", " | "),
    ),
    "zh": (
        Layout("{k}是{v}", "，", "{r}。"), Layout("{k}为{v}", "，", "{r}。"), Layout("他的{k}是{v}。", ""), Layout("{k}写着{v}", "，"), Layout("<{k}>{v}</{k}>", ""),
        Layout("<{k}>{v}</{k}>", "\n"), Layout("- {k}：{v}", "\n"), Layout("* **{k}**：{v}", "\n"), Layout("{v}", ",", head=","), Layout("{v}", " | ", head=" | "),
        Layout("{v}", "\t", head="\t"), Layout("{v}", ","), Layout("{v}", "，"), Layout("{v}", "；"), Layout("{v}", "\t"), Layout("{v}", " | "),
    ),
}  # fmt: skip
EXAM_LAYOUTS = {
    "tilde": Layout("{k}~{v}", " ~ "),
    "hash": Layout("#{k} {v}", " "),
    "angles": Layout("{k}>>{v}", "//"),
    "behind": Layout("{v} [{k}]", ", "),
    "at": Layout("@{k}({v})", "\n"),
    "dots": Layout("{k}....{v}", "\n"),
    "colons": Layout("{k}::{v}", " ++ ", "begin {r} end"),
    "arrows": Layout("{v} <- {k}", "; "),
}
ASK: dict[Language, tuple[str, ...]] = {
    "en": ("", "Turn the record into JSON.", "Convert the entry.", "Read the fields.", "Write the data as a JSON object.", "Parse the line.", "Extract the named values.",
           "Bring the record into the other format."),
    "zh": ("", "把记录转成 JSON。", "转换格式。", "读出各个字段。", "把数据写成 JSON 对象。", "解析这条记录。", "提取指定的字段。", "整理成结构化数据。"),
}  # fmt: skip
BACK: dict[Language, tuple[str, ...]] = {  # {f}: how a record with the fields a and b is written
    "en": (
        "Write the JSON as: {f}",
        "Turn the object into this form: {f}",
        "Format the record like {f}",
        "Give the data in the layout {f}",
    ),
    "zh": ("把 JSON 写成：{f}", "将对象改写为这种格式：{f}", "按照 {f} 的样子书写记录", "用 {f} 的版式输出数据"),
}


def formats(rng: random.Random, sources: Sources) -> Exercise:
    """A layout drawn afresh; to JSON, or one time in four from JSON to the layout."""
    language: Language = rng.choice(("zh", "en"))
    layout = rng.choice(FIXED[language]) if rng.random() < 0.4 else _layout(rng, language)
    shots = rng.choice((0, 0, 1, 2, 3, 4, 6, 8, 12))
    if rng.random() < 0.25 and not layout.head:
        return _back(rng, language, layout, shots)
    return _extract(rng, "formats", language, layout, shots)


def _layout(rng: random.Random, language: Language) -> Layout:
    pair = rng.choice(PAIRS_ZH if language == "zh" else PAIRS)
    joint = rng.choice(JOINTS_ZH if language == "zh" else JOINTS)
    return Layout(pair, joint, rng.choice(AROUND))


def exam(layout: Layout, family: str, rng: random.Random, sources: Sources) -> Exercise:
    """A layout that is never trained, with as many demonstrations as there is room for."""
    return _extract(rng, family, rng.choice(("zh", "en")), layout, 12, most=3)


def _extract(
    rng: random.Random, family: str, language: Language, layout: Layout, shots: int, most: int = 4
) -> Exercise:
    columns, shown, wanted = _schema(rng, language, most)
    fields = wanted if layout.pair == "{v}" or rng.random() < 0.75 else wanted[: rng.randint(1, len(wanted))]
    mixed = "{k}" in layout.pair and rng.random() < 0.3  # fields in random order in each record

    def draw() -> tuple[str, str]:
        values = [column.draw(rng, language) for column in columns]
        order = rng.sample(range(len(columns)), len(columns)) if mixed else list(range(len(columns)))
        text = written(layout, [(shown[i], values[i]) for i in order])
        record = dict(zip(wanted, values, strict=True))
        return text, canonical({field: record[field] for field in fields})

    text, target = draw()
    return Exercise(
        family=family,
        kind="extract",
        language=language,
        input=text,
        target=target,
        description=rng.choice(ASK[language]),
        fields=tuple(fields),
        demonstrations=_shown(draw, shots, text, target),
    )


def _back(rng: random.Random, language: Language, layout: Layout, shots: int) -> Exercise:
    """From JSON to the layout, which the instruction or the demonstrations show."""
    columns, shown, _ = _schema(rng, language, 4)

    def draw() -> tuple[str, str]:
        values = [column.draw(rng, language) for column in columns]
        return canonical(dict(zip(shown, values, strict=True))), written(layout, list(zip(shown, values, strict=True)))

    text, target = draw()
    like = written(layout, [(name, "…") for name in shown]).replace("\n", " ⏎ ")
    found = _shown(draw, max(shots, 1), text, target)
    return Exercise(
        family="formats",
        kind="generate",
        language=language,
        input=text,
        target=target,
        description=rng.choice(BACK[language]).format(f=like) if rng.random() < 0.6 and "{" not in like else "",
        demonstrations=found,
    )


def _schema(rng: random.Random, language: Language, most: int) -> tuple[list[Column], list[str], list[str]]:
    """Two to ``most`` columns, their names in the text and in JSON: the same, or now and then a plain English or Chinese one."""
    columns = rng.sample(COLUMNS, rng.randint(2, most))
    shown = [rng.choice(c.zh if language == "zh" else c.en) for c in columns]
    wanted = rng.choice(
        (shown, shown, [c.en[0] for c in columns], [(c.zh if language == "zh" else c.en)[0] for c in columns])
    )
    return columns, shown, wanted


def written(layout: Layout, record: list[tuple[str, str]]) -> str:
    """The record in the layout: pairs, or a line of names above a line of values."""
    pairs = layout.joint.join(layout.pair.format(k=name, v=value) for name, value in record)
    text = layout.around.format(r=pairs)
    return f"{layout.head.join(name for name, _ in record)}\n{text}" if layout.head else text


def _shown(draw: Callable[[], tuple[str, str]], shots: int, text: str, target: str) -> tuple[Demonstration, ...]:
    """Other records of the same layout, in the room there is; none that exams ask."""
    room = ROOM - SPARE - len((text + target).encode())
    found: dict[str, str] = {}
    for _ in range(4 * shots):
        one, its = draw()
        room -= len((one + its).encode()) + 40  # with the words around it, as in episodes
        if len(found) == shots or room < 0:
            break
        if one != text and not held_out(one):
            found.setdefault(one, its)
    return tuple(Demonstration(one, its) for one, its in found.items())


FAMILIES: tuple[Family, ...] = (Family("formats", formats),)
EXAM_FAMILIES: tuple[Family, ...] = tuple(
    Family(f"formats-{name}", partial(exam, layout, f"formats-{name}")) for name, layout in EXAM_LAYOUTS.items()
)
