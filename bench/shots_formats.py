"""The n-shot curve on format conversion: layouts that were never trained, each shown by its own demonstrations.

Here the demonstrations belong to the item (its layout), so the draws are over items. What is asked for with no
demonstration is what the description and the fields' names tell. The answer is right when it is the same JSON value, or the
same text.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from paired import difference, share

from rung.engine import Model
from rung.instruct.exam import Answers, Question, draw_items, question, read, room, same
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.prompts import TEMPLATES
from rung.types import Decoding

FORMATS = "formats"
MOST = 8  # demonstrations that every item has
DEV = 40  # items that the template is chosen on


def formats(model: Model, options: argparse.Namespace) -> dict[str, Any]:
    """The curve over the layouts for exams, in equal shares; templates are chosen on other items of them."""
    started, tokens = time.perf_counter(), model.meter.tokens
    sources = Sources(options.data.parent / "text", options.data, exam=True)
    dev, test = items(sources, DEV, seed=1), items(sources, options.items, seed=0)
    seen = {one.input for one in dev}
    test = [one for one in test if one.input not in seen]
    answers = Answers(model, options.out / FORMATS / "answers.jsonl")
    decoding = Decoding(max_tokens=room(model, [question(model, one) for one in [*dev, *test]]), constrain=False)

    def marks(asked: Sequence[Question]) -> np.ndarray:
        texts = answers.write(asked, decoding)
        return np.array([float(same(q, read(q, text))) for q, (text,) in zip(asked, texts, strict=True)])

    def posed(found: Sequence[Exercise], template: str, n: int) -> list[Question]:
        return [question(model, one, template=template, shown=one.demonstrations[:n]) for one in found]

    names = [prompt.name for prompt in TEMPLATES["en"]["extract"]]
    if model.has_chat_template:
        names += [f"{name}/chat" for name in names]
    on_dev = {name: [float(marks(posed(dev, name, n)).mean()) for n in (0, MOST)] for name in names}
    curve = max(names, key=lambda name: sum(on_dev[name]))
    alone = max(names, key=lambda name: on_dev[name][0])
    points = {n: marks(posed(test, curve, n)) for n in sorted({0, MOST, *(n for n in options.shots if n <= MOST)})}
    instruction = marks(posed(test, alone, 0))
    common, _ = Counter(one.target for one in test).most_common(1)[0]
    majority = np.array([float(one.target == common) for one in test])
    tests = {
        "instruction": difference(instruction, majority),
        "rise": difference(points[MOST], points[0]),
        "rise over instruction": difference(points[MOST], instruction),
    }
    return {
        "name": FORMATS, "about": "new layouts of records to JSON, exact match", "items": len(test),
        "curve_prompt": curve, "instruction_prompt": alone, "dev": on_dev,
        "majority": asdict(share(majority)), "instruction": asdict(share(instruction)),
        "points": [
            {"way": "own" if n else "none", "shots": n, **asdict(share(found)), "fewer": 0} for n, found in points.items()
        ],
        "tests": {name: asdict(one) for name, one in tests.items()},
        "tokens": model.meter.tokens - tokens, "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip


def items(sources: Sources, n: int, seed: int) -> list[Exercise]:
    """``n`` items of the layouts for exams, in equal shares, each with ``MOST`` demonstrations at least."""
    families = layouts()
    each = -(-n // len(families))
    found = [draw_items(one, each, sources, seed=seed, accept=shows_enough) for one in families]
    return [item for turn in zip(*found, strict=True) for item in turn][:n]


def shows_enough(item: Exercise) -> bool:
    return len(item.demonstrations) >= MOST


def layouts() -> Sequence[Family]:
    """The families of layouts that no training mixture holds."""
    from rung.instruct.exercises.formats import EXAM_FAMILIES

    return EXAM_FAMILIES
