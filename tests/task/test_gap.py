"""What dev can tell apart: the sentence claims points of a metric only where the metric is a share of right answers."""

from __future__ import annotations

import json

import pytest

from rung.task import describe_gap, inspect_task
from rung.task.metrics import METRICS

CLASSIFY = [{"text": f"message number {i}", "label": "ab"[i % 2]} for i in range(60)]
GENERATE = [{"question": f"what is number {i}", "answer": f"it is the number {i} of the list"} for i in range(60)]


@pytest.mark.parametrize(
    ("rows", "metric", "en", "zh"),
    [
        (CLASSIFY, "accuracy", "points of accuracy to be told apart (80 % power, near 70 %)", "两种做法的准确率相差约"),
        (GENERATE, "exact-match", "points of exact-match to be told apart (80 % power, near 70 %)", "两种做法的 exact-match 相差约"),
        (
            CLASSIFY, "macro-f1", "points in the share of right answers to be told apart (80 % power, near 70 %); "
            "macro-f1 is no such share, and this a rough guide for it", "；macro-f1 不是这样的比例，此数只是粗略的参考",
        ),
        (GENERATE, "rouge-l", "rouge-l is no such share, and this a rough guide for it", "两种做法答对的比例相差约"),
    ],
)  # fmt: skip
def test_the_gap_is_told_as_what_it_is(tmp_path, rows, metric, en, zh):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = inspect_task(tmp_path / "a.jsonl", metric=metric)
    assert en in describe_gap(found, "en") and zh in describe_gap(found, "zh")
    if METRICS[metric].hits:
        assert describe_gap(found, "en").endswith("near 70 %)")


def test_a_share_of_right_answers_is_a_mean_of_hits():
    assert {m.name for m in METRICS.values() if m.hits} == {"accuracy", "exact-match", "preference-accuracy"}
    assert all(m.mean for m in METRICS.values() if m.hits)
