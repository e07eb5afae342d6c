"""Episodes of passages: which source, article, book or language is a passage from? No labels are needed but the texts' own."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache

from rung.instruct.episode import episode
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Passage, Sources
from rung.types import Language

SOURCES: dict[str, dict[Language, tuple[str, ...]]] = {
    "en_wiki": {"en": ("encyclopedia", "reference", "facts"), "zh": ("英文百科",)},
    "en_books": {"en": ("novel", "story", "fiction"), "zh": ("英文小说",)},
    "zh_wiki": {"en": ("Chinese encyclopedia",), "zh": ("百科", "词条", "百科知识")},
    "zh_vernacular": {"en": ("Chinese novel",), "zh": ("小说", "白话小说", "古典小说")},
    "zh_law": {"en": ("law",), "zh": ("法律", "法规", "法条")},
    "zh_poetry": {"en": ("poem",), "zh": ("诗歌", "古诗", "诗词")},
    "zh_d2l": {"en": ("Chinese textbook",), "zh": ("技术", "教材", "深度学习")},
}
ASK_SOURCE: dict[Language, tuple[str, ...]] = {
    "en": (
        "Where is this passage from?", "Name the kind of text.", "Decide what sort of writing this is.",
        "Which kind of book is the text taken from?", "Classify the passage by its genre.", "",
    ),
    "zh": ("这段文字出自哪类文本？", "判断文本的体裁。", "说出下面的文字属于哪种类型。", "这段话来自什么样的书？", "按体裁分类。", ""),
}  # fmt: skip
ASK_ARTICLE: dict[Language, tuple[str, ...]] = {
    "en": (
        "Which article is the sentence from?", "Decide what the sentence is about.", "Name the subject of the text.",
        "Match the sentence with its topic.", "Which of these topics does the passage belong to?", "",
    ),
    "zh": ("这句话出自哪个词条？", "判断这句话说的是哪个主题。", "说出文本的主题。", "把句子归到对应的主题。", "下面的文字与哪个主题有关？", ""),
}  # fmt: skip
ASK_BOOK: dict[Language, tuple[str, ...]] = {
    "en": ("Which book is the passage from?", "Name the book.", "From which story is this taken?", ""),
    "zh": ("这段文字出自哪部书？", "说出书名。", "这段话选自哪部小说？", ""),
}
ASK_LANGUAGE: dict[Language, tuple[str, ...]] = {
    "en": ("Which language is the text in?", "Name the language.", "Chinese or English?"),
    "zh": ("这段文字是什么语言？", "判断语言。", "中文还是英文？"),
}
LANGUAGES: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (("Chinese", "English"), ("zh", "en")),
    "zh": (("中文", "英文"), ("汉语", "英语")),
}


def sources(rng: random.Random, given: Sources) -> Exercise:
    """Passages of two to four kinds of text."""
    language: Language = rng.choice(("zh", "zh", "en"))
    pool = [s for s in SOURCES if language == "zh" or rng.random() < 0.5 or s.startswith("en")]
    chosen = rng.sample(pool, min(len(pool), rng.choice((2, 2, 3, 4))))
    most = rng.choice((20, 40, 80, 120))
    groups = {}
    for source in chosen:
        groups[rng.choice(SOURCES[source][language])] = _drawer(rng, given.passages(source), most)
    return episode(rng, "source-episodes", language, groups, description=rng.choice(ASK_SOURCE[language]))


def articles(rng: random.Random, given: Sources) -> Exercise:
    """Sentences of two to five articles of one encyclopedia; the title is the label's name, or says nothing."""
    source = rng.choice(("en_wiki", "zh_wiki"))
    language: Language = "en" if source == "en_wiki" else "zh"
    rich = _rich(given, source)
    chosen = rng.sample(rich, rng.choice((2, 2, 3, 4, 5)))
    most = rng.choice((30, 60, 100))
    groups = {p.title: _drawer(rng, [p], most) for p in chosen}
    return episode(rng, "article-episodes", language, groups, description=rng.choice(ASK_ARTICLE[language]))


