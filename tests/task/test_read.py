"""Every format gives the same rows, with the right lines."""

from __future__ import annotations

import json
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from rung.task.read import read_table
from rung.types import DataError

CELLS = [("first", "01"), ("第二", "2"), ("third", "x")]
RECORDS = [{"text": text, "label": label} for text, label in CELLS]


def workbook(path, sheets):
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for i, row in enumerate(rows):
                sheet.write_row(i, 0, row)
    return path


def test_formats_agree(tmp_path, write):
    csv = write("a.csv", "text,label\n" + "".join(f"{text},{label}\n" for text, label in CELLS))
    tsv = write("a.tsv", "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in CELLS))
    jsonl = write("a.jsonl", RECORDS)
    listed = write("a.json", json.dumps(RECORDS, indent=1))
    lines = write("b.json", "".join(json.dumps(one) + "\n" for one in RECORDS))
    parquet = tmp_path / "a.parquet"
    pl.DataFrame(RECORDS).write_parquet(parquet)
    xlsx = workbook(tmp_path / "a.xlsx", {"one": [("text", "label"), *CELLS]})
    for path in (csv, tsv, jsonl, listed, lines, parquet, xlsx):
        table = read_table(path)
        assert table.columns == ("text", "label"), path
        assert [dict(row.values) for row in table.rows] == RECORDS, path
        assert not table.bad


def test_csv_lines_are_where_each_record_begins(write):
    table = read_table(write("a.csv", 'text,label\n"one\ntwo\nthree",x\nfour,y\n\n"five\n",z\nsix,w\n'))
    assert [row.line for row in table.rows] == [2, 5, 7, 9]
    assert [row.line for row in table.bad] == [6]


def test_json_items_have_the_line_that_they_begin_on(write):
    table = read_table(write("a.json", json.dumps(RECORDS, indent=2)))  # "[" is line 1, each object takes four lines
    assert [row.line for row in table.rows] == [2, 6, 10]


def test_a_workbook_keeps_numbers_short_and_counts_blank_rows(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"one": [("text", "label"), ("a", 1), (), ("b", 2.5)], "two": [("x",)]})
    table = read_table(path)
    assert [(row.line, dict(row.values)) for row in table.rows] == [
        (2, {"text": "a", "label": "1"}),
        (4, {"text": "b", "label": "2.5"}),
    ]
    assert [(row.line, row.code) for row in table.bad] == [(3, "empty-row")]
    assert "two" in table.notes[0].en


def test_a_workbook_that_begins_further_down_counts_its_own_lines(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"one": [(), (), ("text", "label"), ("a", "x")]})
    assert [row.line for row in read_table(path).rows] == [4]


def test_a_workbook_with_a_column_twice(tmp_path):
    with pytest.raises(DataError, match="stands more than once"):
        read_table(workbook(tmp_path / "a.xlsx", {"one": [("text", "text"), ("a", "b")]}))


def test_long_cells_are_read_whole(write):
    long = "y" * 300_000  # beyond the csv module's own limit
    assert read_table(write("a.csv", f"text,label\n{long},x\n")).rows[0].values["text"] == long


def test_a_tsv_with_stray_quotes_is_read_without_quoting(write):
    table = read_table(write("a.tsv", 'text\tlabel\n"open\tx\nsay "hi"\ty\n'))
    assert [row.values["text"] for row in table.rows] == ['"open', 'say "hi"']
    assert "quotes are read as ordinary characters" in table.notes[0].en


def test_a_quote_in_a_tsv_does_not_swallow_rows(write):
    table = read_table(write("a.tsv", 'text\tlabel\n"he said\tgood\nand she left"\tbad\nend\tgood\n'))
    assert [(row.line, row.values["text"]) for row in table.rows] == [(2, '"he said'), (3, 'and she left"'), (4, "end")]
    assert table.notes[0].en == "a.tsv: quotes are read as ordinary characters"


def test_a_quoted_cell_of_a_tsv_may_hold_several_lines(write):
    table = read_table(write("a.tsv", 'text\tlabel\n"one\ntwo"\tgood\n"a ""b"""\tbad\n'))
    assert [row.values["text"] for row in table.rows] == ["one\ntwo", 'a "b"']
    assert not table.notes


def test_the_delimiter_is_the_header_s_where_lines_end_in_cr(write):
    assert read_table(write("a.csv", "text;label\ra, b;good\rc, d;bad\r")).columns == ("text", "label")


def test_one_json_object_over_several_lines_is_one_row(write):
    table = read_table(write("a.json", json.dumps({"text": "one", "label": "x"}, indent=1)))
    assert (len(table.rows), table.bad) == (1, [])


def test_values_of_parquet_become_what_json_knows(tmp_path):
    path = tmp_path / "a.parquet"
    row = {"day": date(2026, 1, 2), "parts": [Decimal("1.50")], "gap": float("nan"), "at": {"t": time(3, 4)}}
    pl.DataFrame([row]).write_parquet(path)
    assert read_table(path).rows[0].values == {
        "day": "2026-01-02", "parts": ["1.50"], "gap": None, "at": {"t": "03:04:00"},
    }  # fmt: skip


def test_an_empty_first_sheet_is_told_with_the_others(tmp_path):
    with pytest.raises(DataError, match="holds no rows.*not read: data"):
        read_table(workbook(tmp_path / "a.xlsx", {"one": [], "data": [("text", "label"), *CELLS]}))


CHINESE = "文本,标签\n" + "这家餐厅的服务很好，下次还来。,好\n菜有点凉,坏\n" * 20


@pytest.mark.parametrize(
    ("data", "encoding", "hint"),
    [
        (CHINESE.encode("gb18030"), "utf-8", "--encoding gb18030"),
        ("文本,標籤\n這家餐廳的服務很好，下次還來。,好\n".encode("big5"), "utf-8", "--encoding big5"),
        (CHINESE.encode(), "gb18030", "--encoding utf-8"),
        (CHINESE.encode() + "坏".encode()[:2] + b"\n", "utf-8", "nearly all of the file is UTF-8"),
        ("text,label\nI don’t know,bad\n".encode("cp1252"), "utf-8", "--encoding cp1252"),
        ("text,label\ncafé,good\n".encode("latin-1"), "utf-8", "--encoding latin-1"),
        (CHINESE.encode("utf-16"), "utf8", "--encoding utf-16"),
        (b"text,label\nfine,good\n".decode().encode("utf-16-le"), "utf-8", "--encoding utf-16-le"),
        (b"text,label\nfine,good\n", "undefined", "there is no encoding 'undefined'"),
        (b"text,label\nfine,good\n", "a\0", "there is no encoding"),
    ],
)
def test_the_encoding_to_type_is_told(write, data, encoding, hint):
    with pytest.raises(DataError) as caught:
        read_table(write("a.csv", data), encoding)
    assert hint in str(caught.value)
    assert any("\u4e00" <= c <= "\u9fff" for c in caught.value.zh)
    if "--encoding" in hint:
        assert read_table(write("b.csv", data), hint.split()[-1]).rows


def test_a_name_too_long_for_the_system_is_no_file():
    with pytest.raises(DataError, match="there is no file"):
        read_table(Path("a" * 300 + ".csv"))
