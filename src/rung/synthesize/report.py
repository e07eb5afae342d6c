"""What came of it, counted: how many stay, how many go for which reason, with samples to look at, and a table for people.

Samples are those with the smallest hash of their input, so that they come from everywhere and are the same every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rung.synthesize.attempt import Attempt
from rung.synthesize.filters import REASONS
from rung.types import Language, digest

SAMPLES = 5  # of each reason
RULES = 10  # commonest rules of a reason
SHOWN = 400  # characters of a sample

ZH = {
    "empty": "空", "unfinished": "没写完", "length": "长度", "language": "语言", "repetition": "循环重复", "format": "格式",
    "copied": "抄自提示", "duplicate": "重复", "near-duplicate": "近似重复", "leak": "泄漏", "invalid": "答案读不出",
    "echo": "答案照抄输入", "unsupported": "原文没有", "other-label": "另一标签", "agreement": "一致度低", "enough": "名额已满",
    "accepted": "采用",
}  # fmt: skip


def figures(attempts: Sequence[Attempt], wanted: int | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All of it as plain values; ``wanted`` None: as many as there are."""
    kept = [a for a in attempts if a.accepted]
    agreements = sorted(a.agreement for a in kept if a.agreement is not None)
    return {
        "candidates": len(attempts),
        "accepted": len(kept),
        "wanted": wanted,
        "answered": sum(a.asked for a in attempts),
        "labels": dict(sorted(Counter(a.output for a in kept).items())) if settings.get("labels") else {},
        "agreement": {
            "mean": round(sum(agreements) / len(agreements), 4), "least": agreements[0],
            "median": agreements[len(agreements) // 2],
        } if agreements else None,
        "reasons": {name: reason(name, attempts) for name in REASONS},
        "samples": [sample(a) for name in ("accepted", *REASONS) for a in samples(name, attempts)],
        "settings": dict(settings),
    }  # fmt: skip


def reason(name: str, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """How many went for it, and by which rules, the commonest first."""
    rules = Counter(a.finding.rule for a in attempts if a.finding and a.finding.reason == name)
    return {"candidates": rules.total(), "rules": dict(sorted(rules.items(), key=lambda r: (-r[1], r[0]))[:RULES])}


def samples(name: str, attempts: Sequence[Attempt]) -> list[Attempt]:
    """A few of a reason, or of the accepted ones."""
    own = [a for a in attempts if (a.finding.reason if a.finding else "accepted") == name]
    return sorted(own, key=lambda a: digest(a.candidate.number, a.candidate.input))[:SAMPLES]


def sample(attempt: Attempt) -> dict[str, Any]:
    """One of them, to look at."""
    finding = attempt.finding
    return {
        "reason": finding.reason if finding else "accepted", "rule": finding.rule if finding else "",
        "value": finding.value if finding else "", "evidence": finding.excerpt if finding else "",
        "input": attempt.candidate.input[:SHOWN], "output": attempt.output[:SHOWN], "agreement": attempt.agreement,
    }  # fmt: skip


def describe(found: Mapping[str, Any], language: Language = "en") -> RenderableType:
    """The figures as a sentence and a table, with an example of each reason."""
    zh = language == "zh"
    total = found["candidates"]
    table = Table(box=None, pad_edge=False)
    table.add_column("原因" if zh else "reason", min_width=14)
    for name, width in (("条数" if zh else "candidates", 10), ("占比" if zh else "share", 7)):
        table.add_column(name, justify="right", min_width=width)
    table.add_column("例子" if zh else "for example", no_wrap=True, overflow="ellipsis")
    examples: dict[str, str] = {}
    for one in found["samples"]:
        text = one["input"] + (f" → {one['output']}" if one["output"] else "")
        examples.setdefault(one["reason"], text)
    rows = [("accepted", found["accepted"]), *((n, r["candidates"]) for n, r in found["reasons"].items())]
    for name, count in rows:
        if count or name == "accepted":
            flat = " ".join(examples.get(name, "").split())
            share = f"{100 * count / total:.1f} %" if total else "-"
            table.add_row(ZH[name] if zh else name, f"{count:,}", share, Text(flat))
    return Group(Text(headline(found, language)), table, *labels(found, language))


def headline(found: Mapping[str, Any], language: Language) -> str:
    """What stays, in a sentence or two."""
    kept, total, wanted = found["accepted"], found["candidates"], found["wanted"]
    agreed = found["agreement"]
    if language == "zh":
        more = f"，平均一致度 {agreed['mean']:.2f}" if agreed else ""
        short = f"想要 {wanted:,} 条，没有凑齐：请看下面的原因。" if wanted is not None and kept < wanted else ""
        return f"{total:,} 条候选采用了 {kept:,} 条{more}。{short}"
    more = f", mean agreement {agreed['mean']:.2f}" if agreed else ""
    short = (
        f" {wanted:,} were wanted: the reasons below say what stood in the way."
        if wanted is not None and kept < wanted
        else ""
    )
    return f"{kept:,} of {total:,} candidates are accepted{more}.{short}"


def labels(found: Mapping[str, Any], language: Language) -> list[Text]:
    """How many of each label, on a line."""
    if not found["labels"]:
        return []
    named = (", " if language == "en" else "、").join(f"{label} {count:,}" for label, count in found["labels"].items())
    return [Text(f"labels: {named}" if language == "en" else f"标签：{named}")]
