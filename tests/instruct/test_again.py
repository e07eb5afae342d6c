"""A model made again from its lineage: every stage with its own settings, none twice."""

import json

import pytest
from safetensors.torch import load_file

from rung.instruct.again import again
from rung.pretrain.lineage import Step, keep, lineage
from rung.types import DataError

PARAGRAPH = "The tide went out and left the boats on the sand. 潮水退去，小船都搁在沙滩上，孩子们拾着贝壳。"
STAGES = [
    Step("text", 4096, 1.0, 5e-3, "cosine", 1, 1, 3, "a processor"),
    Step(
        "lessons", 2048, 0.25, 1e-3, "constant", 1, 1, 5, "a processor", {"arithmetic": 1.0}, {"arithmetic": 2.0}, 0.25
    ),
    Step("average", 0, 0.0, 0.0, "", 0, 0, 0, "a processor", of={"1": 0.5, "0": 0.5}),
]


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts" / "shore"
    folder.mkdir(parents=True)
    for split, count in (("train", 60), ("valid", 3)):
        rows = [json.dumps({"text": f"{n}. {PARAGRAPH * 3}"}, ensure_ascii=False) for n in range(count)]
        (folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder.parent


@pytest.mark.slow
def test_every_stage_is_made_once_with_its_own_settings(texts, tmp_path):
    (tmp_path / "told").mkdir()
    keep(tmp_path / "told", STAGES)
    said: list[str] = []
    last = again(tmp_path / "told", texts, tmp_path, tmp_path / "out", size="0.5M", boundaries=False, say=said.append)
    assert json.loads((tmp_path / "out" / "stage-0" / "recipe.json").read_text())["boundaries"] is False
    assert last == tmp_path / "out" / "stage-2" / "model"
    for told, made in zip(STAGES, lineage(last), strict=True):
        for name in ("stage", "text", "echo", "rate", "schedule", "seed", "shares", "of", "tokens", "steps"):
            assert getattr(made, name) == getattr(told, name), (told.stage, name)
    first, second, mean = (load_file(tmp_path / "out" / f"stage-{n}" / "model" / "model.safetensors") for n in range(3))
    name = "model.layers.0.mlp.up_proj.weight"
    assert not first[name].equal(second[name])
    assert mean[name].equal(((first[name].float() + second[name].float()) / 2).to(mean[name].dtype))
    before = len(said)
    assert again(tmp_path / "told", texts, tmp_path, tmp_path / "out", size="0.5M", say=said.append) == last
    assert len(said) == before  # nothing was made twice


def test_a_model_that_does_not_say_how_it_was_made_is_refused(tmp_path):
    (tmp_path / "told").mkdir()
    keep(tmp_path / "told", STAGES[1:])
    with pytest.raises(DataError, match="does not say how it was made"):
        again(tmp_path / "told", tmp_path, tmp_path, tmp_path / "out")
