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
    spreadsheets write it; where that fails, quotes are taken for ordinary characters. A quote that never closes in a
    CSV is a DataError: it has swallowed the rest of the file.
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
        return records(text, delimiter, csv.QUOTE_MINIMAL), notes
    except Unclosed as error:
        if tab:
            notes.append(
                Note(f"{file}: quotes are read as ordinary characters", f"{file}：引号按普通字符读取"),
            )
            return records(text, delimiter, csv.QUOTE_NONE), notes
        raise DataError(
            f'{file} line {error.line}: {error}; write a quote inside a quoted cell twice: ""',
            zh=f'{file} 第 {error.line} 行：引号使用有误（{error}）；引号括起的单元格里，引号本身要写两遍：""',
        ) from error


class Unclosed(ValueError):
    """A record whose quotes do not fit; ``line`` is where it begins."""

    def __init__(self, line: int, why: str):
        super().__init__(why)
        self.line = line


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
            ended = "unexpected end of data" in str(error)
            raise Unclosed(
                line,
                "a quote opens here and is never closed"
                if ended
                else f"a quoted cell goes on after its closing quote ({error})",
            ) from error
        return found
    finally:
        csv.field_size_limit(before)


def delimiter_of(text: str) -> str:
    """Comma, unless the header has none of it and has semicolons or tabs."""
    header = text.lstrip("\r\n ").split("\n", 1)[0]
    return "," if "," in header else max((";", "\t", ","), key=header.count)
