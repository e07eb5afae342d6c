"""Pre-train a small base model from plain text: ``rung pretrain`` and, for Rung's own base, ``make sprout``.

    texts -> tokenizer -> one file of tokens -> Llama-shaped model -> Hugging Face folder

Matrices of the blocks step with Muon (Jordan et al. 2024: momentum, orthogonalised by Newton-Schulz), embeddings and
norms with AdamW. Most steps see short rows; the last share sees rows of the full context, so that positions up to
it are trained without paying for long attention all the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from rung.engine import without_bars
from rung.folders import recover, replacing, writable, write_whole
from rung.pretrain.corpus import Rows, Source, Stream, check_sources, encode, find_sources
from rung.pretrain.lineage import Step, keep, machine
from rung.pretrain.loss import NextTokens
from rung.pretrain.model import save_bfloat16, shape
from rung.pretrain.muon import Muon
from rung.pretrain.parallel import Ranks, processes
from rung.pretrain.progress import Progress, Say, silent
from rung.pretrain.recipe import Recipe, check, settled
from rung.pretrain.record import claim
from rung.pretrain.tokenizer import END_OF_TEXT, PAD, bytes_per_token, load_tokenizer, train_tokenizer
from rung.train import CheckpointBroken, Plan, TrainingReport, gathered, train
from rung.types import UserError


def pretrain(texts: Path, out: Path, recipe: Recipe, *, shard: bool = False, say: Say = print) -> Path:
    """Train a model on the texts under ``texts``; returns the Hugging Face folder ``out/model``.

    Every stage leaves its file in ``out`` and is not done twice; training goes on from its last checkpoint. Under
    ``torchrun`` the processes share each batch, with ``shard`` the model too, and only the first one writes and speaks; a run may
    go on with another number of them. Raises DataError (no texts, too few), UserError (a recipe that cannot be, a folder that
    cannot be written), CheckpointMismatch (``out`` was begun with another recipe or other texts) and CheckpointBroken.
    """
    check(recipe)
    with processes(shard=shard) as here:
        recipe = settled(recipe, here)
        say = say if here.first else silent
        with here.first_goes_first():
            sources = find_sources(texts)
            if not (out / "tokens.json").exists():  # a bad line is told before anything is made
                check_sources(sources)
            writable(out)
            identity = claim(out, asdict(recipe), sources)
            tokenizer = make_tokenizer(out, sources, recipe, say)
            stream = make_tokens(out, sources, tokenizer, recipe, say)
            recover(out / "checkpoint")
        model = make_model(tokenizer, recipe)
        if not here.shard:  # else each process takes no more than its part to its device
            model.to(here.device)
        plan, batches = lay_out(recipe, stream)
        progress = Progress(out, recipe, model, here, say)
        loss = next_token_loss(model, recipe, here.device, here)  # with --shard the parameters are parts from here on
        with compiling():
            report = train(
                plan, dict(model.named_parameters()), make_optimizers(model, recipe), batches, loss,
                folder=out, on_step=progress.on_step, identity=identity, writes=here.first,
            )  # fmt: skip
        weights = gathered(model.state_dict(), keep=here.first)
        if here.first:
            with replacing(out / "model") as fresh, without_bars():
                save_bfloat16(model, tokenizer, fresh, weights)
                keep(fresh, [told(recipe, report)])
            progress.finish(report)
    return out / "model"


@contextmanager
def compiling() -> Iterator[None]:
    """UserError where torch.compile does not work on this machine: it needs a C++ compiler, which not every one has."""
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import BackendCompilerFailed  # with it comes the whole compiler

        if not isinstance(error, BackendCompilerFailed):
            raise
        why = str(error.inner_exception).strip().partition("\n")[0]
        raise UserError(
            f"torch.compile does not work here ({why}): type --no-compile, or install a C++ compiler such as g++",
            zh=f"torch.compile 在这台机器上无法使用（{why}）：请加 --no-compile，或安装 g++ 等 C++ 编译器",
        ) from error


def told(recipe: Recipe, report: TrainingReport) -> Step:
    """The stage as the model's lineage has it."""
    return Step(
        "text", report.steps * recipe.batch, 1.0, recipe.muon, recipe.schedule, report.steps, round(report.seconds),
        recipe.seed, machine(),
    )  # fmt: skip


