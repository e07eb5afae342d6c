"""Rows to items: an input and its raw answer, and the list of rows that cannot be used, each with its reason."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.task.answers import as_object, as_text, canonical
from rung.task.columns import Columns
from rung.task.notes import BadRow, Note, excerpt
from rung.task.read import Row, Table
from rung.types import Kind

NO_INPUT = Note("no input", "没有输入")
NO_ANSWER = Note("no answer", "没有答案")


@dataclass(frozen=True)
class Item:
    """A usable row. ``key`` is the input in NFC without outer blanks: what "the same input" means."""

    file: str
    line: int
    input: str
    answer: Any  # text, object or list of entities; canonical JSON of {"chosen", "rejected"}
    key: str

    @property
    def place(self) -> str:
        """ "reviews.csv:12"."""
        return f"{self.file}:{self.line}"

    def bad(self, code: str, reason: Note) -> BadRow:
        """This row among the bad ones."""
        return BadRow(self.file, self.line, code, reason, excerpt(self.input))


def normalise(text: str) -> str:
    """The input as it is compared, hashed and named: NFC, outer blanks removed."""
    return unicodedata.normalize("NFC", text).strip()


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing: None, NaN (a gap in Parquet) or blanks."""
    return (
        cell is None or (isinstance(cell, float) and math.isnan(cell)) or (isinstance(cell, str) and not cell.strip())
    )


def wrong_type(what: Note, cell: Any) -> Note:
    """The reason of a cell that is a structure where text is needed."""
    return Note(
        f"the {what.en} is a {type(cell).__name__}, text is needed", f"{what.zh}是 {type(cell).__name__}，需要文本"
    )


def dialogue(cell: Any) -> str | None:
    """Chat messages [{"role", "content"}] as text: one message bare, several as "role: content" lines; else None."""
    if not isinstance(cell, list) or not cell:
        return None
    if not all(isinstance(part, dict) and isinstance(part.get("content"), str) for part in cell):
        return None
    if len(cell) == 1:
        return str(cell[0]["content"]).strip()
    return "\n".join(f"{part.get('role', 'user')}: {part['content'].strip()}" for part in cell)


def input_text(row: Row, names: Sequence[str]) -> str | Note:
    """The input of a row, or why it has none; several columns become "name: value" lines, blank ones left out."""
    cells = {name: row.values[name] for name in names if not is_blank(row.values.get(name))}
    texts = {name: as_text(cell) if not isinstance(cell, list) else dialogue(cell) for name, cell in cells.items()}
    for name, text in texts.items():
        if text is None:
            return wrong_type(Note("input", "输入"), cells[name])
    if len(names) == 1:
        return texts.get(names[0]) or NO_INPUT
    return "\n".join(f"{name}: {text}" for name, text in texts.items()) or NO_INPUT


def raw_answer(row: Row, columns: Columns) -> Any | Note:
    """The answer of a row as it stands, or a Note that says why there is none."""
    if not columns.chosen:
        cell = row.values.get(columns.output)
        return NO_ANSWER if is_blank(cell) else cell
    pair = {}
    for role, name in (("chosen", columns.chosen), ("rejected", columns.rejected)):
        cell = row.values.get(name)
        text = None if is_blank(cell) else dialogue(cell) or as_text(cell)
        if not text:
            return NO_ANSWER if is_blank(cell) else wrong_type(Note("answer", "答案"), cell)
        pair[role] = text
    if pair["chosen"] == pair["rejected"]:
        return Note("the chosen and the rejected answer are the same", "chosen 与 rejected 相同")
    return canonical(pair)


