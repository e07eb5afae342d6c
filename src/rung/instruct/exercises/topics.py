"""What is a text about? News by section, titles of papers by field, sentences of an encyclopedia by the words of their article.

News and titles are whole ones (written.py) or composed from words/*_topics.txt; the sentences are real, their topic is known from the keywords there.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from rung.instruct.episode import ARBITRARY, episode
from rung.instruct.exercises.instructed import grouped, instructed, label_language
from rung.instruct.exercises.passages import sentences
from rung.instruct.exercises.phrases import article, fill, phrases
from rung.instruct.exercises.written import either
from rung.instruct.family import Family
from rung.instruct.holdout import held_out
from rung.instruct.item import Exercise
from rung.instruct.sources import Passage, Sources
from rung.types import Language

Words = dict[str, tuple[str, ...]]
NEWS: dict[Language, Words] = {  # label words of a topic; no two topics share one
    "en": {
        "world": ("World", "world", "international", "politics", "world affairs"), "sports": ("Sports", "sports", "sport"),
        "business": ("Business", "business", "finance", "economy"), "technology": ("Technology", "technology", "tech", "Sci/Tech", "computers"),
        "science": ("Science", "science", "research"), "entertainment": ("Entertainment", "entertainment", "showbiz", "celebrities"),
        "health": ("Health", "health", "medicine"), "military": ("Military", "military", "defense"), "travel": ("Travel", "travel", "tourism"),
        "cars": ("Cars", "cars", "automobiles", "motoring"), "property": ("Property", "real estate", "housing"), "stocks": ("Stocks", "stock market", "shares"),
        "education": ("Education", "education", "school"), "farming": ("Farming", "agriculture", "farming"), "games": ("Games", "video games", "gaming", "esports"),
        "weather": ("Weather", "weather", "forecast"), "law": ("Crime", "crime", "courts", "law and order"),
    },
    "zh": {
        "world": ("国际", "国际新闻", "时政", "政治"), "sports": ("体育", "体育新闻", "运动"), "business": ("财经", "经济", "商业"), "technology": ("科技", "数码", "互联网"),
        "science": ("科学", "科普", "科学探索"), "entertainment": ("娱乐", "明星", "影视娱乐"), "health": ("健康", "医疗", "养生"), "military": ("军事", "国防", "军事新闻"),
        "travel": ("旅游", "旅行", "出游"), "cars": ("汽车", "车市", "用车"), "property": ("房产", "楼市", "房地产"),
        "stocks": ("股票", "证券", "股市"), "education": ("教育", "校园", "考试"),
        "farming": ("农业", "三农", "种养"), "games": ("游戏", "电竞", "手游"), "culture": ("文化", "文史", "国学"),
        "story": ("故事", "情感", "人间故事"), "weather": ("天气", "气象"),
        "law": ("法治", "社会", "案件"),
    },
}  # fmt: skip
FIELDS: dict[Language, Words] = {
    "en": {
        "maths": ("mathematics", "maths"), "physics": ("physics",), "chemistry": ("chemistry",), "biology": ("biology", "life sciences"),
        "medicine": ("medicine", "clinical medicine"), "computing": ("computer science", "computing"), "engineering": ("engineering",),
        "economics": ("economics",), "legal": ("law", "legal studies"), "history": ("history",), "literature": ("literature", "literary studies"),
        "philosophy": ("philosophy",), "warfare": ("military science",), "teaching": ("education", "pedagogy"), "agronomy": ("agriculture", "agronomy"),
        "arts": ("art", "fine arts"), "managing": ("management", "management studies"),
    },
    "zh": {
        "maths": ("数学",), "physics": ("物理学", "物理"), "chemistry": ("化学",), "biology": ("生物学", "生物"), "medicine": ("医学", "临床医学"),
        "computing": ("计算机", "计算机科学"),
        "engineering": ("工学", "工程"), "economics": ("经济学", "经济"), "legal": ("法学", "法律"), "history": ("历史学", "历史"),
        "literature": ("文学", "语言文学"), "philosophy": ("哲学",),
        "warfare": ("军事学", "军事"), "teaching": ("教育学", "教育"), "agronomy": ("农学", "农业科学"), "arts": ("艺术学", "艺术"), "managing": ("管理学", "管理"),
    },
}  # fmt: skip
SCIENCES = ("maths", "physics", "chemistry", "biology")  # now and then one field, as faculties have it
SCIENCE: dict[Language, tuple[str, ...]] = {"en": ("science", "natural science"), "zh": ("理学", "自然科学")}
ASK_NEWS: dict[Language, tuple[str, ...]] = {
    "en": (
        "What is the news about?", "Which page of the paper does it go on?", "Name the topic.", "Sort the headlines by subject.", "Choose the section for this story.",
        "What kind of news is it?", "Under which heading would you file the text?", "Classify the article by topic.", "Find the category of the news item.",
        "Tag the story.", "An editor sorts reports. Where does this one belong?",
    ),
    "zh": (
        "这条新闻讲的是什么？", "这条新闻该放在哪个版面？", "给标题分类", "说出新闻的主题", "判断新闻的类别", "这个标题属于哪个频道？",
        "选择合适的栏目", "编辑要把稿件分栏，这篇放哪里？", "按主题给资讯归类",
        "给这条资讯打标签", "它是哪方面的新闻？",
    ),
}  # fmt: skip
ASK_FIELDS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Which field is the paper from?", "Name the discipline of this title.", "Which faculty would teach this?", "Classify the paper by subject.",
        "What does the author study?", "On which shelf of the library does the article stand?", "Choose the research area.",
    ),
    "zh": (
        "这篇论文是哪个学科的？", "按学科给论文分类", "看题目，判断研究领域", "这个题目出自哪个学院？", "作者研究的是什么学问？",
        "这篇文章应放在图书馆的哪一架？", "选出论文所属的专业方向",
    ),
}  # fmt: skip
ASK_TEXTS: dict[Language, tuple[str, ...]] = {
    "en": ("What is the sentence about?", "Which area does the text belong to?", "Name the subject.", "Find the topic of the passage.", "Classify the text by topic."),
    "zh": ("这句话与什么有关？", "文本属于哪个领域？", "说出这段话的主题", "判断内容所属的类别", "按主题分类"),
}  # fmt: skip
HEADLINES: dict[Language, tuple[str, ...]] = {
    "en": (
        "{who} {does}", "{who} {does}", "{who} {does}", "{who} {does}", "{who} {does} after {thing}", "{thing}: {who} {does}", "{who} {does}, report says",
        "{who}: {thing}", "why {who} {does}", "{thing} and {thing}", "as {thing} looms, {who} {does}", "{who} {does} amid {thing}", "{thing} in focus",
        "{who} {does} on {day}", "analysis: {thing}", "update: {who} {does}",
    ),
    "zh": (
        "{who}{does}", "{who}{does}", "{who}{does}", "{who}{does}！", "{thing}：{who}{does}", "{who}{does}，{thing}引关注",
        "{thing}来了，{who}{does}", "{who}{does}，{who}{does}",
        "为什么{who}{does}？", "{thing}，你了解多少？", "{who}：{does}", "{who}{does}，网友：没想到", "关于{thing}，你怎么看？", "刚刚，{who}{does}",
        "{thing}那些事", "重磅！{who}{does}",
        "看完{thing}，才知道{who}{does}", "{thing}和{thing}哪个更重要？", "盘点{thing}", "{who}{does} {thing}",
    ),
}  # fmt: skip
REPORTS = (  # a headline with the story's first sentence, or this alone
    "{h}. {city} - {who} {does} on {day}.", "{h} ({agency}) {city} ({agency}) - {who} {does}, officials said on {day}.", "{who} {does} on {day}, {agency} reported.",
    "{h}. {who} {does} as {who} {does}.", "{h} {city} - {who} {does}, while {thing} remains in doubt.", "{city}, {day} ({agency}) - {who} {does}. {thing} followed.",
)  # fmt: skip
AGENCIES = ("ap", "reuters", "afp", "bbc", "the daily post", "city news")
TITLES = (
    "{aspect} {object}", "{aspect} {object}", "{aspect} {object} and {object}", "{object}: {aspect} {object}", "{aspect} {object} in {country}", "new results on {object}",
    "towards {aspect} {object}",
)  # fmt: skip
TITLES_ZH = (
    "{method}",
    "{method}",
    "{method}",
    "{method}研究",
    "{method}及其启示",
    "浅谈{method}",
    "试析{method}",
    "{country}{method}",
    "{method}的几点思考",
    "{method}——以{city}为例",
)
KNOWN = 6  # hits of a topic's keywords that an article needs, of three different ones
CLEAR = 2.5  # as many times the hits of the next topic
FRONT = {"en": 2500, "zh": 1200}  # characters of an article that are counted
LONGEST = {"en": 260, "zh": 90}
PLURAL = {"is": "are", "has": "have", "does": "do", "carries": "carry", "goes": "go"}
SINGULAR = {"are": "is", "have": "has", "carry": "carries", "apply": "applies", "study": "studies", "rally": "rallies"}
SMALL = (
    "the",
    "and",
    "for",
    "with",
    "from",
    "after",
    "its",
    "over",
    "into",
    "per",
    "amid",
    "that",
    "than",
    "his",
    "her",
)
SLOTS = re.compile(r"\{(\w+)\}")


def episodes(rng: random.Random, sources: Sources) -> Exercise:
    """Demonstrations tell the topics apart; the labels may say nothing."""
    language, groups, ask = _task(rng, sources, (2, 2, 3, 3, 4, 4, 5, 6))
    assert len(groups) <= len(ARBITRARY[language][0])
    return episode(rng, "topic-episodes", language, groups, description=rng.choice((ask, "")))


def topics(rng: random.Random, sources: Sources) -> Exercise:
    """The topics are named, up to as many as a newspaper has sections."""
    language, groups, ask = _task(rng, sources, (2, 3, 4, 4, 5, 6, 8, 10, 13, 15))
    return instructed(rng, "topics", language, groups, ask)


def _task(
    rng: random.Random, sources: Sources, counts: Sequence[int]
) -> tuple[Language, dict[str, Callable[[], str]], str]:
    """Groups of one kind of text, so that only the topic tells them apart."""
    language: Language = rng.choice(("zh", "en"))
    make = rng.choices((_news, _fields, _texts), (50, 25, 25))[0]
    names, draws, ask = make(rng, language, rng.choice(counts), sources)
    return language, grouped(names, draws, exam=sources.exam), ask


Task = tuple[list[str], list[Callable[[], str]], str]  # names, draws of texts, an instruction


def _news(rng: random.Random, language: Language, count: int, sources: Sources) -> Task:
    chosen = rng.sample(list(NEWS[language]), min(count, len(NEWS[language])))
    report = language == "en" and rng.random() < 0.4

    def drawn(topic: str) -> str:
        composed = partial(headline, rng, language, topic, report=report)
        return either(rng, "news", language, topic, composed, apart=False)

    draws: list[Callable[[], str]] = [partial(drawn, topic) for topic in chosen]
    return _names(rng, language, NEWS, chosen), draws, rng.choice(ASK_NEWS[language])


def _fields(rng: random.Random, language: Language, count: int, sources: Sources) -> Task:
    if one := rng.random() < 0.4:
        fields = [name for name in FIELDS[language] if name not in (*SCIENCES, "computing")] + [""]
    else:
        fields = list(FIELDS[language])
    chosen = rng.sample(fields, min(count, len(fields)))
    if one and "" not in chosen:
        chosen[0] = ""

    def drawn(field: str) -> str:
        field = field or rng.choice(SCIENCES)
        return either(rng, "titles", language, field, partial(title, rng, language, field), apart=False)

    words = {of: named | {"": SCIENCE[of]} for of, named in FIELDS.items()}
    return _names(rng, language, words, chosen), [partial(drawn, f) for f in chosen], rng.choice(ASK_FIELDS[language])


def _texts(rng: random.Random, language: Language, count: int, sources: Sources) -> Task:
    """Sentences of articles; the short texts for an exam may know too few topics, and news comes in their place."""
    found = known(sources, language)
    if len(found) < 2:
        return _news(rng, language, count, sources)
    chosen = rng.sample(sorted(found), min(count, len(found)))
    draws: list[Callable[[], str]] = [partial(rng.choice, found[topic]) for topic in chosen]
    return _names(rng, language, NEWS, chosen), draws, rng.choice(ASK_TEXTS[language])


def _names(rng: random.Random, language: Language, words: Mapping[Language, Words], chosen: Sequence[str]) -> list[str]:
    """A label word of each, of one habit: all the first ones (World, Sports), or whichever."""
    own = words[label_language(rng, language)]
    if not all(topic in own for topic in chosen):  # a section that newspapers of the texts' language have
        own = words[language]
    first = rng.random() < 0.4
    return [own[topic][0] if first else rng.choice(own[topic]) for topic in chosen]


def headline(rng: random.Random, language: Language, topic: str, *, report: bool = False) -> str:
    """A headline of the topic, or with ``report`` the first words of the story, in English."""
    head = _composed(rng, language, topic, rng.choice(HEADLINES[language]))
    if not report:
        return _cased(rng, head, language)
    pattern = rng.choice(REPORTS).replace("{agency}", rng.choice(AGENCIES)).replace("{h}", _capitals(head))
    return _sentences(_composed(rng, language, topic, pattern))


def title(rng: random.Random, language: Language, field: str) -> str:
    """The title of a paper of the field."""
    return _cased(rng, _composed(rng, language, field, rng.choice(TITLES if language == "en" else TITLES_ZH)), language)


def _composed(rng: random.Random, language: Language, topic: str, pattern: str) -> str:
    """The pattern with the topic's own words: {who} is a phrase of [sports.who], {city} of the section for all."""
    sections = phrases("topics", language)

    def own(text: str) -> str:
        return SLOTS.sub(lambda m: own(rng.choice(sections.get(f"{topic}.{m[1]}") or sections[m[1]])), text)

    if language == "zh":
        return fill(rng, sections, own(pattern)).replace("研究研究", "研究").replace("思考的几点思考", "几点思考")
    agreed = re.sub(
        r"\{who\} \{does\}",
        lambda m: agree(fill(rng, sections, own("{who}")), fill(rng, sections, own("{does}"))),
        pattern,
    )
    return article(fill(rng, sections, own(agreed)))


