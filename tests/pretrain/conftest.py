"""A small bilingual corpus made by hand, and a 0.5M model that is trained on it for a few steps."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch

from rung.pretrain.base import Recipe, pretrain

SHARED = Path(os.environ.get("RUNG_SHARED", Path(__file__).parents[3] / "shared"))
SPROUT = Path(__file__).parents[2] / "src" / "rung" / "sprout"
SMALL = Recipe(
    size="0.5M", vocabulary=400, context=64, tokens=256 * 6, batch=256, short=32, long_share=0.34, compile=False
)


def write_source(folder, train, valid, licence=""):
    folder.mkdir(parents=True)
    for split, documents in (("train", train), ("valid", valid)):
        lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in documents)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    if licence:
        (folder / "PROVENANCE.md").write_text(f"# x\n\n## Licence\n{licence}\nsecond line\n\n## Files\nno\n")


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """Two sources, about 4,000 tokens."""
    folder = tmp_path_factory.mktemp("texts")
    english = [f"The {a} of the {b} is in the garden, and it costs {i} pence." for i in range(30) for a, b in PAIRS]
    chinese = [f"第{i}天，{a}在花园里看见了{b}，非常高兴。" for i in range(20) for a, b in ZH_PAIRS]
    write_source(folder / "tales", english, ["The cat of the king is in the garden.", ""], "CC BY-SA 3.0 (a | b)")
    write_source(folder / "故事", chinese, ["小猫在花园里看见了老虎。"], "Public domain.")
    return folder


PAIRS = (("cat", "king"), ("dog", "queen"), ("hen", "miller"))
ZH_PAIRS = (("小猫", "老虎"), ("王子", "小鸟"))


@pytest.fixture(scope="session")
def trained(texts, tmp_path_factory):
    """The folder of an uninterrupted pre-training of 6 steps."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("trained")
    pretrain(texts, out, SMALL, say=lambda line: None)
    return out


@pytest.fixture(scope="session")
def small():
    return SMALL


@pytest.fixture(scope="session")
def longer():
    return dataclasses.replace(SMALL, tokens=SMALL.tokens * 2)


@pytest.fixture(scope="session")
def sprout():
    if not (SPROUT / "tokenizer.json").exists():
        pytest.skip("the embedded model is not in this checkout")
    return SPROUT
