"""JSON text to objects with the line on which each begins; what is broken is told, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rung.task.notes import Note
from rung.types import DataError

Found = tuple[int, "dict[str, Any] | Note", str]  # line, the object or what is wrong with it, its text


HUGE = Note("a number has too many digits", "数字的位数过多")
DEEP = Note("nested too deeply", "嵌套过深")


class Broken(ValueError):
    """JSON that Python would read and the standard forbids; ``why`` says it in both languages."""

    def __init__(self, why: Note):
        super().__init__(why.en)
        self.why = why


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's pairs as a dict; Broken where a key stands twice (the json module would keep the last)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Broken(Note(f"the key {twice!r} stands more than once", f"键 {twice!r} 重复出现"))
    return found


def refuse(constant: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise Broken(Note(f"{constant} is not a JSON value", f"{constant} 不是 JSON 的值"))


DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=refuse)


def broken(why: Note) -> Note:
    """The reason of a row that is no JSON."""
    return Note(f"broken JSON: {why.en}", f"JSON 有误：{why.zh}")


def check(value: Any, text: str) -> dict[str, Any] | Note:
    """The object that ``text`` spells, or what is wrong with it."""
    if "\\ud" in text.lower() and not encodable(value):
        return broken(Note("half of a surrogate pair (\\ud800 and the like)", "只有半个代理对（\\ud800 之类）"))
    if isinstance(value, dict):
        return value
    return Note(
        f"a JSON object is needed, found {type(value).__name__}", f"需要 JSON 对象，却是 {type(value).__name__}"
    )


def encodable(value: Any) -> bool:
    """Whether every text in a value can be written as UTF-8."""
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


def read_lines(text: str) -> Iterator[Found]:
    """JSONL. Lines end at "\\n" only: U+2028 and the like may stand inside a JSON string."""
    lines = text.rstrip().split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            if number > 1 or len(lines) > 1:
                yield number, Note("the line is empty", "空行"), ""
            continue
        yield number, decode(line), line


def decode(line: str) -> dict[str, Any] | Note:
    """The object on a line, or what is wrong."""
    try:
        return check(DECODER.decode(line.strip()), line)
    except json.JSONDecodeError as error:
        return broken(Note(f"{error.msg} at character {error.pos + 1}", f"第 {error.pos + 1} 个字符处 {error.msg}"))
    except Broken as error:
        return broken(error.why)
    except ValueError:  # Python's own limit of 4,300 digits
        return broken(HUGE)
    except RecursionError:
        return broken(DEEP)


def read_items(text: str, file: str) -> Iterator[Found]:
    """The elements of a JSON list, one by one, so that each has its line; DataError where the list itself is broken."""
    place = skip(text, 0)
    if text[place : place + 1] != "[":
        raise problem(file, text, place, Note("a list of objects [{...}, ...] is needed", "需要对象列表 [{...}, ...]"))
    place = skip(text, place + 1)
    line, counted = 1, 0
    closed = text[place : place + 1] == "]"
    while not closed:
        line, counted = line + text.count("\n", counted, place), place
        value, end = decode_item(text, place, file)
        yield line, check(value, text[place:end]), text[place:end]
        place = skip(text, end)
        closed = text[place : place + 1] == "]"
        if not closed and text[place : place + 1] != ",":
            raise problem(
                file, text, place, Note("a comma or the end of the list is needed", "这里应是逗号或列表的结尾")
            )
        place = place if closed else skip(text, place + 1)
    if text[place + 1 :].strip():
        raise problem(file, text, place + 1, Note("there is more text after the list", "列表之后还有内容"))


def decode_item(text: str, place: int, file: str) -> tuple[Any, int]:
    """The JSON value at ``place`` and where it ends."""
    try:
        return DECODER.raw_decode(text, place)
    except json.JSONDecodeError as error:
        raise problem(file, text, error.pos, Note(error.msg, error.msg)) from error
    except Broken as error:
        raise problem(file, text, place, error.why) from error
    except RecursionError as error:
        raise problem(file, text, place, DEEP) from error
    except ValueError as error:
        raise problem(file, text, place, HUGE) from error


def skip(text: str, place: int) -> int:
    """The place of the next character that is not blank."""
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def problem(file: str, text: str, place: int, why: Note) -> DataError:
    """The error for a broken JSON file."""
    line = text.count("\n", 0, place) + 1
    return DataError(f"{file} line {line}: broken JSON: {why.en}", zh=f"{file} 第 {line} 行：JSON 有误：{why.zh}")
