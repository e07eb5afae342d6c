"""Train an adapter on documents: what the weight rungs call. The stepping itself is :mod:`rung.train`'s.

documents = answer_documents(model, prompts, answers, choices=...)
trained = finetune(model, documents, LoraConfig(rank=8), evaluate=accuracy_on_dev, folder=folder)
...                        # the adapter hangs on model.hf now
trained.handle.detach()    # and now the base is bit for bit what it was
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from rung.adapters import Handle, LoraConfig, attach, attach_folder, save
from rung.adapters.values import COUNTS, SHARE, check_values, is_count, is_number, is_share
from rung.attend import TrainingLayout
from rung.choice import Choice, check_taught, choice_loss, plain
from rung.documents import Batches, Document, Microbatch, Mixed, check
from rung.engine import Model
from rung.engine.attention import NAME as FLAT
from rung.engine.flat import run
from rung.engine.layout import Past
from rung.folders import hash_folder
from rung.memory import PeakMemory
from rung.objectives import sft, token_logprobs
from rung.precision import Precision, has_fast_bfloat16, rounded
from rung.train import Plan, Schedule, TrainingDiverged, TrainingReport, train
from rung.types import AdaptationError, Cost, DataError, UserError, digest

Objective = Literal["answers", "options", "teacher"]


@dataclass(frozen=True)
class Hyperparameters:
    """How to train. The defaults suit 64 to 2,000 short examples and a small model.

    Raises :class:`rung.types.UserError` for a value that cannot be.
    """

    # Of documents with options: all tokens of the right answer, the right option among the options, or a teacher's word on them.
    objective: Objective = "answers"
    learning_rate: float = 1e-3  # 1e-3 to 3e-3 at 7M parameters; large models want less, about 2e-4 at a billion
    batch: int = 16  # documents per step; LoRA likes small batches
    epochs: float = 4.0
    steps: int | None = None  # instead of epochs
    warmup: float = 0.1  # share of the steps
    schedule: Schedule = "cosine"
    weight_decay: float = 0.0
    clip: float = 1.0
    evaluations: int = 4  # how often dev is measured, the end included; the best weights are kept
    patience: int = 0  # stop after so many evaluations without a better figure; 0: never
    checkpoint_every: int = 20  # steps; a kill loses at most so many
    precision: Precision = "auto"  # of the products while training: bfloat16 where it is the faster one
    token_budget: int = 2048  # most tokens of a forward: memory and speed, never the result
    # Share of general text in a step's tokens, against forgetting. Each learned token weighs the same: all of a general text's
    # are learned, so beside short answers 0.1 is already most of the loss.
    general: float = 0.0

    def __post_init__(self) -> None:
        choices = {"objective": Objective, "schedule": Schedule, "precision": Precision}
        counts = ("batch", "token_budget", *(["steps"] if self.steps is not None else []))
        least = ("weight_decay", "clip", "evaluations", "patience", "checkpoint_every")
        wanted = {
            **{
                name: (getattr(self, name) in get_args(kind), " / ".join(get_args(kind)))
                for name, kind in choices.items()
            },
            **{
                name: (is_number(getattr(self, name)) and getattr(self, name) > 0, "x > 0")
                for name in ("learning_rate", "epochs")
            },
            **{name: (is_count(getattr(self, name)), COUNTS) for name in counts},
            **{name: (is_number(getattr(self, name)) and getattr(self, name) >= 0, "x >= 0") for name in least},
            "warmup": (is_number(self.warmup) and 0 <= self.warmup <= 1, "0 <= x <= 1"),
            "general": (is_share(self.general), SHARE),
        }
        check_values(self, "the hyperparameters", "训练设置", wanted, UserError)

    def count(self, documents: int) -> int:
        """Optimiser steps for so many documents."""
        return self.steps or max(1, math.ceil(self.epochs * documents / min(self.batch, documents)))

    def interval(self, documents: int) -> int:
        """Steps from one look at dev to the next."""
        return math.ceil(self.count(documents) / max(1, self.evaluations))


@dataclass
class Trained:
    """The adapter (attached, with its best weights), the curves, and what it took."""

    handle: Handle
    report: TrainingReport
    cost: Cost


def finetune(
    model: Model,
    documents: Sequence[Document],
    method: Any = LoraConfig(),
    hyperparameters: Hyperparameters = Hyperparameters(),
    *,
    general: Sequence[Document] = (),
    begin: Path | None = None,
    evaluate: Callable[[], float] | None = None,
    folder: Path | None = None,
    seed: int = 0,
    on_step: Callable[[int, float, float], None] | None = None,
    until: int | None = None,
) -> Trained:
    """Train a fresh adapter on ``documents`` and leave it attached to ``model.hf``.

    begin: the folder of an adapter of the same shape, whose numbers it begins with: a training that goes on after another.
    general: what ``hyperparameters.general`` is taken from, see :func:`rung.documents.text_documents`.
    Of a :class:`rung.choice.Choice` the objective says what is learned; of any other document it is the answer's tokens.
    evaluate: a figure on dev, higher is better; it is called with the adapter attached and the base in its own
    precision, and the weights of the best figure are kept. folder: checkpoints go there (the same call goes on from
    the last one), and the adapter goes to ``folder/adapter`` at the end. on_step, until: see :func:`rung.train.train`.
    Where ``model.hf.activation_checkpointing_enable()`` was called, the blocks' activations are computed again in the backward
    pass and not kept: a tenth of the memory for them, for up to half the time more.
    Raises :class:`rung.types.DataError` for documents that do not fit the context or lack their teacher's word, and
    :class:`rung.train.TrainingDiverged`, which knows what was spent; the model is then as it was before.
    """
    attention = model.hf.config.get_text_config()._attn_implementation
    assert attention == FLAT, f"attention was switched to {attention!r}: packed documents would see each other"
    settings, folder = hyperparameters, None if folder is None else Path(folder)
    if settings.objective == "answers":
        documents = [plain(d) for d in documents]
    if settings.objective == "teacher":
        check_taught(documents)
    general = general if settings.general else ()
    batches = lay_out(model, documents, general, settings, seed)
    steps = settings.count(len(documents))
    plan = Plan(
        steps,
        warmup=settings.warmup,
        schedule=settings.schedule,
        clip=settings.clip,
        evaluate_every=settings.interval(len(documents)),
        patience=settings.patience,
        checkpoint_every=settings.checkpoint_every,
    )
    handle = attach(model.hf, method, seed) if begin is None else attach_at(model, method, begin)
    try:
        check([*documents, *general], model.context)  # a soft prompt leaves less room
        optimizer = torch.optim.AdamW(
            list(handle.parameters.values()), lr=settings.learning_rate, weight_decay=settings.weight_decay,
            betas=(0.9, 0.95 if steps < 200 else 0.999), fused=True,
        )  # fmt: skip
        base = Base(model, handle, settings.precision, settings.objective)
        memory = PeakMemory(model.device)

        def cost_of(report: TrainingReport) -> Cost:
            return Cost(
                build_seconds=report.seconds,
                build_flops=sum(training_flops(model, handle, batches.picked(s)) for s in range(report.steps)),
                peak_bytes=memory.bytes,
                trainable_parameters=sum(p.numel() for p in handle.parameters.values()),
                labels=0 if settings.objective == "teacher" else len(documents),
            )

        with memory, base, torch.random.fork_rng():
            torch.manual_seed(seed)
            report = train(
                plan,
                handle.parameters,
                [optimizer],
                batches,
                base.loss,
                evaluate=None if evaluate is None else lambda: base.evaluate(evaluate),
                folder=folder,
                on_step=on_step,
                until=until,
                identity=digest(
                    model.sha256,
                    repr(method),
                    asdict(settings),
                    seed,
                    [asdict(d) for d in (*documents, *general)],
                    *([] if begin is None else [hash_folder(begin)]),
                ),
            )
        cost = cost_of(report)
        if folder is not None:
            save(handle, folder / "adapter", base=model.name)
    except BaseException as error:
        if isinstance(error, TrainingDiverged):
            error.cost = cost_of(error.report)
        handle.detach()
        raise
    return Trained(handle, report, cost)


def lay_out(
    model: Model, documents: Sequence[Document], general: Sequence[Document], settings: Hyperparameters, seed: int
) -> Batches | Mixed:
    """The batches of each step; DataError for what does not fit the context, or where general text is wanted and there is none."""
    check(documents, model.context)
    batches = Batches(
        documents,
        batch=settings.batch,
        seed=seed,
        token_budget=settings.token_budget,
        vocabulary=model.shape.vocabulary,
    )
    if not settings.general:
        return batches
    if not general:
        raise DataError(
            f"general is {settings.general} and there is no general text: give general=text_documents(...), or leave it at 0",
            zh=f"general 为 {settings.general}，却没有通用文本：请给出 general=text_documents(...)，或保持为 0",
        )
    check(general, model.context)
    return Mixed(batches, general, settings.general)


def attach_at(model: Model, method: Any, begin: Path) -> Handle:
    """An adapter of this method with the numbers of the one in ``begin``; AdaptationError where they are of another shape."""
    before = attach_folder(model.hf, begin)
    numbers = {name: p.detach().clone() for name, p in before.parameters.items()}
    before.detach()
    handle = attach(model.hf, method)
    if {n: p.shape for n, p in numbers.items()} != {n: p.shape for n, p in handle.parameters.items()}:
        handle.detach()
        raise AdaptationError(
            f"{handle.method} cannot go on from the adapter in {begin}: that is a {before.method} of another shape",
            zh=f"{handle.method} 无法从 {begin} 中的适配器继续：它是形状不同的 {before.method}",
        )
    with torch.no_grad():
        for name, p in handle.parameters.items():
            p.copy_(numbers[name])
    return handle


def document_loss(model: Model, micro: Microbatch, past: Past | None = None) -> tuple[torch.Tensor, int]:
    """Summed loss over the targets of one packed forward behind ``past``, and their number."""
    layout = TrainingLayout([d.segment for d in micro.documents], past=past, device=model.device)
    tokens, positions, read, labels = (torch.tensor(x, device=model.device) for x in micro.flat())
    logits = run(model.hf, layout, tokens, positions + (0 if past is None else past.position), read)
    return sft(token_logprobs(logits, labels)), micro.targets


class Base:
    """The base while an adapter trains on it: in bfloat16 for the steps, in its own precision for evaluations.

    A frozen base is rounded, once. Where its own weights are trained they are float32, as rounding would lose the steps,
    and torch rounds what goes into each product (autocast).
    """

    def __init__(self, model: Model, handle: Handle, precision: Precision, objective: str = "answers"):
        self.model, self.handle, self.objective = model, handle, objective
        fast = precision == "bfloat16" or (precision == "auto" and has_fast_bfloat16(model.device))
        self.trained = trains_base(model, handle)
        self.autocast = fast and self.trained
        frozen = torch.bfloat16 if fast else model.hf.dtype if precision == "auto" else torch.float32
        self.dtype = torch.float32 if self.trained else frozen
        self._stack = ExitStack()

    def __enter__(self) -> Base:
        self._mode = self.model.hf.training
        self.model.hf.eval()  # the base's own dropout is off: what is frozen is not regularised
        self.handle.train()
        if self.trained or self.model.hf.dtype != self.dtype:
            self._stack.enter_context(rounded(self.model.hf, self.dtype))
        self._stack.enter_context(recomputed(self.model.hf))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self.handle.train(False)
        self.model.hf.train(self._mode)

    def loss(self, micro: Microbatch) -> tuple[torch.Tensor, int]:
        """:func:`document_loss` or :func:`choice_loss`, behind what the adapter puts before the text."""
        # Around each forward alone: autocast keeps its rounded copies until it ends, and a step changes the weights.
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.autocast):
            past = self.handle.past()
            if isinstance(micro.documents[0], Choice):
                return choice_loss(self.model, micro, self.objective, past)
            return document_loss(self.model, micro, past)

    def evaluate(self, evaluate: Callable[[], float]) -> float:
        """``evaluate()`` on the model as it will be used: the base's own precision, the adapter merged, no dropout."""
        self.__exit__()
        try:
            with self.handle.merged():
                return evaluate()
        finally:
            self.__enter__()


