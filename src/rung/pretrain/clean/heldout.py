"""What must stay out of training: the items of evaluation sets, read from CSV, TSV and JSONL files.

A file that is named is read whatever its name is. Of a folder, the files are read whose names say that they are measured
on (test, dev, valid, eval ...); a folder of files that has none of these is an evaluation set as a whole, less its
train files.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from rung.types import DataError

KINDS = (".jsonl", ".json", ".csv", ".tsv")
MEASURED = re.compile(r"(?:^|[_.\-])(?:test|dev|valid|validation|eval|heldout|held_out)(?:[_.\-]|\d|$)", re.I)
TRAINING = re.compile(r"(?:^|[_.\-])(?:train|unlabeled|unlabelled)(?:[_.\-]|\d|$)", re.I)


def held_out_files(paths: Iterable[Path]) -> list[Path]:
    """The files behind ``--held-out``; DataError for a path without any."""
    found: list[Path] = []
    for path in paths:
        here = [path] if path.is_file() else list(_inside(path))
        if not here:
            raise DataError(
                f"{path}: no evaluation files ({', '.join(KINDS)}) there",
                zh=f"{path} 中没有评测文件（{'、'.join(KINDS)}）",
            )
        found += here
    return list(dict.fromkeys(found))


def _inside(folder: Path) -> Iterator[Path]:
    files = sorted(p for p in folder.rglob("*") if p.suffix in KINDS and p.stem != "labels") if folder.is_dir() else []
    for _, group in groupby(files, key=lambda p: p.parent):
        together = list(group)
        measured = [p for p in together if MEASURED.search(p.stem)]
        yield from measured or [p for p in together if not TRAINING.search(p.stem)]


def items(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and texts of each row: every text at any depth, as it stands. DataError where the file cannot be read so."""
    csv.field_size_limit(sys.maxsize)  # a cell may hold a book, or all lines behind a quote that is never closed
    number = 0
    try:
        for number, texts in _rows(path):
            yield number, texts
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 ({error.reason}): save it as UTF-8", zh=f"{path}：不是 UTF-8：请另存为 UTF-8"
        ) from None
    except (ValueError, csv.Error) as error:
        kind = "CSV" if path.suffix in (".csv", ".tsv") else "JSON"
        place = path if path.suffix == ".json" else f"{path}:{number + 1}"
        raise DataError(f"{place}: not {kind} ({error})", zh=f"{place}：不是 {kind}（{error}）") from None
    if not number:
        raise DataError(f"{path} is empty: nothing to keep out", zh=f"{path} 是空的：没有要排除的内容")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and texts of each row by the file's kind; an error of the reader where it is not of that kind."""
    if path.suffix in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from enumerate(csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","), 1)
        return
    with path.open(encoding="utf-8-sig") as lines:
        if path.suffix == ".json":
            rows = json.load(lines)
            yield from ((n, list(strings(row))) for n, row in enumerate(rows if isinstance(rows, list) else [rows], 1))
            return
        yield from ((n, list(strings(json.loads(line))) if line.strip() else []) for n, line in enumerate(lines, 1))


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)
