"""Training side by side with TRL's SFTTrainer and PEFT, method by method, in one process, on the same batches.

    PYTHONPATH=src python bench/training.py --steps 8                          # LoRA on a 40M random-weight Llama
    PYTHONPATH=src python bench/training.py --model sprout --method lora prompt-tuning p-tuning prefix-tuning p-tuning-v2 full
    PYTHONPATH=src python bench/training.py --model sprout --memory            # peak memory too, each side in a process of its own

Needs the ``bench`` extra (trl, peft, datasets). Both sides start from the same numbers and see the same examples in the
same order, with the same optimiser, so their loss curves must agree; that comes first. Then speed, alternately in the
same run, after a warm-up step; the shortest of the repeats counts. The peer runs with its best settings on a CPU:
no gradient checkpointing, completion-only loss (its logits are computed at the answers only, as ours), the frozen base
in bfloat16 where that is asked for, and in three ways of batching:

    in order      padded batches of the same examples as ours: the curves are compared with these
    padding-free  the same examples in one row per batch (made for FlashAttention; on a CPU with a dense mask)
    by length     examples of like length together: another order, so only its speed counts

PEFT's soft prompts refuse rows of several documents, so that ``padding-free`` is left out for them. Memory is the process's
peak while it trains, less what it held before (model and data are there by then).
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import peft
import torch
from datasets import Dataset
from datasets import disable_progress_bars as hide_datasets_bars
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from rung.adapters import (
    FullConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    SoftHandle,
    attach,
    save,
)
from rung.documents import Batches, Document
from rung.engine import Model, install, load_model
from rung.finetune import Hyperparameters, finetune
from rung.memory import PeakMemory
from rung.pretrain.model import shape

BATCH, RATE, SEED = 16, 1e-3, 0
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
WAYS = ("in order", "padding-free", "by length")
TOKENS = 20  # of a soft prompt
METHODS: dict[str, Any] = {
    "lora": LoraConfig(), "prompt-tuning": PromptTuningConfig(TOKENS), "p-tuning": PTuningConfig(TOKENS),
    "prefix-tuning": PrefixTuningConfig(TOKENS), "p-tuning-v2": PTuningV2Config(TOKENS), "full": FullConfig(),
}  # fmt: skip
SOFT: dict[str, Callable[..., peft.PeftConfig]] = {  # PEFT trains none of these on from a file: their numbers are copied
    "prompt-tuning": peft.PromptTuningConfig, "p-tuning": peft.PromptEncoderConfig,
    "prefix-tuning": peft.PrefixTuningConfig, "p-tuning-v2": peft.PrefixTuningConfig,
}  # fmt: skip


@dataclass
class Run:
    """Losses (nats per target) and seconds of each step, on the clock that ``--clock`` names."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def rate(self) -> float:
        """Examples per second without the first step."""
        return BATCH * len(self.seconds[1:]) / sum(self.seconds[1:])


def load(name: str) -> Model:
    """``sprout``, a folder, or ``40M``: random weights of that size (the tokenizer only gives its special tokens)."""
    if name != "40M":
        return load_model(name)
    small = load_model("sprout")
    torch.manual_seed(SEED)
    tokenizer = small.tokenizer
    hf = LlamaForCausalLM(shape("40M", len(tokenizer), 1024, tokenizer.eos_token_id, tokenizer.pad_token_id)).eval()
    install(hf)
    return Model(hf, tokenizer, name="40M", sha256="random")


def make_documents(model: Model, count: int, low: int, high: int, answer: tuple[int, int]) -> list[Document]:
    """Documents of ``low`` to ``high`` tokens in all, whose answer repeats their first tokens: something to learn."""
    rng, documents = random.Random(SEED), []
    for _ in range(count):
        size = rng.randint(*answer)
        prompt = [rng.randrange(300, model.shape.vocabulary) for _ in range(rng.randint(low, high) - size)]
        documents.append(Document((*prompt, *(300 + t % 16 for t in prompt[:size])), len(prompt)))
    return documents


def run_ours(
    model: Model, documents: list[Document], method: str, steps: int, precision: str, clock: Callable[[], float]
) -> Run:
    """`finetune` as a user would call it; the time of a step is from the end of the one before."""
    run, last = Run(), [clock()]

    def on_step(_step: int, loss: float, _scale: float) -> None:
        now = clock()
        run.losses.append(loss)
        run.seconds.append(now - last[0])
        last[0] = now

    settings = Hyperparameters(
        learning_rate=RATE, batch=BATCH, steps=steps, warmup=0.0, schedule="constant",
        precision="bfloat16" if precision == "bfloat16" else "float32",
    )  # fmt: skip
    finetune(model, documents, METHODS[method], settings, seed=SEED, on_step=on_step).handle.detach()
    return run


