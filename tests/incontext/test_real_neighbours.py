"""Do keyword neighbours carry the label on real data? Their vote is compared with the majority class on the same items."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from rung.incontext import Bm25Selector
from rung.types import Demonstration

TASKS = Path(os.environ.get("RUNG_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "tasks"


@pytest.mark.parametrize("name", ["waimai_10k", "trec"])
def test_neighbours_beat_the_majority_class(name):
    if not (TASKS / name).exists():
        pytest.skip(f"{name} is not in {TASKS}")

    def read(split, limit):
        lines = (TASKS / name / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[:limit]
        return [Demonstration(row["text"], row["label"]) for row in map(json.loads, lines)]

    pool, test = read("train", 2000), read("test", 200)
    picked = Bm25Selector(pool, 5).pick([item.input for item in test])
    votes = [Counter(pool[i].target for i in shown).most_common(1)[0][0] for shown in picked]
    right = sum(vote == item.target for vote, item in zip(votes, test, strict=True))
    majority = Counter(item.target for item in test).most_common(1)[0][1]
    # by McNemar at 200 items, 20 more right answers than the majority class are far outside of chance
    assert right >= majority + 20, (right, majority)