def books(rng: random.Random, given: Sources) -> Exercise:
    """Passages of two or three books."""
    source = rng.choice(("en_books", "zh_vernacular"))
    language: Language = "en" if source == "en_books" else "zh"
    shelves = _books(given, source)
    chosen = rng.sample(sorted(shelves), rng.choice((2, 2, 3)))
    most = rng.choice((40, 80, 120))
    groups = {title: _drawer(rng, shelves[title], most) for title in chosen}
    return episode(rng, "book-episodes", language, groups, description=rng.choice(ASK_BOOK[language]))


def languages(rng: random.Random, given: Sources) -> Exercise:
    """Chinese or English."""
    language: Language = rng.choice(("zh", "en"))
    chinese, english = rng.choice(LANGUAGES[language])
    zh = rng.choice(("zh_wiki", "zh_vernacular", "zh_d2l"))
    en = rng.choice(("en_wiki", "en_books"))
    most = rng.choice((10, 20, 40))
    groups = {chinese: _drawer(rng, given.passages(zh), most), english: _drawer(rng, given.passages(en), most)}
    return episode(rng, "language-episodes", language, groups, description=rng.choice(ASK_LANGUAGE[language]))


def _drawer(rng: random.Random, passages: Sequence[Passage], most: int) -> Callable[[], str]:
    return lambda: _snippet(rng, rng.choice(passages), most)


def _snippet(rng: random.Random, passage: Passage, most: int) -> str:
    """One sentence of a passage or a few, of about ``most`` characters (three times as many in English) at most."""
    found = sentences(passage.text)
    first = rng.randrange(len(found))
    limit = most if passage.language == "zh" else most * 3
    text = found[first]
    for following in found[first + 1 :]:
        if len(text) + len(following) > limit or rng.random() < 0.3:
            break
        text += following if passage.language == "zh" else f" {following}"
    return text if len(text) <= 2 * limit else _cut(text, 2 * limit)


def _cut(text: str, limit: int) -> str:
    """The front of a text, up to its last mark or space within the limit."""
    front = text[:limit]
    at = max(front.rfind(mark) for mark in "，；、, ;")
    return front[:at] if at > limit // 2 else front


@cache
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, at least one; headings and fragments of a few characters go with what follows."""
    parts = [p.strip() for p in re.split(r"(?<=[。！？!?])|(?<=\.)\s+(?=[A-Z\"'“])|\n+", text)]
    kept = [p for p in parts if len(p) >= 8]
    return tuple(kept) or (text.strip()[:400],)


@cache
def _rich(given: Sources, source: str) -> list[Passage]:
    """Articles with a short title and sentences enough to show some and ask another."""
    return [p for p in given.passages(source) if 0 < len(p.title) <= 30 and len(sentences(p.text)) >= 6]


@cache
def _books(given: Sources, source: str) -> dict[str, list[Passage]]:
    """Title of the book -> its pieces. Titles are "Book - Author [14]" and "书名/第一回[3]"."""
    shelves: dict[str, list[Passage]] = {}
    for p in given.passages(source):
        shelves.setdefault(re.split(r" - | \[|\[|/", p.title)[0].strip(), []).append(p)
    return {title: pieces for title, pieces in shelves.items() if title and len(title) <= 40}


_EN, _ZH = ("text:en_wiki", "text:en_books"), ("text:zh_wiki", "text:zh_vernacular", "text:zh_law")
FAMILIES = (
    Family("source-episodes", sources, (*_EN, *_ZH, "text:zh_poetry", "text:zh_d2l")),
    Family("article-episodes", articles, ("text:en_wiki", "text:zh_wiki")),
    Family("book-episodes", books, ("text:en_books", "text:zh_vernacular")),
    Family("language-episodes", languages, (*_EN, "text:zh_wiki", "text:zh_vernacular", "text:zh_d2l")),
)
