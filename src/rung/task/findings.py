"""What an inspection tells of the splits: labels, lengths, near-duplicates, and what may spoil the result."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rung.task.answers import canonical
from rung.task.columns import Columns
from rung.task.inspection import Count, Lengths, Near
from rung.task.near import near_duplicates
from rung.task.notes import Note, excerpt, joined
from rung.task.rows import Item
from rung.task.split import SPLITS, Split
from rung.task.targets import arranged
from rung.types import Way

Parts = Mapping[Split, Sequence[Item]]
LISTED = 10  # labels that a warning names
UNBALANCED = 0.8  # share of one label from which accuracy says little
BLIND = (" (how they are answered is not measured there)", "（它们答得如何，在其中测不到）")


def label_counts(splits: Parts) -> dict[str, dict[str, float]]:
    """{label: n, share, and n in each split}, the most frequent first."""
    by_split = {name: Counter(item.answer for item in items) for name, items in splits.items()}
    total = sum(by_split.values(), Counter())
    n = total.total()
    return {
        label: {"n": k, "share": k / n, **{name: by_split[name][label] for name in SPLITS}}
        for label, k in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
    }


def label_warnings(splits: Parts, metric: str) -> list[Note]:
    """Labels that a split lacks, one that is nearly all of the rows, and labels that look alike."""
    counts = label_counts(splits)
    every, notes = sorted(counts), []
    for name, zh in (("train", "训练集"), ("dev", "开发集"), ("test", "测试集")):
        if missing := [label for label in every if not counts[label][name]]:
            listed = joined(missing[:LISTED])
            more, more_zh = "", ""
            if (left := len(missing) - LISTED) > 0:
                more, more_zh = f" and {left} more", f" 等 {len(missing)} 个"
            blind, blind_zh = ("", "") if name == "train" else BLIND
            notes.append(
                Note(f"not in {name}: {listed}{more}{blind}", f"{zh}中没有的标签：{listed}{more_zh}{blind_zh}")
            )
    most, share = next((label, count["share"]) for label, count in counts.items())
    if share >= UNBALANCED and metric == "accuracy":
        notes.append(
            Note(
                f"{100 * share:.0f} % of the rows are {most!r}: answering so every time is that accurate",
                f"{100 * share:.0f} % 的行是 {most!r}：总答它就有这么高的准确率",
                (Way("metric", "macro-f1", why=("to count every label alike", "对各标签一视同仁")),),
            )
        )
    alike = Counter(map(looks, every))
    same = [label for label in every if alike[looks(label)] > 1]
    if same:
        seen = Counter(unicodedata.normalize("NFC", label) for label in same)  # beyond 1: no eye tells them apart
        shown = joined(ascii(label) if seen[unicodedata.normalize("NFC", label)] > 1 else repr(label) for label in same)
        notes.append(
            Note(
                f"labels that differ only in case, blanks or how their characters are coded: {shown}",
                f"仅大小写、空白或字符编码形式（全角半角、组合字符）不同的标签：{shown}",
            )
        )
    return notes


def looks(label: str) -> str:
    """A label as it is read: without case, width, doubled blanks, or what tells é from e with an accent behind it."""
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())


def pair_warnings(columns: Columns) -> list[Note]:
    """What to do with preference pairs, which no rung learns from yet."""
    chosen = columns.chosen
    return [
        Note(
            "no rung learns from preference pairs yet",
            "目前还没有方法能从偏好对中学习",
            (Way("output", chosen, why=("to climb on the chosen answers alone", "只用选中的回答来攀登")),),
        )
    ]


def field_warnings(splits: Parts, schema: Mapping[str, Any] | None) -> list[Note]:
    """Keys of answers outside train that train, and so the schema, does not know."""
    if schema is None:
        return []
    answers = [item.answer for name in SPLITS for item in splits[name]]
    keys = sorted({key for answer in answers for key in arranged(answer, ()) if key not in schema["properties"]})
    listed = joined(keys)
    return [Note(f"fields not in train: {listed}", f"训练集中没有的字段：{listed}")] if keys else []


def lengths(splits: Parts, count: Count) -> dict[str, Lengths]:
    """Lengths of the inputs and of the answers as the train split's model will see them."""
    items = [item for part in splits.values() for item in part]
    answers = [one.answer if isinstance(one.answer, str) else canonical(arranged(one.answer, ())) for one in items]
    return {"input": Lengths.of(count([one.input for one in items])), "target": Lengths.of(count(answers))}


def near(splits: Parts) -> list[Near]:
    """The rows of dev and test that nearly stand in an earlier split."""
    placed = [(number, name, item) for number, name in enumerate(SPLITS) for item in splits[name]]
    found = near_duplicates([item.input for _, _, item in placed], [number for number, _, _ in placed])
    pairs = [(placed[later], placed[earlier], similarity) for later, earlier, similarity in found]
    return [
        Near(two.place, one.place, (late, early), similarity, excerpt(two.input), excerpt(one.input))
        for (_, late, two), (_, early, one), similarity in pairs
    ]
