"""Draw items of a family that reads no texts, and what must hold of every family."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.instruct.episode import ROOM
from rung.instruct.family import Family
from rung.instruct.item import Exercise, Item
from rung.instruct.mixture import key
from rung.instruct.sources import Sources

SHARED = Path(os.environ.get("RUNG_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.fixture
def shared() -> Path:
    """The shared data, read in place."""
    if not (SHARED / "data" / "text").is_dir():
        pytest.skip("needs the shared texts (../shared, or RUNG_SHARED)")
    return SHARED


@pytest.fixture
def draws(tmp_path) -> Callable[..., list[Item]]:
    """``draws(families, name, n=200, exam=False)``: one item from each of the seeds 0 to n-1."""

    def drawn(families: tuple[Family, ...], name: str, n: int = 200, *, exam: bool = False) -> list[Item]:
        (family,) = [f for f in families if f.name == name]
        sources = Sources(tmp_path, tmp_path, exam=exam)
        items = [family.make(random.Random(seed), sources) for seed in range(n)]
        again = [family.make(random.Random(seed), sources) for seed in range(20)]
        assert again == items[:20], "the same state, the same item"
        return items

    return drawn


@pytest.fixture
def sound() -> Callable[..., None]:
    """``sound(items)``: both languages, no empty answer, few repeats, and demonstrations that give nothing away."""

    def check(items: list[Item], *, distinct: float = 0.8) -> None:
        zh = sum(item.language == "zh" for item in items)
        assert 0.35 < zh / len(items) < 0.65
        assert len({key(item) for item in items}) >= distinct * len(items)
        for item in items:
            if isinstance(item, Exercise):
                sound_exercise(item)

    return check


def sound_exercise(item: Exercise) -> None:
    assert item.input.strip() and item.target.strip()
    assert "{" not in item.description
    assert item.kind != "classify" or (item.target in item.labels and len(set(item.labels)) == len(item.labels))
    shown = [d.input for d in item.demonstrations]
    assert item.input not in shown and len(set(shown)) == len(shown) <= 16
    assert all(d.target in item.labels for d in item.demonstrations if item.kind == "classify")
    assert len(item.input.encode()) + sum(len((d.input + d.target).encode()) for d in item.demonstrations) <= max(
        ROOM, len(item.input.encode())
    )
