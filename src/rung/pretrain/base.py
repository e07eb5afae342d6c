"""Pre-train a small base model from plain text: ``rung pretrain`` and, for Rung's own base, ``make sprout``.

    texts -> tokenizer -> one file of tokens -> Llama-shaped model -> Hugging Face folder

Matrices of the blocks step with Muon (Jordan et al. 2024: momentum, orthogonalised by Newton-Schulz), embeddings and
norms with AdamW. Most steps see short rows; the last share sees rows of the full context, so that positions up to
it are trained without paying for long attention all the way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from rung.folders import recover, replacing
from rung.pretrain.corpus import Rows, Source, Stream, encode, find_sources
from rung.pretrain.model import shape
from rung.pretrain.record import Curve, claim, hardware
from rung.pretrain.tokenizer import END_OF_TEXT, PAD, bytes_per_token, load_tokenizer, train_tokenizer
from rung.train import Plan, train
from rung.types import UserError


@dataclass(frozen=True)
class Recipe:
    """How long and how fast. The defaults made sprout."""

    size: str = "7M"
    vocabulary: int = 8192
    context: int = 1024
    tokens: int = 36_000_000  # seen in training, repeats counted
    batch: int = 8192  # tokens per step
    short: int = 256  # row length of the first stage
    long_share: float = 0.2  # share of the tokens seen in rows of the full context, at the end
    muon: float = 6e-3  # learning rate of the matrices, scaled to AdamW's step size (Moonlight, 2025)
    adam: float = 6e-3  # learning rate of embeddings and norms
    weight_decay: float = 0.1
    seed: int = 0
    compile: bool = True  # worth it from some minutes of training on
    autocast: bool = True  # bfloat16; never float16 on a CPU


def pretrain(texts: Path, out: Path, recipe: Recipe, *, say: Callable[[str], None] = print) -> Path:
    """Train a model on the texts under ``texts``; returns the Hugging Face folder ``out/model``.

    Every stage leaves its file in ``out`` and is not done twice; training goes on from its last checkpoint. Raises
    DataError (no texts, too few), UserError (a recipe that cannot be) and CheckpointMismatch (``out`` was begun with
    another recipe or other texts).
    """
    check(recipe)
    sources = find_sources(texts)
    out.mkdir(parents=True, exist_ok=True)
    identity = claim(out, asdict(recipe), sources)
    tokenizer = make_tokenizer(out, sources, recipe, say)
    stream = make_tokens(out, sources, tokenizer, recipe, say)
    model, device = make_model(tokenizer, recipe)
    parameters = sum(p.numel() for p in model.parameters())
    say(f"model: {parameters:,} parameters on {device}")

    plan, batches = lay_out(recipe, stream)
    curve = Curve(out / "curve.jsonl")

    def on_step(step: int, loss: float, scale: float) -> None:
        if (step + 1) % 50 == 0:
            seen = (step + 1) * recipe.batch
            seconds = curve.add(step + 1, tokens=seen, loss=loss, scale=scale)
            say(f"step {step + 1}/{plan.steps}  {seen / 1e6:.1f}M tokens  loss {loss:.3f}  {seconds:.0f}s")

    report = train(
        plan, dict(model.named_parameters()), make_optimizers(model, recipe), batches,
        next_token_loss(model, recipe, device), folder=out, on_step=on_step, identity=identity,
    )  # fmt: skip
    with replacing(out / "model") as fresh:
        model.to(torch.bfloat16).save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
    told = {"recipe": asdict(recipe), "steps": report.steps, "seconds": report.seconds, "losses": report.losses}
    (out / "report.json").write_text(json.dumps({**told, "parameters": parameters, "hardware": hardware()}))
    return out / "model"


def check(recipe: Recipe) -> None:
    """UserError for a recipe that cannot be: no such size, or a step too small for a row of the full context."""
    shape(recipe.size, recipe.vocabulary, recipe.context, 0, 1)
    if recipe.context > recipe.batch:
        raise UserError(
            f"a context of {recipe.context:,} tokens is more than one step sees ({recipe.batch:,}): "
            "type a smaller --context",
            zh=f"上下文 {recipe.context:,} 个词元超过一步所见的 {recipe.batch:,} 个：请减小 --context",
        )


def make_tokenizer(
    out: Path, sources: list[Source], recipe: Recipe, say: Callable[[str], None]
) -> PreTrainedTokenizerFast:
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
    out: Path, sources: list[Source], tokenizer: PreTrainedTokenizerFast, recipe: Recipe, say: Callable[[str], None]
) -> Stream:
    """The texts as one file of tokens in ``out``, with ``tokens.json`` beside it, encoded if they are not there."""
    if not (out / "tokens.json").exists():  # written last: where it stands, the tokens are whole
        counts = encode(sources, tokenizer, out / "tokens.bin")
        rates = {s.name: bytes_per_token(tokenizer, s.documents("valid")) for s in sources}
        (out / "tokens.json").write_text(json.dumps({"tokens": counts, "bytes_per_token": rates}, indent=1))
        say(f"tokens: {sum(counts.values()):,} {counts}; bytes per token {rates}")
    return Stream(out / "tokens.bin", recipe.seed)


def make_model(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> tuple[LlamaForCausalLM, str]:
    """A model with random weights from the seed, and the device that it was put on."""
    torch.manual_seed(recipe.seed)
    end, pad = (tokenizer.convert_tokens_to_ids(name) for name in (END_OF_TEXT, PAD))
    model = LlamaForCausalLM(shape(recipe.size, len(tokenizer), recipe.context, end, pad))
    model.config._attn_implementation = "sdpa"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return model.to(device), device


def lay_out(recipe: Recipe, stream: Stream) -> tuple[Plan, Callable[[int], list[Rows]]]:
    """The plan, and the rows of each step: short rows first, rows of the full context at the end."""
    steps = math.ceil(recipe.tokens / recipe.batch)
    turn = round(steps * (1 - recipe.long_share))
    short = min(recipe.short, recipe.context)
    stream.rows(0, 1, recipe.context)  # too few texts for the last stage: known now, not hours later

    def batches(step: int) -> list[Rows]:
        length = short if step < turn else recipe.context
        count = recipe.batch // length
        first = step * count if step < turn else (step - turn) * count
        return [Rows(stream.rows(first, count, length))]

    return Plan(steps, warmup=0.01, schedule="cosine", floor=0.05, checkpoint_every=250), batches


def make_optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the embedding (no decay) and the norms (no decay)."""
    named = [(name, p) for name, p in model.named_parameters() if "embed" not in name and "lm_head" not in name]
    blocks = [p for _, p in named if p.ndim == 2]
    chosen = {id(p) for p in blocks}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(blocks, lr=recipe.muon, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.adam, weight_decay=0.0, betas=(0.9, 0.95), eps=1e-10),
    ]


def next_token_loss(model: LlamaForCausalLM, recipe: Recipe, device: str) -> Callable[[Rows], tuple[torch.Tensor, int]]:
    """Cross-entropy summed over the next tokens of a batch of rows, as the loop wants it."""

    def forward(tokens: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=recipe.autocast):
            states = model.model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
            logits = model.lm_head(states)
        return F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum")

    compiled = torch.compile(forward, dynamic=False) if recipe.compile else forward

    def loss(rows: Rows) -> tuple[torch.Tensor, int]:
        return compiled(torch.from_numpy(rows.tokens).to(device)), rows.targets

    return loss
