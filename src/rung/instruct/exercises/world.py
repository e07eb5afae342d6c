"""The people, things and invented names that questions are about."""

from __future__ import annotations

import random

from rung.types import Language

NAMES: dict[Language, tuple[str, ...]] = {
    "en": (
        "Anna", "Ben", "Clara", "David", "Ella", "Frank", "Grace", "Henry", "Ivy", "Jack", "Kate", "Leo", "Mia", "Noah",
        "Olivia", "Paul", "Rosa", "Sam", "Tina", "Victor", "Wendy", "Zoe", "Omar", "Li Na", "Hassan", "Priya", "Yuki",
        "Carlos", "Ingrid", "Amir", "Julia", "Peter", "Maria", "Lucy", "George", "Nina", "Tom", "Emma", "Oscar", "Ruth",
        "Miguel", "Sofia", "Daniel", "Alice", "Max", "Helen", "Martin", "Laura", "Simon", "Diana",
    ),
    "zh": (
        "小明", "小红", "小华", "小丽", "小刚", "小芳", "小军", "小雪", "小龙", "小燕", "王伟", "李娜", "张强", "刘洋", "陈静",
        "杨帆", "赵敏", "黄磊", "周婷", "吴昊", "徐丹", "孙悦", "马超", "朱琳", "胡杰", "郭颖", "何平", "林峰", "罗兰", "高远",
        "阿宝", "妹妹", "爸爸", "妈妈", "爷爷", "奶奶", "张老师", "李阿姨", "王叔叔", "陈师傅", "小杰", "小玲", "老王", "老李",
        "谢宁", "唐果", "许晴", "邓超", "冯雨", "曹阳",
    ),
}  # fmt: skip
THINGS: dict[Language, tuple[tuple[str, str], ...]] = {  # a thing in the plural and, in Chinese, its measure word
    "en": tuple(
        (thing, "")
        for thing in (
            "apples", "books", "pencils", "stamps", "marbles", "cookies", "flowers", "coins", "eggs", "tickets", "cards",
            "shells", "balloons", "oranges", "stickers", "buttons", "bottles", "chairs", "cups", "candles", "photos",
            "stones", "letters", "plates", "seeds", "beads", "cakes", "toys", "bricks", "peaches", "notebooks", "spoons",
            "postcards", "keys", "ducks", "sheep", "bananas", "lamps", "towels", "ribbons", "kites",
        )
    ),
    "zh": (
        ("苹果", "个"), ("铅笔", "支"), ("书", "本"), ("邮票", "张"), ("糖", "颗"), ("花", "朵"), ("鸡蛋", "个"), ("气球", "个"),
        ("椅子", "把"), ("鱼", "条"), ("鸭子", "只"), ("树", "棵"), ("杯子", "个"), ("车票", "张"), ("橘子", "个"), ("贝壳", "枚"),
        ("积木", "块"), ("饼干", "块"), ("照片", "张"), ("硬币", "枚"), ("衣服", "件"), ("帽子", "顶"), ("玩具", "个"), ("毛巾", "条"),
        ("桃子", "个"), ("笔记本", "本"), ("鲜花", "束"), ("牛奶", "瓶"), ("羊", "只"), ("西瓜", "个"), ("石子", "颗"), ("风筝", "只"),
        ("雨伞", "把"), ("信", "封"), ("纸", "张"), ("勺子", "把"), ("珠子", "颗"), ("灯笼", "盏"), ("香蕉", "根"), ("月饼", "块"),
    ),
}  # fmt: skip
PLACES: dict[Language, tuple[str, ...]] = {
    "en": (
        "the shop", "the library", "the bakery", "the school", "the store room", "the garden", "the museum", "the station",
        "the kitchen", "the market stall", "the classroom", "the office", "the farm", "the hall", "the warehouse",
    ),
    "zh": (
        "商店里", "图书馆里", "面包房里", "学校里", "仓库里", "花园里", "博物馆里", "车站里", "厨房里", "菜市场里", "教室里", "办公室里",
        "农场里", "礼堂里", "超市里",
    ),
}  # fmt: skip
BOXES: dict[Language, tuple[str, ...]] = {
    "en": ("boxes", "bags", "baskets", "shelves", "trays", "drawers", "crates", "packs", "jars", "cases"),
    "zh": ("箱", "袋", "盒", "篮", "包", "盘", "筐", "堆", "桶"),
}

FIRST = (
    "Vel",
    "Tor",
    "Mar",
    "Kel",
    "Dun",
    "Bra",
    "Ost",
    "Lin",
    "Far",
    "Hol",
    "Ner",
    "Sel",
    "Gar",
    "Pel",
    "Rin",
    "Zan",
    "Cor",
)
MIDDLE = ("a", "e", "i", "o", "u", "ar", "en", "il", "om", "ub")
LAST = ("mor", "dan", "vik", "ley", "ton", "sen", "ra", "lis", "ford", "nia", "beck", "wick", "dor", "by", "stad", "na")
SYLLABLES = "洛宁安平云溪青石白鹿清河长风松柳星月海棠南北东西金玉明远秋林景阳凤鸣瑞丰雅和思源竹桥梅岭锦程怀古"


def invented(rng: random.Random, language: Language) -> str:
    """A name that nobody has: Velimor, 洛宁."""
    if language == "zh":
        return "".join(rng.sample(SYLLABLES, 2))
    return rng.choice(FIRST) + rng.choice(("", rng.choice(MIDDLE))) + rng.choice(LAST)


SURNAMES: dict[Language, str | tuple[str, ...]] = {
    "en": (
        "Holt", "Frey", "Marsh", "Okada", "Lindt", "Varga", "Stone", "Ruiz", "Keller", "Novak", "Brand", "Hughes", "Moreau",
        "Silva", "Dunn", "Foster", "Berg", "Weiss", "Carver", "Lowe", "Patel", "Quinn", "Rossi", "Tanaka", "Webb",
    ),
    "zh": "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕",
}  # fmt: skip
GIVEN: dict[Language, str | tuple[str, ...]] = {
    "en": (
        "Anna", "Bruno", "Celia", "Dora", "Emil", "Felix", "Greta", "Hugo", "Irene", "Jonas", "Klara", "Lukas", "Marta", "Nils",
        "Olga", "Pedro", "Quentin", "Rita", "Stefan", "Thea", "Ursula", "Vera", "Walter", "Yvonne", "Zeno",
    ),
    "zh": "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂文辉玲云建华红梅志远雪松子涵雨晨嘉怡俊浩思源",
}  # fmt: skip


def person(rng: random.Random, language: Language) -> str:
    """A full name: Greta Holt, 林雨晨."""
    surname = rng.choice(SURNAMES[language])
    if language == "zh":
        return surname + "".join(rng.choice(GIVEN["zh"]) for _ in range(rng.choice((1, 2, 2))))
    return f"{rng.choice(GIVEN['en'])} {surname}"
