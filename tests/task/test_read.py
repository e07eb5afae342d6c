"""Every format gives the same rows, with the right lines."""

from __future__ import annotations

import json

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