def agree(who: str, does: str) -> str:
    """Subject and verb of one number: "stocks close higher", "the index closes higher"."""
    head = re.split(r" (?:in|of|from|at|for) ", who)[0]
    many = (
        re.search(r"(?<![sui])s$|^police$|^cattle$|s and ", head)
        and not _proper().fullmatch(head.removeprefix("the "))
        and head != "the united nations"
    )
    verb, rest = does.split(" ", 1) if " " in does else (does, "")
    if verb in ("can", "will", "must", "and"):
        return f"{who} {does}"
    if verb.endswith("s") and not verb.endswith("ss"):
        verb = (
            PLURAL.get(verb)
            or re.sub(r"(?<=ch|sh|ss)es$|(?<=[xo])es$|(?<!e)s$|(?<=[^hsxo]e)s$|(?<=[^s]se)s$", "", verb)
            if many
            else verb
        )
    elif not many:
        verb = SINGULAR.get(verb) or verb + ("es" if re.search(r"(?:ch|sh|ss|x|o)$", verb) else "s")
    return f"{who} {verb} {rest}".strip()


def _cased(rng: random.Random, text: str, language: Language) -> str:
    """English as headlines are written: one capital, all of them, or none."""
    if language == "zh":
        return text
    return rng.choice((text, _capitals(text), _capitals(text), _sentences(text), _sentences(text)))


