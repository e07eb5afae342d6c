"""Bad files: each gives its clear error, or bad rows with the exact line and reason; no row is lost unlisted."""

from __future__ import annotations

import json

import pytest

from rung.task import inspect_task
from rung.types import DataError

GOOD = [
    ("lovely place", "good"),
    ("awful food", "bad"),
    ("nice staff", "good"),
    ("dirty room", "bad"),
    ("great view", "good"),
    ("cold soup", "bad"),
    ("warm welcome", "good"),
    ("rude waiter", "bad"),
    ("fresh bread", "good"),
    ("broken lift", "bad"),
    ("quiet garden", "good"),
    ("loud street", "bad"),
    ("soft bed", "good"),
    ("hard bed", "bad"),
    ("big pool", "good"),
    ("long queue", "bad"),
]
CSV = "text,label\n" + "".join(f"{text},{label}\n" for text, label in GOOD)  # 17 lines
JSONL = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in GOOD)  # 16 lines
LONG = "x" * 100_000

BAD_ROWS = {
    # name: (file, content, [(line, code, reason)])
    "empty rows": (
        "a.csv",
        CSV + "\n,\nlast one,good\n\n\n",
        [(18, "empty-row", "the row is empty"), (19, "empty-row", "the row is empty")],
    ),
    "empty lines in JSONL": (
        "a.jsonl",
        JSONL + "\n" + '{"text": "last one", "label": "good"}\n\n',
        [(17, "empty-row", "the line is empty")],
    ),
    "missing labels": (
        "a.csv",
        CSV + "no label here,\nblank label,  \n",
        [(18, "no-answer", "no answer"), (19, "no-answer", "no answer")],
    ),
    "missing text": ("a.csv", CSV + ",good\n", [(18, "no-input", "no input")]),
    "missing keys": (
        "a.jsonl",
        JSONL + '{"text": "no label"}\n{"label": "good"}\n{"text": "null", "label": null}\n',
        [(17, "no-answer", "no answer"), (18, "no-input", "no input"), (19, "no-answer", "no answer")],
    ),
    "two labels for one input": (
        "a.csv",
        CSV + "  lovely place ,bad\n",
        [
            (2, "contradiction", "the same input has two answers: 'good' here, 'bad' at a.csv:18"),
            (18, "contradiction", "the same input has two answers: 'bad' here, 'good' at a.csv:2"),
        ],
    ),
    "a duplicate": ("a.csv", CSV + "soft bed,good\n", [(18, "duplicate", "the same as a.csv:14")]),
    "a duplicate in another normal form": (
        "a.csv",
        CSV + "caf\u00e9,good\ncafe\u0301,good\n",
        [(19, "duplicate", "the same as a.csv:18")],
    ),
    "broken JSON lines": (
        "a.jsonl",
        JSONL + '{"text": "cut of\n{"text": "fine", "label": "good"}\n[1, 2]\n{"text": NaN, "label": "bad"}\n',
        [
            (17, "broken-json", "broken JSON: Unterminated string starting at at character 10"),
            (19, "broken-json", "a JSON object is needed, found list"),
            (20, "broken-json", "broken JSON: NaN is not a JSON value"),
        ],
    ),
    "a number without end": (
        "a.jsonl",
        JSONL + '{"text": ' + "1" * 5000 + ', "label": "bad"}\n',
        [(17, "broken-json", "broken JSON: a number has too many digits")],
    ),
    "half a surrogate pair": (
        "a.jsonl",
        JSONL + '{"text": "\\ud83d\\ude00", "label": "good"}\n{"text": "\\ud83d", "label": "good"}\n',
        [(18, "broken-json", "broken JSON: half of a surrogate pair (\\ud800 and the like)")],
    ),
    "a key twice": (
        "a.jsonl",
        JSONL + '{"text": "one", "text": "two", "label": "good"}\n',
        [(17, "broken-json", "broken JSON: the key 'text' stands more than once")],
    ),
    "a 100,000-character row": (
        "a.csv",
        CSV + f"{LONG},good\n",
        [(18, "too-long", "100000 characters, more than 50000 (max_characters in task.yaml)")],
    ),
    "wrong types": (
        "a.jsonl",
        JSONL + '{"text": {"a": 1}, "label": "good"}\n{"text": "list answer", "label": ["good"]}\n',
        [
            (17, "wrong-type", "the input is a dict, text is needed"),
            (18, "wrong-type", "the answer is a list, text is needed"),
        ],
    ),
    "a cell too many": (
        "a.csv",
        CSV + "nice, but dear,good\nshort\n",
        [
            (18, "columns", "3 cells where the header has 2: is a delimiter in the text not quoted?"),
            (19, "columns", "1 cell where the header has 2: is a delimiter in the text not quoted?"),
        ],
    ),
    "lines after a quoted line break": (
        "a.csv",
        CSV + '"two\nlines, ""quoted""",good\nno label,\n',
        [(20, "no-answer", "no answer")],
    ),
    "a BOM": ("a.csv", b"\xef\xbb\xbf" + CSV.encode(), []),
    "CRLF": ("a.csv", CSV.replace("\n", "\r\n") + "no label,\r\n", [(18, "no-answer", "no answer")]),
    "a line separator inside JSON": ("a.jsonl", JSONL + '{"text": "a\u2028b", "label": "good"}\n', []),
    "quotes in a TSV": ("a.tsv", CSV.replace(",", "\t") + '"quoted" start\tgood\n', []),
    "semicolons": ("a.csv", CSV.replace(",", ";") + "a, b;good\n", []),
}


