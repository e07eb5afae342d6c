"""Multiple-choice scoring side by side with lm-evaluation-harness, in one process, on the same tokens.

    PYTHONPATH=src python bench/scoring.py --items 20                # a 40M random-weight Llama
    PYTHONPATH=src python bench/scoring.py --model sprout --json scoring.json

Needs the ``bench`` extra (lm-eval). The peer has its best settings: fixed demonstrations, logits_cache on, log-softmax
in float32, the batch size tuned on a few items of each shape. Parity comes first (largest difference in nats, same
argmax), then speed, measured alternately in the same run; the shortest time of each side counts.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from lm_eval.models.huggingface import HFLM
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from rung.engine import load_model
from rung.engine.attention import install
from rung.engine.fake import byte_tokenizer
from rung.engine.score import score_tokens
from rung.engine.trunk import Trunk

# few-shot tokens / question tokens / options / tokens per option (the last shape: 16 demonstrations, 4 long labels)
SHAPES = {
    "letters 650/110/4/1": (650, 110, 4, 1),
    "long options 1000/60/4/28": (1000, 60, 4, 28),
    "many labels 150/60/20/3": (150, 60, 20, 3),
    "zero-shot 0/60/4/28": (0, 60, 4, 28),
    "16 demonstrations 1090/60/4/6": (1090, 60, 4, 6),
}
Requests = list[tuple[list[int], list[list[int]]]]


@dataclass
class Row:
    """One shape's result; ``kept`` is the speed-up as a share of the ratio of computed tokens."""

    shape: str
    items: int
    nats: float
    same_argmax: bool
    peer_batch: int
    peer_tokens: int
    rung_tokens: int
    peer_seconds: float
    rung_seconds: float
    token_ratio: float
    speedup: float
    kept: float


class Peer(HFLM):
    """lm-eval's own model class, which also counts the tokens that it sends through the model."""

    computed = 0

    def _model_call(self, inps, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.computed += inps.numel()
        return super()._model_call(inps, *args, **kwargs)


def random_llama(seed: int = 0) -> PreTrainedModel:
    """42M parameters: 8 layers, 512 wide, 8 heads, 16k vocabulary, context 2048."""
    config = LlamaConfig(
        vocab_size=16384,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=2048,
    )
    torch.manual_seed(seed)
    return LlamaForCausalLM(config).eval()


def requests(shape: tuple[int, int, int, int], items: int, vocabulary: int, context: int, seed: int) -> Requests:
    """Random tokens of a shape; few-shot and question shrink together where the context is too short."""
    few, question, options, length = shape
    scale = min(1.0, (context - length - 1) / (few + question))
    few, question = int(few * scale), int(question * scale)
    draw = random.Random(seed)

    def tokens(n: int) -> list[int]:
        return [draw.randrange(10, vocabulary) for _ in range(n)]

    shared = tokens(few)
    labels = [tokens(length) for _ in range(options)]  # letters and labels are the same for every item
    fixed = length < 10
    return [
        (shared + tokens(question), labels if fixed else [tokens(length) for _ in range(options)]) for _ in range(items)
    ]


def ask_peer(peer: Peer, asked: Requests) -> list[list[float]]:
    """Log-probabilities by lm-eval, from the token pairs it would make itself."""
    flat = [((f"item {i}", f"option {j}"), c, o) for i, (c, os) in enumerate(asked) for j, o in enumerate(os)]
    answers = iter(peer._loglikelihood_tokens(flat, disable_tqdm=True))
    return [[next(answers)[0] for _ in options] for _, options in asked]


def ask_rung(trunk: Trunk, asked: Requests) -> list[list[float]]:
    """Log-probabilities by Rung."""
    scores = score_tokens(trunk, [c for c, _ in asked], [o for _, o in asked])
    return [list(s.logprobs) for s in scores]


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def tune(peer: Peer, asked: Requests) -> int:
    """The batch size at which lm-eval is fastest on a few items."""
    seconds = {}
    for size in (1, 4, 16, 64):
        peer.batch_size_per_gpu = size
        seconds[size] = timed(lambda: ask_peer(peer, asked[:4]))
    return min(seconds, key=seconds.__getitem__)


def measure(name: str, shape: tuple[int, int, int, int], trunk: Trunk, peer: Peer, items: int, repeats: int) -> Row:
    """One shape: parity on all items, then the shortest of ``repeats`` alternating runs."""
    asked = requests(shape, items, trunk.shape.vocabulary, trunk.context, seed=1)
    peer.batch_size_per_gpu = tune(peer, asked)
    peer.computed, trunk.meter.tokens = 0, 0
    theirs, ours = ask_peer(peer, asked), ask_rung(trunk, asked)
    peer_tokens, rung_tokens = peer.computed, trunk.meter.tokens
    nats = max(abs(a - b) for one, two in zip(ours, theirs, strict=True) for a, b in zip(one, two, strict=True))
    same = all(o.index(max(o)) == t.index(max(t)) for o, t in zip(ours, theirs, strict=True))
    times = [(timed(lambda: ask_peer(peer, asked)), timed(lambda: ask_rung(trunk, asked))) for _ in range(repeats)]
    slow, fast = (min(t[side] for t in times) for side in (0, 1))
    ratio, speedup = peer_tokens / rung_tokens, slow / fast
    batch = int(peer.batch_size_per_gpu)
    return Row(name, items, nats, same, batch, peer_tokens, rung_tokens, slow, fast, ratio, speedup, speedup / ratio)


def load(name: str) -> tuple[Trunk, Peer]:
    """Our model and lm-eval's, from the same weights, in float32."""
    if name == "random40m":
        hf = random_llama()
        tokenizer = byte_tokenizer()
        plain = deepcopy(hf)
        install(hf)
        trunk = Trunk(hf)
    else:
        model = load_model(name, device="cpu")
        trunk, tokenizer, plain = model, model.tokenizer, deepcopy(model.hf)
        plain.set_attn_implementation("sdpa")
    peer = Peer(
        pretrained=plain,
        tokenizer=tokenizer,
        backend="causal",
        batch_size=1,
        max_length=trunk.context,
        softmax_dtype="float32",
        logits_cache=True,
    )
    return trunk, peer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="random40m", help="random40m, sprout, a folder or a hub name")
    parser.add_argument("--items", type=int, default=20, help="items per shape; more items share more")
    parser.add_argument("--repeats", type=int, default=2, help="alternating timings; the shortest counts")
    parser.add_argument("--shape", help="only shapes whose name contains this")
    parser.add_argument("--json", type=Path, help="write the rows here")
    args = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    trunk, peer = load(args.model)
    rows = []
    print(f"{args.model}: {trunk.shape.parameters:,} parameters, {torch.get_num_threads()} threads, float32")
    print(f"{'shape':31}{'nats':>9}{'argmax':>8}{'lm-eval s':>11}{'rung s':>8}{'faster':>8}{'tokens':>8}{'kept':>6}")
    for name, shape in SHAPES.items():
        if args.shape and args.shape not in name:
            continue
        row = measure(name, shape, trunk, peer, args.items, args.repeats)
        rows.append(row)
        same = "same" if row.same_argmax else "DIFFER"
        print(
            f"{name:31}{row.nats:9.1e}{same:>8}{row.peer_seconds:11.2f}{row.rung_seconds:8.2f}"
            f"{row.speedup:7.1f}x{row.token_ratio:7.1f}x{row.kept:6.2f}",
            flush=True,
        )
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
