"""Files to rows: CSV, TSV, JSONL, JSON, Parquet, XLSX; every row with the line that it stands on.

Nothing is guessed about types: cells of CSV and XLSX stay text, so that the label "01" stays "01". A row that cannot be
read (a broken JSON line, a cell too many) becomes a listed bad row; a file that cannot be read is a DataError.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from rung.task.delimited import read_delimited
from rung.task.jsonlines import decode as read_line
from rung.task.jsonlines import read_items, read_lines
from rung.task.notes import BadRow, Note, excerpt, joined
from rung.types import DataError, Way

BOMS = (b"\xff\xfe", b"\xfe\xff")
EMPTY = Note("the row is empty", "空行")
EXTENSIONS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx")


@dataclass(frozen=True)
class Row:
    """One record: the line (the row, for Parquet) that it begins on, counted from 1, and its cells by column."""

    line: int
    values: Mapping[str, Any]


@dataclass
class Table:
    """A file as it was read. ``columns`` are in the file's own order."""

    path: Path
    columns: tuple[str, ...]
    rows: list[Row]
    bad: list[BadRow] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The file's name, for messages."""
        return self.path.name


def read_table(path: Path, encoding: str = "utf-8") -> Table:
    """The rows of a file; DataError where it is missing, unknown, empty or not in that encoding."""
    if not exists(path) or not path.is_file():
        raise DataError(f"there is no file {path}", zh=f"找不到文件 {path}")
    readers = {
        ".csv": read_csv,
        ".tsv": read_csv,
        ".jsonl": read_jsonl,
        ".json": read_json,
        ".parquet": read_parquet,
        ".xlsx": read_xlsx,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path.name}: the ending {path.suffix or '(none)'!r} is not known; give one of {joined(EXTENSIONS)}",
            zh=f"{path.name}：不认识扩展名 {path.suffix or '（无）'!r}；支持 {joined(EXTENSIONS)}",
        )
    table = reader(path, encoding)
    if not table.rows and not table.bad:
        raise DataError(
            ". ".join([f"{path.name} holds no rows", *(note.en for note in table.notes)]),
            zh="。".join([f"{path.name} 里没有任何数据行", *(note.zh for note in table.notes)]),
        )
    return table


def exists(path: Path) -> bool:
    """Whether there is a file or folder; a name too long for the system is none."""
    try:
        return path.exists()
    except OSError:
        return False


def read_csv(path: Path, encoding: str) -> Table:
    """A CSV or TSV file, see :func:`rung.task.delimited.read_delimited`."""
    records, notes = read_delimited(
        decode(path.read_bytes(), path.name, encoding), path.name, tab=path.suffix.lower() == ".tsv"
    )
    return from_records(path, records, notes)


def read_xlsx(path: Path, encoding: str) -> Table:
    """The first sheet of a workbook; numbers are read as they are shown by their shortest text."""
    try:
        sheets = pl.read_excel(
            path,
            sheet_id=0,
            has_header=False,  # else two columns of one name would be renamed without a word
            infer_schema_length=0,
            read_options={"skip_rows": 0},  # else blank rows at the top would be left out of the count
            drop_empty_rows=False,
            drop_empty_cols=False,
            raise_if_empty=False,
        )
    except Exception as error:  # calamine raises its own types for each kind of damage
        raise DataError(
            f"{path.name} is no readable workbook: {error}", zh=f"{path.name} 不是可读的工作簿：{error}"
        ) from error
    names = list(sheets)
    notes = []
    if len(names) > 1:
        notes.append(
            Note(
                f"{path.name}: the sheet {names[0]!r} is read; not read: {joined(names[1:])}",
                f"{path.name}：只读取工作表 {names[0]!r}；未读取：{joined(names[1:])}",
            )
        )
    cells = sheets[names[0]].rows()
    records = ((line, ["" if cell is None else cell for cell in row]) for line, row in enumerate(cells, 1))
    return from_records(path, records, notes)


def read_parquet(path: Path, encoding: str) -> Table:
    """A Parquet file; the "line" of a row is its number, counted from 1; dates and decimals are read as their text."""
    try:
        frame = pl.read_parquet(path)
    except Exception as error:  # polars raises several types for a damaged file
        raise DataError(
            f"{path.name} is no readable Parquet file: {error}", zh=f"{path.name} 不是可读的 Parquet 文件：{error}"
        ) from error
    rows = [Row(number, plain(values)) for number, values in enumerate(frame.iter_rows(named=True), 1)]
    return Table(path, tuple(frame.columns), rows)


