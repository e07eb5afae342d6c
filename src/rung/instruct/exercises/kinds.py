"""What somebody wants, feels or does with a text: intents of many trades, emotions, advertising, urgency, acts of speech.

Texts are whole ones, of written/*_intents.tsv (trade.intent: the intent's own name is its label) and written/*_kinds.tsv. The
trade of `examples/`, a web shop's customer service, is left out: it is what people try first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from rung.instruct.episode import episode
from rung.instruct.exercises.instructed import Reading, instructed, label_language, text_languages
from rung.instruct.exercises.phrases import WORDS
from rung.instruct.exercises.written import spelled, written
from rung.instruct.family import Family
from rung.instruct.holdout import held_out
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

GROUPS = {  # what the names of a reading stand for, in their order
    "emotion": ("joy", "sadness", "anger", "fear", "surprise", "love"), "spam": ("spam", "ham"), "urgency": ("urgent", "normal"),
    "act": ("request", "complaint", "thanks", "question", "suggestion", "greeting"),
}  # fmt: skip
READINGS: Mapping[Language, Mapping[str, Reading]] = {
    "en": {
        "emotion": Reading(
            (("joy", "sadness", "anger", "fear", "surprise", "love"), ("happy", "sad", "angry", "afraid", "surprised", "affectionate")),
            (
                "Which emotion does the writer show?", "Name the feeling.", "How does the person feel?", "Detect the emotion of the message.",
                "Classify the post by emotion.", "What mood is the author in?",
            ),
        ),
        "spam": Reading(
            (("spam", "ham"), ("spam", "not spam"), ("advertising", "personal"), ("junk", "normal"), ("yes", "no"), ("block", "deliver")),
            (
                "Is the message {0}, or {1}?", "Filter the inbox: {0} or {1}.", "Is this unwanted advertising or fraud? Answer {0}, else {1}.",
                "Decide what a spam filter should say: {0} or {1}.", "Sort the messages: {0} for swindle and advertising, {1} for the rest.",
            ),
        ),
        "urgency": Reading(
            (("urgent", "normal"), ("high", "low"), ("now", "later"), ("yes", "no"), ("critical", "routine")),
            (
                "Must this be dealt with at once? {0} or {1}", "Set the priority: {0} or {1}.", "How pressing is the message?",
                "Write {0} if somebody has to act at once, {1} if it can wait.",
            ),
        ),
        "act": Reading(
            (
                ("request", "complaint", "thanks", "question", "suggestion", "greeting"),
                ("asks for something", "complains", "says thanks", "wants to know", "proposes", "greets"),
            ),
            (
                "What does the writer do with the message?", "Classify the message by its purpose.", "What kind of message is it?",
                "Label the intention of the speaker.", "Say what the sender wants.",
            ),
        ),
    },
    "zh": {
        "emotion": Reading(
            (("高兴", "悲伤", "愤怒", "恐惧", "惊讶", "喜爱"), ("快乐", "难过", "生气", "害怕", "吃惊", "爱")),
            ("作者是什么情绪？", "判断这段话的情绪", "写的人心情怎样？", "给动态标注情绪", "识别文字中的感情", "说话人此刻的感受是哪一种？"),
        ),
        "spam": Reading(
            (("垃圾短信", "正常短信"), ("垃圾", "正常"), ("广告", "非广告"), ("是", "否"), ("拦截", "放行")),
            (
                "这是{0}还是{1}？", "过滤短信：{0}或{1}", "判断是不是广告或诈骗，是则答{0}，否则答{1}", "拦截系统应该怎么判？{0}或{1}",
                "给信息分类：骗人的和推销的标{0}，其余标{1}",
            ),
        ),
        "urgency": Reading(
            (("紧急", "普通"), ("急", "不急"), ("高", "低"), ("马上", "稍后"), ("是", "否")),
            ("这条消息需要马上处理吗？{0}或{1}", "判断优先级：{0}或{1}", "事情有多急？", "要立刻有人处理的写{0}，可以等的写{1}"),
        ),
        "act": Reading(
            (("请求", "投诉", "感谢", "提问", "建议", "问候"), ("求助", "抱怨", "道谢", "询问", "提议", "打招呼")),
            ("这条消息的目的是什么？", "说话人在做什么？", "判断留言的类型", "按意图给消息分类", "对方想干什么？"),
        ),
    },
}  # fmt: skip
ASK_INTENTS: Mapping[Language, tuple[str, ...]] = {
    "en": (
        "What does the customer want?", "Find the intent of the message.", "Which request is it?", "Route the message to the right desk.", "What is it about?",
        "Classify the utterance by intent.", "Choose what the assistant should do.", "Why does the person write?", "Sort the messages by concern.",
        "Pick the topic of the enquiry.", "Decide which team has to answer this.",
    ),
    "zh": (
        "用户想办什么事？", "识别用户意图", "判断这句话的意图", "这条消息该转给哪个岗位？", "客户为什么来电？", "把留言按诉求分类", "助手应该执行哪个操作？",
        "选出咨询的主题", "这个人想要什么？", "给工单分类", "看看对方要办哪项业务",
    ),
}  # fmt: skip
Draw = Callable[[], str]


def kinds(rng: random.Random, sources: Sources) -> Exercise:
    """The instruction decides, most often without demonstrations."""
    language: Language = rng.choice(("zh", "en"))
    groups, ask = _task(rng, language, exam=sources.exam, most=10)
    return instructed(rng, "kinds", language, groups, ask)


def episodes(rng: random.Random, sources: Sources) -> Exercise:
    """Demonstrations decide what is asked."""
    language: Language = rng.choice(("zh", "en"))
    groups, ask = _task(rng, language, exam=sources.exam, most=6)
    return episode(rng, "kind-episodes", language, groups, description=rng.choice((ask, "")))


def _task(rng: random.Random, language: Language, *, exam: bool, most: int) -> tuple[dict[str, Draw], str]:
    """Groups by name, and an instruction."""
    if rng.random() < 0.6:
        return _intents(rng, language, exam, most), rng.choice(ASK_INTENTS[language])
    which = rng.choice(list(GROUPS))
    words, ask = READINGS[language][which].draw(rng, READINGS[label_language(rng, language)][which])
    found = {word: f"{which}.{group}" for word, group in zip(words, GROUPS[which], strict=True)}
    languages = text_languages(rng, language)
    found = {word: key for word, key in found.items() if all(_texts("kinds", of, key, exam) for of in languages)}
    chosen = rng.sample(list(found), rng.randint(2, len(found)))
    return {word: _draw(rng, "kinds", languages, found[word], exam) for word in chosen}, ask


def _intents(rng: random.Random, language: Language, exam: bool, most: int) -> dict[str, Draw]:
    """Intents of one trade, or of any, by name in one of the ways that teams write them, and draws of utterances."""
    trades = _trades(language, exam)
    pool = trades[rng.choice(list(trades))] if rng.random() < 0.6 else [key for some in trades.values() for key in some]
    foreign = label_language(rng, language) != language
    keys = {
        _name(rng, language, key, foreign): key for key in rng.sample(pool, len(pool))
    }  # a name of two trades stands once
    style = rng.choice((str, str, str, str.title, lambda name: name.replace(" ", "_")))
    chosen = list(keys)[: rng.randint(2, min(most, len(keys)))]
    return {style(name): _draw(rng, "intents", (language,), keys[name], exam) for name in chosen}


def _name(rng: random.Random, language: Language, key: str, foreign: bool) -> str:
    """What the intent is called, in the other language if ``foreign``."""
    return rng.choice(foreign_names()[f"{language}.{key}"]) if foreign else key.split(".", 1)[1]


@cache
def foreign_names() -> Mapping[str, tuple[str, ...]]:
    """language.trade.intent -> what the intent is called in the other language."""
    lines = (WORDS / "intent_names.tsv").read_text(encoding="utf-8").splitlines()
    return {key: tuple(names.split("/")) for key, names in (line.split("\t") for line in lines)}


def _draw(rng: random.Random, theme: str, languages: Sequence[Language], key: str, exam: bool) -> Draw:
    return lambda: rng.choice(_texts(theme, rng.choice(languages), key, exam))


@cache
def _trades(language: Language, exam: bool) -> dict[str, list[str]]:
    """Trade -> the keys of its intents that have texts on this side; trades with at least two."""
    found: dict[str, list[str]] = {}
    for key in written("intents", language):
        if _texts("intents", language, key, exam):
            found.setdefault(key.split(".", 1)[0], []).append(key)
    return {trade: keys for trade, keys in found.items() if len(keys) > 1}


@cache
def _texts(theme: str, language: Language, key: str, exam: bool) -> tuple[str, ...]:
    """The texts of a key that exams, or lessons, may show."""
    forms = (spelled(text) if language == "en" else text for text in written(theme, language)[key])
    return tuple(text for text in forms if held_out(text) == exam)


FAMILIES: tuple[Family, ...] = (
    Family("kinds", kinds),
    Family("kind-episodes", episodes),
)
