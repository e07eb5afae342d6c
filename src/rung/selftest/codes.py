"""Ciphers over strings of four symbols: each symbol has another one that stands for it.

=========  ==================================================================  ==========================================
kind       the task                                                            the least that is enough
=========  ==================================================================  ==========================================
named      a cipher that the model knows, and the user says its name           a prompt
shown      a cipher that the model knows, and nobody says which                demonstrations
mapping    a cipher that the model has never seen                              a soft prompt, a probe or a low rank
attention  the same, and the answer is written back to front                   weights: no prompt moves what looks where
=========  ==================================================================  ==========================================

The last two are the limits of prompts by Petrov, Torr and Bibi 2024 (arXiv 2310.19698): what stands before a text can add to what
attention gives, and choose among skills that are there, but not change which of the text's tokens is looked at.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rung.types import Example, Sealed, Task, digest

Kind = Literal["named", "shown", "mapping", "attention"]
KINDS: tuple[Kind, ...] = ("named", "shown", "mapping", "attention")

SYMBOLS = tuple("bdfghjkmprtz")
LENGTH = 4
# What the model is taught, by name.
NAMES = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heron")
STRINGS = tuple(" ".join(s) for s in itertools.product(SYMBOLS, repeat=LENGTH))
TRAIN, DEV, TEST, FRESH = 4096, 160, 160, 1000


@dataclass(frozen=True)
class Cipher:
    """``table[symbol]`` stands for each symbol; ``turned``: the answer is written back to front."""

    table: dict[str, str]
    turned: bool = False

    @classmethod
    def drawn(cls, seed: str, *, turned: bool = False) -> Cipher:
        """A permutation of the symbols that belongs to ``seed``."""
        others = list(SYMBOLS)
        random.Random(seed).shuffle(others)
        return cls(dict(zip(SYMBOLS, others, strict=True)), turned)

    def __call__(self, text: str) -> str:
        written = [self.table[symbol] for symbol in text.split()]
        return " ".join(reversed(written) if self.turned else written)


def known(name: str) -> Cipher:
    """The cipher that the model is taught under this name."""
    return Cipher.drawn(f"known {name}")


def described(name: str) -> str:
    """How a user says which cipher."""
    return f"Write it in {name} code."


@dataclass(frozen=True)
class Problem:
    """A task with splits, and examples that no climb sees: what a claim is held against."""

    kind: Kind
    task: Task
    fresh: tuple[Example, ...]

    @classmethod
    def drawn(cls, kind: Kind, seed: int, target: float) -> Problem:
        """The problem of that kind and seed; every string stands in one split only."""
        rng = random.Random(f"{kind} {seed}")
        name = rng.choice(NAMES)
        unseen = Cipher.drawn(f"unseen {kind} {seed}", turned=kind == "attention")
        cipher = known(name) if kind in ("named", "shown") else unseen
        strings = rng.sample(STRINGS, TRAIN + DEV + TEST + FRESH)
        examples = [Example(digest(s), s, cipher(s)) for s in strings]
        train, dev, test, fresh = cut(examples, (TRAIN, DEV, TEST, FRESH))
        task = Task(
            f"{kind}-{seed}", "generate", "exact-match", "en", train, dev, Sealed(test), target=target,
            description=described(name) if kind == "named" else "",
            fingerprint=digest([(e.input, e.target) for e in examples]),
        )  # fmt: skip
        return cls(kind, task, fresh)


def cut(examples: Sequence[Example], sizes: Sequence[int]) -> list[tuple[Example, ...]]:
    """Pieces of these sizes, in order."""
    rest = iter(examples)
    return [tuple(itertools.islice(rest, size)) for size in sizes]
