"""Two processes that torchrun starts give the losses of one."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rung.pretrain.base import pretrain
from rung.pretrain.parallel import Ranks, number, processes
from rung.pretrain.recipe import Recipe, settled
from rung.types import UserError

SCRIPT = """
import sys
from pathlib import Path
import torch
from rung.pretrain.base import Recipe, pretrain
torch.set_num_threads(1)
pretrain(Path(sys.argv[1]), Path(sys.argv[2]), Recipe(**{recipe}), shard="shard" in sys.argv)
"""

# Pauses behind step UNTIL with a checkpoint of every step, as a killed run would leave it.
STOPPED = """
import dataclasses, functools, os
import rung.pretrain.base as base
whole = base.train
def paused(plan, *rest, **more):
    return whole(dataclasses.replace(plan, checkpoint_every=1), *rest, until=int(os.environ["UNTIL"]), **more)
base.train = paused
"""


def test_alone_nothing_is_shared(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    loss, module = torch.tensor(2.0, requires_grad=True), torch.nn.Linear(1, 1)
    with processes() as here, here.first_goes_first():
        assert here.first and here.world == 1 and number() == 0
        assert here.summed(loss) is loss and here.shared(module, []) is module
        assert here.total(loss) == 2.0 and not here.total(loss).requires_grad


def test_the_parts_are_the_batch():
    rows = np.arange(10).reshape(5, 2)
    parts = [Ranks(rank, 2).part(rows) for rank in range(2)]
    assert sorted(np.concatenate(parts)[:, 0].tolist()) == [0, 2, 4, 6, 8]
    assert [len(part) for part in parts] == [3, 2]


def test_a_loss_of_two_processes_has_its_own_gradient_twice(monkeypatch):
    """Averaging over two processes halves it again: what is left is the sum of both gradients."""
    monkeypatch.setattr(Ranks, "total", lambda self, value: value.detach() + 5.0)  # the other's loss is 5
    weight = torch.tensor(3.0, requires_grad=True)
    loss = Ranks(0, 2).summed(weight * 2)
    loss.backward()
    assert float(loss.detach()) == 11.0 and float(weight.grad) == 4.0


def test_more_processes_than_rows_are_refused():
    with pytest.raises(UserError, match="9 processes, but a step has 8 rows"):
        settled(Recipe(), Ranks(0, 9))


def test_one_process_cannot_hold_a_part(texts, small, tmp_path, monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(UserError, match="--shard divides a model among processes, and there is one"):
        pretrain(texts, tmp_path, small, shard=True)


def run_two(script, texts, out, *arguments):
    """Two processes of torchrun on one thread each; their output."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        str(script), str(texts), str(out), *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("how", [(), ("shard",)], ids=["whole", "in parts"])
def test_two_processes_have_the_losses_of_one(texts, small, tmp_path, how):
    exact = dataclasses.replace(small, precision="float32")
    pretrain(texts, tmp_path / "one", exact, say=lambda line: None)
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(recipe=dataclasses.asdict(exact)))
    said = run_two(script, texts, tmp_path / "two", *how)
    assert said.count("step 6/6") == 1  # only the first process speaks
    one, two = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "two"))
    # 2e-5 apart after 4 steps: sums are added in another order, and Muon orthogonalises in bfloat16.
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert two["hardware"]["processes"] == 2 and one["hardware"]["processes"] == 1
    assert two["parameters"] == one["parameters"]
    ours, theirs = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two"))
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        assert torch.allclose(weight.float(), theirs[name].float(), rtol=0.02, atol=2e-3), name


@pytest.mark.slow
def test_a_run_in_parts_goes_on_in_one_process_and_in_parts_again(texts, small, tmp_path, monkeypatch):
    """Checkpoints are whole, whoever wrote them: killed in parts behind step 2, on alone to step 4, to the end in parts."""
    exact = dataclasses.replace(small, precision="float32")
    pretrain(texts, tmp_path / "one", exact, say=lambda line: None)
    script = tmp_path / "run.py"
    script.write_text(STOPPED + SCRIPT.format(recipe=dataclasses.asdict(exact)))
    out = tmp_path / "two"
    monkeypatch.setenv("UNTIL", "2")
    run_two(script, texts, out, "shard")
    monkeypatch.setenv("UNTIL", "4")
    done = subprocess.run(
        [sys.executable, str(script), str(texts), str(out)], check=False, timeout=300, capture_output=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    monkeypatch.setenv("UNTIL", "6")
    run_two(script, texts, out, "shard")
    one, two = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "two"))
    assert len(two["losses"]) == 6 and two["losses"] == pytest.approx(one["losses"], rel=1e-4)
