"""Texts to pre-train on: folders with ``train.jsonl`` and ``valid.jsonl``, one object with a field ``text`` a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from transformers import PreTrainedTokenizerFast

from rung.pretrain.tokenizer import token_ids
from rung.types import DataError


@dataclass(frozen=True)
class Source:
    """One folder of texts."""

    name: str
    folder: Path

    def documents(self, split: str) -> Iterator[str]:
        """The texts of ``train`` or ``valid``, one at a time; DataError naming the line that is no text."""
        return read_texts(self.folder / f"{split}.jsonl")


def read_texts(path: Path) -> Iterator[str]:
    """The field ``text`` of each line of a JSONL file; DataError naming the line that is no text."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(
                    f"{path}:{number}: not JSON ({error})", zh=f"{path}:{number}：不是 JSON（{error}）"
                ) from None
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise DataError(f"{path}:{number}: no field 'text'", zh=f"{path}:{number}：没有 text 字段")
            yield row["text"]


def find_sources(folder: Path) -> list[Source]:
    """Every subfolder of ``folder`` with a ``train.jsonl``, by name; DataError where one has no ``valid.jsonl``."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [Source(path.name, path) for path in inside if (path / "train.jsonl").exists()]
    if not found:
        raise DataError(
            f"no texts in {folder}: expected subfolders with train.jsonl and valid.jsonl",
            zh=f"{folder} 中没有文本：需要含有 train.jsonl 与 valid.jsonl 的子文件夹",
        )
    for source in found:
        if not (source.folder / "valid.jsonl").exists():
            raise DataError(
                f"{source.folder} has no valid.jsonl: hold out some documents (1 % is enough) to measure the model on",
                zh=f"{source.folder} 中没有 valid.jsonl：请留出一部分文档（1 % 即可）用来测量模型",
            )
    return found


def encode(
    sources: list[Source], tokenizer: PreTrainedTokenizerFast, path: Path, *, chunk: int = 512
) -> dict[str, int]:
    """Write every training document, each after an end-of-text mark, as uint16 to ``path``; tokens per source.

    Documents of all sources are shuffled together by the order of the rows in training, not here. Marks such as
    ``<|endoftext|>`` inside a document are text like any other. DataError for a vocabulary above 65,536.
    """
    if len(tokenizer) > 1 << 16:
        raise DataError(
            f"a vocabulary of {len(tokenizer):,} does not fit 16 bits: type --vocabulary 65536 or less",
            zh=f"词表有 {len(tokenizer):,} 项，超出 16 位：请写 --vocabulary 65536 或更小的数",
        )
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


def _write(batch: list[str], tokenizer: PreTrainedTokenizerFast, out: BinaryIO) -> int:
    written = 0
    for ids in token_ids(tokenizer, batch, mark=True):
        np.asarray(ids, dtype=np.uint16).tofile(out)
        written += len(ids)
    return written


@dataclass(frozen=True)
class Rows:
    """Token rows of one optimiser step (or of a part of it): [rows, length + 1]."""

    tokens: np.ndarray

    @property
    def targets(self) -> int:
        """Tokens that are predicted: all but the first of each row."""
        return self.tokens.shape[0] * (self.tokens.shape[1] - 1)


class Stream:
    """The encoded corpus cut into rows; the order is a pure function of the seed and the position.

    Each pass over the corpus starts at another offset, so that the cuts fall elsewhere.
    """

    def __init__(self, path: Path, seed: int):
        self.tokens = np.memmap(path, dtype=np.uint16, mode="r")
        self.seed = seed
        self._cached: tuple[tuple[int, int, int], np.ndarray, int] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, first: int, count: int, length: int) -> np.ndarray:
        """Rows ``first .. first+count`` of the endless sequence of rows of ``length + 1`` tokens, as int64."""
        per_pass = (len(self.tokens) - 1) // length - 1  # one row is given up for the offset
        if per_pass < 1:
            raise DataError(
                f"the texts have {len(self):,} tokens, too few for rows of {length:,}: "
                "add texts, or type a smaller --context",
                zh=f"文本只有 {len(self):,} 个词元，不够一行 {length:,} 个：请增加文本，或减小 --context",
            )
        picked = np.empty((count, length + 1), dtype=np.int64)
        for i, number in enumerate(range(first, first + count)):
            turn, place = divmod(number, per_pass)
            order, offset = self._order(turn, per_pass, length)
            start = offset + int(order[place]) * length
            picked[i] = self.tokens[start : start + length + 1]
        return picked

    def _order(self, turn: int, per_pass: int, length: int) -> tuple[np.ndarray, int]:
        key = (turn, per_pass, length)
        if self._cached is None or self._cached[0] != key:  # a permutation of millions: made once a pass
            generator = np.random.default_rng([self.seed, turn, length])
            self._cached = key, generator.permutation(per_pass), int(generator.integers(length))
        return self._cached[1:]