def checkpointed(hf: PreTrainedModel) -> list[Any]:
    """The blocks that were asked to checkpoint."""
    return [m for m in hf.modules() if isinstance(m, GradientCheckpointingLayer) and m.gradient_checkpointing]


@contextmanager
def recomputed(hf: PreTrainedModel) -> Iterator[None]:
    """The blocks that were asked to checkpoint do so for the duration, though the model is not in training mode.

    transformers itself heeds the wish in training mode alone, and there the base's dropout would be on.
    """
    blocks = checkpointed(hf)

    def again(block: Any) -> Callable[..., Any]:
        forward, checkpoint = block.forward, block._gradient_checkpointing_func
        # Not reentrant, whatever was asked for: that way the gradients of keys and values before the text would be lost.
        return lambda *args, **options: checkpoint(partial(forward, **options), *args, use_reentrant=False)

    for block in blocks:
        block.__dict__["forward"] = again(block)
    try:
        yield
    finally:
        for block in blocks:
            del block.__dict__["forward"]


def trains_base(model: Model, handle: Handle) -> bool:
    """Whether weights of the base itself are among those that ``handle`` trains."""
    own = {id(p) for p in model.hf.parameters()}
    return any(id(p) in own for p in handle.parameters.values())


def training_flops(model: Model, handle: Handle, documents: Sequence[Document]) -> float:
    """Operations of one step over ``documents`` (METHODS: forward 2 N, gradients of the activations 2 N, per token).

    Attention and the head at the answers' positions cost twice their forward again in the backward (attention, a head
    that is trained) and once (a frozen head); what the method adds it says itself. Blocks that are computed again in the backward
    cost the base's forward once more.
    """
    tokens = sum(len(d.segment) for d in documents)
    pairs = sum(d.segment.pairs for d in documents)
    reads = sum(d.reads for d in documents)
    linear, attention, head = (
        model.shape.forward(tokens, 0, 0), model.shape.forward(0, pairs, 0), model.shape.forward(0, 0, reads)
    )  # fmt: skip
    own = model.hf.get_output_embeddings().weight
    heads = 3 if any(p is own for p in handle.parameters.values()) else 2
    again = linear + attention if checkpointed(model.hf) else 0.0
    return 2 * linear + 3 * attention + heads * head + again + handle.flops(model.shape, tokens)
