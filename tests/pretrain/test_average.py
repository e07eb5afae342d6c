"""The mean of a model's weights and of those it came from."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from rung.pretrain.average import average
from rung.pretrain.lineage import Step, keep, lineage
from rung.types import ModelError

BASE = Step("text", 1000, 1.0, 6e-3, "cosine", 10, 5, 0, "a processor")
TAUGHT = Step("lessons", 500, 0.25, 8e-4, "cosine", 5, 2, 0, "a processor", {"arithmetic": 1.0}, echo=0.1)


def model(folder, number, stages, size=3):
    folder.mkdir()
    save_file({"w": torch.full((size,), number, dtype=torch.bfloat16)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("what the later model scores")
    keep(folder, stages)
    return folder


def test_the_mean_of_the_weights_and_its_own_line_behind_the_lineage(tmp_path):
    earlier, later = model(tmp_path / "a", 1.0, [BASE]), model(tmp_path / "b", 5.0, [BASE, TAUGHT])
    out = average(later, earlier, tmp_path / "mean", 0.75)
    assert load_file(out / "model.safetensors")["w"].tolist() == [4.0, 4.0, 4.0]
    assert load_file(out / "model.safetensors")["w"].dtype == torch.bfloat16
    *before, told = lineage(out)
    assert before == [BASE, TAUGHT]
    assert (told.stage, told.tokens, told.of) == ("average", 0, {"1": 0.75, "0": 0.25})
    assert (out / "config.json").exists() and not (out / "README.md").exists()  # the card tells of other weights


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5])
def test_a_share_that_leaves_one_out_is_refused(tmp_path, share):
    earlier, later = model(tmp_path / "a", 1.0, [BASE]), model(tmp_path / "b", 5.0, [BASE, TAUGHT])
    with pytest.raises(ModelError, match="share must lie between"):
        average(later, earlier, tmp_path / "mean", share)


def test_models_that_did_not_come_from_each_other_are_refused(tmp_path):
    one, other = model(tmp_path / "a", 1.0, [BASE]), model(tmp_path / "b", 5.0, [TAUGHT, TAUGHT])
    for later, earlier in ((one, one), (other, one), (one, other)):
        with pytest.raises(ModelError, match="was not trained on from"):
            average(later, earlier, tmp_path / "mean", 0.5)


def test_other_shapes_are_refused_and_nothing_is_left(tmp_path):
    earlier, later = model(tmp_path / "a", 1.0, [BASE], size=2), model(tmp_path / "b", 5.0, [BASE, TAUGHT])
    with pytest.raises(ModelError, match="differ in shape"):
        average(later, earlier, tmp_path / "mean", 0.5)
    assert not (tmp_path / "mean").exists()


def test_nothing_that_stands_in_the_place_of_the_mean_is_deleted(tmp_path):
    earlier, later = model(tmp_path / "a", 1.0, [BASE]), model(tmp_path / "b", 5.0, [BASE, TAUGHT])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for out in (tmp_path / "mine", later, tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(ModelError, match="is there and not empty"):
            average(later, earlier, out, 0.5)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
