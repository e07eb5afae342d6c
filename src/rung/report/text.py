"""The words of the report in both languages: labels, statuses, titles.

Whole sentences that argue (the answer) are in ``sentences.py``; here is what stands beside figures. What a rung is in a
few words, its own line in the ladder says, so that a new rung needs no line here.
"""

from __future__ import annotations

from rung.types import Language

Pair = tuple[str, str]  # English, Chinese

STATUS: dict[str, Pair] = {
    "proven": ("proven", "已证实"),
    "likely": ("likely", "可能达标"),
    "missed": ("missed", "未达标"),
    "measured": ("measured", "已测量"),
    "skipped": ("skipped", "已跳过"),
    "failed": ("failed", "出错"),
    "not-reached": ("not reached", "未走到"),
    "climbing": ("climbing", "进行中"),
    "waiting": ("waiting", "等待中"),
}
STATUS_MEANING: dict[str, Pair] = {
    "proven": (
        "the corrected lower bound of its score is at or above the target",
        "其得分经校正的置信下界不低于目标",
    ),
    "likely": ("its score reaches the target, its lower bound does not", "得分达到目标，但置信下界没有"),
    "missed": ("its score is below the target", "得分低于目标"),
    "measured": ("measured; there was no target to hold it against", "已测量；没有设定目标，无从判定"),
    "skipped": ("not tried, for the reason given", "没有尝试，原因见说明"),
    "failed": ("ended with an error, for the reason given", "运行出错，原因见说明"),
    "not-reached": ("the climb ended before it", "攀登在此之前已结束"),
    "climbing": ("being tried now; its score is the best so far", "正在尝试；得分为目前最好的"),
    "waiting": ("its turn comes later", "还没轮到"),
}
METRICS: dict[str, Pair] = {
    "accuracy": ("accuracy", "准确率"),
    "macro-f1": ("macro F1", "宏平均 F1"),
    "entity-f1": ("entity F1", "实体 F1"),
    "field-f1": ("field F1", "字段 F1"),
    "exact-match": ("exact match", "完全匹配率"),
    "chrf": ("chrF", "chrF"),
    "rouge-l": ("ROUGE-L", "ROUGE-L"),
    "bleu": ("BLEU", "BLEU"),
    "preference-accuracy": ("preference accuracy", "偏好准确率"),
}
KINDS: dict[str, Pair] = {
    "classify": ("classification", "分类"),
    "extract": ("extraction", "信息抽取"),
    "generate": ("generation", "文本生成"),
    "prefer": ("preference", "偏好"),
}
FAMILIES: dict[str, Pair] = {
    "random": ("random", "随机"),
    "balanced": ("balanced", "按标签均衡"),
    "bm25": ("by keyword (BM25)", "按关键词（BM25）"),
    "embedding": ("by embedding", "按嵌入相似度"),
    "diverse": ("diverse", "多样"),
    "none": ("no examples", "无示例"),
}
LANGUAGES: dict[str, Pair] = {"en": ("English", "英文"), "zh": ("Chinese", "中文")}
SPLITS: dict[str, Pair] = {"dev": ("Dev split", "开发集"), "test": ("Sealed test", "封存测试集")}
UNITS: dict[str, Pair] = {
    "flops": ("FLOPs per request", "每次请求的 FLOPs"),
    "seconds": ("seconds per request", "每次请求的秒数"),
    "tokens": ("tokens per request", "每次请求的词元数"),
    "money": ("money per request", "每次请求的金额"),
}
TOTALS: dict[str, Pair] = {
    "flops": ("total FLOPs, build included", "总 FLOPs（含构建）"),
    "seconds": ("total seconds, build included", "总秒数（含构建）"),
    "tokens": ("total tokens, build included", "总词元数（含构建）"),
    "money": ("total money, build included", "总金额（含构建）"),
}

WORDS: dict[str, Pair] = {
    "title": ("What to use for {name}", "{name}：该用什么"),
    "lead": ("A climb of Rung", "Rung 攀登报告"),
    "skip": ("Skip to the answer", "跳到结论"),
    "contents": ("Contents", "目录"),
    "answer": ("The answer", "结论"),
    "ladder": ("The ladder", "阶梯"),
    "forgetting": ("What training has made the model forget", "训练使模型遗忘了多少"),
    "cost": ("Score against cost", "得分与开销"),
    "shots": ("How many examples in the prompt", "提示里放多少示例"),
    "order": ("Does their order matter", "示例顺序有多大影响"),
    "confusion": ("What is taken for what", "混淆矩阵"),
    "fields": ("Score of each field", "各字段得分"),
    "mistakes": ("The mistakes", "错例"),
    "break_even": ("When training pays for itself", "训练何时回本"),
    "prompt": ("The prompt that won", "胜出的提示"),
    "use": ("Use it", "如何使用"),
    "fine_print": ("The fine print", "细则"),
    "rung": ("Rung", "方法"),
    "verdict": ("Verdict", "判定"),
    "candidates": ("Tried", "候选数"),
    "dev_score": ("Dev score", "开发集得分"),
    "build": ("To build", "构建"),
    "request": ("Per request", "每次请求"),
    "keep": ("To keep", "存储"),
    "chosen": ("chosen", "选用"),
    "trainable": ("{n} trainable parameters", "{n} 个可训练参数"),
    "labels_used": ("labels used: {n}", "用了 {n} 条标注"),
    "tokens": ("{n} tokens", "{n} 词元"),
    "bound": ("bound {bound}", "下界 {bound}"),
    "more_dev": ("about {n} more dev examples would settle it", "再有约 {n} 条开发样本即可定论"),
    "input": ("Input", "输入"),
    "wanted": ("Wanted", "应为"),
    "got": ("Got", "实答"),
    "shown": ("Examples shown", "所示示例"),
    "unreadable": ("(unreadable)", "（无法解读）"),
    "all": ("all", "全部"),
    "filter": ("Find in the mistakes", "在错例中查找"),
    "listed": ("{n} listed", "列出 {n} 条"),
    "none_listed": ("No mistake fits.", "没有符合的错例。"),
    "field": ("Field", "字段"),
    "precision": ("Precision", "精确率"),
    "recall": ("Recall", "召回率"),
    "requests": ("Requests", "请求次数"),
    "target": ("target", "目标"),
    "volume": ("your volume", "你的请求量"),
    "score": ("score", "得分"),
    "front": ("on the front: nothing scores more for less", "前沿：没有更便宜又更好的"),
    "shots_axis": ("examples in the prompt", "提示中的示例数"),
    "median": ("median of fixed examples, with its interval", "固定示例的中位候选及其区间"),
    "examples": ("{n} examples", "{n} 条示例"),
    "system": ("System", "系统"),
    "user": ("User", "用户"),
    "assistant": ("Assistant", "助手"),
}


def pick(pair: Pair, language: Language) -> str:
    """The half of a pair in that language."""
    return pair[1] if language == "zh" else pair[0]


def amid_chinese(name: str) -> str:
    """A name between Chinese characters: a blank stands before and behind what is Latin ("其 chrF 为")."""
    return f"{' ' * name[0].isascii()}{name}{' ' * name[-1].isascii()}"


def word(key: str, language: Language, **values: object) -> str:
    """An entry of ``WORDS``, filled."""
    return pick(WORDS[key], language).format(**values)


def term(table: dict[str, Pair], key: str, language: Language) -> str:
    """The word for ``key``, or ``key`` itself where the table has none (a new rung, metric or family)."""
    return pick(table[key], language) if key in table else key
