"""The loop with a toy problem (fast and exact), then `finetune` on the tiny model: packing, answers only, restarts."""

import json
import math
import shutil
from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import save_file

from rung.adapters import LoraConfig, attach, attach_folder
from rung.documents import Batches, Document, Microbatch, answer_documents, pack
from rung.engine import load_model
from rung.finetune import Hyperparameters, document_loss, finetune, training_flops
from rung.train import CheckpointBroken, CheckpointMismatch, Plan, TrainingDiverged, TrainingReport, clip, train
from rung.types import DataError, UserError

# ---------------------------------------------------------------- the loop


@dataclass
class Points:
    """A microbatch of a toy regression: rows of x and y."""

    x: torch.Tensor
    y: torch.Tensor

    @property
    def targets(self) -> int:
        return len(self.x)


def toy(split=(8,), poison=None):
    """Weights, optimiser, batches of 8 points cut into parts of ``split``, and a summed squared loss."""
    torch.manual_seed(0)
    w = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([w], lr=0.05)

    def batches(step):
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        if step == poison:
            x[3, 1] = math.nan
        y = x @ torch.tensor([1.0, -2.0, 0.5])
        return [Points(a, b) for a, b in zip(x.split(split), y.split(split), strict=True)]

    def loss(micro):
        return (micro.x @ w - micro.y).square().sum(), micro.targets

    return {"w": w}, optimizer, batches, loss


def go(plan, split=(8,), poison=None, **options):
    parameters, optimizer, batches, loss = toy(split, poison)
    report = train(plan, parameters, [optimizer], batches, loss, **options)
    return parameters["w"].detach(), report


def test_schedule_by_hand():
    plan = Plan(10, warmup=0.2, schedule="cosine", floor=0.1)
    assert [plan.scale(0), plan.scale(1), plan.scale(2)] == [0.5, 1.0, 1.0]
    assert plan.scale(6) == pytest.approx(0.1 + 0.9 * 0.5)  # half of the 8 steps after the warm-up: cos(pi/2) = 0
    wsd = Plan(10, warmup=0, schedule="wsd")
    assert [wsd.scale(s) for s in (0, 7)] == [1.0, 1.0]
    assert wsd.scale(9) == pytest.approx(0.5)  # the last fifth is steps 8 and 9: 1, then halfway to 0
    assert Plan(10, warmup=0, schedule="constant").scale(9) == 1.0


def test_learning_rate_follows_the_plan():
    parameters, _, batches, loss = toy()
    optimizer = torch.optim.SGD(parameters.values(), lr=0.1)
    rates = []
    train(
        Plan(4, warmup=0.5, schedule="constant"), parameters, [optimizer], batches, loss,
        on_step=lambda *_: rates.append(optimizer.param_groups[0]["lr"]),
    )  # fmt: skip
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1])


def test_accumulated_equals_whole():
    whole, one = go(Plan(12))
    for split in ((1, 7), (3, 3, 2), (1,) * 8):
        parts, other = go(Plan(12), split)
        torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)
        assert other.losses == pytest.approx(one.losses, rel=1e-5)
    assert one.targets == 12 * 8


def test_clip_by_hand():
    p = torch.nn.Parameter(torch.zeros(2))
    p.grad = torch.tensor([3.0, 4.0])
    assert clip({"p": p}, 1.0) == pytest.approx(5.0)
    torch.testing.assert_close(p.grad, torch.tensor([0.6, 0.8]), atol=1e-5, rtol=0)
    assert clip({"p": p}, 0) == pytest.approx(1.0)
    torch.testing.assert_close(p.grad, torch.tensor([0.6, 0.8]), atol=1e-5, rtol=0)


class Killed(BaseException):
    """Stands for the signal that ends the process."""


def kill_at(step):
    def on_step(at, *_):
        if at == step:
            raise Killed

    return on_step