def pick(table: Table, columns: Columns, limit: int) -> tuple[list[Item], list[BadRow]]:
    """The rows that have an input of a bearable length and an answer, and those that have not."""
    items, bad = [], []
    for row in table.rows:
        text = input_text(row, columns.input)
        answer = raw_answer(row, columns)
        shown = "" if isinstance(text, Note) else excerpt(text)
        if isinstance(text, Note):
            bad.append(
                BadRow(table.file, row.line, "no-input" if text is NO_INPUT else "wrong-type", text, spell(answer))
            )
        elif isinstance(answer, Note):
            bad.append(
                BadRow(table.file, row.line, "no-answer" if answer is NO_ANSWER else "wrong-type", answer, shown)
            )
        elif len(text) > limit:
            bad.append(BadRow(table.file, row.line, "too-long", too_long(len(text), limit), shown))
        else:
            items.append(Item(table.file, row.line, text, answer, normalise(text)))
    return items, bad


def too_long(length: int, limit: int) -> Note:
    """The reason of a row that is too long."""
    return Note(
        f"{length} characters, more than {limit} (max_characters in task.yaml)",
        f"{length} 个字符，超过 {limit}（task.yaml 中的 max_characters）",
    )


def spell(answer: Any) -> str:
    """The beginning of an answer, for the row whose input cannot be shown."""
    return (
        ""
        if isinstance(answer, Note)
        else excerpt(as_text(answer) or json.dumps(answer, ensure_ascii=False, default=str))
    )


def fit(items: Sequence[Item], kind: Kind, labels: Sequence[str]) -> tuple[list[Item], list[BadRow]]:
    """The items whose answer is of the kind's type (and, where labels are given, one of them), and the others."""
    good, bad = [], []
    for item in items:
        answer = as_object(item.answer) if kind == "extract" else as_text(item.answer)
        if answer is None and kind == "extract":
            reason = Note("the answer is no JSON object", "答案不是 JSON 对象")
            bad.append(item.bad("wrong-type", reason))
        elif answer is None:
            bad.append(item.bad("wrong-type", wrong_type(Note("answer", "答案"), item.answer)))
        elif labels and answer not in labels:
            reason = Note(f"the label {answer!r} is not among the labels given", f"标签 {answer!r} 不在给定的标签里")
            bad.append(item.bad("unknown-label", reason))
        else:
            good.append(Item(item.file, item.line, item.input, answer, item.key))
    return good, bad


def unique(items: Sequence[Item], kind: Kind) -> tuple[list[Item], list[BadRow]]:
    """Each input once.

    A row that repeats an earlier one is a duplicate. An input with two answers: for classify and extract all its rows
    go, as nobody can tell which is right; for generate the first answer stays; preference pairs may share an input.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.key, []).append(item)
    good: list[Item] = []
    bad: list[BadRow] = []
    for group in groups.values():
        firsts: dict[str, Item] = {}
        for item in group:
            earlier = firsts.setdefault(comparable(item.answer), item)
            if earlier is not item:
                bad.append(item.bad("duplicate", Note(f"the same as {earlier.place}", f"与 {earlier.place} 重复")))
        kept = list(firsts.values())
        if len(kept) > 1 and kind in ("classify", "extract"):
            bad += [item.bad("contradiction", contradiction(item, kept)) for item in kept]
        elif len(kept) > 1 and kind == "generate":
            good.append(kept[0])
            reason = Note(
                f"another answer to the input of {kept[0].place}, which is kept",
                f"与 {kept[0].place} 输入相同、答案不同，保留前者",
            )
            bad += [item.bad("second-answer", reason) for item in kept[1:]]
        else:
            good += kept
    return good, bad


def comparable(answer: Any) -> str:
    """Equal answers, equal text: the order of keys does not matter."""
    if isinstance(answer, Mapping):
        return canonical({key: answer[key] for key in sorted(answer)})
    return answer if isinstance(answer, str) else canonical(answer)


def contradiction(item: Item, group: Sequence[Item]) -> Note:
    """The reason of a row whose input has another answer elsewhere."""
    other = next(one for one in group if one is not item)
    mine, theirs = (excerpt(comparable(one.answer)) for one in (item, other))
    return Note(
        f"the same input has two answers: {mine!r} here, {theirs!r} at {other.place}",
        f"同一输入有两个答案：此处 {mine!r}，{other.place} 为 {theirs!r}",
    )