class Clock(TrainerCallback):
    """Times each step of the trainer, and keeps the losses that it logs."""

    def __init__(self, run: Run, clock: Callable[[], float]):
        self.run, self.clock = run, clock
        self.last = 0.0

    def on_train_begin(self, *_args, **_options):  # type: ignore[no-untyped-def]
        self.last = self.clock()

    def on_step_end(self, *_args, **_options):  # type: ignore[no-untyped-def]
        now = self.clock()
        self.run.seconds.append(now - self.last)
        self.last = now

    def on_log(self, _args, _state, _control, logs=None, **_options):  # type: ignore[no-untyped-def]
        if logs and "loss" in logs:
            self.run.losses.append(float(logs["loss"]))


def run_theirs(
    base: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    documents: list[Document],
    method: str,
    begin: Path,
    steps: int,
    precision: str,
    way: str,
    clock: Callable[[], float],
) -> Run:
    """SFTTrainer over a fresh copy of ``base`` that starts where ours does."""
    hf = LlamaForCausalLM(deepcopy(base.config))  # shared, setting its attention would change ours
    hf.load_state_dict(base.state_dict())
    hf.to(torch.float32 if method == "full" else getattr(torch, precision))  # what is trained is float32, as ours
    hf.set_attn_implementation("sdpa")
    taught = wrapped(hf, method, begin)
    rows = {
        "input_ids": [list(d.tokens) for d in documents],
        "completion_mask": [[int(i >= d.start) for i in range(len(d.tokens))] for d in documents],
    }
    run = Run()
    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(
            output_dir=out, max_steps=steps, per_device_train_batch_size=BATCH, learning_rate=RATE, seed=SEED,
            lr_scheduler_type="constant", warmup_steps=0, weight_decay=0.0, max_grad_norm=1.0,
            adam_beta2=0.95 if steps < 200 else 0.999, optim="adamw_torch_fused",
            bf16=precision == "bfloat16", gradient_checkpointing=False, completion_only_loss=True,
            padding_free=way == "padding-free", max_length=None, logging_steps=1, report_to="none", save_strategy="no",
            train_sampling_strategy="group_by_length" if way == "by length" else "sequential",
            use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = SFTTrainer(
            model=taught, args=config, train_dataset=Dataset.from_dict(rows), processing_class=tokenizer,
            callbacks=[Clock(run, clock)],
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return run


def wrapped(hf: PreTrainedModel, method: str, begin: Path) -> PreTrainedModel | peft.PeftModel:
    """``hf`` under PEFT, its numbers those of ``begin``."""
    if method == "full":
        head = hf.get_output_embeddings()
        for module in (hf.get_input_embeddings(), head):  # left alone, as ours
            module.requires_grad_(False)
        return hf
    if method not in SOFT:
        return peft.PeftModel.from_pretrained(hf, begin / "adapter", is_trainable=True)
    options: dict[str, Any] = {"num_virtual_tokens": TOKENS, "task_type": "CAUSAL_LM"}
    if method in ("p-tuning", "prefix-tuning"):
        options["encoder_hidden_size"] = hf.config.hidden_size
    if method == "prefix-tuning":
        options["prefix_projection"] = True
    taught = peft.get_peft_model(hf, SOFT[method](**options))
    encoder, ours = taught.prompt_encoder["default"], torch.load(begin / "soft.pt")
    first = ours.pop("begin", None)
    theirs = [p for p in encoder.parameters() if p.requires_grad]
    with torch.no_grad():
        for place, numbers in zip(theirs, ours.values(), strict=True):
            place.copy_(numbers.flatten(1) if numbers.dim() > 2 else numbers)
    if first is not None:  # ours begins at words, and the network is what is added to them
        encoder.register_forward_hook(lambda _module, _given, written: written + first.flatten(1))
    return taught


def start(model: Model, method: str, folder: Path) -> None:
    """What every side of a method begins with, written to ``folder``."""
    handle = attach(model.hf, METHODS[method], SEED)
    if method in SOFT:
        assert isinstance(handle, SoftHandle)
        torch.save(handle.source.state_dict(), folder / "soft.pt")
    elif method != "full":
        save(handle, folder / "adapter", base=model.name)
    handle.detach()


def run_side(model: Model, arguments: argparse.Namespace, precision: str, method: str, side: str, folder: Path) -> Run:
    """One training: of ours, or of a way of theirs."""
    documents = make_documents(model, BATCH * 8, arguments.low, arguments.high, (2, arguments.answer))
    clock = CLOCKS[arguments.clock]
    if side == "ours":
        return run_ours(model, documents, method, arguments.steps, precision, clock)
    batches = Batches(documents, batch=BATCH, seed=SEED, token_budget=2048, vocabulary=model.shape.vocabulary)
    ordered = [d for step in range(arguments.steps) for d in batches.picked(step)]
    return run_theirs(model.hf, model.tokenizer, ordered, method, folder, arguments.steps, precision, side, clock)


def peak(arguments: argparse.Namespace, precision: str, method: str, side: str) -> float:
    """MiB that a training takes beyond model and data, in a process of its own."""
    command = [
        sys.executable, __file__, "--model", arguments.model, "--method", method, "--precision", precision, "--side", side,
        "--steps", "3", "--low", str(arguments.low), "--high", str(arguments.high), "--answer", str(arguments.answer),
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])) / (1 << 20)


