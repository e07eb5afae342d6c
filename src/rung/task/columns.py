"""Which columns hold the input and the answer: by name, in a documented order, or as the user says.

Input: ``text``; else pairs that belong together (``PAIRS``), joined as "name: value" lines; else the first of
``INPUTS`` that is there. Answer: chosen + rejected; else ``entities``; else the first of ``OUTPUTS``. Case does not
matter. An answer's name may carry a suffix (label_zh, label_text, label_en), tried after the bare name; but where
``label`` holds only numbers and ``label_text`` holds words, the words are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from rung.task.notes import joined
from rung.task.read import Table
from rung.types import DataError, Way

INPUTS = (
    *("text", "sentence", "input", "question", "prompt", "query", "instruction", "content", "message", "review"),
    *("comment", "document", "article", "source", "body", "title", "utterance", "文本", "句子", "输入", "问题", "提问"),
    *("内容", "正文", "评论", "留言", "消息", "指令", "标题", "原文"),
)
LABELS = (
    *("label", "intent", "category", "class", "topic", "sentiment", "rating", "stars", "score", "标签", "类别", "分类"),
    *("意图", "主题", "情感", "评分"),
)  # a column of such a name is a label if its answers repeat at all
OUTPUTS = (
    *LABELS,
    *(
        "output",
        "answer",
        "target",
        "completion",
        "response",
        "reply",
        "summary",
        "translation",
        "输出",
        "答案",
        "回答",
    ),
    *("回复", "目标", "摘要", "译文"),
)
ENTITIES = ("entities", "实体")
PAIRS = (
    *(("context", "question"), ("passage", "question"), ("premise", "hypothesis"), ("sentence1", "sentence2")),
    *(("instruction", "input"), ("上下文", "问题"), ("前提", "假设"), ("指令", "输入")),
)
TOLD = (
    ("instruction", "input"),
    ("指令", "输入"),
)  # pairs of which one alone may tell all: what never varies is left out
SUFFIXES = ("", "_zh", "_text", "_name", "_en")
ANOTHER = ("ANOTHER", "另一列")
CHOSEN, REJECTED = ("chosen", "选中", "更好"), ("rejected", "拒绝", "更差")


@dataclass(frozen=True)
class Columns:
    """The columns in use. ``seen`` are others that could have been meant. ``output`` is "" for preference pairs."""

    input: tuple[str, ...]
    output: str
    entities: bool = False
    chosen: str = ""
    rejected: str = ""
    seen: tuple[str, ...] = ()

    @property
    def label(self) -> bool:
        """The answer's column is named as labels are."""
        return any(self.output.lower() == name + suffix for name in LABELS for suffix in SUFFIXES)

    @property
    def used(self) -> tuple[str, ...]:
        """Every column in use."""
        return tuple(name for name in (*self.input, self.output, self.chosen, self.rejected) if name)


def find_columns(table: Table, input: Sequence[str] = (), output: str | None = None, answers: bool = True) -> Columns:
    """The columns of a table; DataError names what was found and what to type, also for an input that holds its answer.

    ``answers`` False: only the inputs are wanted.
    """
    for name in (*input, *([output] if output else [])):
        require(table, name)
    at = {name.strip().lower(): name for name in reversed(table.columns)}
    chosen, rejected = first(at, CHOSEN), first(at, REJECTED)
    prefer = bool(answers and not output and chosen and rejected)
    entities = None if output or prefer else first(at, ENTITIES)
    answer = "" if prefer or not answers else output or entities or find_output(table, at, input)
    inputs = tuple(input) or find_input(table, {key: name for key, name in at.items() if name != answer})
    known = {name + suffix for name in (*INPUTS, *OUTPUTS) for suffix in SUFFIXES} | {*ENTITIES}
    if told := [name for name in inputs if name == answer or (prefer and name in (chosen, rejected))]:
        raise DataError(
            f"{table.file}: the column {joined(told)} is the answer and cannot be part of the input, which would then tell it",
            zh=f"{table.file}：列 {joined(told)} 是答案，不能又是输入的一部分，否则输入里就写着答案",
            ways=(Way("input", any=ANOTHER), Way("output", any=ANOTHER)),
        )
    used = {*inputs, answer, chosen if prefer else "", rejected if prefer else ""}
    seen = tuple(name for name in table.columns if name.strip().lower() in known and name not in used)
    pair = (chosen or "", rejected or "") if prefer else ("", "")
    return Columns(inputs, answer, bool(entities) or answer.lower() in ENTITIES, *pair, seen=seen if answers else ())


