"""What a text says of its writer's mind: for or against, of what kind of thing, of which side of it, opinion or fact.

opinion-episodes  read off demonstrations; the same reviews are asked by mood or by domain, so that these decide what is meant
opinions          told by an instruction
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from rung.instruct.episode import episode
from rung.instruct.exercises.instructed import Reading, grouped, instructed, label_language, text_languages
from rung.instruct.exercises.phrases import phrases, say
from rung.instruct.exercises.reviews import DOMAINS, Mood, finish, remark, review
from rung.instruct.exercises.written import either
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

MOODS: dict[Language, tuple[Reading, ...]] = {  # good, bad
    "en": (
        Reading(
            (
                ("positive", "negative"), ("positive", "negative"), ("Positive", "Negative"), ("good", "bad"), ("favorable", "unfavorable"),
                ("pos", "neg"), ("praise", "complaint"), ("happy", "unhappy"), ("pleased", "displeased"), ("satisfied", "dissatisfied"),
                ("approval", "disapproval"), ("great", "terrible"), ("+", "-"), ("thumbs up", "thumbs down"),
            ),
            (
                "Is the review {0} or {1}?", "Judge the sentiment of the text: {0} or {1}.", "Tell whether the writer's opinion is {0} or {1}.",
                "Read what the customer wrote and say {0} or {1}.", "What does the writer feel about it?", "Classify the sentiment.",
                "Label the review by its tone.", "Sort the comments: {0} ones and {1} ones.", "Say how the person found it.",
                "Determine the attitude of the text.", "Decide if the feedback is {0} or {1}.", "Sentiment analysis.",
                "Write {0} if the author speaks well of it, {1} if the author speaks badly of it.", "Is this {0}? Or {1}?",
                "Look at the overall verdict of the review.", "Mark each opinion as {0} or {1}.", "Rate the mood of the remark.",
                "A viewer or a buyer has left a comment. Which sentiment does it have?",
            ),
        ),
        Reading(
            (("yes", "no"), ("Yes", "No"), ("recommends", "warns"), ("recommended", "not recommended"), ("true", "false")),
            (
                "Does the writer recommend it? {0} or {1}", "Would this person advise others to get it?", "Would the author come back or buy it again?",
                "Can it be recommended according to the text? Answer {0} or {1}.", "Is the customer content?", "Did the writer like it?",
                "Answer {0} when the review speaks for it and {1} when it speaks against it.", "Was it a good experience?",
            ),
        ),
        Reading(
            (("like", "dislike"), ("likes it", "dislikes it"), ("love", "hate"), ("liked", "disliked"), ("enjoyed", "did not enjoy")),
            ("Did they {0} it or {1} it?", "What did the writer think of it?", "Say whether the person liked it.", "Do they like or dislike the thing?"),
        ),
        Reading(
            (("five stars", "one star"), ("5", "1"), ("high", "low"), ("10/10", "1/10"), ("top rating", "worst rating")),
            ("How many stars would the writer give?", "Guess the rating: {0} or {1}.", "Which score goes with this review?", "What rating fits the text?"),
        ),
    ),
    "zh": (
        Reading(
            (
                ("正面", "负面"), ("正面", "负面"), ("好评", "差评"), ("好评", "差评"), ("积极", "消极"), ("正向", "负向"), ("褒", "贬"), ("满意", "不满意"),
                ("好", "坏"), ("好", "差"), ("肯定", "否定"), ("表扬", "投诉"), ("赞", "踩"), ("赞美", "批评"), ("高兴", "不高兴"), ("褒义", "贬义"), ("正", "负"),
                ("支持", "反对"), ("positive", "negative"),
            ),
            (
                "这条评价是{0}还是{1}？", "判断下面的话属于{0}还是{1}", "看看作者的态度是{0}还是{1}", "给这条评论打上情感标签", "对评论做情感分类",
                "读一读用户的留言，回答{0}或{1}", "写的人心里怎么想？选{0}或{1}", "分析这段文字的情感倾向", "判断评论的感情色彩", "顾客的感受如何？",
                "把评论分成{0}和{1}两类", "说好话的标{0}，说坏话的标{1}", "这位买家的评价倾向是什么？", "根据总体态度选择标签", "情感分析：{0}或{1}",
                "评论者对它的看法是{0}的还是{1}的？", "请判断这句话的情绪", "下面是一条用户反馈，请归类",
            ),
        ),
        Reading(
            (("推荐", "不推荐"), ("是", "否"), ("会", "不会"), ("是", "不是"), ("值得", "不值得")),
            (
                "作者推荐它吗？回答{0}或{1}", "写评论的人会建议别人买吗？", "这位顾客满意吗？", "作者喜欢它吗？", "这次体验好吗？", "他还会再来吗？",
                "评论如果是夸奖就写{0}，如果是抱怨就写{1}", "从评论看，值得买吗？",
            ),
        ),
        Reading(
            (("喜欢", "不喜欢"), ("喜欢", "讨厌"), ("喜爱", "厌恶"), ("爱", "恨")),
            ("作者是{0}还是{1}？", "他喜不喜欢？", "看看写的人对它的态度", "判断作者喜欢还是不喜欢"),
        ),
        Reading(
            (("五星", "一星"), ("5分", "1分"), ("高分", "低分"), ("满分", "零分")),
            ("作者会打几颗星？", "猜一猜评分：{0}还是{1}", "这条评论对应多少分？", "给评论配上合适的评分"),
        ),
    ),
}  # fmt: skip
THREE: dict[Language, Reading] = {  # good, neutral, bad
    "en": Reading(
        (
            ("positive", "neutral", "negative"), ("good", "average", "bad"), ("good", "mixed", "bad"), ("like", "indifferent", "dislike"),
            ("five stars", "three stars", "one star"), ("5", "3", "1"), ("happy", "undecided", "unhappy"), ("high", "medium", "low"),
        ),
        (
            "Is the review {0}, {1} or {2}?", "Classify the sentiment as {0}, {1} or {2}.", "What is the overall judgment of the writer?",
            "Pick the rating that fits: {0}, {1}, {2}.", "How does the author feel about it?", "Sort the feedback by its tone.",
        ),
    ),
    "zh": Reading(
        (
            ("正面", "中性", "负面"), ("好评", "中评", "差评"), ("积极", "中立", "消极"), ("满意", "一般", "不满意"), ("五星", "三星", "一星"), ("高", "中", "低"),
            ("好", "一般", "差"),
        ),
        ("这条评价是{0}、{1}还是{2}？", "把评论分为{0}、{1}、{2}三类", "判断作者的总体态度", "选出合适的评分：{0}、{1}、{2}", "分析情感倾向", "用户的评价属于哪一档？"),
    ),
}  # fmt: skip
NAMES: dict[Language, dict[str, tuple[str, ...]]] = {  # domains and sides of a thing
    "en": {
        "film": ("film", "movie", "cinema"), "food": ("food", "restaurant", "meal"), "delivery": ("delivery", "shipping"), "hotel": ("hotel", "travel"),
        "phone": ("electronics", "device", "phone or computer"), "book": ("book", "books", "reading"), "clothes": ("clothes", "fashion", "clothing"),
        "app": ("app", "software", "game"), "course": ("course", "education", "teaching"), "home": ("household", "home", "furniture and appliances"),
        "service": ("service", "staff"), "aspect.price": ("price", "cost"), "aspect.service": ("service", "staff"), "aspect.speed": ("speed", "waiting time"),
        "aspect.quality": ("quality", "durability"), "aspect.taste": ("taste", "flavor"), "aspect.look": ("look", "appearance", "design"),
    },
    "zh": {
        "film": ("电影", "影视", "影评"), "food": ("餐饮", "美食", "饭菜"), "delivery": ("配送", "物流", "快递外卖"), "hotel": ("酒店", "住宿", "旅店"),
        "phone": ("数码", "电子产品", "手机电脑"),
        "book": ("书籍", "图书", "书"), "clothes": ("服装", "衣服", "服饰"), "app": ("软件", "应用", "软件游戏"), "course": ("课程", "教育", "培训"),
        "home": ("家居", "日用品", "家电家居"),
        "service": ("服务", "客服"), "aspect.price": ("价格", "价钱"), "aspect.service": ("服务", "态度"), "aspect.speed": ("速度", "时效"), "aspect.quality": ("质量", "做工"),
        "aspect.taste": ("味道", "口味"), "aspect.look": ("外观", "样子", "颜值"),
    },
}  # fmt: skip
ASK_DOMAIN: dict[Language, tuple[str, ...]] = {
    "en": (
        "What kind of thing is reviewed?", "What is the review about?", "Name the category of the product.", "Which department should read this comment?",
        "Say what the writer bought or tried.", "Ignore the opinion: what is it an opinion on?", "Sort the reviews by subject.",
    ),
    "zh": (
        "这条评论说的是什么东西？", "判断评论所属的商品类别", "评论的对象是哪一类？", "不管好坏，只看评的是什么", "这条留言该转给哪个部门？", "按评价对象分类",
        "作者买了或体验了什么？",
    ),
}  # fmt: skip
ASK_ASPECT: dict[Language, tuple[str, ...]] = {
    "en": ("Which side of it does the remark concern?", "What does the customer talk about?", "Name the aspect of the product.", "What is praised or blamed here?"),
    "zh": ("这句评价说的是哪个方面？", "顾客在说什么？", "指出评论涉及的方面", "这里夸的或骂的是什么？"),
}  # fmt: skip
FACTS: dict[Language, Reading] = {  # opinion, fact
    "en": Reading(
        (("subjective", "objective"), ("opinion", "fact"), ("opinion", "statement"), ("opinion", "plot"), ("judgment", "description"), ("review", "summary")),
        (
            "Is the sentence {0} or {1}?", "Does the text give an opinion, or does it state what is or happens?", "Tell views from facts.",
            "Is somebody judging here ({0}) or only telling ({1})?", "Decide whether it is {0} or {1}.", "Does the writer take sides?",
        ),
    ),
    "zh": Reading(
        (("主观", "客观"), ("观点", "事实"), ("评价", "陈述"), ("看法", "情节"), ("评论", "介绍")),
        ("这句话是{0}还是{1}？", "是在发表看法，还是在陈述情况？", "区分观点和事实", "判断句子是{0}的还是{1}的", "作者在评价，还是只在叙述？"),
    ),
}  # fmt: skip
Task = tuple[tuple[str, ...], list[Callable[[], str]], str]  # names, draws of texts, an instruction


def episodes(rng: random.Random, sources: Sources) -> Exercise:
    """Demonstrations decide what is asked."""
    language: Language = rng.choice(("zh", "en"))
    groups, ask = _task(rng, language, exam=sources.exam)
    return episode(rng, "opinion-episodes", language, groups, description=rng.choice((ask, "")))


def opinions(rng: random.Random, sources: Sources) -> Exercise:
    """The instruction decides."""
    language: Language = rng.choice(("zh", "en"))
    groups, ask = _task(rng, language, exam=sources.exam)
    return instructed(rng, "opinions", language, groups, ask)


def _task(rng: random.Random, language: Language, *, exam: bool) -> tuple[dict[str, Callable[[], str]], str]:
    """Groups by name and an instruction: mostly by mood, of one domain or of all."""
    make = rng.choices((_moods, _three, _domains, _aspects, _facts), (56, 8, 14, 6, 16))[0]
    names, draws, ask = make(rng, language)
    return grouped(names, draws, exam=exam), ask


def _moods(rng: random.Random, language: Language) -> Task:
    number = rng.choices(range(4), (6, 2, 1, 1))[0]
    return _asked(rng, language, ("good", "bad"), {of: readings[number] for of, readings in MOODS.items()})


def _three(rng: random.Random, language: Language) -> Task:
    return _asked(rng, language, ("good", "neutral", "bad"), THREE)


def _asked(
    rng: random.Random, language: Language, moods: tuple[Mood, ...], readings: Mapping[Language, Reading]
) -> Task:
    domain = rng.choice(("", "film", "food", *DOMAINS))
    names, ask = readings[language].draw(rng, readings[label_language(rng, language)])
    languages = text_languages(rng, language)
    return names, [partial(_either_review, rng, languages, mood, domain) for mood in moods], ask


def _either_review(rng: random.Random, languages: Sequence[Language], mood: Mood, domain: str) -> str:
    return _review(rng, rng.choice(languages), mood, domain)


def _review(rng: random.Random, language: Language, mood: Mood, domain: str) -> str:
    """A whole one, or composed; of a thing of that domain (one at random)."""
    domain = domain or rng.choice(DOMAINS)
    return either(rng, "reviews", language, f"{domain}.{mood}", lambda: review(rng, language, mood, domain))


def _domains(rng: random.Random, language: Language) -> Task:
    chosen = rng.sample([d for d in DOMAINS if d != "service"], rng.choice((2, 2, 3, 4, 5)))

    def drawn(domain: str) -> str:
        mood: Mood = rng.choice(("good", "bad"))
        return _review(rng, language, mood, domain)

    words = NAMES[label_language(rng, language)]
    names = tuple(rng.choice(words[domain]) for domain in chosen)
    return names, [partial(drawn, domain) for domain in chosen], rng.choice(ASK_DOMAIN[language])


def _aspects(rng: random.Random, language: Language) -> Task:
    chosen = rng.sample([name for name in NAMES[language] if name.startswith("aspect.")], rng.choice((2, 3, 4)))
    words = NAMES[label_language(rng, language)]
    names = tuple(rng.choice(words[aspect]) for aspect in chosen)
    return names, [partial(remark, rng, language, aspect) for aspect in chosen], rng.choice(ASK_ASPECT[language])


def _facts(rng: random.Random, language: Language) -> Task:
    """Opinions on a film beside what happens in one; or on anything beside plain statements about goods."""
    film = rng.random() < 0.7
    names, ask = FACTS[language].draw(rng, FACTS[label_language(rng, language)])

    def opinion() -> str:
        mood: Mood = rng.choice(("good", "bad"))
        return _review(rng, language, mood, "film" if film else "")

    def fact() -> str:
        return either(rng, "reviews", language, "film.fact", stated) if film else stated()

    def stated() -> str:
        section = "fact.film" if film else "fact.goods"
        count = rng.choice((1, 1, 2))
        return finish(rng, language, [say(rng, phrases("plots", language), section) for _ in range(count)])

    return names, [opinion, fact], ask


FAMILIES: tuple[Family, ...] = (
    Family("opinion-episodes", episodes),
    Family("opinions", opinions),
)
