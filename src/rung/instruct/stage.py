"""The second stage of a base model: lessons and plain text together, all weights, through the one loop.

    families, shares --(mixture)--> items --(lesson)--> tokens
    texts ---------------------------(Stream)---------> tokens     } one step: rows of a few fixed shapes, train

A step is a pure function of the seed and its number, so a run that goes on after a kill repeats nothing. The shapes are fixed so that
the step can be compiled: text in short rows and in every second step in rows of the whole context, without which a model unlearns to
read far (docs/LOG.md); lessons in rows of twice the short ones, in every fourth step of the whole context. Where the context is more
than half of a step's tokens, half of them stand for it: a longer row would leave no room for text.
"""

from __future__ import annotations

import filecmp
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

import torch

from rung.documents import Document
from rung.engine import Model, without_bars
from rung.folders import replacing, writable, write_whole
from rung.instruct.echo import echo, records
from rung.instruct.lesson import Lesson, lesson
from rung.instruct.mixture import check, draw, family
from rung.instruct.page import write_page
from rung.instruct.rows import Rows, fill
from rung.instruct.sources import Sources
from rung.precision import Precision, has_fast_bfloat16
from rung.pretrain.base import Recipe, compiling, make_optimizers
from rung.pretrain.corpus import Stream, check_sources, encode, find_sources
from rung.pretrain.lineage import Step, keep, lineage, machine
from rung.pretrain.loss import TokenLosses
from rung.pretrain.model import save_bfloat16
from rung.pretrain.record import Curve, file_hash
from rung.train import CheckpointMismatch, Plan, train
from rung.types import UserError, digest

TEXTS = "texts.json"  # in OUT: by which texts and tokenizer tokens.bin was made
TEXT = "text"  # the source that plain text goes by
FAR = 2  # every so many steps the rows of text are of the whole context
LONG = 4  # every so many steps the lessons' rows are of the whole context; those between have no longer lessons than their rows
EVERY = 20  # steps from one line of progress, and row of the curve, to the next
Schedule = Literal["cosine", "wsd", "constant"]


@dataclass(frozen=True)
class Stage:
    """What is taught, how long and how fast. ``shares``: of the lessons' tokens, by family, in any unit."""

    shares: Mapping[str, float] = field(default_factory=dict)
    tokens: int = 10_000_000  # seen, lessons and text together
    batch: int = 8192  # tokens per step
    text: float = 0.35  # share of plain text in a step's tokens
    echo: float = 0.15  # share in which pieces of text come again (echo.py), in whole rows: in steps of long rows a small share is none
    weight: float = 0.6  # of a token of plain text in the loss, beside a token of an answer: answers are few
    label: float = 3.0  # of a token of a label: an episode has few, and they are all it teaches
    row: int = 256  # tokens of a short row of plain text; a row of lessons has twice as many
    rate: float = 2e-3  # peak, of Muon and AdamW; more unlearns text where little of it is mixed in (docs/LOG.md)
    schedule: Schedule = "cosine"  # constant: another stage follows
    precision: Precision = "auto"  # of the products, by autocast; weights and losses are float32
    weight_decay: float = 0.1
    warmup: float = 0.02
    seed: int = 0
    compile: bool = True  # worth it from some minutes of training on
    checkpoint: int = 50  # steps; a kill loses at most so many