def test_one_column_is_not_said_to_be_cut(write):
    with pytest.raises(DataError) as error:
        inspect_task(write("a.csv", ""))
    assert "separated" not in str(error.value)


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_listed_with_line_and_reason(write, name):
    file, content, expected = BAD_ROWS[name]
    inspection = inspect_task(write(file, content))
    assert [(row.line, row.code, row.reason.en) for row in inspection.bad] == expected
    assert all(row.file == file and row.reason.zh for row in inspection.bad)
    assert inspection.rows == inspection.used + len(inspection.bad)


ERRORS = {
    # name: (file, content, parts of the message)
    "Latin-1 bytes": (
        "a.csv",
        CSV.encode() + "caf\u00e9 terrace,good\n".encode("latin-1"),
        ("a.csv line 18: byte 0xE9 is not utf-8", "--encoding latin-1"),
    ),
    "GB18030 bytes": (
        "a.csv",
        CSV.encode() + "房间很干净,good\n".encode("gb18030"),
        ("a.csv line 18: byte 0xB7 is not utf-8", "--encoding gb18030"),
    ),
    "UTF-16": ("a.csv", CSV.encode("utf-16"), ("a.csv line 1: byte 0xFF", "--encoding utf-16")),
    "one class only": (
        "a.csv",
        CSV.replace("bad", "good"),
        ("every row has the same 'label': 'good'", "two labels at least"),
    ),
    "3 rows in all": (
        "a.csv",
        "text,label\na,x\nb,y\nc,x\n",
        ("a.csv: 3 usable rows; at least 10 are needed",),
    ),
    "few usable rows": (
        "a.csv",
        "text,label\na,x\nb,y\nc,\n",
        ("2 usable rows", "1 bad row: a.csv:4 no answer"),
    ),
    "duplicate columns": (
        "a.csv",
        "text,label,label\na,x,y\n",
        ("the column 'label' stands more than once in the header (text, label, label)",),
    ),
    "no columns that we know": (
        "a.csv",
        "foo,bar\na,x\n",
        ("no column is named as the output usually is", "found in the first row: foo, bar", "--output COLUMN"),
    ),
    "no input column": ("a.csv", "foo,label\na,x\n", ("as the input usually is", "--input COLUMN")),
    "no rows": ("a.csv", "text,label\n", ("a.csv holds no rows",)),
    "an empty file": ("a.csv", "", ("a.csv holds no rows",)),
    "an empty JSONL": ("a.jsonl", "\n\n", ("a.jsonl holds no rows",)),
    "nothing usable": ("a.jsonl", '{"text": "a"\n', ("no usable rows", "1 bad row: a.jsonl:1 broken JSON")),
    "an unknown ending": ("a.docx", "x", ("the ending '.docx' is not known", ".csv, .tsv, .jsonl")),
    "an open quote": ("a.csv", CSV + '"never closed,good\nmore,bad\n', ("a.csv line 18: a quote opens here",)),
    "text after a quote": ("a.csv", CSV + '"closed" then more,good\n', ("a.csv line 18", "after its closing quote")),
    "broken JSON": ("a.json", '[{"text": "a",\n "label": }]', ("a.json line 2: broken JSON: Expecting value",)),
    "JSON without a list": ("a.json", '"text"', ("a.json line 1", "a list of objects")),
    "text after a JSON list": ("a.json", '[{"text": "a"}]\nmore', ("a.json line 1", "more text after the list")),
    "a broken Parquet": ("a.parquet", b"PAR1 no", ("a.parquet is no readable Parquet file",)),
    "a broken workbook": ("a.xlsx", b"PK no", ("a.xlsx is no readable workbook",)),
    "quantities": (
        "a.csv",
        "text,score\n" + "".join(f"row {i},{i / 7:.3f}\n" for i in range(40)),
        ("numbers with 40 distinct values", "'score'"),
    ),
    "quantities as answers": (
        "a.csv",
        "text,output\n" + "".join(f"row {i},{i / 7:.3f}\n" for i in range(40)),
        ("numbers with 40 distinct values", "regression", "--kind generate"),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_files_that_cannot_be_used_say_what_is_wrong(write, name):
    file, content, expected = ERRORS[name]
    with pytest.raises(DataError) as caught:
        inspect_task(write(file, content))
    for part in expected:
        assert part in str(caught.value)
    assert caught.value.zh != str(caught.value)
    assert any("\u4e00" <= c <= "\u9fff" for c in caught.value.zh)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        inspect_task(tmp_path / "nowhere.csv")


def test_numbers_as_labels_stay_as_they_are_written(write):
    codes = ("01", "02", "1e3")
    text = "text,label\n" + "".join(f"row {i},{codes[i % 3]}\n" for i in range(40))
    assert inspect_task(write("a.csv", text)).task.labels == codes


def test_number_and_truth_labels_of_json_become_text(write):
    numbers = [{"text": f"row {i}", "label": i % 3} for i in range(40)]
    truths = [{"text": f"row {i}", "label": i % 2 == 0} for i in range(40)]
    assert inspect_task(write("a.jsonl", numbers)).task.labels == ("0", "1", "2")
    assert inspect_task(write("b.jsonl", truths)).task.labels == ("false", "true")


def test_another_encoding_is_read_when_it_is_named(write):
    lines = "".join(f"第{i}家酒店,{'好差'[i % 2]}\n" for i in range(40))
    path = write("a.csv", f"文本,标签\n{lines}".encode("gb18030"))
    task = inspect_task(path, encoding="gb18030").task
    assert task.labels == ("好", "差")
    assert task.language == "zh"
    with pytest.raises(DataError, match="no encoding 'gbk18'"):
        inspect_task(path, encoding="gbk18")