def alone(model: Model, arguments: argparse.Namespace) -> int:
    """Bytes that the side takes in this process."""
    precision, method = arguments.precision[0], arguments.method[0]
    with tempfile.TemporaryDirectory() as folder:
        start(model, method, Path(folder))
        with PeakMemory(every=0.01) as memory:
            before = memory.bytes
            run_side(model, arguments, precision, method, arguments.side, Path(folder))
    return memory.bytes - before


def compare(model: Model, arguments: argparse.Namespace, precision: str, method: str) -> dict[str, object]:
    """All sides in turn, ``repeats`` times; prints the curves and the rates."""
    runs: dict[str, list[Run]] = {}
    ways = [way for way in arguments.ways if way != "padding-free" or method in ("lora", "full")]
    with tempfile.TemporaryDirectory() as folder:
        start(model, method, Path(folder))
        for _ in range(arguments.repeats):
            for side in ("ours", *ways):
                run = run_side(model, arguments, precision, method, side, Path(folder))
                runs.setdefault(side if side == "ours" else f"TRL {side}", []).append(run)
    best = {side: max(tried, key=Run.rate) for side, tried in runs.items()}
    ours = best["ours"]
    apart = {
        side: max(abs(a - b) for a, b in zip(ours.losses, run.losses, strict=True))
        for side, run in best.items()
        if side not in ("ours", "TRL by length")
    }
    print(f"\n{model.name}, {method}, {precision}, batch {BATCH}, {arguments.low}-{arguments.high} tokens")
    for side, run in best.items():
        curve = " ".join(f"{x:.3f}" for x in run.losses)
        against = f"  ours {ours.rate() / run.rate():.2f}x" if side != "ours" else ""
        note = f"  largest difference of a loss {apart[side]:.4f}" if side in apart else ""
        print(f"  {side:17} {run.rate():7.2f} examples/s{against}{note}\n{'':20}{curve}")
    rival = max(run.rate() for side, run in best.items() if side != "ours")
    print(f"  against the fastest of the peer's ways: {ours.rate() / rival:.2f}x", flush=True)
    memory = {side: peak(arguments, precision, method, side) for side in ("ours", *ways)} if arguments.memory else {}
    if memory:
        print("  peak, MiB: " + ", ".join(f"{side} {size:.0f}" for side, size in memory.items()), flush=True)
    return {
        "model": model.name, "method": method, "precision": precision, "memory": memory, "speedup": ours.rate() / rival, "apart": apart,
        "rates": {side: run.rate() for side, run in best.items()},
        "runs": {side: [asdict(r) for r in tried] for side, tried in runs.items()},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="40M", help="40M (random weights), sprout, or a folder with a Llama")
    parser.add_argument("--method", nargs="+", default=["lora"], choices=METHODS)
    parser.add_argument("--memory", action="store_true", help="peak memory of each side, in a process of its own")
    parser.add_argument("--side", choices=["ours", *WAYS], help=argparse.SUPPRESS)  # in the process of one side
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--low", type=int, default=40)
    parser.add_argument("--high", type=int, default=410)
    parser.add_argument("--answer", type=int, default=8, help="most tokens of an answer")
    parser.add_argument("--precision", nargs="+", default=["bfloat16", "float32"], choices=["bfloat16", "float32"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="processor: on a machine that is shared")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.steps < 2:
        parser.error("--steps must be at least 2: the first one is the warm-up")
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    hide_datasets_bars()
    model = load(arguments.model)
    if arguments.side:
        print(json.dumps(alone(model, arguments)))
        return
    results = [compare(model, arguments, p, method) for method in arguments.method for p in arguments.precision]
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