def plain(value: Any) -> Any:
    """A value of Parquet as JSON knows it; NaN is a gap. Bytes stay: no text is known of them."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, date | time | timedelta | Decimal):
        return str(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def read_jsonl(path: Path, encoding: str) -> Table:
    """One JSON object per line."""
    return from_objects(path, read_lines(decode(path.read_bytes(), path.name, encoding)))


def read_json(path: Path, encoding: str) -> Table:
    """A list of JSON objects; a file that begins with "{" is one object, which may fill many lines, or one per line."""
    text = decode(path.read_bytes(), path.name, encoding)
    if text.lstrip().startswith("{"):
        whole = read_line(text)
        line = text[: len(text) - len(text.lstrip())].count("\n") + 1
        return from_objects(path, [(line, whole, text)] if isinstance(whole, dict) else read_lines(text))
    return from_objects(path, read_items(text, path.name))


def from_objects(path: Path, objects: Iterable[tuple[int, dict[str, Any] | Note, str]]) -> Table:
    """(line, object or what is wrong, text) to a table; no text: an empty line.

    The columns are the keys in order of appearance.
    """
    table = Table(path, (), [])
    columns: dict[str, None] = {}
    for line, value, text in objects:
        if isinstance(value, Note):
            code = "broken-json" if text else "empty-row"
            table.bad.append(BadRow(path.name, line, code, value, excerpt(text)))
        else:
            columns.update(dict.fromkeys(value))
            table.rows.append(Row(line, value))
    table.columns = tuple(columns)
    return table


def from_records(path: Path, records: Iterable[tuple[int, Sequence[str]]], notes: list[Note]) -> Table:
    """(line, cells) to a table; the first record that is not blank names the columns."""
    table = Table(path, (), [], notes=notes)
    gaps: list[int] = []  # lines with nothing on them are rows only if something follows: a file may end in some
    for line, cells in records:
        blank = not any(cell.strip() for cell in cells)
        if blank and (len(cells) < 2 or not table.columns):
            gaps.append(line)
        elif not table.columns:
            table.columns = heads(path, cells)
            gaps.clear()
        else:
            table.bad += [BadRow(path.name, gap, "empty-row", EMPTY) for gap in gaps]
            gaps.clear()
            add(table, line, cells, blank)
    return table


def add(table: Table, line: int, cells: Sequence[str], blank: bool) -> None:
    """Put a record among the rows, or among the bad rows."""
    if blank:
        table.bad.append(BadRow(table.file, line, "empty-row", EMPTY))
    elif len(cells) != len(table.columns):
        reason = misfit(len(cells), len(table.columns))
        table.bad.append(BadRow(table.file, line, "columns", reason, excerpt(" | ".join(cells))))
    else:
        table.rows.append(Row(line, dict(zip(table.columns, cells, strict=True))))


def misfit(found: int, wanted: int) -> Note:
    """The reason of a row with too many or too few cells."""
    return Note(
        f"{found} cell{'' if found == 1 else 's'} where the header has {wanted}: is a delimiter in the text not quoted?",
        f"这一行有 {found} 格，表头有 {wanted} 格：文本里的分隔符是否没有加引号？",
    )


def heads(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    """The column names of a header; DataError where one stands twice."""
    names = [cell.strip() or f"column {i}" for i, cell in enumerate(cells, 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path.name}: the column {joined(repr(name) for name in twice)} stands more than once in the header "
            f"({joined(names)}); rename one",
            zh=f"{path.name}：表头里的列 {joined(repr(name) for name in twice)} 重复出现（{joined(names)}）；请改名",
        )
    return tuple(names)


def decode(data: bytes, name: str, encoding: str) -> str:
    """A file as text, without a byte order mark; DataError names the first bad byte's line and what to type."""
    try:
        utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
        if utf8 and (guess := utf16(data)):
            raise wrong_encoding(name, data, 0 if data[:2] in BOMS else data.index(0), encoding, guess)
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise wrong_encoding(name, data, error.start, encoding, likely(data)) from error
    except DataError:
        raise
    except (LookupError, ValueError) as error:  # a name that Python does not know, or cannot look up
        raise DataError(
            f"there is no encoding {encoding!r}; try gb18030 or latin-1",
            zh=f"没有编码 {encoding!r}；可试 gb18030 或 latin-1",
        ) from error


def wrong_encoding(name: str, data: bytes, at: int, encoding: str, guess: str) -> DataError:
    """The error for a file in another encoding than it should be. ``guess`` "": it is that encoding, with broken places."""
    line = data[:at].count(b"\n") + 1
    en = f"{name} line {line}: byte 0x{data[at]:02X} is not {encoding}; "
    zh = f"{name} 第 {line} 行：字节 0x{data[at]:02X} 不是 {encoding}；"
    if not guess:
        return DataError(
            f"{en}nearly all of the file is UTF-8: mend or delete that character, and save it as UTF-8",
            zh=f"{zh}文件几乎全是 UTF-8：请修正或删去该字符，再以 UTF-8 保存",
        )
    return DataError(
        f"{en}it looks like {guess}",
        zh=f"{zh}看起来是 {guess}",
        ways=(Way("encoding", guess),),
    )


def utf16(data: bytes) -> str:
    """The name of the UTF-16 that bytes are in, by their mark or by the empty half of their ASCII characters; else ""."""
    if data[:2] in BOMS:
        return "utf-16"
    big, little = data[:2000:2].count(0), data[1:2000:2].count(0)
    if max(big, little) < max(2, len(data[:2000]) / 100) or min(big, little) > max(big, little) / 4:
        return ""
    return "utf-16-le" if little > big else "utf-16-be"


def likely(data: bytes) -> str:
    """The encoding of a file that is not in the one it should be in; "" for UTF-8 with a few broken places.

    GB18030 and Big5 read nearly any bytes as some character, but other text as rare ones: it must be common Chinese.
    """
    if guess := utf16(data):
        return guess
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if 10 * broken <= sum(c > "\x7f" for c in text):
        return "" if broken else "utf-8"
    for name, table, last in (("gb18030", "gb2312", 0xF7), ("big5", "big5", 0xC6)):
        # GB2312's 6,763 characters, and the 5,401 of Big5's first level, cover ordinary text.
        codes = [c.encode(table, "ignore") for c in decoded(data, name) if c > "\x7f"]
        if codes and sum(bool(code) and code[0] <= last for code in codes) >= 0.9 * len(codes):
            return name
    return "cp1252" if any(0x80 <= byte < 0xA0 for byte in data) and decoded(data, "cp1252") else "latin-1"


def decoded(data: bytes, name: str) -> str:
    """Bytes as text; "" where they are not of that encoding."""
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return ""