@pytest.mark.parametrize("at", [3, 4, 9])
def test_resumed_equals_uninterrupted(tmp_path, at):
    plan = Plan(14, checkpoint_every=4, evaluate_every=3)
    scores = iter(range(100))
    whole, report = go(plan, evaluate=lambda: -next(scores), folder=tmp_path / "a")
    with pytest.raises(Killed):
        go(plan, evaluate=lambda: -1.0, folder=tmp_path / "b", on_step=kill_at(at))
    steps = []
    again, resumed = go(plan, evaluate=lambda: -1.0, folder=tmp_path / "b", on_step=lambda s, *_: steps.append(s))
    assert steps[0] == at // 4 * 4
    assert steps[-1] == 13
    assert torch.equal(again, whole)  # in both runs the first evaluation was the best
    assert resumed.losses == report.losses
    assert resumed.best_step == report.best_step == 3


def test_finished_run_is_not_run_again(tmp_path):
    plan = Plan(6, checkpoint_every=4)
    whole, _ = go(plan, folder=tmp_path)
    again, _ = go(plan, folder=tmp_path, on_step=lambda *_: pytest.fail("a step was taken"))
    assert torch.equal(again, whole)


def test_checkpoint_of_another_run_is_refused(tmp_path):
    go(Plan(4, checkpoint_every=2), folder=tmp_path, identity="one")
    with pytest.raises(CheckpointMismatch, match="other data or settings"):
        go(Plan(4, checkpoint_every=2), folder=tmp_path, identity="two")


def test_nan_stops_and_keeps_the_checkpoint(tmp_path):
    with pytest.raises(TrainingDiverged, match="loss became nan at step 7"):
        go(Plan(12, checkpoint_every=2), poison=6, folder=tmp_path)
    steps = []
    go(Plan(12, checkpoint_every=2), folder=tmp_path, on_step=lambda s, *_: steps.append(s))
    assert steps[0] == 6


@pytest.mark.parametrize("what", ["gradient", "weights", "figure on dev"])
def test_what_is_no_number_stops_it_wherever_it_appears(tmp_path, what):
    parameters, optimizer, batches, loss = toy()
    (w,) = parameters.values()
    options = {"evaluate": lambda: math.nan} if what == "figure on dev" else {}

    def poisoned(micro):
        found, targets = loss(micro)
        if what == "gradient" and len(report.losses) == 5:
            found = found + (w[0] - w[0].detach()).abs().sqrt()  # 0, with a slope of infinity
        return found, targets

    def on_step(step, value, scale):
        report.losses.append(value)
        if what == "weights" and step == 5:
            w.data[0] = math.inf

    report = TrainingReport()
    with pytest.raises(TrainingDiverged, match=rf"{what} became (nan|inf) at step 6.*checkpoint is kept") as caught:
        train(
            Plan(12, checkpoint_every=2, evaluate_every=6), parameters, [optimizer], batches, poisoned, folder=tmp_path,
            on_step=on_step, **options,
        )  # fmt: skip
    assert len(caught.value.report.losses) == (5 if what == "gradient" else 6)
    assert caught.value.zh != str(caught.value)
    steps = []
    again, _ = go(
        Plan(12, checkpoint_every=2, evaluate_every=6), folder=tmp_path, on_step=lambda s, *_: steps.append(s)
    )
    assert steps[0] == 4 and torch.equal(again, go(Plan(12))[0])


def test_a_loss_that_blows_up_stops_it_and_the_checkpoint_is_from_before(tmp_path):
    def run(losses, **options):
        parameters, optimizer, batches, loss = toy()
        told = iter(losses)

        def loud(micro):
            found, targets = loss(micro)
            return found * 0 + next(told) * targets, targets

        return train(Plan(len(losses), **options), parameters, [optimizer], batches, loud, folder=tmp_path)

    with pytest.raises(TrainingDiverged, match=r"rose from 2 to 8\.5 at step 18, at learning rate.*checkpoint is kept"):
        run([2.0] * 10 + [8.5] * 20, checkpoint_every=2)
    assert json.loads((tmp_path / "checkpoint" / "state.json").read_text())["step"] == 10
    for losses in (
        [2.0] * 10 + [8.5] * 7 + [4.9] + [8.5] * 7,  # for a while
        [0.01] * 10 + [3.0] * 20,  # many times as much, but no more than three nats
        [4.0] * 10 + [7.9] * 20,  # more than three nats, but not twice as much
    ):
        shutil.rmtree(tmp_path)
        assert run(losses, checkpoint_every=10).steps == len(losses)