def _capitals(text: str) -> str:
    return re.sub(
        r"(?<![\w'-])[a-z]\w{2,}",
        lambda m: m[0] if m[0] in SMALL else m[0][0].upper() + m[0][1:],
        text[:1].upper() + text[1:],
    )


def _sentences(text: str) -> str:
    """A capital where a sentence begins and at the front of names."""
    named = _proper().sub(lambda m: m[0].title() if len(m[0]) > 3 else m[0].upper(), text)
    return re.sub(r"(^|[.!?] )([a-z])", lambda m: m[1] + m[2].upper(), named)


@cache
def _proper() -> re.Pattern[str]:
    """The names of cities, countries, people, companies, days and agencies."""
    sections = phrases("topics", "en")
    names = [
        name.removeprefix("the ") for part in ("city", "country", "people", "company", "day") for name in sections[part]
    ]
    return re.compile(rf"\b(?:{'|'.join([*names, *AGENCIES[:4]])})\b")


@cache
def known(sources: Sources, language: Language) -> dict[str, tuple[str, ...]]:
    """Topic -> sentences with a keyword of it, from the articles that are clearly on the topic; those that exams, or lessons, may show."""
    sections = phrases("topics", language)
    keys = {
        name.removesuffix(".keys"): tuple(" ".join(words).split())
        for name, words in sections.items()
        if name.endswith(".keys")
    }
    found: dict[str, list[str]] = {}
    for passage in sources.passages(f"{language}_wiki"):
        if topic := _topic(passage, keys):
            found.setdefault(topic, []).extend(
                s
                for s in sentences(passage.text[: 3 * FRONT[language]])
                if 12 <= len(s) <= LONGEST[language] and _hits(s, keys[topic], language)
            )
    sides = {
        topic: tuple(s for s in some if held_out(s) == sources.exam) for topic, some in found.items() if len(some) >= 20
    }
    return {topic: some for topic, some in sides.items() if some}


def _topic(passage: Passage, keys: dict[str, tuple[str, ...]]) -> str:
    """The topic whose keywords the front of the article is full of, when no other comes near; else nothing."""
    front = passage.text[: FRONT[passage.language]]
    counts = {topic: _hits(front, words, passage.language) for topic, words in keys.items()}
    (_, second), (topic, best) = sorted(((t, sum(c.values())) for t, c in counts.items()), key=lambda tc: tc[1])[-2:]
    return topic if best >= max(KNOWN, CLEAR * second) and len(counts[topic]) >= 3 else ""


def _hits(text: str, words: Sequence[str], language: Language) -> dict[str, int]:
    """How often each of the words stands in the text, those that do."""
    if language == "zh":
        return {word: n for word in words if (n := text.count(word))}
    said = Counter(re.findall(r"[a-z]+", text.lower()))
    return {word: said[word] for word in words if said[word]}


FAMILIES: tuple[Family, ...] = (
    Family("topic-episodes", episodes, ("text:en_wiki", "text:zh_wiki")),
    Family("topics", topics, ("text:en_wiki", "text:zh_wiki")),
)
