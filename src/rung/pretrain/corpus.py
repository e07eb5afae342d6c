"""Texts to pre-train on: folders with ``train.jsonl`` and ``valid.jsonl`` (fields ``text`` and, optionally, ``title``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from rung.types import DataError


@dataclass(frozen=True)
class Source:
    """One folder of texts."""

    name: str
    folder: Path

    def documents(self, split: str) -> Iterator[str]:
        """The texts of ``train`` or ``valid``, one at a time."""
        path = self.folder / f"{split}.jsonl"
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = json.loads(line)
                if not isinstance(row.get("text"), str):
                    raise DataError(f"{path}:{number}: no field 'text'", zh=f"{path}:{number}：没有 text 字段")
                yield row["text"]


def find_sources(folder: Path) -> list[Source]:
    """Every subfolder of ``folder`` that holds a ``train.jsonl``, by name."""
    found = [Source(path.name, path) for path in sorted(folder.iterdir()) if (path / "train.jsonl").exists()]
    if not found:
        raise DataError(
            f"no texts in {folder}: expected subfolders with train.jsonl and valid.jsonl",
            zh=f"{folder} 中没有文本：需要含有 train.jsonl 与 valid.jsonl 的子文件夹",
        )
    return found


def encode(sources: list[Source], tokenizer: PreTrainedTokenizerFast, path: Path, *, chunk: int = 512) -> dict[str, int]:
    """Write every training document, each after an end-of-text mark, as uint16 to ``path``; tokens per source.

    Documents of all sources are shuffled together by the order of the chunks in training, not here.
    """
    if len(tokenizer) > 1 << 16:
        raise DataError(f"a vocabulary of {len(tokenizer)} does not fit 16 bits", zh="词表超过 65536")
    counts: dict[str, int] = {}
    partial = path.with_suffix(".part")
    with partial.open("wb") as out:
        for source in sources:
            counts[source.name] = 0
            batch: list[str] = []
            for text in source.documents("train"):
                batch.append(text)
                if len(batch) == chunk:
                    counts[source.name] += _write(batch, tokenizer, out)
                    batch = []
            counts[source.name] += _write(batch, tokenizer, out)
    partial.rename(path)  # the name appears only when the file is whole
    return counts


def _write(batch: list[str], tokenizer: PreTrainedTokenizerFast, out) -> int:  # type: ignore[no-untyped-def]
    written = 0
    for ids in tokenizer(batch, add_special_tokens=True)["input_ids"] if batch else ():
        np.asarray(ids, dtype=np.uint16).tofile(out)
        written += len(ids)
    return written


@dataclass(frozen=True)
class Rows:
    """Token rows of one optimiser step (or of a part of it): [rows, length + 1]."""

    tokens: np.ndarray

    @property
    def targets(self) -> int:
        return self.tokens.shape[0] * (self.tokens.shape[1] - 1)


class Stream:
    """The encoded corpus cut into rows; the order is a pure function of the seed and the position.

    Each pass over the corpus starts at another offset, so that the cuts fall elsewhere.
    """

    def __init__(self, path: Path, seed: int):
        self.tokens = np.memmap(path, dtype=np.uint16, mode="r")
        self.seed = seed

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, first: int, count: int, length: int) -> np.ndarray:
        """Rows ``first .. first+count`` of the endless sequence of rows of ``length + 1`` tokens, as int64."""
        per_pass = (len(self.tokens) - 1) // length - 1
        picked = np.empty((count, length + 1), dtype=np.int64)
        for i, number in enumerate(range(first, first + count)):
            turn, place = divmod(number, per_pass)
            order, offset = self._order(turn, per_pass, length)
            start = offset + int(order[place]) * length
            picked[i] = self.tokens[start : start + length + 1]
        return picked

    def _order(self, turn: int, per_pass: int, length: int) -> tuple[np.ndarray, int]:
        key = (turn, per_pass, length)
        if getattr(self, "_key", None) != key:
            generator = np.random.default_rng([self.seed, turn, length])
            self._key, self._cached = key, (generator.permutation(per_pass), int(generator.integers(length)))
        return self._cached
