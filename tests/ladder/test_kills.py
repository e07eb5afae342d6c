"""Real kills (-9) of the real command; ``bench/kills.py`` is the same with twenty of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_killed_climb_ends_as_an_undisturbed_one(orders_csv: Path) -> None:
    words = [
        "--kills",
        "4",
        "--data",
        str(orders_csv),
        "--input",
        "text",
        "--output",
        "label",
        "--rungs",
        "tfidf,zero-shot,lora",
    ]
    done = subprocess.run(
        [sys.executable, str(REPO / "bench" / "kills.py"), *words],
        capture_output=True, text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same:" in done.stdout
