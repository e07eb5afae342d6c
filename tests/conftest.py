"""A task whose answers no word gives away, and a model that knows them: a climb's course is then known beforehand."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

# Models here are tiny: a second thread gains nothing, and waits for its turn where another program runs (.ci with a training
# beside it: eight minutes for one). Set before torch is imported; a run may ask for more.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from rung.engine import FakeModel
from rung.evaluate import General
from rung.ladder import Climb, choose
from rung.types import Example, Sealed, Task, digest

LABELS = ("left", "right")
GENERAL = General({"en": ("The ferry was late.", "Bread needs salt."), "zh": ("渡船晚点了。", "面包要放盐。")})


def label_of(number: int) -> str:
    """Even or odd first byte of a hash: n-grams cannot find it."""
    return LABELS[hashlib.sha256(b"order %d" % number).digest()[0] % 2]


def text_of(number: int) -> str:
    return f"order {number} please"


def examples(first: int, n: int) -> tuple[Example, ...]:
    texts = [(text_of(i), label_of(i), f"orders.csv:{i + 2}") for i in range(first, first + n)]
    return tuple(Example(digest(text), text, label, source) for text, label, source in texts)


def make_task(train: int = 40, dev: int = 130, test: int = 60, **changes: Any) -> Task:
    """``orders``: train, dev and test of these sizes, metric accuracy, no target."""
    parts = {"train": examples(1000, train), "dev": examples(2000, dev)}
    sealed = examples(3000, test)
    fields = {
        "name": "orders", "kind": "classify", "metric": "accuracy", "language": "en", "labels": LABELS,
        "test": Sealed(sealed), "fingerprint": digest([e.input for e in (*parts["train"], *parts["dev"], *sealed)]),
    }  # fmt: skip
    return Task(**{**parts, **fields, **changes})  # type: ignore[arg-type]


def able(shots: int = 2, share: int = 6) -> FakeModel:
    """Right on ``share`` tenths of the orders, and on nearly all once ``shots`` demonstrations stand in the prompt."""

    def rule(prompt: str) -> str:
        numbers = [int(n) for n in re.findall(r"order (\d+) please", prompt)]
        if not numbers:
            return "neither"
        right = numbers[-1] % 10 < share or (len(numbers) > shots and numbers[-1] % 40 != 7)
        answer = label_of(numbers[-1])
        return answer if right else LABELS[1 - LABELS.index(answer)]

    rule.__qualname__ = f"able-{shots}-{share}"  # part of the fake weights' hash
    return FakeModel(rule)


def climb(folder: Path, rungs: str, **options: Any) -> dict[str, Any]:
    """The result of a climb of ``rungs`` on the orders with the able model, unless told otherwise."""
    task, model = options.pop("task", None) or make_task(), options.pop("model", None) or able()
    return Climb(task, model, folder, choose(rungs), **{"general": GENERAL, **options}).run()


@pytest.fixture(scope="session")
def orders() -> SimpleNamespace:
    """The helpers of this file: ``orders.task()``, ``orders.able()``, ``orders.climb(folder, "zero-shot")`` ..."""
    return SimpleNamespace(
        task=make_task,
        able=able,
        climb=climb,
        examples=examples,
        label_of=label_of,
        text_of=text_of,
        labels=LABELS,
        general=GENERAL,
    )


@pytest.fixture
def orders_csv(tmp_path: Path) -> Path:
    """120 orders as a file, to be split by the loader."""
    path = tmp_path / "orders.csv"
    lines = [f"{e.input},{e.target}" for e in examples(0, 120)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path
