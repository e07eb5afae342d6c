"""``rung data``: an inspection as tables and sentences for the terminal, in Chinese or English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rung.language import own_language
from rung.task.inspection import Inspection, Lengths
from rung.task.metrics import METRICS
from rung.task.notes import BadRow, joined
from rung.task.split import SPLITS
from rung.types import Language

ROWS = 10  # rows of a list that are shown; a last line tells how many more there are
LABELS = 30

Word = Callable[[str], str]

ZH = {
    "rows": "行数", "used": "可用", "bad rows": "不可用的行", "kind": "类型", "metric": "指标",
    "language": "语言", "input": "输入", "answer": "答案", "splits": "切分", "target": "目标",
    "lengths": "长度", "label": "标签", "share": "占比", "line": "位置", "reason": "原因", "text": "内容",
    "detectable gap": "可分辨的差距", "near-duplicates across splits": "跨切分的近似重复",
    "similarity": "相似度", "row": "行", "most similar": "最相似的行", "also seen": "另外可用的列",
    "leaks": "泄漏", "note": "说明", "warning": "注意", "task": "任务", "total": "合计", "characters": "字符",
    "tokens": "词元", "chosen / rejected": "选中 / 拒绝",
}  # fmt: skip


def describe(inspection: Inspection, language: Language = "en", rows: int = ROWS) -> RenderableType:
    """The inspection as a rich renderable; lists show ``rows`` entries and say how many more there are."""

    def word(english: str) -> str:
        return ZH[english] if language == "zh" else english

    parts: list[RenderableType] = [summary(inspection, language, word)]
    if inspection.labels:
        parts.append(label_table(inspection, word))
    if inspection.bad:
        parts.append(bad_table(inspection.bad, language, rows, word))
    if inspection.near_duplicates:
        parts.append(near_table(inspection, rows, word))
    for note in inspection.notes:
        parts.append(Text(f"{word('note')}: {note.text(language)}"))
    for note in inspection.warnings:
        parts.append(Text(f"{word('warning')}: {note.text(language)}", style="yellow"))
    return Group(*parts)


class Described(Inspection):
    """An inspection that prints what `rung data` shows."""

    def __repr__(self) -> str:
        return described(self, own_language())


def described(inspection: Inspection, language: Language, width: int = 100) -> str:
    """The same as plain text, for a notebook."""
    out = StringIO()
    Console(file=out, width=width, no_color=True, highlight=False).print(describe(inspection, language))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def summary(inspection: Inspection, language: Language, word: Word) -> Table:
    """Two columns: what, and what was found."""
    task, columns = inspection.task, inspection.columns
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")  # a line of Chinese may be wider than it was wrapped for: nothing is cut off
    lines = [
        ("task", task.name),
        (
            "rows",
            f"{inspection.rows:,}  ({word('used')} {inspection.used:,}, {word('bad rows')} {len(inspection.bad):,})",
        ),
        ("kind", f"{inspection.kind}  ({inspection.why.text(language)})"),
        ("metric", task.metric + (f" ≥ {task.target:g}" if task.target is not None else "")),
        ("language", inspection.language),
        ("input", joined(columns.input)),
        ("chosen / rejected", f"{columns.chosen} / {columns.rejected}")
        if columns.chosen
        else ("answer", columns.output),
    ]
    if columns.seen:
        lines.append(("also seen", joined(columns.seen)))
    lines.append(("lengths", lengths(inspection, word)))
    sizes = "  ".join(f"{name} {inspection.splits[name]:,}" for name in SPLITS)
    lines.append(("splits", f"{sizes}  ({inspection.split_rule.text(language)})"))
    if inspection.leaks:
        lines.append(("leaks", f"{len(inspection.leaks):,}"))
    lines.append(("detectable gap", describe_gap(inspection, language)))
    for name, text in lines:
        table.add_row(word(name), Text(text))
    return table


def lengths(inspection: Inspection, word: Word) -> str:
    """ "input 12 · 40 · 81 · 102 characters" lines: smallest, median, 95th percentile, largest."""

    def line(unit: str, sizes: dict[str, Lengths]) -> str:
        spans = (
            f"{word('answer' if name == 'target' else name)} {s.low} – {s.median} – {s.p95} – {s.high}"
            for name, s in sizes.items()
        )
        return f"{', '.join(spans)} {word(unit)} (min – 50 % – 95 % – max)"

    lines = [line("characters", dict(inspection.characters))]
    if inspection.tokens:
        lines.append(line("tokens", dict(inspection.tokens)))
    return "\n".join(lines)


def describe_gap(inspection: Inspection, language: Language) -> str:
    """What the dev split can tell apart, in a sentence, which says so where the metric is no share of right answers."""
    n, metric = inspection.splits["dev"], METRICS[inspection.task.metric]
    points = 100 * (inspection.detectable_gap or 0)
    if language == "zh":
        of = {"accuracy": "的准确率"}.get(metric.name, f"的 {metric.name} ") if metric.hits else "答对的比例"
        rough = "" if metric.hits else f"；{metric.name} 不是这样的比例，此数只是粗略的参考"
        near = "准确率" if metric.name == "accuracy" else f"{metric.name} " if metric.hits else "比例"
        return f"开发集 {n:,} 条：两种做法{of}相差约 {points:.1f} 个百分点以上才能分辨（功效 80 %，{near}约 70 % 时）{rough}"
    of = f"points of {metric.name}" if metric.hits else "points in the share of right answers"
    rough = "" if metric.hits else f"; {metric.name} is no such share, and this a rough guide for it"
    return (
        f"with {n:,} dev examples two ways must differ by about {points:.1f} {of} to be told apart "
        f"(80 % power, near 70 %){rough}"
    )


def label_table(inspection: Inspection, word: Word) -> Table:
    """Labels with their share and counts in each split."""
    table = Table(box=None, pad_edge=False, title_justify="left")
    table.add_column(word("label"), overflow="fold")
    for name in (word("total"), word("share"), *SPLITS):
        table.add_column(name, justify="right")
    for label, count in list(inspection.labels.items())[:LABELS]:
        cells = (f"{count['n']:,}", f"{100 * count['share']:.1f} %", *(f"{count[name]:,}" for name in SPLITS))
        table.add_row(Text(label), *cells)
    more(table, len(inspection.labels) - LABELS)
    return table


def bad_table(bad: Iterable[BadRow], language: Language, rows: int, word: Word) -> Table:
    """Bad rows with place and reason, and a count for each kind of fault."""
    bad = list(bad)
    counts = ", ".join(f"{code} {n:,}" for code, n in Counter(row.code for row in bad).most_common())
    table = Table(box=None, pad_edge=False, title=f"{word('bad rows')}: {counts}", title_justify="left")
    for name in ("line", "reason", "text"):
        table.add_column(word(name), overflow="fold")
    for row in bad[:rows]:
        table.add_row(Text(row.place), Text(row.reason.text(language)), Text(row.text))
    more(table, len(bad) - rows)
    return table


def near_table(inspection: Inspection, rows: int, word: Word) -> Table:
    """Near-duplicates across splits, the most similar first."""
    near = sorted(inspection.near_duplicates, key=lambda pair: -pair.similarity)
    title = f"{word('near-duplicates across splits')}: {len(near):,}"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in ("row", "most similar", "similarity", "text"):
        table.add_column(word(name), overflow="fold")
    for pair in near[:rows]:
        later, earlier = (
            f"{name} {place}" for name, place in zip(pair.splits, (pair.later, pair.earlier), strict=True)
        )
        table.add_row(later, earlier, f"{pair.similarity:.2f}", Text(pair.text))
    more(table, len(near) - rows)
    return table


def more(table: Table, n: int) -> None:
    """A last line that says how many are not shown."""
    if n > 0:
        table.add_row(f"… +{n:,}")
