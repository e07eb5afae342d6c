"""Training on choices: the packed tree is the separate forwards, in loss and gradient, behind any adapter; and it learns."""

import math
from dataclasses import replace

import pytest
import torch

from rung.adapters import LoraConfig, PromptTuningConfig, PTuningV2Config, attach
from rung.attend import TrainingLayout
from rung.choice import Choice, choice_loss, choices, plain, table
from rung.documents import Document, Microbatch, answer_documents, pack
from rung.engine import load_model
from rung.engine.attention import Layout
from rung.engine.layout import Past
from rung.finetune import Hyperparameters, document_loss, finetune, training_flops
from rung.instruct.lesson import Lesson
from rung.types import DataError

# Options that share first tokens, one that is the beginning of another, and lengths from one to four.
OPTIONS = ((65,), (65, 66), (65, 66, 67, 68), (70, 71), (70, 72))
METHODS = [LoraConfig(rank=2), PromptTuningConfig(length=3), PTuningV2Config(length=3)]


@pytest.fixture(scope="module")
def model():
    return load_model("fake")


def make(lengths, options=OPTIONS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    made = []
    for i, n in enumerate(lengths):
        context = tuple(torch.randint(250, (n,), generator=generator).tolist())
        teacher = tuple(torch.randn(len(options), generator=generator).tolist())
        made.append(Choice((*context, *options[i % len(options)]), n, f"c{i}", options=tuple(options), teacher=teacher))
    return made


def alone(model, made, past=None):
    """Log-probabilities [n, k] from one forward per option, laid out as a plain document."""
    rows = []
    for c in made:
        context = c.tokens[: c.start]
        documents = [Document((*context, *o), c.start) for o in c.options]
        rows.append(torch.stack([-document_loss(model, Microbatch((d,)), past)[0] for d in documents]))
    return torch.stack(rows)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("objective", ["options", "teacher"])
def test_packed_equals_one_forward_per_option(model, method, objective):
    made = make([5, 12, 7, 30, 12, 6])
    handle = attach(model.hf, method, 0)
    try:
        for p in handle.parameters.values():
            p.data.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
        loss, targets = choice_loss(model, Microbatch(tuple(made)), objective, handle.past())
        logs = alone(model, made, handle.past()).log_softmax(-1)
        if objective == "options":
            wanted = -sum(row[c.right] for row, c in zip(logs, made, strict=True))
        else:
            teacher = torch.tensor([c.teacher for c in made]).log_softmax(-1)
            wanted = (teacher.exp() * (teacher - logs)).sum()
        assert targets == len(made)
        torch.testing.assert_close(loss, wanted, atol=1e-4, rtol=1e-5)
        parameters = list(handle.parameters.values())
        ours, plain_ = torch.autograd.grad(loss, parameters), torch.autograd.grad(wanted, parameters)
        for one, other in zip(ours, plain_, strict=True):
            assert other.abs().max() > 0
            torch.testing.assert_close(one, other, atol=1e-5 * max(1.0, float(other.abs().max())), rtol=1e-4)
    finally:
        handle.detach()


def test_training_moves_what_scoring_compares(model):
    prompts, texts = ["Film: fine. Mood:", "片子：好。情绪：", "x"], (" good", " goodness", " bad")
    made = choices(model, prompts, [" good", " bad", " goodness"], [texts] * 3)
    assert [c.right for c in made] == [0, 2, 1]
    scored = torch.tensor([s.logprobs for s in model.score(prompts, list(texts))])
    torch.testing.assert_close(table(model, made).detach(), scored.float(), atol=1e-4, rtol=1e-5)
    as_documents = answer_documents(model, prompts, [" good", " bad", " goodness"], choices=[texts] * 3)
    assert [plain(c) for c in made] == as_documents


def test_shared_tokens_are_read_once_and_microbatches_go_by_reads():
    made = make([5] * 8)
    # The context's last token, 65, 65 66, 65 66 67 and 70: five places, where five options have ten tokens.
    assert {c.reads for c in made} == {5}
    assert {len(c.segment) for c in made} == {5 + 4}
    assert {c.length for c in made} == {5 + 4}
    assert [len(m.documents) for m in pack(made, token_budget=1000, reads=10)] == [2, 2, 2, 2]
    assert [len(m.documents) for m in pack(made, token_budget=30, reads=1000)] == [3, 3, 2]


def test_options_that_all_begin_alike_are_part_of_the_stem(model):
    made = make([5, 6], options=((65, 66), (65, 67, 68)))
    torch.testing.assert_close(table(model, made), alone(model, made), atol=1e-4, rtol=1e-5)


def test_examples_may_differ_in_their_options(model):
    made = [*make([5, 6]), *make([7], options=((65, 66), (70,)))]
    got = table(model, made)
    assert got[2, 2:].isneginf().all()
    torch.testing.assert_close(got[2, :2], alone(model, made[2:])[0], atol=1e-4, rtol=1e-5)
    for objective in ("options", "teacher"):
        whole, _ = choice_loss(model, Microbatch(tuple(made)), objective)
        parts = sum(choice_loss(model, Microbatch((c,)), objective)[0] for c in made)
        torch.testing.assert_close(whole, parts, atol=1e-4, rtol=1e-5)


def test_choices_and_documents_of_one_step_go_in_separate_forwards():
    mixed = [c if i % 2 else plain(c) for i, c in enumerate(make([5, 12, 7, 30, 12, 6]))]
    packs = pack(mixed, token_budget=1000, reads=1000)
    assert [{type(d) for d in m.documents} for m in packs] == [{Choice}, {Document}]
    assert sorted(d.source for m in packs for d in m.documents) == [f"c{i}" for i in range(6)]


@pytest.mark.parametrize("ahead", [0, 3])
def test_attention_over_a_tree_in_bfloat16_is_the_engines(ahead):
    segments = [c.segment for c in make([5, 12, 7, 30, 12, 6])]
    torch.manual_seed(0)
    q, k, v = (torch.randn(sum(map(len, segments)), heads, 8) for heads in (4, 2, 2))
    past = Past([torch.randn(1, 2, ahead, 8)], [torch.randn(1, 2, ahead, 8)], ahead) if ahead else None
    half = None if past is None else Past([past.keys[0].bfloat16()], [past.values[0].bfloat16()], ahead)
    exact = Layout(segments, past=past).attend(0, q, k, v, scale=None, dropout=0.0)
    rough = [x.bfloat16() for x in (q, k, v)]
    layout = TrainingLayout(segments, past=half)
    got = layout.attend(0, *rough, scale=None, dropout=0.0)
    torch.testing.assert_close(got.float(), exact, atol=0.05, rtol=0.02)
    shifted = [rough[0].roll(1, 0), *rough[1:]]  # negative control: queries one position off
    assert (layout.attend(0, *shifted, scale=None, dropout=0.0).float() - exact).abs().max() > 0.3


# ---------------------------------------------------------------- finetune

QUICK = Hyperparameters(
    objective="options", learning_rate=0.01, batch=8, steps=12, token_budget=128, precision="float32", checkpoint_every=5
)  # fmt: skip


def learnable(n=40, teacher=((), ())):
    """Two options of two tokens; the third token of the context tells which."""
    own = ((48, 50), (48, 51))
    return [
        Choice((256, 20 + i % 7, 65 + i % 2, 58, *own[i % 2]), 4, f"c{i}", options=own, teacher=teacher[i % 2])
        for i in range(n)
    ]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_it_learns(model, method):
    settings = replace(QUICK, steps=60, learning_rate=0.02 if isinstance(method, LoraConfig) else 0.1)
    trained = finetune(model, learnable(), method, settings)
    trained.handle.detach()
    assert trained.report.losses[0] > 0.3
    assert trained.report.losses[-1] < 0.1
    assert trained.report.targets == 60 * 8
    assert trained.cost.labels == 40


def test_answers_is_what_documents_give(model):
    curves = []
    for documents in (learnable(), [plain(c) for c in learnable()]):
        trained = finetune(model, documents, LoraConfig(rank=2), replace(QUICK, objective="answers"))
        trained.handle.detach()
        curves.append(trained.report.losses)
    assert curves[0] == curves[1]


def test_the_student_comes_to_the_teachers_distribution(model):
    """Soft targets that differ by the input: 0.7 and 0.3 of the first option, whatever the labels say."""
    teacher = tuple((math.log(p) - 5, math.log(1 - p) - 5) for p in (0.7, 0.3))
    made = learnable(teacher=teacher)
    trained = finetune(model, made, LoraConfig(rank=4), replace(QUICK, objective="teacher", steps=80))
    with torch.no_grad():
        found = table(model, made[:14]).softmax(-1)[:, 0]
    trained.handle.detach()
    torch.testing.assert_close(found, torch.tensor([0.7, 0.3] * 7), atol=0.03, rtol=0)
    assert trained.report.losses[-1] < 0.01 < trained.report.losses[0]
    assert trained.cost.labels == 0


def test_a_teacher_who_said_nothing_is_told(model):
    """Of a choice without a teacher's word the loss is 0, whatever the weights: nothing would be learned."""
    made = make([5, 6])
    settings = replace(QUICK, objective="teacher")
    with pytest.raises(DataError, match="1 of 2 choices have none, such as c1") as error:
        finetune(model, [made[0], replace(made[1], teacher=())], LoraConfig(rank=2), settings)
    assert error.value.zh != str(error.value)
    with pytest.raises(ValueError, match="c0: a teacher's word on 2 of 5 options"):
        replace(made[0], teacher=(0.0, -1.0))


@pytest.mark.parametrize("budget", [6, 40])
def test_result_does_not_depend_on_the_split(model, budget):
    results = []
    for settings in (QUICK, replace(QUICK, token_budget=budget)):
        trained = finetune(model, learnable(), LoraConfig(rank=2), settings)
        trained.handle.detach()
        results.append(trained.report.losses)
    assert results[1] == pytest.approx(results[0], rel=1e-4)


class Killed(BaseException):
    """Stands for the signal that ends the process."""


def test_killed_and_resumed_is_bit_identical(model, tmp_path):
    def kill(step, *_):
        if step == 7:
            raise Killed

    config = PTuningV2Config(length=3)
    whole = finetune(model, learnable(), config, QUICK, seed=5)
    wanted = {n: p.detach().clone() for n, p in whole.handle.parameters.items()}
    whole.handle.detach()
    with pytest.raises(Killed):
        finetune(model, learnable(), config, QUICK, seed=5, folder=tmp_path, on_step=kill)
    resumed = finetune(model, learnable(), config, QUICK, seed=5, folder=tmp_path)
    assert all(torch.equal(p, wanted[n]) for n, p in resumed.handle.parameters.items())
    resumed.handle.detach()


def test_a_choice_needs_room_for_its_longest_option():
    short = load_model("fake", context=16)
    with pytest.raises(DataError, match=r"1 of 2 documents .* c0 \(17 tokens\)"):
        finetune(short, make([13, 12]), LoraConfig(rank=2), QUICK)


def test_flops_against_torchs_own_counter(model):
    """As for documents: torch's counter sees `mm` only, and not the two of LoRA's six products that add in place."""
    from torch.utils.flop_counter import FlopCounterMode

    made = make([40, 40])
    handle = attach(model.hf, LoraConfig(rank=2), 0)
    try:
        with FlopCounterMode(display=False) as counter:
            choice_loss(model, Microbatch(tuple(made)), "options")[0].backward()
        attention = 3 * model.shape.forward(0, sum(c.segment.pairs for c in made), 0)
        in_place = 2 * sum(p.numel() for p in handle.parameters.values()) * 2 * 44
        counted = training_flops(model, handle, made) - attention - in_place
        assert counter.get_total_flops() < counted < 1.1 * counter.get_total_flops()
    finally:
        handle.detach()


def test_only_a_choice_loses_something_to_answers():
    """A lesson keeps the places that it learns; a choice keeps its answer."""
    taught = Lesson((1, 2, 3, 4, 5), 1, "a lesson", places=(2, 4))
    assert plain(taught) is taught and list(plain(taught).learned) == [2, 4]
