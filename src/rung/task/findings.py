"""What an inspection tells of the splits: labels, lengths, near-duplicates, and what may spoil the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rung.task.answers import canonical
from rung.task.inspection import Count, Lengths, Near
from rung.task.near import near_duplicates
from rung.task.notes import Note, excerpt, joined
from rung.task.rows import Item
from rung.task.split import SPLITS, Split
from rung.task.targets import arranged

Parts = Mapping[Split, Sequence[Item]]


def label_counts(splits: Parts) -> dict[str, dict[str, float]]:
    """{label: n, share, and n in each split}, the most frequent first."""
    by_split = {name: Counter(item.answer for item in items) for name, items in splits.items()}
    total = sum(by_split.values(), Counter())
    n = total.total()
    return {
        label: {"n": k, "share": k / n, **{name: by_split[name][label] for name in SPLITS}}
        for label, k in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
    }


def label_warnings(splits: Parts) -> list[Note]:
    """Labels that train lacks, and labels that differ only in case or blanks."""
    every = sorted({item.answer for items in splits.values() for item in items})
    missing = [label for label in every if label not in {item.answer for item in splits["train"]}]
    notes = []
    if missing:
        notes.append(Note(f"not in train: {joined(missing)}", f"训练集中没有的标签：{joined(missing)}"))
    alike = Counter(" ".join(label.casefold().split()) for label in every)
    same = [label for label in every if alike[" ".join(label.casefold().split())] > 1]
    if same:
        notes.append(
            Note(
                f"labels that differ only in case or blanks: {joined(map(repr, same))}",
                f"仅大小写或空白不同的标签：{joined(map(repr, same))}",
            )
        )
    return notes


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
