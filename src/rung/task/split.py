"""Splits by content, and leaks between splits.

The split of an item depends on the seed and the SHA-256 of its normalised input and on nothing else: the same input
always falls into the same split, and a file that grows keeps the splits of its old rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rung.task.notes import BadRow, Note
from rung.task.rows import Item
from rung.types import Example, digest

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
Shares = tuple[float, float, float]


def place(key: str, seed: int) -> float:
    """Where an input falls in [0, 1): the first 8 bytes of SHA-256("seed, newline, input")."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{key}".encode()).digest()[:8], "big") / 2**64


def cut(items: Sequence[Item], shares: Mapping[Split, float], seed: int) -> dict[Split, list[Item]]:
    """Items by split; ``shares`` in order, adding up to 1."""
    found: dict[Split, list[Item]] = {name: [] for name in shares}
    for item in items:
        left = place(item.key, seed)
        for name, share in shares.items():  # noqa: B007 (used behind the loop)
            left -= share
            if left < 0:
                break
        found[name].append(item)
    return found


def complete(given: Mapping[Split, list[Item]], shares: Shares, seed: int) -> tuple[dict[Split, list[Item]], Note]:
    """All three splits out of those given, and how they came about. What is not given is cut from train."""
    share = dict(zip(SPLITS, shares, strict=True))
    absent = [name for name in SPLITS if name not in given]
    if not absent:
        return dict(given), Note("as given", "按给定的文件")
    wanted: dict[Split, float] = {"train": 1 - sum(share[name] for name in absent)}
    wanted |= {name: share[name] for name in absent}
    parts = {**given, **cut(given["train"], wanted, seed)}
    percent = " / ".join(f"{name} {100 * part:.0f} %" for name, part in wanted.items())
    return {name: parts[name] for name in SPLITS}, Note(
        f"cut by content hash from the {'file' if len(given) == 1 else 'train file'}: {percent} (seed {seed})",
        f"按内容哈希从{'' if len(given) == 1 else '训练'}文件切分：{percent}（种子 {seed}）",
    )


def mixed(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The same examples in an order that only their content decides.

    Any beginning of it is a sample, which the beginning of a file that goes label by label is not.
    """
    return tuple(sorted(examples, key=lambda e: digest("order", e.input, e.target)))


@dataclass(frozen=True)
class Leak:
    """An input that stands in two given splits. The row on the training side is removed."""

    removed: str  # "train.csv:12"
    kept: str
    splits: tuple[Split, Split]  # of the removed, of the kept
    text: str


def remove_leaks(
    splits: Mapping[Split, list[Item]],
) -> tuple[dict[Split, list[Item]], list[BadRow], list[Leak]]:
    """Splits without inputs that a later split (train < dev < test) holds too; the removed rows, and the pairs."""
    held: dict[str, tuple[Split, Item]] = {}
    good: dict[Split, list[Item]] = {}
    bad: list[BadRow] = []
    leaks: list[Leak] = []
    for name in reversed(SPLITS):
        good[name] = []
        for item in splits[name]:
            later, other = held.get(item.key, (name, item))
            if later == name:
                good[name].append(item)
                continue
            row = item.bad(
                "leak",
                Note(f"the same input is in {later}: {other.place}", f"同一输入也在 {later} 中：{other.place}"),
            )
            bad.append(row)
            leaks.append(Leak(item.place, other.place, (name, later), row.text))
        held |= {item.key: (name, item) for item in good[name]}
    return {name: good[name] for name in SPLITS}, bad, leaks
