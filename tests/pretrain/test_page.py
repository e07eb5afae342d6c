"""The page of a pre-training: it stands alone, and shows what the run left."""

import json
import re

import numpy as np
import pytest

from rung.pretrain.curves import smooth
from rung.pretrain.page import page, write_page


def test_a_run_leaves_its_page(trained):
    text = (trained / "curve.html").read_text(encoding="utf-8")
    report = json.loads((trained / "report.json").read_text())
    assert text.count("<svg") == 4
    assert f"{report['parameters']:,} parameters" in text
    assert f"{report['speed']['tokens_per_second']:,.0f} tokens/s" in text
    assert "损失" in text and "利用率" in text
    assert not re.findall(r'(?:src|href)="http|url\(http|<script', text)  # it opens offline


def test_a_run_of_one_step_has_a_page(trained, tmp_path):
    report = json.loads((trained / "report.json").read_text())
    (tmp_path / "report.json").write_text(json.dumps({**report, "steps": 1, "losses": report["losses"][:1]}))
    assert write_page(tmp_path).read_text(encoding="utf-8").count("<svg") == 1  # no curve: only the loss


def test_a_name_is_text(trained):
    report = json.loads((trained / "report.json").read_text())
    assert "<b>" not in page("a <b>", report, [])


def test_smoothing_by_hand():
    assert smooth([4.0, 2.0, 0.0]) == pytest.approx([4.0, 2.0, 0.0])  # a fiftieth of 3 steps: one
    assert smooth(np.arange(100.0))[[0, 1, 99]] == pytest.approx([0.0, 0.5, 98.5])
    assert smooth([4.0, 2.0, 0.0], 2) == pytest.approx([4.0, 3.0, 1.0])
