"""Answers: which kind of task they make, how each becomes a target, and the JSON Schema of structured ones.

The kind, in this order (each threshold is a heuristic; ``kind`` says otherwise):

1. chosen + rejected columns: prefer.
2. an ``entities`` column, or more than half of the answers are JSON objects: extract.
3. short answers (one line, at most 80 characters) that repeat: classify. "Repeat" means: each distinct answer stands
   5 times on average, or there are at most 20 distinct ones, each 3 times on average; in a column named as labels are
   (label, intent, 标签 ...) twice on average is enough.
4. otherwise generate. Numbers that do not pass for labels are refused: this is no tool for regression.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rung.task.columns import Columns, is_number
from rung.task.notes import Note
from rung.types import DataError, Kind, Way

SHORT = 80  # characters of a label at most
FEW = 20  # so many distinct answers may each stand only 3 times


def canonical(value: Any) -> str:
    """JSON without blanks, keys in the order given, Chinese as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_object(answer: Any) -> dict[str, Any] | list[dict[str, Any]] | None:
    """The JSON object (or list of entities) that an answer is or spells, else None; so for one that JSON cannot write."""
    if isinstance(answer, str) and answer.lstrip()[:1] in ("{", "["):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            return None
    if not (isinstance(answer, dict) or is_entities(answer)):
        return None
    try:
        json.dumps(answer, allow_nan=False)
    except (TypeError, ValueError):  # bytes of Parquet; 1e999
        return None
    return answer


def is_entities(value: Any) -> bool:
    """Whether a value is a list of {"text", "type", ...}."""
    return isinstance(value, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) and isinstance(part.get("type"), str)
        for part in value
    )


def infer_kind(columns: Columns, answers: Sequence[Any], file: str) -> tuple[Kind, Note]:
    """The kind of the task and why; DataError for numbers that are no labels."""
    if columns.chosen:
        return "prefer", Note("there are chosen and rejected answers", "有 chosen 和 rejected 两列")
    if columns.entities:
        return "extract", Note(f"the column {columns.output!r} lists entities", f"列 {columns.output!r} 列出了实体")
    objects = sum(isinstance(as_object(answer), dict) for answer in answers)
    if objects > len(answers) / 2:
        return "extract", Note("the answers are JSON objects", "答案是 JSON 对象")
    texts = [text for answer in answers if (text := as_text(answer)) is not None]
    distinct, n = len(set(texts)), len(texts)
    short = all(len(text) <= SHORT and "\n" not in text for text in texts)
    repeats = n >= 5 * distinct or (distinct <= FEW and n >= 3 * distinct) or (columns.label and n >= 2 * distinct)
    if distinct > FEW and all(is_number(text) for text in texts):
        raise numbers(file, columns.output, distinct)
    if short and repeats:
        return "classify", Note(f"{distinct} distinct short answers on {n} rows", f"{n} 行只有 {distinct} 种简短的答案")
    return "generate", Note(f"{distinct} distinct answers on {n} rows", f"{n} 行有 {distinct} 种答案")


def numbers(file: str, column: str, distinct: int) -> DataError:
    """The error for a column of quantities."""
    return DataError(
        f"{file}: the answers in {column!r} are numbers with {distinct} distinct values; predicting a quantity "
        "(regression) is not supported",
        zh=f"{file}：列 {column!r} 的答案是数字，共有 {distinct} 种取值；不支持预测数值（回归）",
        ways=(
            Way("kind", "classify", why=("if each number is a label", "如果每个数字是一个标签")),
            Way("kind", "generate", why=("to have it written as text", "如果要把数字当文本写出来")),
        ),
    )


def as_text(answer: Any) -> str | None:
    """An answer as text: words as they are, numbers and truth values by their JSON text; None for structures."""
    if isinstance(answer, bool):
        return "true" if answer else "false"
    if isinstance(answer, str | int | float):
        return str(answer).strip()
    return None


def entity_lists(entities: Iterable[Mapping[str, Any]], types: Sequence[str]) -> dict[str, list[str]]:
    """{type: [texts]}: every type is a key, others are added; each text once, in order of appearance."""
    found: dict[str, list[str]] = {name: [] for name in types}
    for entity in sorted(entities, key=start):
        texts = found.setdefault(entity["type"], [])
        if entity["text"] not in texts:
            texts.append(entity["text"])
    return found


def start(entity: Mapping[str, Any]) -> int:
    """Where an entity begins; 0, which keeps the order of the list, where that is not told."""
    place = entity.get("start")
    return place if isinstance(place, int) else 0


def entity_types(answers: Iterable[Any]) -> list[str]:
    """The types that occur, sorted."""
    return sorted({entity["type"] for answer in answers if isinstance(answer, list) for entity in answer})


def ordered(value: Any, order: Sequence[str]) -> Any:
    """An object with its keys in that order, unknown ones after them."""
    return {key: value[key] for key in (*(k for k in order if k in value), *(k for k in value if k not in order))}


def infer_schema(values: Sequence[Any]) -> dict[str, Any]:
    """A JSON Schema that all the values satisfy; properties in order of appearance, required where always there."""
    kinds = {kind_of(value) for value in values}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    schema: dict[str, Any] = {"type": next(iter(kinds)) if len(kinds) == 1 else sorted(kinds)}
    objects = [value for value in values if isinstance(value, dict)]
    if objects:
        names = list(dict.fromkeys(key for value in objects for key in value))
        schema["properties"] = {name: infer_schema([v[name] for v in objects if name in v]) for name in names}
        schema["required"] = [name for name in names if all(name in value for value in objects)]
        schema["additionalProperties"] = False
    items = [part for value in values if isinstance(value, list) for part in value]
    if "array" in kinds:
        schema["items"] = infer_schema(items) if items else {"type": "string"}
    return schema


def kind_of(value: Any) -> str:
    """The JSON Schema type of a value."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")
