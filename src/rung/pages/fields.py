"""The fields of the forms that set something: their labels, and how a message tells a person which of them to fill.

A message from a room below carries its ways to mend a mistake as data (:class:`rung.types.Way`). The command names them by
its flags; here they are named by the labels that stand on the page, which the templates take from the same table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rung.report.text import KINDS, LANGUAGES, METRICS
from rung.task.config import SettingError
from rung.types import Language, UserError, Way, either

Pair = tuple[str, str]  # English, Chinese
CHOOSE, WRITE, MARK = ("choose", "选择"), ("write", "填写"), ("mark", "选中")


@dataclass(frozen=True)
class Field:
    """A field: its label, what is done there, what it takes where no value is told, and how its values are shown."""

    label: Pair
    do: Pair
    any: Pair = ("", "")
    shown: Mapping[str, Pair] = field(default_factory=dict)


FIELDS: Mapping[str, Field] = {
    "input": Field(("Input columns", "输入列"), MARK, ("the right column", "正确的列")),
    "output": Field(("Answer column", "答案列"), CHOOSE, ("the right column", "正确的列")),
    "kind": Field(("Kind", "类型"), CHOOSE, shown=KINDS),
    "metric": Field(("Metric", "指标"), CHOOSE, shown=METRICS),
    "target": Field(("Target, 0 to 1", "目标（0 到 1）"), WRITE),
    "language": Field(("Language of the prompts", "提示所用语言"), CHOOSE, shown=LANGUAGES),
    "split": Field(("Shares of train/dev/test", "训练/开发/测试的比例"), WRITE),
    "encoding": Field(("Encoding", "编码"), WRITE),
    "description": Field(
        ("The task in your words (becomes part of the instruction)", "用你的话描述任务（会写进指令）"), WRITE
    ),
    "model": Field(("Model", "模型"), CHOOSE),
    "budget": Field(("Budget", "预算"), WRITE, ("a larger one", "更大的预算")),
    "rungs": Field(("Rungs, cheap to costly", "方法，由便宜到昂贵"), MARK, ("others", "别的方法")),
}
FILES = ("train", "dev", "test")  # no field: they are brought together, and told apart by their names


def label(name: str, language: Language) -> str:
    """The label of a field."""
    return FIELDS[name].label[language == "zh"]


def at_fields(ways: Sequence[Way], language: Language) -> str:
    """What to do on a page: "write “gb18030” at “Encoding”"; a setting without a field here is passed over."""
    here = [way for way in ways if way.option in FIELDS or way.option in FILES]
    groups = groupby(here, lambda way: (way.option, way.why))
    phrases = [_phrase(option, why, list(same), language) for (option, why), same in groups]
    return (
        ("请" if language == "zh" else "") + ("，或" if language == "zh" else ", or ").join(phrases) if phrases else ""
    )


def message_of(error: UserError, language: Language) -> str:
    """A user's mistake in that language, in the words of the page."""
    if isinstance(error, SettingError) and error.key in FIELDS:
        name = label(error.key, language)
        return f"“{name}”{error.what[1]}" if language == "zh" else f"“{name}”: {error.what[0]}"
    return error.said(language, at_fields)


def _phrase(option: str, why: Pair, same: Sequence[Way], language: Language) -> str:
    zh = language == "zh"
    reason = (f"（{why[1]}）" if zh else f" {why[0]}") if why[zh] else ""
    if option in FILES:
        return (f"一并上传名为 {option} 的文件" if zh else f"bring a file named {option} beside it") + reason
    at = FIELDS[option]
    values = [f"“{at.shown.get(way.value, (way.value, way.value))[zh]}”" for way in same if way.value]
    what, name = either(values, language) if values else at.any[zh], at.label[zh]
    return (f"在“{name}”处{at.do[1]}{what}" if zh else f"{at.do[0]} {what} at “{name}”") + reason
