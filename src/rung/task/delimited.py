"""CSV and TSV text to records with the line on which each begins.

Python's own csv reader is used and not polars': it tells the line after every record (right where a quoted field spans
lines) and lets one bad record be listed by itself, where a frame reader fails or mends as a whole.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal

from rung.task.notes import Note
from rung.types import DataError

LIMIT = 2**31 - 1  # characters in a cell; the csv module's own limit of 131,072 would refuse a long document
NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}
NAMES_ZH = {",": "逗号", ";": "分号", "\t": "制表符"}

Record = tuple[int, Sequence[str]]


def read_delimited(text: str, file: str, tab: bool) -> tuple[list[Record], list[Note]]:
    """(line, cells) of every record, and notes. ``tab``: the file is a TSV.

    A .csv whose header has no comma but semicolons or tabs is cut there. A TSV is first read with quotes, as
    spreadsheets write it; where that fails, or a quoted cell would hold whole rows, quotes are taken for ordinary
    characters. A quote that never closes in a CSV is a DataError: it has swallowed the rest of the file.
    """
    notes: list[Note] = []
    delimiter = "\t" if tab else delimiter_of(text)
    if not tab and delimiter != ",":
        notes.append(
            Note(
                f"{file}: cells are separated by {NAMES[delimiter]}s",
                f"{file}：单元格以{NAMES_ZH[delimiter]}分隔",
            )
        )
    try:
        found = records(text, delimiter, csv.QUOTE_MINIMAL)
        if not (tab and swallows(text, found)):
            return found, notes
    except Unclosed as error:
        if not tab:
            raise DataError(
                f'{file} line {error.line}: {error}; write a quote inside a quoted cell twice: ""',
                zh=f'{file} 第 {error.line} 行：{error.zh}；引号括起的单元格里，引号本身要写两遍：""',
            ) from error
    notes.append(Note(f"{file}: quotes are read as ordinary characters", f"{file}：引号按普通字符读取"))
    return records(text, delimiter, csv.QUOTE_NONE), notes


def swallows(text: str, found: Sequence[Record]) -> bool:
    """Whether a quoted cell of a TSV holds whole rows: each of the record's lines has as many cells as the header."""
    width = next((len(cells) for _, cells in found if cells), 0)
    lines = io.StringIO(text, newline="").readlines()
    ends = [*(line for line, _ in found[1:]), len(lines) + 1]
    return width > 1 and any(
        end - line > 1 and all(row.count("\t") == width - 1 for row in lines[line - 1 : end - 1])
        for (line, _), end in zip(found, ends, strict=True)
    )


class Unclosed(ValueError):
    """A record whose quotes do not fit; ``line`` is where it begins."""

    def __init__(self, line: int, why: str, zh: str):
        super().__init__(why)
        self.line, self.zh = line, zh


def records(text: str, delimiter: str, quoting: Literal[0, 3]) -> list[Record]:
    """Every record with its first line; raises Unclosed."""
    before = csv.field_size_limit(LIMIT)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
        found: list[Record] = []
        line = 1
        try:
            for cells in reader:
                found.append((line, cells))
                line = reader.line_num + 1
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise Unclosed(line, "a quote opens here and is never closed", "这里的引号没有结束") from error
            why = f"a quoted cell goes on after its closing quote ({error})"
            raise Unclosed(line, why, f"引号结束之后单元格里还有内容（{error}）") from error
        return found
    finally:
        csv.field_size_limit(before)


def delimiter_of(text: str) -> str:
    """Comma, unless the header has none of it and has semicolons or tabs."""
    header = text.lstrip("\r\n ").replace("\r", "\n").split("\n", 1)[0]
    return "," if "," in header else max((",", ";", "\t"), key=header.count)
