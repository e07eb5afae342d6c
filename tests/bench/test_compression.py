"""Bits per byte of compressors and of the 5-gram model, on texts whose answer is known."""

import random

import compression
import numpy as np
import pytest
from compression import count_tokens, kneser_ney_nats, table, total, xz_bytes, zstd_bytes

from rung.engine import load_model
from rung.pretrain.corpus import Source

NOISE = random.Random(0).randbytes(30_000)  # nothing can compress it, but what has seen it


@pytest.mark.parametrize("count", [xz_bytes, zstd_bytes])
def test_training_text_helps_where_the_text_was_in_it(count):
    assert count(NOISE) >= len(NOISE)
    assert count(NOISE[1000:9000], NOISE) < 500
    assert count(NOISE[:8000], NOISE[8000:]) > 7900


def test_a_window_that_is_too_small_is_told(monkeypatch):
    monkeypatch.setattr(compression, "XZ_WINDOW", 1000)
    with pytest.raises(ValueError, match="more than xz's window"):
        xz_bytes(b"x" * 600, b"y" * 600)


def test_the_same_tokens_as_the_model_is_measured_on(tmp_path):
    model = load_model("fake")
    lines = [f'{{"text": "the {a} and the {b}"}}\n' for a in "abcdefgh" for b in "abcdefgh"]
    for split in ("train", "valid"):
        (tmp_path / "s").mkdir(exist_ok=True)
        (tmp_path / "s" / f"{split}.jsonl").write_text("".join(lines))
    grams = count_tokens(model, [Source("s", tmp_path / "s")], tmp_path / "work")
    documents = ["the a and the b", "the c and the d"]
    nats = kneser_ney_nats(grams, model, documents)
    assert 0 < nats / np.log(2) < 8 * sum(map(len, documents)) / 4  # it has learned the frame: under 2 bits a byte
    assert nats == pytest.approx(sum(kneser_ney_nats(grams, model, [one]) for one in documents))


def test_the_total_weighs_bytes_and_leaves_gaps_open():
    rows = [
        {"source": "a", "bytes": 100, **dict.fromkeys(compression.COLUMNS, 1.0)},
        {"source": "b", "bytes": 300, **dict.fromkeys(compression.COLUMNS, 2.0), "stories260K": None},
    ]
    assert total(rows)["model"] == 1.75 and total(rows)["stories260K"] is None
    assert table(rows).splitlines()[-1].startswith("| all | 400 | 1.750 | 1.750 | – |")
