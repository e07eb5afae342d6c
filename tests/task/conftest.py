"""Small files to load, made afresh for each test."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
SHARED = Path(os.environ.get("RUNG_SHARED", REPO / ".." / "shared")).resolve()

PLACES = ("Lyon", "Oslo", "Kyoto", "Lima", "Cairo", "Perth", "Quito", "Turin", "Riga", "Delhi", "Accra", "Minsk")
THINGS = ("the hotel by the river", "our flight", "that museum", "a taxi ride", "the old market")


def reviews(n: int = 60) -> list[tuple[str, str]]:
    """``n`` different inputs with two labels in turn."""
    texts = [f"{thing} in {place}" for place in PLACES for thing in THINGS]
    assert n <= len(texts)
    return [(text, ("good", "bad")[i % 2]) for i, text in enumerate(texts[:n])]


@pytest.fixture
def rows():
    """:func:`reviews`, as a fixture."""
    return reviews


@pytest.fixture
def write(tmp_path):
    """write(name, text or bytes or list of objects) -> path of a file; a list becomes JSONL."""

    def write(name: str, content) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def shared():
    """Path of a real data set, or a skip that says which is missing."""

    def shared(name: str) -> Path:
        path = SHARED / "data" / "tasks" / name
        if not path.is_dir():
            pytest.skip(f"no data set {name} under {SHARED}")
        return path

    return shared