def instruct(
    model: Model, texts: Path, tasks: Path, out: Path, stage: Stage, *, say: Callable[[str], None] = print
) -> Path:
    """Train ``model`` in place; returns the Hugging Face folder ``out/model``. Goes on from its last checkpoint.

    Raises DataError for texts or sets that are not there, UserError for a family that does not exist or whose lessons are too long,
    for a model of another build and where torch.compile does not work, and CheckpointMismatch where ``out`` was begun with other
    settings, texts or another tokenizer, or holds something else.
    """
    possible(stage, model)
    sources = Sources(texts, tasks)
    check(sources, stage.shares)
    writable(out)
    stream = make_stream(model, texts, out, stage.seed)
    batches = Steps(model, sources, stream, stage)
    steps = math.ceil(stage.tokens / stage.batch)
    plan = Plan(steps, warmup=stage.warmup, schedule=stage.schedule, floor=0.05, checkpoint_every=stage.checkpoint)
    fast = stage.precision == "bfloat16" or (stage.precision == "auto" and has_fast_bfloat16(model.device))
    curve = Curve(out / "curve.jsonl")
    losses: dict[str, list[float]] = {}

    def on_step(step: int, loss: float, scale: float) -> None:
        if (step + 1) % EVERY == 0:
            means = {name: sum(part) / len(part) for name, part in sorted(losses.items())}
            losses.clear()
            seconds = curve.add(step + 1, tokens=(step + 1) * stage.batch, loss=loss, scale=scale, **means)
            shown = "  ".join(f"{name} {mean:.2f}" for name, mean in means.items())
            say(f"step {step + 1}/{steps}  {seconds:.0f}s  {shown}")

    module = TokenLosses(model.hf, mark=model.tokenizer.eos_token_id, precision="bfloat16" if fast else "float32")
    forward = torch.compile(module, dynamic=False) if stage.compile else module

    def loss(rows: Rows) -> tuple[torch.Tensor, int]:
        tokens, starts, weights = (
            torch.from_numpy(x).to(model.device) for x in (rows.tokens, rows.starts, rows.weights)
        )
        found = forward(tokens, starts)
        for source, part in rows.by_source(found.detach().float().cpu().numpy()):
            losses.setdefault(source, []).append(part)
        return (found * weights).sum(), rows.targets

    model.hf.train()
    recipe = Recipe(muon=stage.rate, adam=stage.rate, weight_decay=stage.weight_decay)
    with compiling():
        report = train(
            plan, dict(model.hf.named_parameters()), make_optimizers(model.hf, recipe), batches, loss,
            folder=out, on_step=on_step, identity=digest(model.sha256, asdict(stage)),
        )  # fmt: skip
    model.hf.eval()
    told = Step(
        "lessons", report.steps * stage.batch, stage.text, stage.rate, stage.schedule, report.steps, round(report.seconds),
        stage.seed, machine(), dict(stage.shares), curve.last(stage.shares), stage.echo,
    )  # fmt: skip
    with replacing(out / "model") as fresh, without_bars():
        save_bfloat16(model.hf, model.tokenizer, fresh)
        keep(fresh, [*lineage(model.folder), told] if model.folder else [told])
    write_whole(out / "report.json", json.dumps({"settings": asdict(stage), **asdict(told)}))
    page = write_page(out)
    say(f"done: {told.tokens / 1e6:.1f}M tokens in {told.seconds:,} s; {out}/model; {page}")
    return out / "model"


def possible(stage: Stage, model: Model) -> None:
    """UserError for a schedule that there is not, for shares of text and echoes that leave no room for lessons, and for a model
    that is not built as Llama is: rows hold several documents, which only rotary positions allow.
    """
    rotary = getattr(model.hf.config, "rope_parameters", None)
    if not (rotary and hasattr(model.hf, "model") and hasattr(model.hf, "lm_head")):
        raise UserError(
            f"{model.name} is of the kind {model.hf.config.model_type}, and lessons are for models that are built as Llama, Qwen2 or "
            "Mistral are: type --model sprout, or climb with --rungs full",
            zh=f"{model.name} 属于 {model.hf.config.model_type} 类，而练习只用于结构与 Llama、Qwen2、Mistral 相同的模型：请写 --model sprout，"
            "或用 rung climb 的 --rungs full",
        )
    if stage.schedule not in get_args(Schedule):
        raise UserError(
            f"no schedule {stage.schedule!r}: type one of {', '.join(get_args(Schedule))}",
            zh=f"没有 {stage.schedule!r} 这种学习率曲线：可选 {'、'.join(get_args(Schedule))}",
        )
    if stage.text + stage.echo >= 1:
        raise UserError(
            f"{stage.text:g} of a step is text and {stage.echo:g} is echoes of it: nothing is left for lessons; "
            f"type a --text below {1 - stage.echo:g}",
            zh=f"一步中文本占 {stage.text:g}，其回声占 {stage.echo:g}，没有留给练习的位置；请把 --text 写得小于 {1 - stage.echo:g}",
        )


def make_stream(model: Model, texts: Path, out: Path, seed: int) -> Stream:
    """The texts as one file of tokens in ``out``, encoded if it is not there; CheckpointMismatch where it is of other texts."""
    sources = find_sources(texts)
    path, record = out / "tokens.bin", out / TEXTS
    given = {
        "texts": {source.name: file_hash(source.folder / "train.jsonl") for source in sources},
        "tokenizer": digest(model.tokenizer.get_vocab()),
    }
    if record.exists():
        written = json.loads(record.read_text(encoding="utf-8"))
        if differs := [key for key in given if written["made_of"].get(key) != given[key]]:
            raise other_run(out, f"other {' and '.join(differs)}", f"{'、'.join(differs)} 不同")
        if path.exists() and path.stat().st_size == written["bytes"]:
            return Stream(path, seed)
    elif there := [name for name in ("recipe.json", "model") if (out / name).exists() and not earlier(out)]:
        raise other_run(out, f"{there[0]} of another run", f"有另一次训练的 {there[0]}")
    check_sources(sources)
    fresh = out / "tokens.new"
    encode(sources, model.tokenizer, fresh)
    if (out / "checkpoint").exists() and path.exists() and not filecmp.cmp(path, fresh, shallow=False):
        fresh.unlink()
        raise other_run(out, "other texts", "文本不同")
    fresh.replace(path)
    write_whole(record, json.dumps({"made_of": given, "bytes": path.stat().st_size}, indent=1))
    return Stream(path, seed)


