"""A new rung is one file and one line: the guide's own code is written, added, climbed, judged and reported."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from rung.ladder import LADDER, Watch
from rung.report import write_report
from rung.rungs import Rung

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (GUIDES / name).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def added(tmp_path: Path) -> Iterator[Rung]:
    """The guide's file as a module, and its line at the end of the ladder."""
    file, line = blocks("add-a-rung.md")
    path = tmp_path / "polite.py"
    path.write_text(file, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("polite", path)
    assert spec is not None
    assert spec.loader is not None
    polite: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["polite"] = polite
    spec.loader.exec_module(polite)
    rung = eval(line, {"Rung": Rung, "polite": polite})
    LADDER.append(rung)
    yield rung
    LADDER.remove(rung)
    del sys.modules["polite"]


def test_both_guides_show_the_same_code() -> None:
    assert blocks("add-a-rung.md") == blocks("add-a-rung.zh.md")
    assert len(blocks("add-a-rung.md")) == 2


def test_the_new_rung_is_climbed_raced_judged_and_reported(
    tmp_path: Path, orders: SimpleNamespace, added: Rung
) -> None:
    seen = []

    class Spy(Watch):
        def entered(self, rung: str) -> None:
            seen.append(rung)

    run = tmp_path / "run"
    task = orders.task(dev=70, target=0.55)
    result = orders.climb(run, "majority,polite,zero-shot", task=task, all=True, watch=Spy())
    assert seen == ["majority", "zero-shot", "polite"]  # the ladder's order
    row = result["rungs"][2]
    assert (row["name"], row["candidates"]) == ("polite", 3)
    assert row["status"] in ("proven", "likely")
    assert row["best"].startswith("polite/")
    tried = [c["name"] for c in result["candidates"] if c["rung"] == "polite"]
    assert tried[:2] == ["polite/please", "polite/thanks"]
    assert tried[2] in ("polite/please-loud", "polite/thanks-loud")  # the second wave stands on the first one's leader
    saved = (run / row["adaptation"] / "adaptation.json").read_text()
    assert "Please be so kind." in saved or "Thank you in advance." in saved
    page = write_report(run, "en").read_text(encoding="utf-8")
    assert "polite" in page
    assert "polite" in write_report(run, "zh").read_text(encoding="utf-8")
