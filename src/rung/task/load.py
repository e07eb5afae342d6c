"""A file of examples to a task: read, find the columns, tell the kind, drop (and list) what cannot be used, split.

    inspection = inspect_task("reviews.csv", target=0.85)    # everything that was understood
    task = load_task("reviews.csv", target=0.85)             # the same, only the task

Both take the keys of ``task.yaml`` as keyword arguments, see :class:`rung.task.config.Options`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from rung.task.answers import infer_kind
from rung.task.columns import Columns, find_columns, require
from rung.task.config import Options, Settings
from rung.task.describe import Described
from rung.task.findings import field_warnings, label_counts, label_warnings, lengths, near, pair_warnings
from rung.task.gap import detectable_gap
from rung.task.inspection import Count, Inspection
from rung.task.language import language_of
from rung.task.metrics import find_metric
from rung.task.notes import BadRow, Note, joined
from rung.task.read import Table, read_table
from rung.task.rows import Item, fit, pick, unique
from rung.task.sources import find_source
from rung.task.split import SPLITS, Split, complete, mixed, remove_leaks
from rung.task.targets import example, structure
from rung.types import DataError, Kind, Sealed, Task, Way, digest

MINIMUM = 10  # usable rows in all, to cut three splits from one file
SHOWN = 3  # bad rows that an error message shows

Parts = dict[Split, list[Item]]


def load_task(path: str | Path | None = None, **options: Unpack[Options]) -> Task:
    """The task in a file (CSV, TSV, JSONL, JSON, Parquet, XLSX), a folder of splits, or a ``task.yaml``; DataError."""
    return inspect_task(path, **options).task


def inspect_task(
    path: str | Path | None = None, *, count: Count | None = None, **options: Unpack[Options]
) -> Inspection:
    """The task, and all that was found on the way: bad rows, columns, labels, lengths, leaks, near-duplicates.

    ``count`` gives the tokens of each of a list of texts; without it lengths are in characters only. Raises DataError
    where no task can be made.
    """
    source = find_source(path, options)
    said = source.settings
    tables = {name: read_table(file, said.encoding) for name, file in source.files.items()}
    for name, table in tables.items():
        if not table.rows:
            raise nothing({name: table}, table.bad)
    columns = agreed_columns(tables, said)
    given, kind, why, bad = usable(tables, columns, said)
    splits, rule = complete(given, said.split, said.seed)
    splits, leaked, leaks = remove_leaks(splits)
    bad += leaked
    check(splits, tables, bad, kind, columns)
    task = make_task(splits, kind, said, source.name, columns)
    rows = sum(len(table.rows) + len(table.bad) for table in tables.values())
    return Described(
        task=task,
        files={name: str(file) for name, file in source.files.items()},
        rows=rows,
        used=sum(map(len, splits.values())),
        bad=in_order(bad, tables),
        kind=kind,
        why=why,
        columns=columns,
        language=task.language,
        labels=label_counts(splits) if kind == "classify" else {},
        characters=lengths(splits, lambda texts: list(map(len, texts))),
        tokens=lengths(splits, count) if count else None,
        splits={name: len(items) for name, items in splits.items()},
        split_rule=rule,
        leaks=tuple(leaks),
        near_duplicates=tuple(near(splits)),
        detectable_gap=detectable_gap(len(splits["dev"])),
        notes=tuple(note for table in tables.values() for note in table.notes),
        warnings=tuple(warnings(splits, task, columns)),
    )


def warnings(splits: Parts, task: Task, columns: Columns) -> list[Note]:
    """What may spoil the result, for tasks of this kind."""
    if task.kind == "classify":
        return label_warnings(splits, task.metric)
    return pair_warnings(columns) if task.kind == "prefer" else field_warnings(splits, task.schema)


def agreed_columns(tables: Mapping[Split, Table], said: Settings) -> Columns:
    """The columns of the train file, which every other file must have too."""
    columns = find_columns(tables["train"], said.input, said.output)
    for table in tables.values():
        for name in columns.used:
            require(table, name)
    return columns


def usable(tables: Mapping[Split, Table], columns: Columns, said: Settings) -> tuple[Parts, Kind, Note, list[BadRow]]:
    """The items of each given split, the kind and why it is so, and the bad rows."""
    bad = [row for table in tables.values() for row in table.bad]
    picked: Parts = {}
    for name, table in tables.items():
        picked[name], dropped = pick(table, columns, said.max_characters)
        bad += dropped
    answers = [item.answer for items in picked.values() for item in items]
    if not answers:
        raise nothing(tables, bad)
    why = Note("as given", "按给定的设置")
    kind = said.kind
    if kind is None:
        kind, why = infer_kind(columns, answers, tables["train"].file)
    check_pairs(kind, columns)
    good: Parts = {}
    for name, items in picked.items():
        fitting, misfits = fit(items, kind, said.labels if kind == "classify" else ())
        good[name], dropped = unique(fitting, kind)
        bad += misfits + dropped
    return good, kind, why, bad


def check_pairs(kind: Kind, columns: Columns) -> None:
    """DataError where a prefer task has no pairs, or another task nothing but pairs."""
    if kind == "prefer" and not columns.chosen:
        raise DataError(
            "a prefer task needs the columns chosen and rejected", zh="prefer 任务需要 chosen 和 rejected 两列"
        )
    if kind != "prefer" and columns.chosen:
        raise DataError(
            f"the columns {columns.chosen} and {columns.rejected} are pairs, and a {kind} task needs one answer",
            zh=f"{columns.chosen} 与 {columns.rejected} 两列是成对的回答，而 {kind} 任务只要一个答案",
            ways=(Way("output", columns.chosen),),
        )


def check(splits: Parts, tables: Mapping[Split, Table], bad: Sequence[BadRow], kind: Kind, columns: Columns) -> None:
    """DataError where the splits are no task: too few rows, an empty split, one label only."""
    used = sum(map(len, splits.values()))
    if not used:
        raise nothing(tables, bad)
    files = joined(table.file for table in tables.values())
    if len(tables) == 1 and used < MINIMUM:
        raise DataError(
            f"{files}: {used} usable rows; at least {MINIMUM} are needed to cut train, dev and test{told(bad, 'en')}",
            zh=f"{files}：可用的行只有 {used} 行；至少需要 {MINIMUM} 行才能切分训练、开发和测试集{told(bad, 'zh')}",
        )
    for name in SPLITS:
        if not splits[name]:
            raise DataError(
                f"{files}: no usable row falls into {name} ({used} in all){told(bad, 'en')}",
                zh=f"{files}：{name} 一行可用的数据都没有（共 {used} 行）{told(bad, 'zh')}",
                ways=(Way(name, any=("FILE", "文件"), why=("or add rows", "或增加数据")),),
            )
    labels = {item.answer for items in splits.values() for item in items} if kind == "classify" else ()
    if len(labels) == 1:
        raise DataError(
            f"{files}: every row has the same {columns.output!r}: {next(iter(labels))!r}; "
            "two labels at least are needed",
            zh=f"{files}：所有行的 {columns.output!r} 都是 {next(iter(labels))!r}；至少需要两种标签",
        )


def nothing(tables: Mapping[Split, Table], bad: Sequence[BadRow]) -> DataError:
    """The error for files without a single usable row."""
    files = joined(table.file for table in tables.values())
    return DataError(f"{files}: no usable rows{told(bad, 'en')}", zh=f"{files}：没有可用的行{told(bad, 'zh')}")


def told(bad: Sequence[BadRow], language: str) -> str:
    """The first bad rows, to end an error message with."""
    zh = language == "zh"
    reasons = [f"{row.place} {row.reason.zh if zh else row.reason.en}" for row in bad[:SHOWN]]
    if not reasons:
        return ""
    more = len(bad) - len(reasons)
    if zh:
        return f"。不可用的有 {len(bad)} 行：" + "；".join(reasons) + (f"；另有 {more} 行" if more else "")
    rows = "1 bad row" if len(bad) == 1 else f"{len(bad)} bad rows"
    return f". {rows}: " + "; ".join(reasons) + (f"; and {more} more" if more else "")


def in_order(bad: Sequence[BadRow], tables: Mapping[Split, Table]) -> tuple[BadRow, ...]:
    """Bad rows by file, in the order of the splits, and line."""
    files = [table.file for table in tables.values()]
    return tuple(sorted(bad, key=lambda row: (files.index(row.file), row.line)))


def make_task(splits: Parts, kind: Kind, said: Settings, name: str, columns: Columns) -> Task:
    """The task out of its splits."""
    metric = find_metric(said.metric, kind).name
    order, schema = structure(splits["train"]) if kind == "extract" else ([], None)
    examples = {part: tuple(example(item, kind, order) for item in items) for part, items in splits.items()}
    labels = {one.target for part in examples.values() for one in part} if kind == "classify" else set()
    unseen = sorted(set(said.labels) - labels) if kind == "classify" else []  # they stand in every prompt all the same
    return Task(
        name=name,
        kind=kind,
        metric=metric,
        language=said.language or language_of([item.input for items in splits.values() for item in items]),
        train=examples["train"],
        dev=mixed(examples["dev"]),  # races and looks begin with some of it
        test=Sealed(examples["test"]),
        labels=tuple(sorted(said.labels or labels)) if kind == "classify" else (),
        schema=schema,
        target=said.target,
        description=said.description,
        fingerprint=digest(
            kind,
            *([(one.input, one.target) for one in examples[part]] for part in SPLITS),
            *([unseen] if unseen else []),
        ),
        input_columns=columns.input,
        output_column=columns.output,
    )