def usual_columns(table: Table, input: Sequence[str], usual: Sequence[str]) -> tuple[str, ...]:
    """``input`` as the user says, else the ``usual`` columns of an adaptation's task; () where those are to be found by name.

    One column is a text whatever it is called. Of several each name stands in the input, so DataError where one is missing.
    """
    if input or not usual or all(name in table.columns for name in usual):
        return tuple(input or usual)
    if len(usual) == 1:
        return ()
    absent = [name for name in usual if name not in table.columns]
    raise DataError(
        f"{table.file} has no column {joined(absent)}, and the inputs of this adaptation are made of {joined(usual)} "
        f"(found: {joined(table.columns)}): name the columns so",
        zh=f"{table.file} 没有列 {joined(absent)}，而这个适配的输入由 {joined(usual)} 组成（现有的列：{joined(table.columns)}）："
        "请把列改成这些名字",
        ways=(Way("input", any=("COLUMN,COLUMN", "列名,列名")),),
    )


def first(at: dict[str, str], names: Sequence[str]) -> str | None:
    """The column of the first of the names that is there."""
    return next((at[name] for name in names if name in at), None)


def find_input(table: Table, at: dict[str, str]) -> tuple[str, ...]:
    """The input's column, or the columns of a pair."""
    if "text" in at:
        return (at["text"],)
    for pair in PAIRS:
        if all(name in at for name in pair):
            both = tuple(at[name] for name in pair)
            # An instruction that is the same on every row says nothing about the row; a text that all rows ask about does.
            return tuple(name for name in both if varies(table, name)) or both if pair in TOLD else both
    name = first(at, INPUTS)
    if name is None:
        raise missing(table, "input", "输入", INPUTS)
    return (name,)


def varies(table: Table, name: str) -> bool:
    """Whether a column holds more than one value."""
    return len({str(row.values.get(name)) for row in table.rows}) > 1


def find_output(table: Table, at: dict[str, str], input: Sequence[str]) -> str:
    """The answer's column."""
    free = {key: name for key, name in at.items() if name not in input}
    for base in OUTPUTS:
        found = [free[base + suffix] for suffix in SUFFIXES if base + suffix in free]
        if found:
            words = [name for name in found if not numeric(table, name)]
            return (words or found)[0]
    raise missing(table, "output", "答案", OUTPUTS)


def numeric(table: Table, name: str) -> bool:
    """Whether a column holds numbers only."""
    cells = {str(row.values.get(name)).strip() for row in table.rows} - {"", "None"}
    return bool(cells) and all(is_number(cell) for cell in cells)


def is_number(text: str) -> bool:
    """Whether a text is a number (and not "nan", which float() would take)."""
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def require(table: Table, name: str) -> None:
    """DataError if the table has no such column."""
    if name in table.columns:
        return
    near = get_close_matches(name, table.columns, 1, 0.5)
    hint, hint_zh = (f"; did you mean {near[0]!r}?", f"；是不是 {near[0]!r}？") if near else ("", "")
    raise DataError(
        f"{table.file} has no column {name!r}{hint} (found: {joined(table.columns)})",
        zh=f"{table.file} 没有列 {name!r}{hint_zh}（现有的列：{joined(table.columns)}）",
    )


def missing(table: Table, what: str, what_zh: str, names: Sequence[str]) -> DataError:
    """The error for a table whose column cannot be told."""
    chinese = [name for name in names if not name.isascii()]
    header = table.file.lower().endswith((".csv", ".tsv", ".xlsx"))
    where, where_zh = (" in the first row", "（取自第一行）") if header else ("", "")
    return DataError(
        f"{table.file}: no column is named as the {what} usually is ({joined(names[:5])} ...); "
        f"found{where}: {joined(table.columns)}",
        zh=f"{table.file}：没有找到{what_zh}列（常用名 {joined([*chinese[:5], *names[:3]])} …）；现有的列{where_zh}："
        f"{joined(table.columns)}",
        ways=(Way(what, any=("COLUMN", "列名")),),
    )
