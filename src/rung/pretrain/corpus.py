"""Texts to pre-train on: folders with ``train.jsonl`` and ``valid.jsonl``, one object with a field ``text`` a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from transformers import PreTrainedTokenizerFast

from rung.folders import room_for
from rung.pretrain.tokenizer import token_ids
from rung.types import DataError

HALF = re.compile("[\ud800-\udfff]")  # a str may hold it, UTF-8 and tokenizers may not


@dataclass(frozen=True)
class Source:
    """One folder of texts."""

    name: str
    folder: Path

    def documents(self, split: str) -> Iterator[str]:
        """The texts of ``train`` or ``valid``, one at a time; DataError naming the line that is no text."""
        return read_texts(self.folder / f"{split}.jsonl")


def read_texts(path: Path) -> Iterator[str]:
    """The field ``text`` of each line of a JSONL file; DataError naming the line that is no text. Empty lines are let pass."""
    return (row["text"] for row in read_rows(path))


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file of texts, one at a time; DataError as :func:`read_texts`."""
    for place, row in read_objects(path):
        if not isinstance(row.get("text"), str):
            raise DataError(f"{place}: no field 'text'", zh=f"{place}：没有 text 字段")
        if HALF.search(row["text"]):
            raise DataError(
                f"{place}: half of a surrogate pair (such as \\ud83d alone), which is no character: repair or leave out the line",
                zh=f"{place}：含有半个代理对（例如单独的 \\ud83d），不是字符：请修复或删去这一行",
            )
        yield row


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place (``FILE:LINE``) and object of each line of a JSONL file; DataError for a line that is no JSON object in UTF-8."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            place = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{place}: not UTF-8 ({error.reason} at byte {error.start}): save the file as UTF-8",
                    zh=f"{place}：不是 UTF-8（第 {error.start} 字节）：请把文件另存为 UTF-8",
                ) from None
            except ValueError as error:
                raise DataError(f"{place}: not JSON ({error})", zh=f"{place}：不是 JSON（{error}）") from None
            if not isinstance(row, dict):
                raise DataError(
                    f"{place}: a {type(row).__name__} has no fields: write one JSON object a line",
                    zh=f"{place}：不是 JSON 对象：每行须是一个对象",
                )
            yield place, row


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


def check_sources(sources: list[Source]) -> None:
    """Read all the texts once: DataError for a line that is no text, or for training splits without a word."""
    for source in sources:
        for _ in source.documents("valid"):
            pass
    if not sum(len(text.strip()) for source in sources for text in source.documents("train")):
        names = ", ".join(source.name for source in sources)
        raise DataError(
            f"nothing to learn from: train.jsonl of {names} has no text",
            zh=f"没有可学的文本：{names} 的 train.jsonl 是空的",
        )


def encode(
    sources: list[Source], tokenizer: PreTrainedTokenizerFast, path: Path, *, chunk: int = 512
) -> dict[str, int]:
    """Write every training document, each after an end-of-text mark, as uint16 to ``path``; tokens per source.

    Documents of all sources are shuffled together by the order of the rows in training, not here. Marks such as
    ``<|endoftext|>`` inside a document are text like any other. DataError for a vocabulary above 65,536, DiskFull.
    """
    if len(tokenizer) > 1 << 16:
        raise DataError(
            f"a vocabulary of {len(tokenizer):,} does not fit the 16 bits that texts are kept in: take a model with 65,536 or less",
            zh=f"词表有 {len(tokenizer):,} 项，超出存放文本所用的 16 位：请换用词表不超过 65,536 项的模型",
        )
    counts: dict[str, int] = {}
    partial = path.with_suffix(".part")
    try:
        with room_for(path), partial.open("wb") as out:
            for source in sources:
                counts[source.name] = 0
                batch: list[str] = []
                for text in source.documents("train"):
                    batch.append(text)
                    if len(batch) == chunk:
                        counts[source.name] += _write(batch, tokenizer, out)
                        batch = []
                counts[source.name] += _write(batch, tokenizer, out)
    except BaseException:  # half of it is of no use, and may be what fills the disk
        partial.unlink(missing_ok=True)
        raise
    partial.rename(path)  # the name appears only when the file is whole
    return counts


def _write(batch: list[str], tokenizer: PreTrainedTokenizerFast, out: BinaryIO) -> int:
    written = 0
    for ids in token_ids(tokenizer, batch, mark=True):
        out.write(np.asarray(ids, dtype=np.uint16).tobytes())  # tofile says nothing of a full disk
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
