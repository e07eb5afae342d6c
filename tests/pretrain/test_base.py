"""Pre-training: a kill changes nothing, another recipe is refused, transformers loads what comes out."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch._inductor.exc import InductorError, InvalidCxxCompiler
from transformers import AutoModelForCausalLM, AutoTokenizer

from rung.precision import has_fast_bfloat16
from rung.pretrain import base
from rung.pretrain.base import Recipe, lay_out, pretrain
from rung.pretrain.corpus import Rows
from rung.pretrain.recipe import check
from rung.pretrain.record import Curve
from rung.pretrain.tokenizer import load_tokenizer
from rung.train import CheckpointBroken, CheckpointMismatch
from rung.types import DataError, DiskFull, UserError, digest


class Killed(Exception):
    pass


def quiet(line):
    pass


@pytest.mark.parametrize("change", [{}, {"schedule": "wsd", "boundaries": False}])
def test_resumed_equals_uninterrupted(texts, trained, small, tmp_path, monkeypatch, change):
    small = dataclasses.replace(small, **change)
    if change:
        trained = pretrain(texts, tmp_path / "whole", small, say=quiet).parent

    def often(recipe, stream):
        plan, batches = lay_out(recipe, stream)
        return dataclasses.replace(plan, checkpoint_every=2), batches

    def killing(recipe, stream):
        plan, batches = often(recipe, stream)

        def until_step_3(step):
            if step == 3:  # one step behind the checkpoint: that step is made again
                raise Killed
            return batches(step)

        return plan, until_step_3

    monkeypatch.setattr(base, "lay_out", killing)
    with pytest.raises(Killed):
        pretrain(texts, tmp_path / "killed", small, say=quiet)
    monkeypatch.setattr(base, "lay_out", often)
    folder = pretrain(texts, tmp_path / "killed", small, say=quiet)

    weights, other = (load_file(f / "model.safetensors") for f in (folder, trained / "model"))
    assert weights.keys() == other.keys()
    assert all(torch.equal(weights[name], other[name]) for name in weights)
    losses = [json.loads((f / "report.json").read_text())["losses"] for f in (tmp_path / "killed", trained)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 6 and losses[0][-1] < losses[0][0]


def test_another_recipe_is_refused(texts, trained, small, longer, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    with pytest.raises(CheckpointMismatch, match="tokens 1536, now 3072"):
        pretrain(texts, tmp_path / "run", longer, say=quiet)
    with pytest.raises(CheckpointMismatch, match="vocabulary 400, now 500"):
        pretrain(texts, tmp_path / "run", dataclasses.replace(small, vocabulary=500), say=quiet)
    (tmp_path / "run" / "recipe.json").unlink()  # a checkpoint that is not known to belong to a recipe
    pretrained = json.loads((tmp_path / "run" / "checkpoint" / "state.json").read_text())
    assert pretrained["identity"]
    with pytest.raises(CheckpointMismatch, match="other data or settings"):
        pretrain(texts, tmp_path / "run", longer, say=quiet)


def test_other_texts_are_refused(texts, trained, small, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    shutil.copytree(texts, tmp_path / "texts")
    with (tmp_path / "texts" / "tales" / "train.jsonl").open("a") as out:
        out.write('{"text": "one more"}\n')
    with pytest.raises(CheckpointMismatch, match=r"another recipe \(texts\)"):
        pretrain(tmp_path / "texts", tmp_path / "run", small, say=quiet)


def test_auto_is_the_precision_that_this_machine_is_fast_in(texts, trained, small):
    fast = has_fast_bfloat16(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    assert small.precision == "auto"
    assert json.loads((trained / "recipe.json").read_text())["precision"] == ("bfloat16" if fast else "float32")


def test_precision_changes_the_products(trained, small):
    tokenizer = load_tokenizer(trained / "tokenizer")
    model = base.make_model(tokenizer, small)
    rows = Rows(np.arange(64).reshape(2, 32) + 100)
    exact, rounded = (
        float(base.next_token_loss(model, dataclasses.replace(small, precision=precision), "cpu")(rows)[0].detach())
        for precision in ("float32", "bfloat16")
    )
    assert exact != rounded and exact == pytest.approx(rounded, rel=1e-3)


def test_a_run_of_an_earlier_version_goes_on(texts, trained, small, tmp_path):
    small = dataclasses.replace(small, boundaries=False)
    pretrain(texts, tmp_path / "run", small, say=quiet)
    path = tmp_path / "run" / "recipe.json"
    recipe = json.loads(path.read_text())
    new = ("precision", "schedule", "boundaries")
    old = {**{k: v for k, v in recipe.items() if k not in new}, "autocast": recipe["precision"] == "bfloat16"}
    path.write_text(json.dumps(old))
    state = tmp_path / "run" / "checkpoint" / "state.json"
    state.write_text(state.read_text().replace(digest(recipe), digest(old)))
    assert pretrain(texts, tmp_path / "run", small, say=quiet).exists()
    other = {"bfloat16": "float32", "float32": "bfloat16"}[recipe["precision"]]
    with pytest.raises(CheckpointMismatch, match=f"precision {recipe['precision']}, now {other}"):
        pretrain(texts, tmp_path / "run", dataclasses.replace(small, precision=other), say=quiet)


def test_compiling_is_no_part_of_the_recipe(texts, trained, small, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    # The run is over: nothing is left to compile, so that only the recipe is looked at.
    assert pretrain(texts, tmp_path / "run", dataclasses.replace(small, compile=True), say=quiet).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"size": "3"},
        {"context": 512},
        {"context": 48},
        {"short": 48},
        {"precision": "float16"},
        {"schedule": "linear"},
        {"vocabulary": 70_000},
    ],
)
def test_an_impossible_recipe_is_refused_before_anything_is_done(texts, small, tmp_path, change):
    with pytest.raises(UserError):
        pretrain(texts, tmp_path / "run", dataclasses.replace(small, **change), say=quiet)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "train, valid, message",
    [
        ('{"text": "x', '{"text": "x"}', "not JSON"),
        ("", "", "nothing to learn from"),
        ('{"text": "x"}', "{", "valid.jsonl:1"),
    ],
)
def test_texts_that_cannot_be_read_are_told_before_anything_is_made(small, tmp_path, train, valid, message):
    (tmp_path / "texts" / "a").mkdir(parents=True)
    (tmp_path / "texts" / "a" / "train.jsonl").write_text(train)
    (tmp_path / "texts" / "a" / "valid.jsonl").write_text(valid)
    with pytest.raises(DataError, match=message):
        pretrain(tmp_path / "texts", tmp_path / "run", small, say=quiet)
    assert not (tmp_path / "run").exists()  # so that the mended texts are no other texts


def test_what_is_no_pretraining_is_left_alone(texts, small, tmp_path):
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "weights").write_text("of somebody else")
    with pytest.raises(CheckpointMismatch, match=r"\(model, and no recipe.json\)"):
        pretrain(texts, tmp_path / "mine", small, say=quiet)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["model"]
    with pytest.raises(UserError, match="a file stands there"):
        pretrain(texts, tmp_path / "mine" / "model" / "weights", small, say=quiet)


def test_tokens_that_were_cut_short_are_not_trained_on(texts, trained, small, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    with (tmp_path / "run" / "tokens.bin").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(CheckpointBroken, match="delete tokens.json"):
        pretrain(texts, tmp_path / "run", small, say=quiet)


def test_tokens_that_were_deleted_are_told(texts, trained, small, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / "tokens.bin").unlink()
    with pytest.raises(CheckpointBroken, match="delete tokens.json"):
        pretrain(texts, tmp_path / "run", small, say=quiet)
    (tmp_path / "run" / "tokens.json").unlink()
    assert pretrain(texts, tmp_path / "run", small, say=quiet).exists()


def test_rows_that_leave_something_of_a_step_over_are_refused_with_what_fits():
    with pytest.raises(UserError, match="whole rows of 5,000: type --context 4096") as caught:
        check(Recipe(context=5000))
    assert "请写 --context 4096" in caught.value.zh


def test_a_machine_without_a_compiler_is_told_what_to_type(texts, small, tmp_path, monkeypatch):
    def fail(*args, **named):
        raise InductorError(InvalidCxxCompiler(), None)

    monkeypatch.setattr(base, "train", fail)
    with pytest.raises(
        UserError, match=r"does not work here \(No working C\+\+ compiler.*: type --no-compile"
    ) as caught:
        pretrain(texts, tmp_path / "run", small, say=quiet)
    assert "请加 --no-compile" in caught.value.zh
    monkeypatch.setattr(base, "train", lambda *args, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pretrain(texts, tmp_path / "run", small, say=quiet)


def test_a_line_of_the_curve_that_a_kill_cut_short_is_made_again(tmp_path):
    path = tmp_path / "curve.jsonl"
    Curve(path).add(1, loss=2.0)
    with path.open("a") as file:
        file.write('{"step": 2, "lo')
    Curve(path).add(2, loss=1.0)
    assert [json.loads(line)["loss"] for line in path.read_text().splitlines()] == [2.0, 1.0]


def test_a_disk_that_is_full_at_the_very_end_is_told_in_a_sentence(texts, trained, small, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / "report.json.new").symlink_to("/dev/full")
    (tmp_path / "run" / "report.json").unlink()
    with pytest.raises(DiskFull, match=r"report\.json"):
        pretrain(texts, tmp_path / "run", small, say=quiet)
    assert pretrain(texts, tmp_path / "run", small, say=quiet).exists() and (tmp_path / "run" / "report.json").exists()


def test_adamw_is_fused_on_a_gpu_alone(trained, small):
    model = base.make_model(load_tokenizer(trained / "tokenizer"), small)
    assert not base.make_optimizers(model, small)[1].defaults["fused"]
    if torch.cuda.is_available():
        assert base.make_optimizers(model.cuda(), small)[1].defaults["fused"]


def test_rows_are_never_longer_than_the_context(texts, trained):
    from rung.pretrain.corpus import Stream

    recipe = Recipe(context=64, short=256, batch=256, tokens=256 * 10)
    _, batches = lay_out(recipe, Stream(trained / "tokens.bin", 0))
    assert {batches(step)[0].tokens.shape for step in range(10)} == {(4, 65)}


def test_one_row_length_goes_through_the_stream_once(trained):
    from rung.pretrain.corpus import Stream

    stream = Stream(trained / "tokens.bin", 0)
    recipe = Recipe(context=64, short=64, batch=256, tokens=256 * 10)
    _, batches = lay_out(recipe, stream)
    seen = np.concatenate([batches(step)[0].tokens for step in range(10)])
    assert np.array_equal(seen, stream.rows(0, 40, 64))


def test_the_rate_stays_up_until_the_last_fifth(trained, small):
    from rung.pretrain.corpus import Stream

    plan, _ = lay_out(dataclasses.replace(small, schedule="wsd", tokens=256 * 100), Stream(trained / "tokens.bin", 0))
    assert plan.scale(0) == plan.scale(79) == 1.0
    assert 0.05 < plan.scale(99) < 0.15


def test_short_rows_then_long_ones(trained, small):
    from rung.pretrain.corpus import Stream

    plan, batches = lay_out(small, Stream(trained / "tokens.bin", 0))
    assert plan.steps == 6
    # The last 0.34 of 6 steps are 2: 256 tokens are 8 rows of 32, then 4 of 64.
    assert [batches(step)[0].tokens.shape for step in range(6)] == [(8, 33)] * 4 + [(4, 65)] * 2


def test_transformers_loads_the_folder(trained):
    model = AutoModelForCausalLM.from_pretrained(trained / "model", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(trained / "model")
    assert model.config.vocab_size == len(tokenizer) and model.config.max_position_embeddings == 64
    assert tokenizer("the")["input_ids"][0] == model.config.bos_token_id == tokenizer.eos_token_id
    ids = tokenizer("The cat of the", return_tensors="pt").input_ids
    assert model.generate(ids, max_new_tokens=3, do_sample=False).shape[1] <= ids.shape[1] + 3


def test_the_curve_of_a_resumed_run_has_no_row_twice(tmp_path):
    first = Curve(tmp_path / "curve.jsonl")
    for step in (50, 100, 150):
        first.add(step, loss=1.0)
    seconds = Curve(tmp_path / "curve.jsonl").add(100, loss=2.0)  # killed at 150, goes on from a checkpoint at 50
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(50, 1.0), (100, 2.0)]
    assert seconds >= rows[0]["seconds"]
