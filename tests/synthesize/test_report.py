"""The table for people, in both languages."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from rung.synthesize import REASONS, describe
from rung.synthesize.report import ZH, figures


def shown(found: dict, language: str) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(describe(found, language))  # type: ignore[arg-type]
    return capture.get()


def test_in_words(ship: SimpleNamespace, tmp_path: Path) -> None:
    found = ship.run(tmp_path / "out", n=8, tries=40, rule=lambda p: ship.write(p).replace(" right", " left")).figures
    english, chinese = shown(found, "en"), shown(found, "zh")
    assert "4 of 40 candidates are accepted, mean agreement 0.90. 8 were wanted" in english
    assert "40 条候选采用了 4 条，平均一致度 0.90。想要 8 条，没有凑齐" in chinese
    assert "other-label" in english
    assert "另一标签" in chinese
    assert "labels: left 4" in english
    assert "标签：left 4" in chinese
    assert "echo" not in english  # nothing went for it
    one = next(s for s in found["samples"] if s["reason"] == "other-label")
    assert one["rule"] == "right read as left"


def test_every_reason_has_a_chinese_name() -> None:
    assert set(ZH) == {*REASONS, "accepted"}
    assert len(set(ZH.values())) == len(ZH)


def test_nothing_at_all() -> None:
    found = figures([], 3, {})
    assert "0 of 0 candidates" in shown(found, "en")
    assert found["agreement"] is None
