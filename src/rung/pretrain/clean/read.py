"""Texts to clean: where they are, and one document after the other.

    FOLDER/SOURCE/train.jsonl (and valid.jsonl)     what `rung pretrain base` reads
    FOLDER/train.jsonl (and valid.jsonl)            one source
    FOLDER/*.jsonl, FOLDER/*.txt                    each file a source without a held-out part
    FILE.jsonl, FILE.txt                            likewise

A line of JSONL is an object with a field ``text``; a .txt file is one document. Where nothing is held out, one document
in a hundred is, by the hash of its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rung.pretrain.clean.document import Document
from rung.types import DataError

HELD_OUT = 100
Bad = Callable[[str, str], None]  # is told the place and what is wrong there


@dataclass(frozen=True)
class Texts:
    """One source: its name, its files by split, and the folder whose licence and provenance go along (or None)."""

    name: str
    files: dict[str, Path]
    folder: Path | None = None

    def documents(self, split: str, bad: Bad) -> Iterator[Document]:
        """The documents of a split of the file; lines that are none are told to ``bad``."""
        path = self.files[split]
        if path.suffix == ".txt":
            text = path.read_bytes().decode("utf-8-sig", errors="replace")  # what cannot be read, mojibake.py counts
            yield Document(f"{self.name}/{path.name}", text, {"text": text})
            return
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                place = f"{self.name}/{path.name}:{number}"
                row, wrong = _row(line)
                if wrong:
                    bad(place, wrong)
                elif row:
                    yield Document(place, row["text"], row)


def find_texts(path: Path) -> list[Texts]:
    """Every source in ``path``, by name; DataError where there is none."""
    if path.is_file() and path.suffix in (".jsonl", ".txt"):
        return [Texts(path.stem, {"train": path})]
    inside = sorted(path.iterdir()) if path.is_dir() else []
    found = [_folder(one) for one in [path, *inside] if (one / "train.jsonl").is_file()]
    if not found:
        found = [
            Texts(one.stem, {"train": one}) for one in inside if one.is_file() and one.suffix in (".jsonl", ".txt")
        ]
    if not found:
        raise DataError(
            f"no texts in {path}: expected subfolders with train.jsonl, or files of .jsonl or .txt",
            zh=f"{path} 中没有文本：需要含有 train.jsonl 的子文件夹，或 .jsonl、.txt 文件",
        )
    names = [one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"two texts named {min(twice)} in {path}", zh=f"{path} 中有两个名为 {min(twice)} 的文本")
    return found


def split_of(text: str) -> str:
    """``valid`` for one text in a hundred: a pure function of the text."""
    return (
        "valid"
        if int.from_bytes(sha256(text.encode(errors="replace")).digest()[:8], "big") % HELD_OUT == 0
        else "train"
    )


def _folder(folder: Path) -> Texts:
    files = {split: folder / f"{split}.jsonl" for split in ("valid", "train") if (folder / f"{split}.jsonl").is_file()}
    return Texts(folder.name, files, folder)


def _row(line: bytes) -> tuple[dict | None, str]:
    """The object of a line, or what is wrong with it; a line of white space is neither."""
    if not line.strip():
        return None, ""
    try:
        row = json.loads(line.decode("utf-8"))
    except ValueError as error:
        return None, f"not JSON ({error})"
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return None, "no field 'text'"
    return row, ""
