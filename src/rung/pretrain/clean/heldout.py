"""What must stay out of training: the items of evaluation sets, read from CSV, TSV and JSONL files.

A file that is named is read whatever its name is. Of a folder, the files are read whose names say that they are measured
on (test, dev, valid, eval ...); a folder of files that has none of these is an evaluation set as a whole, less its
train files.
"""

from __future__ import annotations

import csv
import json
import re
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
    """Number and texts of each row: every text at any depth, as it stands."""
    if path.suffix in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, cells in enumerate(csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","), 1):
                yield number, cells
        return
    with path.open(encoding="utf-8-sig") as lines:
        if path.suffix == ".json":
            rows = json.load(lines)
            yield from ((n, list(strings(row))) for n, row in enumerate(rows if isinstance(rows, list) else [rows], 1))
            return
        for number, line in enumerate(lines, 1):
            try:
                yield number, list(strings(json.loads(line)))
            except ValueError as error:
                raise DataError(
                    f"{path}:{number}: not JSON ({error})", zh=f"{path}:{number}：不是 JSON（{error}）"
                ) from None


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)
