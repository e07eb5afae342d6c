"""Documents in both languages that every stage lets through, and a folder of sources made of given texts."""

import json
import os
from pathlib import Path

import pytest

from rung.pretrain.clean.document import Document

SHARED = Path(os.environ.get("RUNG_SHARED", Path(__file__).parents[4] / "shared"))
ENGLISH = (
    "The old mill stood at the end of the lane, and nobody had lived in it for years. In the autumn a painter came "
    "from the town with two boxes and a dog, swept the rooms, and began to work at the window. People who passed by "
    "saw the light until late at night, but what he painted there he never showed to anybody."
)
CHINESE = (
    "村口有一棵很老的槐树，夏天的时候，大家都喜欢坐在树下乘凉。爷爷总是最早到，他搬一把竹椅，手里摇着蒲扇，给我们讲他年轻时候的事。"
    "那时候路还没有修好，去一趟县城要走整整一天，可是他说，路上遇见的人都很和气，谁家有水就给谁喝。"
)


@pytest.fixture
def english():
    return ENGLISH


@pytest.fixture
def chinese():
    return CHINESE


@pytest.fixture
def document():
    """A document of this text, as a stage gets it."""
    return lambda text, language="": Document("source/train.jsonl:1", text, {"text": text}, language)


@pytest.fixture
def write(tmp_path):
    """Write sources, {name: {split: [text or whole row]}}, and return their folder."""

    def write(sources, name="texts"):
        for source, splits in sources.items():
            folder = tmp_path / name / source
            folder.mkdir(parents=True)
            for split, rows in splits.items():
                lines = [row if isinstance(row, dict) else {"text": row} for row in rows]
                text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines)
                (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def shared():
    if not (SHARED / "data" / "tasks").is_dir():
        pytest.skip(f"no shared data under {SHARED}")
    return SHARED / "data"