def spoil(name, how):
    def do(path):
        (path / name).write_bytes(how((path / name).read_bytes()))

    return do


@pytest.mark.parametrize(
    "tamper",
    [
        spoil("parameters.safetensors", lambda b: b[:-1]),
        spoil("optimizers.safetensors", lambda b: b[: len(b) // 2]),
        spoil("random.safetensors", lambda b: b""),
        spoil("state.json", lambda b: b[:-3]),
        spoil("state.json", lambda b: b"{}"),
        spoil("state.json", lambda b: b"[]"),
        spoil("state.json", lambda b: b.replace(b'"losses"', b'"nats"')),  # as another version may name it
        lambda path: (path / "best.safetensors").unlink(),
        lambda path: save_file({"w": torch.zeros(4)}, path / "parameters.safetensors"),
        lambda path: save_file({"v": torch.zeros(3)}, path / "parameters.safetensors"),
    ],
)
def test_a_checkpoint_that_was_changed_is_refused(tmp_path, tamper):
    plan = Plan(4, checkpoint_every=2)
    go(plan, folder=tmp_path, evaluate=lambda: 1.0)
    tamper(tmp_path / "checkpoint")
    with pytest.raises(CheckpointBroken, match="changed or cut short.*delete it") as error:
        go(plan, folder=tmp_path, evaluate=lambda: 1.0)
    assert error.value.zh != str(error.value)


def test_kill_while_saving_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    plan, whole = Plan(12, checkpoint_every=2), go(Plan(12))[0]
    calls = []

    def dying_save(tensors, path, *args, **kwargs):
        calls.append(path)
        if len(calls) == 11:  # in the fourth checkpoint (three files each): after step 8
            path.write_bytes(b"half")
            raise Killed
        return save_file(tensors, path, *args, **kwargs)

    monkeypatch.setattr("rung.train.save_file", dying_save)
    with pytest.raises(Killed):
        go(plan, folder=tmp_path)
    monkeypatch.undo()
    steps = []
    again, _ = go(plan, folder=tmp_path, on_step=lambda s, *_: steps.append(s))
    assert steps[0] == 6
    assert torch.equal(again, whole)


def test_kill_between_the_renames_is_mended(tmp_path):
    plan = Plan(8, checkpoint_every=4)
    whole, _ = go(plan)
    with pytest.raises(Killed):
        go(plan, folder=tmp_path, on_step=kill_at(5))
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")  # the state after the first of the two renames
    steps = []
    again, _ = go(plan, folder=tmp_path, on_step=lambda s, *_: steps.append(s))
    assert steps[0] == 4
    assert torch.equal(again, whole)


def test_patience_stops_and_the_best_weights_come_back():
    figures, seen = [0.1, 0.5, 0.4, 0.5, 0.9], []
    parameters, optimizer, batches, loss = toy()

    def evaluate():
        seen.append(parameters["w"].detach().clone())
        return figures[len(seen) - 1]

    report = train(Plan(20, evaluate_every=2, patience=2), parameters, [optimizer], batches, loss, evaluate=evaluate)
    assert report.stopped == "patience"
    assert report.steps == 8
    assert report.best_step == 4
    assert report.evaluations == [(2, 0.1), (4, 0.5), (6, 0.4), (8, 0.5)]
    assert torch.equal(parameters["w"], seen[1])
    assert not torch.equal(seen[1], seen[3])


# ---------------------------------------------------------------- documents


def make(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        Document(tuple(torch.randint(250, (n,), generator=generator).tolist()), max(1, n - 1 - i % 3), f"d{i}")
        for i, n in enumerate(lengths)
    ]


def test_batches_are_a_pure_function_of_the_step_and_each_epoch_sees_all():
    documents = make(range(4, 14))
    batches = Batches(documents, batch=4, seed=3, token_budget=20, vocabulary=261)
    order = [d for step in range(5) for d in batches.picked(step)]
    assert len(order) == 20
    assert {d.source for d in order[:10]} == {d.source for d in order[10:]} == {d.source for d in documents}
    assert order[:10] != order[10:]
    fresh = Batches(documents, batch=4, seed=3, token_budget=20, vocabulary=261)
    assert fresh.picked(3) == order[12:16]
    assert {d for m in fresh(3) for d in m.documents} == set(order[12:16])
    assert Batches(documents, batch=4, seed=4, token_budget=20, vocabulary=261).picked(0) != order[:4]
    assert Batches(documents, batch=64, seed=3, token_budget=20, vocabulary=261).batch == 10


def test_pack_keeps_budgets_and_loses_nothing():
    documents = make([3, 9, 5, 30, 4, 8])
    packs = pack(documents, token_budget=16, reads=5)
    assert sorted(d.source for m in packs for d in m.documents) == [f"d{i}" for i in range(6)]
    assert all(len(m.documents) == 1 or sum(len(d.tokens) for d in m.documents) <= 16 for m in packs)
    assert all(len(m.documents) == 1 or m.targets <= 5 for m in packs)


def test_answers_are_cut_where_scoring_cuts():
    model = load_model("fake")
    prompts, choices = ["Film: fine. Mood:", "片子：好。情绪："], [(" good", " goodness"), ("好", "坏")]
    documents = answer_documents(model, prompts, [" goodness", "好"], choices=choices, end=257)
    for d, prompt, answer in zip(documents, prompts, [" goodness", "好"], strict=True):
        assert d.tokens[0] == 256  # BOS once
        assert model.decode(d.tokens[d.start : -1]) == answer
        assert d.tokens[-1] == 257
        assert list(d.tokens[: d.start]) == model.encode(prompt)


# ---------------------------------------------------------------- finetune


@pytest.fixture(scope="module")
def model():
    return load_model("fake")


def alone(model, documents):
    """The loss by transformers' own forward, one document at a time, every logit, no packing."""
    total = torch.zeros(())
    for d in documents:
        logits = model.hf(torch.tensor([d.tokens])).logits[0].log_softmax(-1)
        total = total - sum(logits[i - 1, d.tokens[i]] for i in range(d.start, len(d.tokens)))
    return total


def test_packed_equals_unpacked_loss_and_gradient(model):
    documents = make([5, 12, 7, 30, 12, 6])
    handle = attach(model.hf, LoraConfig(rank=2), seed=0)
    try:
        for p in handle.parameters.values():
            p.data.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
        packed, targets = document_loss(model, Microbatch(tuple(documents)))
        wanted = alone(model, documents)
        assert targets == sum(d.targets for d in documents)
        torch.testing.assert_close(packed, wanted, atol=1e-4, rtol=1e-6)
        parameters = list(handle.parameters.values())
        ours, plain = torch.autograd.grad(packed, parameters), torch.autograd.grad(wanted, parameters)
        for one, other in zip(ours, plain, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    finally:
        handle.detach()


def test_short_document_attention_in_bfloat16_is_the_engines(model):
    documents = make([5, 12, 7, 30, 12, 6])
    from rung.attend import TrainingLayout
    from rung.engine.attention import Layout, Segment

    lengths = [len(d.tokens) - 1 for d in documents]
    torch.manual_seed(0)
    q, k, v = (torch.randn(sum(lengths), heads, 8) for heads in (4, 2, 2))
    segments = [Segment(n) for n in lengths]
    exact = Layout(segments).attend(0, q, k, v, scale=None, dropout=0.0)
    half = [x.bfloat16() for x in (q, k, v)]
    got = TrainingLayout(segments).attend(0, *half, scale=None, dropout=0.0)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), exact, atol=0.04, rtol=0.02)
    shifted = [half[0].roll(1, 0), *half[1:]]  # negative control: queries one position off
    assert (TrainingLayout(segments).attend(0, *shifted, scale=None, dropout=0.0).float() - exact).abs().max() > 0.3


def loss_of(model, document):
    return float(document_loss(model, Microbatch((document,)))[0].detach())


def test_loss_is_on_answers_only(model):
    d = make([12])[0]
    loss = lambda tokens: loss_of(model, replace(d, tokens=tuple(tokens)))  # noqa: E731
    target = list(d.tokens)
    target[-1] = (target[-1] + 1) % 250
    assert loss(target) != pytest.approx(loss(d.tokens), abs=1e-4)
    one = Microbatch((replace(d, start=11),))
    assert one.targets == 1
    assert len(one.flat()[2]) == 1
    assert loss_of(model, one.documents[0]) == pytest.approx(float(alone(model, one.documents).detach()), abs=1e-5)


QUICK = Hyperparameters(learning_rate=0.01, batch=8, steps=12, token_budget=64, precision="float32", checkpoint_every=5)


def weights(trained):
    return {n: p.detach().clone() for n, p in trained.handle.parameters.items()}


def learnable(n=40):
    """The answer is one of two tokens, and the third token tells which."""
    return [Document((256, 20 + i % 7, 65 + i % 2, 58, 48 + i % 2), 4, f"d{i}") for i in range(n)]


def test_it_learns_and_restores_the_model(model):
    before = {n: p.clone() for n, p in model.hf.state_dict().items()}
    settings = replace(QUICK, steps=40)
    trained = finetune(model, learnable(), LoraConfig(rank=4), settings)
    trained.handle.detach()
    assert trained.report.losses[0] > 3
    assert trained.report.losses[-1] < 0.3
    assert all(torch.equal(p, before[n]) for n, p in model.hf.state_dict().items())
    assert trained.cost.labels == 40
    assert trained.cost.build_seconds > 0
    assert trained.cost.trainable_parameters == sum(p.numel() for p in trained.handle.parameters.values())


@pytest.mark.parametrize("budget", [5, 17, 1000])
def test_result_does_not_depend_on_the_split(model, budget):
    wanted = finetune(model, learnable(), LoraConfig(rank=2), QUICK)
    wanted.handle.detach()
    got = finetune(model, learnable(), LoraConfig(rank=2), replace(QUICK, token_budget=budget))
    got.handle.detach()
    assert got.report.losses == pytest.approx(wanted.report.losses, rel=1e-4)


def test_killed_and_resumed_is_bit_identical(model, tmp_path):
    config = LoraConfig(rank=2, dropout=0.2)  # dropout: the random state must be resumed too
    whole = finetune(model, learnable(), config, QUICK, seed=5)
    wanted = weights(whole)
    whole.handle.detach()
    with pytest.raises(Killed):
        finetune(model, learnable(), config, QUICK, seed=5, folder=tmp_path, on_step=kill_at(7))
    resumed = finetune(model, learnable(), config, QUICK, seed=5, folder=tmp_path)
    assert all(torch.equal(p, wanted[n]) for n, p in weights(resumed).items())
    resumed.handle.detach()
    loaded = attach_folder(model.hf, tmp_path / "adapter")
    assert all(torch.equal(p, wanted[n]) for n, p in loaded.parameters.items())
    loaded.detach()
    with pytest.raises(CheckpointMismatch):
        finetune(model, learnable(41), config, QUICK, seed=5, folder=tmp_path)
    assert not any("forward" in m.__dict__ for m in model.hf.modules())


def test_evaluation_sees_the_model_as_it_will_be_used(model):
    seen = []

    def evaluate():
        seen.append((model.hf.dtype, model.hf.training, float(alone(model, learnable(4)).detach())))
        return -seen[-1][2]

    settings = replace(QUICK, precision="bfloat16", evaluations=3)
    trained = finetune(model, learnable(), LoraConfig(rank=4), settings, evaluate=evaluate)
    assert [s for s, _ in trained.report.evaluations] == [4, 8, 12]
    assert {s[:2] for s in seen} == {(torch.float32, False)}
    assert model.hf.dtype == torch.float32
    best = min(s[2] for s in seen)
    assert float(alone(model, learnable(4)).detach()) == pytest.approx(best, abs=1e-4)
    trained.handle.detach()


def test_bfloat16_base_learns_like_float32(model):
    curves = []
    for precision in ("float32", "bfloat16"):
        trained = finetune(model, learnable(), LoraConfig(rank=4), replace(QUICK, precision=precision))
        trained.handle.detach()
        curves.append(trained.report.losses)
    assert curves[1] == pytest.approx(curves[0], rel=0.05)
    assert curves[1] != curves[0]


def test_divergence_leaves_the_model_as_it_was(model):
    weight = model.hf.model.norm.weight
    with torch.no_grad():
        kept = weight.clone()
        weight.fill_(math.inf)
    try:
        with pytest.raises(TrainingDiverged) as caught:
            finetune(model, learnable(), LoraConfig(rank=2), QUICK)
        assert caught.value.cost.trainable_parameters > 0  # what was spent is known, here no step
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    assert not any("forward" in m.__dict__ for m in model.hf.modules())


@pytest.mark.parametrize(
    "values",
    [
        {"objective": "option"}, {"schedule": "linear"}, {"precision": "float16"}, {"learning_rate": 0.0},
        {"learning_rate": math.nan}, {"batch": 0}, {"batch": 2.5}, {"steps": 0}, {"steps": -2}, {"epochs": 0}, {"epochs": math.inf},
        {"warmup": 1.5}, {"weight_decay": -1}, {"clip": -1}, {"evaluations": -1}, {"patience": -1}, {"checkpoint_every": -1},
        {"token_budget": 0}, {"general": 1.0}, {"general": -0.1},
    ],
    ids=str,
)  # fmt: skip
def test_hyperparameters_that_cannot_be_are_refused_by_name(values):
    """A schedule or a precision of another name used to be taken for the last one there is."""
    ((name, value),) = values.items()
    with pytest.raises(UserError) as error:
        Hyperparameters(**values)
    assert str(error.value).startswith(f"{name} of the hyperparameters cannot be {value!r}; what fits is ")
    assert f"训练设置的 {name} 不能为" in error.value.zh


def test_too_long_documents_are_named_before_training():
    short = load_model("fake", context=16)
    with pytest.raises(DataError, match=r"1 of 2 documents .* 16 tokens: reviews.csv:7 \(17 tokens\)"):
        finetune(short, [Document(tuple(range(16)), 3), Document(tuple(range(17)), 3, "reviews.csv:7")])
    with pytest.raises(DataError, match="no documents"):
        finetune(short, [])


def test_flops_against_torchs_own_counter(model):
    """Torch's counter sees `mm` only: not attention on a CPU, nor the two of LoRA's six products that add in place."""
    from torch.utils.flop_counter import FlopCounterMode

    documents = make([40, 40])
    handle = attach(model.hf, LoraConfig(rank=2), seed=0)
    try:
        with FlopCounterMode(display=False) as counter:
            document_loss(model, Microbatch(tuple(documents)))[0].backward()
        attention = 3 * model.shape.forward(0, 2 * 39 * 40 / 2, 0)
        in_place = 2 * sum(p.numel() for p in handle.parameters.values()) * 2 * 39
        counted = training_flops(model, handle, documents) - attention - in_place
        # Ours is larger by the first layer's gradient of x, which nobody asks for (1 of 2 layers of a tiny model).
        assert counter.get_total_flops() < counted < 1.1 * counter.get_total_flops()
        plain = training_flops(model, handle, documents)
        model.hf.activation_checkpointing_enable()
        blocks = model.shape.forward(2 * 39, 2 * 39 * 40 / 2, 0)  # each block's forward once more
        assert training_flops(model, handle, documents) == plain + blocks
    finally:
        model.hf.activation_checkpointing_disable()
        handle.detach()