def earlier(out: Path) -> bool:
    """Whether ``out`` is a stage that was begun before it was written down what its tokens are made of."""
    return (out / "tokens.bin").exists() and not (out / "recipe.json").exists()


def other_run(out: Path, differs: str, zh: str) -> CheckpointMismatch:
    return CheckpointMismatch(
        f"{out} was begun with other data or settings ({differs}): type the same as before, or another folder",
        zh=f"{out} 是用另一套数据或设置开始的（{zh}）：请使用与之前相同的设置，或换一个文件夹",
    )


class Steps:
    """``steps(n)``: the rows of step n, of plain text with its echoes and of lessons by their shares."""

    def __init__(self, model: Model, sources: Sources, stream: Stream, stage: Stage):
        self.model, self.sources, self.stream, self.stage = model, sources, stream, stage
        self.names = sorted(stage.shares)
        self.weights = [stage.shares[name] / self._length(name) for name in self.names]
        self.far = min(model.context, max(stage.row, stage.batch // 2))  # of the longest rows
        self.words = stream.tokens[stream.tokens != model.tokenizer.eos_token_id]  # the text without its marks

    def __call__(self, step: int) -> list[Rows]:
        length, row = self.length(step), self.row(step)
        plain = [*self.text(step), *self.echo(step)]
        rows = (self.count(row, self.stage.text) + self.count(row, self.stage.echo)) if plain else 0
        room = self.stage.batch - rows * row
        found = [fill(self.lessons(step), max(1, room // length), length, self.weight)]
        return [*found, fill(iter(plain), rows, row, self.weight)] if plain else found

    def row(self, step: int) -> int:
        """Tokens of a row of plain text in that step."""
        return self.far if step % FAR == FAR - 1 else min(self.stage.row, self.far)

    def count(self, row: int, share: float) -> int:
        """Rows of that length that are this share of a step."""
        return round(self.stage.batch * share / row)

    def length(self, step: int) -> int:
        """Tokens of a row of lessons in that step."""
        return self.far if step % LONG == LONG - 1 else min(2 * self.stage.row, self.far)

    def lessons(self, step: int) -> Iterator[Lesson]:
        """Lessons without end. A family's share is of the tokens: long ones are drawn more rarely."""
        rng = random.Random(f"{self.stage.seed}:{step}")
        while True:
            name = rng.choices(self.names, self.weights)[0]
            found = lesson(self.model, draw(family(name), rng, self.sources), rng)
            if found is not None:
                yield found

    def text(self, step: int) -> list[Document]:
        """Rows of plain text, every token learned. Each length goes through the text in an order of its own."""
        row = self.row(step)
        count = self.count(row, self.stage.text)
        rows = self.stream.rows(step // FAR * count, count, row)
        return [Document(tuple(tokens), 1, TEXT) for tokens in rows.tolist()]

    def echo(self, step: int) -> list[Document]:
        """Short rows in which pieces of the text come again, and records of them."""
        rng = random.Random(f"echo {self.stage.seed}:{step}")
        makers = (records, records, echo)
        short, row = min(self.stage.row, self.far), self.row(step)
        count = self.count(row, self.stage.echo) * (row // short)
        return [makers[i % 3](rng, self.words, short, self.model.text.prefix) for i in range(count)]

    def weight(self, document: Document) -> float:
        """What a learned token of the document counts in the loss."""
        if document.source == TEXT:
            return self.stage.weight
        return self.stage.label if isinstance(document, Lesson) and document.label else 1.0

    def _length(self, name: str) -> float:
        """Mean tokens of a family's lessons, from the same draws every time; lengths spread widely, so not too few.

        UserError where none fits the context.
        """
        rng = random.Random(f"length:{name}")
        drawn = [lesson(self.model, draw(family(name), rng, self.sources), rng) for _ in range(48)]
        sizes = [len(d.tokens) for d in drawn if d is not None]
        if not sizes:
            raise UserError(
                f"no lesson of {name} fits the context of {self.model.context} tokens: take a model with a longer one, or type "
                "--families without it",
                zh=f"{name} 没有一道练习放得进 {self.model.context} 个词元的上下文：请换用上下文更长的模型，或在 --families 中去掉它",
            )
        return sum(sizes) / len(sizes)
