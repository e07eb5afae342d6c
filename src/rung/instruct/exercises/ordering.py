"""Lists and single words: sorted, turned round, counted, freed of repeats; the largest, the odd one out; upper and lower case."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from rung.instruct.exercises.skills import Asked, Skill
from rung.instruct.exercises.texts import Make, Wordings, drawn
from rung.instruct.exercises.world import NAMES, THINGS, invented
from rung.instruct.family import Family
from rung.instruct.sources import Sources
from rung.types import Language

UP: Wordings = {
    "en": ("Sort the numbers from small to large.", "Put the numbers in rising order.", "Order these, smallest first.", "Arrange in ascending order."),
    "zh": ("把数字从小到大排列。", "按升序排列这些数。", "由小到大重新排一遍。", "排序，小的在前。"),
}  # fmt: skip
DOWN: Wordings = {
    "en": ("Sort the numbers from large to small.", "Put the numbers in falling order.", "Order these, largest first.", "Arrange in descending order."),
    "zh": ("把数字从大到小排列。", "按降序排列这些数。", "由大到小重新排一遍。", "排序，大的在前。"),
}  # fmt: skip
ALPHABET = (
    "Sort the words by the alphabet.", "Put the words in alphabetical order.", "Arrange the words from A to Z.", "Alphabetize the list.",
)  # fmt: skip
LENGTHS: Wordings = {
    "en": ("Sort the words by length, the shortest first.", "Order the words from short to long.", "Shortest word first, longest last."),
    "zh": ("按字数从少到多排列。", "短的在前，长的在后，重新排列。", "按长短排序，最短的在最前。"),
}  # fmt: skip
REVERSE: Wordings = {
    "en": ("Reverse the list.", "Write the list backwards.", "Turn the order round: last item first.", "Give the items in the opposite order."),
    "zh": ("把列表倒过来。", "倒序写出各项。", "颠倒顺序，最后一项写在最前。", "按相反的次序重写。"),
}  # fmt: skip
SPELL: Wordings = {
    "en": ("Write the word backwards.", "Reverse the letters.", "Spell it from the last letter to the first."),
    "zh": ("把这几个字倒着写。", "从最后一个字写到第一个字。", "颠倒字的顺序。"),
}  # fmt: skip
APART: Wordings = {
    "en": ("Spell the word, with a space between the letters.", "Put a space after every letter.", "Write the letters one by one, apart."),
    "zh": ("在每个字之间加一个空格。", "把字一个一个分开写。", "用空格隔开各个字。"),
}  # fmt: skip
HOW_MANY: Wordings = {
    "en": ("How many items are in the list?", "Count the items.", "How long is the list?", "Give the number of things listed."),
    "zh": ("列表里有几项？", "数一数共有多少项。", "一共列了几个？", "写出项目的个数。"),
}  # fmt: skip
LETTERS: Wordings = {
    "en": ("How many letters has the word?", "Count the letters.", "Give the length of the word in letters."),
    "zh": ("一共有几个字？", "数一数字数。", "写出字的个数。"),
}  # fmt: skip
ODD: Wordings = {
    "en": ("Which one does not belong?", "Find the odd one out.", "One of these is of another kind. Which?", "Name the item that does not fit."),
    "zh": ("哪一个与其他不同类？", "找出不属于同一类的一个。", "其中有一个不合群，是哪个？", "选出不一样的那项。"),
}  # fmt: skip
ONCE: Wordings = {
    "en": ("Remove the repeats.", "Write each item only once.", "Delete what occurs twice; keep the order.", "List the items without duplicates."),
    "zh": ("去掉重复的项。", "每一项只写一次。", "删去重复，保持顺序。", "去重。"),
}  # fmt: skip
TWICE: Wordings = {
    "en": ("Which item occurs twice?", "Find the repeated item.", "One thing is listed two times. Which?", "Name the duplicate."),
    "zh": ("哪一项出现了两次？", "找出重复的那项。", "有一个写了两遍，是哪个？", "写出重复项。"),
}  # fmt: skip
MOST: Wordings = {
    "en": ("Which number is the largest?", "Write the largest number.", "Find the maximum.", "What is the biggest of these?"),
    "zh": ("哪个数最大？", "写出最大的数。", "找出最大值。", "其中最大的是多少？"),
}  # fmt: skip
LEAST: Wordings = {
    "en": ("Which number is the smallest?", "Write the smallest number.", "Find the minimum.", "What is the least of these?"),
    "zh": ("哪个数最小？", "写出最小的数。", "找出最小值。", "其中最小的是多少？"),
}  # fmt: skip
FIRST: Wordings = {
    "en": ("Write the first item.", "What comes first in the list?", "Take the first of these."),
    "zh": ("写出第一项。", "排在最前的是什么？", "取出第一个。"),
}  # fmt: skip
LAST: Wordings = {
    "en": ("Write the last item.", "What comes last in the list?", "Take the last of these."),
    "zh": ("写出最后一项。", "排在最后的是什么？", "取出最后一个。"),
}  # fmt: skip
UPPER = (
    "Write it in capitals.",
    "Change everything to upper case.",
    "Make all letters capital.",
    "UPPER CASE, please.",
)
LOWER = (
    "Write it in small letters.",
    "Change everything to lower case.",
    "No capitals: make all letters small.",
    "lower case, please.",
)
SAME: Wordings = {
    "en": ("Are the two the same?", "Do both lines have the same items, in any order?", "Same items on both sides? yes or no."),
    "zh": ("两边的内容一样吗？", "不看顺序，两行的项目相同吗？", "两组相同吗？回答是或否。"),
}  # fmt: skip
INSIDE: Wordings = {  # {x}: an item
    "en": ("Is {x} in the list?", "Does the list contain {x}?", "Look for {x}: is it there?"),
    "zh": ("列表里有{x}吗？", "其中包括{x}吗？", "找一找，有没有{x}？"),
}  # fmt: skip
KINDS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "animals": ("dog", "cat", "horse", "cow", "lion", "tiger", "mouse", "wolf", "sheep", "monkey", "rabbit", "bear"),
        "fruit": ("apple", "pear", "plum", "cherry", "banana", "peach", "grape", "lemon", "orange", "mango"),
        "colours": ("red", "blue", "green", "yellow", "black", "white", "brown", "purple", "pink", "grey"),
        "furniture": ("table", "chair", "bed", "sofa", "shelf", "desk", "bench", "wardrobe", "stool"),
        "transport": ("car", "bus", "train", "ship", "plane", "bicycle", "tram", "truck", "boat"),
        "jobs": ("teacher", "doctor", "baker", "farmer", "driver", "nurse", "lawyer", "cook", "pilot"),
        "body": ("hand", "foot", "nose", "ear", "mouth", "knee", "finger", "head", "shoulder"),
        "clothes": ("shirt", "coat", "hat", "shoe", "sock", "dress", "glove", "scarf", "skirt"),
        "weather": ("rain", "snow", "wind", "storm", "fog", "hail", "sunshine", "thunder"),
        "tools": ("hammer", "saw", "drill", "spade", "rake", "axe", "screwdriver", "pliers"),
        "days": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        "countries": ("France", "China", "Brazil", "Egypt", "Japan", "Spain", "Kenya", "Canada", "India"),
    },
    "zh": {
        "动物": ("狗", "猫", "马", "牛", "狮子", "老虎", "老鼠", "狼", "羊", "猴子", "兔子", "熊"),
        "水果": ("苹果", "梨", "李子", "樱桃", "香蕉", "桃子", "葡萄", "柠檬", "橘子", "芒果"),
        "颜色": ("红色", "蓝色", "绿色", "黄色", "黑色", "白色", "棕色", "紫色", "粉色", "灰色"),
        "家具": ("桌子", "椅子", "床", "沙发", "书架", "书桌", "长凳", "衣柜", "凳子"),
        "交通": ("汽车", "公交车", "火车", "轮船", "飞机", "自行车", "电车", "卡车", "小船"),
        "职业": ("老师", "医生", "面包师", "农民", "司机", "护士", "律师", "厨师", "飞行员"),
        "身体": ("手", "脚", "鼻子", "耳朵", "嘴", "膝盖", "手指", "头", "肩膀"),
        "衣服": ("衬衫", "大衣", "帽子", "鞋", "袜子", "裙子", "手套", "围巾", "裤子"),
        "天气": ("雨", "雪", "风", "雾", "冰雹", "晴天", "雷电", "霜"),
        "工具": ("锤子", "锯", "电钻", "铁锹", "耙子", "斧头", "螺丝刀", "钳子"),
        "星期": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
        "国家": ("法国", "中国", "巴西", "埃及", "日本", "西班牙", "肯尼亚", "加拿大", "印度"),
    },
}  # fmt: skip


def numbers(rng: random.Random, language: Language) -> list[str]:
    """Different numbers, of one size or of mixed sizes."""
    top = rng.choice((10, 100, 100, 1000, 10000))
    return [str(n) for n in rng.sample(range(top), rng.randint(2, 7))]


def things(rng: random.Random, language: Language) -> list[str]:
    """Different words: of one kind, of all kinds, names, invented ones."""
    kinds = KINDS[language]
    pools: tuple[Sequence[str], ...] = (
        rng.choice(list(kinds.values())), [w for many in kinds.values() for w in many], NAMES[language],
        [thing for thing, _ in THINGS[language]], [invented(rng, language) for _ in range(8)],
    )  # fmt: skip
    pool = sorted(set(rng.choice(pools)))
    return rng.sample(pool, rng.randint(3, min(7, len(pool))))


def separator(rng: random.Random, language: Language) -> str:
    """What stands between the items; no line break, since answers end there."""
    return rng.choice(("、", "，", "、", "；", " ") if language == "zh" else (", ", ", ", "; ", " / ", " "))


Draw = Callable[[random.Random, Language], list[str]]
Turn = Callable[[random.Random, list[str], str], tuple[list[str], str]]


def listed(asks: Wordings, draw: Draw, turn: Turn) -> Make:
    """A list, and what ``turn`` makes of it: the list as it is shown, and the answer."""

    def make(rng: random.Random, given: Sources, language: Language) -> Skill:
        comma = separator(rng, language)

        def asked() -> Asked:
            shown: list[str] = []
            while len(shown) < 2:
                shown, answer = turn(rng, draw(rng, language), comma)
            text = comma.join(shown)
            return Asked(text, answer, f"{answer}|{' '.join(shown)}")

        return Skill(asks[language], asked)

    return make


def _sorted(down: bool) -> Turn:
    return lambda rng, items, comma: (items, comma.join(sorted(items, key=int, reverse=down)))


def _lengths(rng: random.Random, items: list[str], comma: str) -> tuple[list[str], str]:
    """Words of different lengths only, or there would be two orders."""
    kept = list({len(item): item for item in items}.values())
    return kept, comma.join(sorted(kept, key=len))


def _once(rng: random.Random, items: list[str], comma: str) -> tuple[list[str], str]:
    shown = [*items, *rng.sample(items, rng.randint(1, 2))]
    rng.shuffle(shown)
    return shown, comma.join(dict.fromkeys(shown))


def _twice(rng: random.Random, items: list[str], comma: str) -> tuple[list[str], str]:
    again = rng.choice(items)
    return rng.sample([*items, again], len(items) + 1), again


def odd(rng: random.Random, language: Language) -> list[str]:
    """Things of one kind and, as the last, one of another."""
    kind, other = rng.sample(list(KINDS[language]), 2)
    return [*rng.sample(KINDS[language][kind], rng.randint(3, 5)), rng.choice(KINDS[language][other])]


def _odd(rng: random.Random, items: list[str], comma: str) -> tuple[list[str], str]:
    return rng.sample(items, len(items)), items[-1]


def word(rng: random.Random, language: Language) -> str:
    """A single word, or two in Chinese, where words are short."""
    found = things(rng, language)
    return "".join(found[:2]) if language == "zh" else found[0]


def single(asks: Wordings, answer: Callable[[str], str]) -> Make:
    """One word, and what becomes of it."""

    def make(rng: random.Random, given: Sources, language: Language) -> Skill:
        def asked() -> Asked:
            text = word(rng, language)
            return Asked(text, answer(text), f"{answer(text)}|{text}")

        return Skill(asks[language], asked)

    return make


def alphabet(rng: random.Random, given: Sources, language: Language) -> Skill:
    """By the alphabet; Chinese lists are sorted by their length."""
    if language == "zh":
        return listed(LENGTHS, things, _lengths)(rng, given, language)
    make = listed(
        {"en": ALPHABET, "zh": ()}, things, lambda rng, items, comma: (items, comma.join(sorted(items, key=str.lower)))
    )
    return make(rng, given, language)


def case(rng: random.Random, given: Sources, language: Language) -> Skill:
    """Upper or lower case of some words; in Chinese the words are turned round."""
    if language == "zh":
        return listed(REVERSE, things, _reversed)(rng, given, language)
    up = rng.random() < 0.5

    def asked() -> Asked:
        text = " ".join(things(rng, language)[: rng.randint(1, 4)])
        return Asked(text, text.upper() if up else text.lower(), f"{up}|{text}")

    return Skill(UPPER if up else LOWER, asked)


def _reversed(rng: random.Random, items: list[str], comma: str) -> tuple[list[str], str]:
    return items, comma.join(reversed(items))


def same(rng: random.Random, given: Sources, language: Language) -> Skill:
    """Two lists: the same things in another order, or one of them exchanged."""
    yes, no = rng.choice(
        (("是", "否"), ("相同", "不同"), ("一样", "不一样"))
        if language == "zh"
        else (("yes", "no"), ("same", "different"))
    )
    comma = "、" if language == "zh" else ", "

    def asked() -> Asked:
        left = things(rng, language)
        right = rng.sample(left, len(left))
        alike = rng.random() < 0.5
        if not alike:
            other = [w for many in KINDS[language].values() for w in many if w not in left]
            right[rng.randrange(len(right))] = rng.choice(other)
        return Asked(f"{comma.join(left)}\n{comma.join(right)}", yes if alike else no)

    return Skill(SAME[language], asked, labels=(yes, no))


def inside(rng: random.Random, given: Sources, language: Language) -> Skill:
    """A list and a thing that is in it or not."""
    yes, no = (
        rng.choice((("有", "没有"), ("是", "否"))) if language == "zh" else rng.choice((("yes", "no"), ("Yes", "No")))
    )
    comma, ask = separator(rng, language), rng.choice(INSIDE[language])

    def asked() -> Asked:
        items = things(rng, language)
        there = rng.random() < 0.5
        item = items.pop() if not there else rng.choice(items)
        return Asked(f"{comma.join(items)}\n{ask.format(x=item)}", yes if there else no)

    return Skill((), asked, labels=(yes, no))


ORDERING: tuple[tuple[Make, int], ...] = (
    (listed(UP, numbers, _sorted(False)), 4), (listed(DOWN, numbers, _sorted(True)), 3), (alphabet, 3), (listed(LENGTHS, things, _lengths), 1),
    (listed(REVERSE, things, _reversed), 3), (listed(REVERSE, numbers, _reversed), 1), (single(SPELL, lambda t: t[::-1]), 2),
    (single(APART, " ".join), 2), (single(LETTERS, lambda t: str(len(t))), 1),
    (listed(HOW_MANY, things, lambda rng, items, comma: (items, str(len(items)))), 2), (listed(ODD, odd, _odd), 3),
    (listed(ONCE, things, _once), 2), (listed(TWICE, things, _twice), 2),
    (listed(MOST, numbers, lambda rng, items, comma: (items, max(items, key=int))), 2),
    (listed(LEAST, numbers, lambda rng, items, comma: (items, min(items, key=int))), 2),
    (listed(FIRST, things, lambda rng, items, comma: (items, items[0])), 1), (listed(LAST, things, lambda rng, items, comma: (items, items[-1])), 1),
    (case, 2), (same, 2), (inside, 3),
)  # fmt: skip

FAMILIES: tuple[Family, ...] = (Family("ordering", drawn("ordering", ORDERING)),)
