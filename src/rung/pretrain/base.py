"""Pre-train a small base model from plain text: ``rung pretrain`` and, for Rung's own base, ``make sprout``.

    texts -> tokenizer -> one file of tokens -> Llama-shaped model -> Hugging Face folder

Matrices of the blocks step with Muon (Jordan et al. 2024: momentum, orthogonalised by Newton-Schulz), embeddings and
norms with AdamW. Most steps see short rows; the last share sees rows of the full context, so that positions up to
it are trained without paying for long attention all the way.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM

from rung.pretrain.corpus import Rows, Stream, encode, find_sources
from rung.pretrain.model import shape
from rung.pretrain.tokenizer import END_OF_TEXT, PAD, bytes_per_token, load_tokenizer, train_tokenizer
from rung.train import Plan, train


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

    Every stage leaves its file in ``out`` and is not done twice; training goes on from its last checkpoint.
    """
    out.mkdir(parents=True, exist_ok=True)
    sources = find_sources(texts)
    if not (out / "tokenizer").exists():
        say(f"tokenizer: {recipe.vocabulary} tokens from {', '.join(s.name for s in sources)}")
        tokenizer = train_tokenizer((t for s in sources for t in s.documents("train")), recipe.vocabulary)
        tokenizer.model_max_length = recipe.context
        tokenizer.save_pretrained(out / "tokenizer.part")
        (out / "tokenizer.part").rename(out / "tokenizer")
    tokenizer = load_tokenizer(out / "tokenizer")
    if not (out / "tokens.bin").exists():
        counts = encode(sources, tokenizer, out / "tokens.bin")
        rates = {s.name: bytes_per_token(tokenizer, s.documents("valid")) for s in sources}
        (out / "tokens.json").write_text(json.dumps({"tokens": counts, "bytes_per_token": rates}, indent=1))
        say(f"tokens: {sum(counts.values()):,} {counts}; bytes per token {rates}")
    stream = Stream(out / "tokens.bin", recipe.seed)

    torch.manual_seed(recipe.seed)
    special = {name: tokenizer.convert_tokens_to_ids(name) for name in (END_OF_TEXT, PAD)}
    model = LlamaForCausalLM(shape(recipe.size, len(tokenizer), recipe.context, special[END_OF_TEXT], special[PAD]))
    model.config._attn_implementation = "sdpa"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    say(f"model: {sum(p.numel() for p in model.parameters()):,} parameters on {device}")

    plan, batches = lay_out(recipe, stream)
    started, log = time.perf_counter(), (out / "curve.jsonl").open("a")

    def on_step(step: int, loss: float, scale: float) -> None:
        if (step + 1) % 50 == 0:
            row = {"step": step + 1, "tokens": (step + 1) * recipe.batch, "loss": loss, "scale": scale}
            row["seconds"] = round(time.perf_counter() - started, 1)
            log.write(json.dumps(row) + "\n")
            log.flush()
            say(f"step {step + 1}/{plan.steps}  {row['tokens'] / 1e6:.1f}M tokens  loss {loss:.3f}  {row['seconds']:.0f}s")

    optimizers = make_optimizers(model, recipe)
    report = train(
        plan, dict(model.named_parameters()), optimizers, batches, next_token_loss(model, recipe, device),
        folder=out, on_step=on_step,
    )
    folder = out / "model"
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (out / "report.json").write_text(
        json.dumps({"recipe": asdict(recipe), "steps": report.steps, "seconds": report.seconds, "losses": report.losses})
    )
    return folder


def lay_out(recipe: Recipe, stream: Stream) -> tuple[Plan, Callable[[int], list[Rows]]]:
    """The plan, and the rows of each step: short rows first, rows of the full context at the end."""
    steps = math.ceil(recipe.tokens / recipe.batch)
    turn = round(steps * (1 - recipe.long_share))

    def batches(step: int) -> list[Rows]:
        length = recipe.short if step < turn else recipe.context
        count = recipe.batch // length
        first = step * count if step < turn else (step - turn) * count
        return [Rows(stream.rows(first, count, length))]

    return Plan(steps, warmup=0.01, schedule="cosine", floor=0.05, checkpoint_every=250), batches


def make_optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the embedding (no decay) and the norms (no decay)."""
    blocks = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name and "lm_head" not in name]
    chosen = {id(p) for p in blocks}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(blocks, lr=recipe.muon, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.adam, weight_decay=0.0, betas=(0.9, 0.95), eps=1e-10),
    ]


def next_token_loss(
    model: LlamaForCausalLM, recipe: Recipe, device: str
) -> Callable[[Rows], tuple[torch.Tensor, int]]:
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
