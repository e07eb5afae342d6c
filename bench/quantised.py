"""What a 4-bit base costs and saves: bytes, peak memory and seconds of a few QLoRA steps, beside LoRA on bfloat16.

    PYTHONPATH=src python bench/quantised.py                              # 500M parameters, random weights, a few minutes
    PYTHONPATH=src python bench/quantised.py --size 30 --json quantised.json

The model has Qwen2's shape and random weights: memory and time do not depend on what they are. Each way runs in a process
of its own, so that its peak is its own:

    lora     LoRA on the base in bfloat16
    qlora    LoRA on the same base in NF4 with double quantisation, the bfloat16 weights given up

``base`` is what the frozen numbers take while training (tensors, counted); ``resident`` is the process before the first
step, ``peak`` the most during the steps; what Python, torch and bitsandbytes take themselves is in neither.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from rung.adapters import LoraConfig, QloraConfig, QloraHandle, attach
from rung.adapters.quantised import bitsandbytes
from rung.documents import Document, Microbatch
from rung.engine import install
from rung.engine.fake import byte_tokenizer
from rung.engine.model import Model
from rung.finetune import Base
from rung.memory import PeakMemory

# Millions of parameters -> (width, feed-forward, layers, heads, key heads, vocabulary), tied, about as Qwen2 has them.
SHAPES = {
    3: (128, 384, 6, 4, 2, 8_192),
    30: (384, 1_536, 12, 6, 2, 16_384),
    100: (768, 3_072, 10, 12, 2, 32_768),
    500: (896, 4_864, 24, 14, 2, 151_936),  # Qwen2-0.5B
    1500: (1_536, 8_960, 28, 12, 2, 151_936),  # Qwen2-1.5B
}
WAYS = ("lora", "qlora")


def build(size: int) -> Model:
    """A model of that many million parameters, random, in bfloat16 from the start."""
    width, forward, layers, heads, key_heads, vocabulary = SHAPES[size]
    config = Qwen2Config(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=forward, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=key_heads, tie_word_embeddings=True, dtype=torch.bfloat16,
    )  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    hf = Qwen2ForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    install(hf)
    return Model(hf, byte_tokenizer(), name="random", sha256="0" * 64)


def documents(count: int, length: int) -> tuple[Document, ...]:
    """Random tokens; the loss is on the last three of each."""
    generator = torch.Generator().manual_seed(1)
    return tuple(
        Document(tuple(torch.randint(300, 4_000, (length,), generator=generator).tolist()), length - 3)
        for _ in range(count)
    )


def measure(way: str, size: int, steps: int, tokens: int) -> dict[str, Any]:
    """One way in this process."""
    process = psutil.Process()
    bitsandbytes()
    bare = process.memory_info().rss
    model = build(size)
    started = time.perf_counter()
    config = LoraConfig(rank=8) if way == "lora" else QloraConfig(rank=8, keep_base=False)
    handle = attach(model.hf, config, 0)
    attached = time.perf_counter() - started
    linear = sum(p.numel() for n, p in model.hf.named_parameters() if n.removesuffix(".weight") in handle.layers)
    rest = sum(p.numel() * p.element_size() for p in model.hf.parameters() if not p.is_meta)
    base = rest + (handle.base_bytes if isinstance(handle, QloraHandle) else 0)
    resident = process.memory_info().rss - bare
    optimizer = torch.optim.AdamW(list(handle.parameters.values()), lr=1e-4, fused=True)
    micro, seconds = Microbatch(documents(tokens // 128, 128)), []
    with PeakMemory() as memory, Base(model, handle, "bfloat16") as training:
        for _ in range(steps):
            begun = time.perf_counter()
            loss, targets = training.loss(micro)
            (loss / targets).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seconds.append(time.perf_counter() - begun)
    return {
        "way": way, "parameters": model.parameters, "linear": linear,
        "linear_bytes": handle.base_bytes if isinstance(handle, QloraHandle) else 2 * linear,
        "base_bytes": base, "resident_bytes": resident, "peak_bytes": memory.bytes - bare,
        "attach_seconds": attached, "step_seconds": sorted(seconds[1:])[len(seconds[1:]) // 2],
        "trained": handle.kept, "loss": float(loss.detach()) / targets,
    }  # fmt: skip


def table(rows: list[dict[str, Any]], steps: int, tokens: int) -> str:
    """The figures side by side."""
    first, mib = rows[0], 1 << 20
    lines = [
        f"{first['parameters'] / 1e6:.0f}M parameters, {first['linear'] / 1e6:.0f}M of them in the linear layers of the blocks; "
        f"{tokens} tokens a step, median of {steps - 1} steps, {torch.get_num_threads()} thread(s)",
        "",
        f"{'':8}{'linear MiB':>12}{'base MiB':>12}{'resident MiB':>14}{'peak MiB':>12}{'attach s':>10}{'step s':>9}",
    ]
    lines += [
        f"{r['way']:8}{r['linear_bytes'] / mib:12.1f}{r['base_bytes'] / mib:12.1f}{r['resident_bytes'] / mib:14.1f}"
        f"{r['peak_bytes'] / mib:12.1f}{r['attach_seconds']:10.2f}{r['step_seconds']:9.2f}"
        for r in rows
    ]
    bits = 8 * rows[-1]["linear_bytes"] / rows[-1]["linear"]
    return "\n".join([*lines, "", f"{bits:.3f} bits for each weight of a packed layer"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, choices=sorted(SHAPES), default=500, help="millions of parameters")
    parser.add_argument("--steps", type=int, default=4, help="the first one is not counted")
    parser.add_argument("--tokens", type=int, default=512, help="of a step, in documents of 128")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)  # in the process of one way
    given = parser.parse_args()
    if given.steps < 2 or given.tokens < 128:
        parser.error("give at least 2 --steps and 128 --tokens")
    if given.way:
        print(json.dumps(measure(given.way, given.size, given.steps, given.tokens)))
        return
    rows = []
    for way in WAYS:
        command = [sys.executable, *sys.argv, "--way", way]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    print(table(rows, given.steps, given.tokens))
    if given.json:
        given.json.write_text(json.dumps({"steps": given.steps, "tokens": given.tokens, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