def make_tokenizer(out: Path, sources: list[Source], recipe: Recipe, say: Say) -> PreTrainedTokenizerFast:
    """The tokenizer in ``out``, trained if it is not there."""
    recover(out / "tokenizer")
    if not (out / "tokenizer").exists():
        say(f"tokenizer: {recipe.vocabulary} tokens from {', '.join(s.name for s in sources)}")
        tokenizer = train_tokenizer((t for s in sources for t in s.documents("train")), recipe.vocabulary)
        tokenizer.model_max_length = recipe.context
        with replacing(out / "tokenizer") as fresh:
            tokenizer.save_pretrained(fresh)
    return load_tokenizer(out / "tokenizer")


def make_tokens(
    out: Path, sources: list[Source], tokenizer: PreTrainedTokenizerFast, recipe: Recipe, say: Say
) -> Stream:
    """The texts as one file of tokens in ``out``, with ``tokens.json`` beside it, encoded if they are not there."""
    if not (out / "tokens.json").exists():  # written last: where it stands, the tokens are whole
        counts = encode(sources, tokenizer, out / "tokens.bin")
        rates = {s.name: bytes_per_token(tokenizer, s.documents("valid")) for s in sources}
        write_whole(out / "tokens.json", json.dumps({"tokens": counts, "bytes_per_token": rates}, indent=1))
        say(f"tokens: {sum(counts.values()):,} {counts}; bytes per token {rates}")
    counts = json.loads((out / "tokens.json").read_text())["tokens"]
    path = out / "tokens.bin"
    if not path.exists() or path.stat().st_size != 2 * sum(counts.values()):
        raise CheckpointBroken(
            f"{path} was changed, cut short or deleted since it was written: delete tokens.json there to have it made again",
            zh=f"{path} 在写成之后被改动、截断或删除：请删除那里的 tokens.json，它会重新生成",
        )
    return Stream(path, recipe.seed)


def make_model(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> LlamaForCausalLM:
    """A model with random weights from the seed, on the CPU."""
    torch.manual_seed(recipe.seed)
    end, pad = (tokenizer.convert_tokens_to_ids(name) for name in (END_OF_TEXT, PAD))
    model = LlamaForCausalLM(shape(recipe.size, len(tokenizer), recipe.context, end, pad))
    model.config._attn_implementation = "sdpa"
    return model


def lay_out(recipe: Recipe, stream: Stream) -> tuple[Plan, Callable[[int], list[Rows]]]:
    """The plan, and the rows of each step; each row length goes through the stream in an order of its own."""
    stream.rows(0, 1, recipe.context)  # too few texts for the last stage: known now, not hours later
    plan = Plan(recipe.steps, warmup=0.01, schedule=recipe.schedule, floor=0.05, checkpoint_every=250)
    starts: dict[int, int] = {}  # row length -> the first step that has it
    for step in range(plan.steps):
        starts.setdefault(recipe.row_length(step), step)

    def batches(step: int) -> list[Rows]:
        length = recipe.row_length(step)
        count = recipe.batch // length
        return [Rows(stream.rows((step - starts[length]) * count, count, length))]

    return plan, batches


def make_optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the embedding (no decay) and the norms (no decay): one kernel on a GPU."""
    named = [(name, p) for name, p in model.named_parameters() if "embed" not in name and "lm_head" not in name]
    blocks = [p for _, p in named if p.ndim == 2]
    chosen = {id(p) for p in blocks}
    others = [p for p in model.parameters() if id(p) not in chosen]
    fused = True if others[0].is_cuda else None  # None: torch's choice
    return [
        Muon(blocks, lr=recipe.muon, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(others, lr=recipe.adam, weight_decay=0.0, betas=(0.9, 0.95), eps=1e-10, fused=fused),
    ]


def next_token_loss(
    model: LlamaForCausalLM, recipe: Recipe, device: str, here: Ranks = Ranks()
) -> Callable[[Rows], tuple[torch.Tensor, int]]:
    """Cross-entropy summed over the next tokens of a batch of rows, as the loop wants it."""
    mark = model.config.bos_token_id if recipe.boundaries else None
    if recipe.compile and here.shard:  # block by block: what puts them together cannot be compiled
        for block in model.model.layers:
            block.compile(dynamic=False)
    module = here.shared(NextTokens(model, mark=mark, precision=recipe.precision), model.model.layers)
    forward = torch.compile(module, dynamic=False) if recipe.compile and not here.shard else module

    def loss(rows: Rows) -> tuple[torch.Tensor, int]:
        return here.summed(forward(torch.from_numpy(here.part(rows.tokens)).to(device))), rows.targets

    return loss
