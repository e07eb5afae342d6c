"""What continued pre-training on laws gains there and costs elsewhere, with general text mixed in or not.

    PYTHONPATH=src python bench/forgetting.py                              # sprout, LoRA of rank 16 and full, 0, 10 and 30 %
    PYTHONPATH=src python bench/forgetting.py --methods lora --shares 0,0.5 --steps 200 --json forgetting.json

Trained on ../shared/data/text/zh_law/train.jsonl, every token; mixed in is train.jsonl of en_wiki and zh_wiki. Measured is the change of
nats per token (below 0: it reads better) on valid.jsonl of every set, in pieces of 600 characters, and on the general text of the package.
One row is one training of ``--steps`` steps of ``--batch`` rows of law; the general rows come on top, so every training sees the same law.
What has been trained is in OUT/rows.jsonl and is not trained again.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from places import TEXTS

from rung.adapters import FullConfig, LoraConfig
from rung.documents import text_documents
from rung.engine import Model, load_model
from rung.evaluate import forgetting, shipped_general
from rung.finetune import Hyperparameters, finetune
from rung.pretrain.corpus import Source, find_sources

DOMAIN, GENERAL = "zh_law", ("en_wiki", "zh_wiki")
METHODS: dict[str, tuple[Any, float]] = {"lora": (LoraConfig(rank=16, alpha=32.0), 1e-3), "full": (FullConfig(), 3e-4)}
ROW = 256  # tokens
PIECE, PIECES = 600, 12  # characters of a piece of held-out text, and pieces of a set
MIXED = 400  # texts of each general set, of each its first 2,000 characters


def main() -> None:
    asked = arguments()
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    lines = out / "rows.jsonl"
    done = [json.loads(line) for line in lines.open(encoding="utf-8")] if lines.exists() else []
    model, sources = load_model(asked.model), {source.name: source for source in find_sources(TEXTS)}
    rows = []
    for method in asked.methods:
        for share in asked.shares:
            key = [model.sha256[:12], method, share, asked.steps, asked.batch, asked.seed]
            row = next((row for row in done if row["key"] == key), None)
            if row is None:
                row = {"key": key, **trial(model, sources, method, share, asked)}
                with lines.open("a", encoding="utf-8") as kept:
                    kept.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows.append(row)
            print(f"{method} {share:.0%}: {row['seconds']:.0f} s", flush=True)
    print(table(rows))
    if asked.json:
        Path(asked.json).write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def trial(
    model: Model, sources: dict[str, Source], method: str, share: float, asked: argparse.Namespace
) -> dict[str, Any]:
    """One training, and the rise on every set with its adapter attached."""
    config, rate = METHODS[method]
    general = [text[:2000] for name in GENERAL for text in sample(list(sources[name].documents("train")), asked.seed)]
    settings = Hyperparameters(learning_rate=rate, batch=asked.batch, steps=asked.steps, general=share)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trained = finetune(
            model, text_documents(model, list(sources[DOMAIN].documents("train")), ROW), config, settings,
            general=text_documents(model, general, ROW), folder=Path(folder), seed=asked.seed,
        )  # fmt: skip
        trained.handle.detach()
        seconds = time.perf_counter() - begun
        found = forgetting(model, Path(folder) / "adapter", measured(sources))
    return {
        "method": method, "share": share, "rate": rate, "steps": asked.steps, "seconds": seconds,
        "losses": [trained.report.losses[0], trained.report.losses[-1]], "sets": found.as_json(),
    }  # fmt: skip


def sample(texts: Sequence[str], seed: int) -> list[str]:
    return random.Random(seed).sample(texts, min(MIXED, len(texts)))


def measured(sources: dict[str, Source]) -> dict[str, list[str]]:
    """Held-out pieces of every set, the domain first, and the package's general text."""
    names = [DOMAIN, *(name for name in sources if name != DOMAIN)]
    sets = {name: pieces(list(sources[name].documents("valid"))) for name in names}
    return sets | {f"general {at}": list(texts) for at, texts in shipped_general().measured.items()}


def pieces(texts: Sequence[str]) -> list[str]:
    """The first piece of each text, then the second ones, until there are enough."""
    cut = [[text[at : at + PIECE] for at in range(0, len(text), PIECE)] for text in texts]
    most = max(len(own) for own in cut)
    return [own[turn] for turn in range(most) for own in cut if turn < len(own)][:PIECES]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A row for each training; a column for each set, with the half-width of its 95 % interval."""
    sets = list(rows[0]["sets"])
    lines = ["| method | general text | " + " | ".join(sets) + " |", "|---|---|" + "---|" * len(sets)]
    for row in rows:
        cells = [f"{own['nats']:+.3f} ± {(own['high'] - own['low']) / 2:.3f}" for own in row["sets"].values()]
        lines.append(f"| {row['method']} | {row['share']:.0%} | " + " | ".join(cells) + " |")
    base = [f"{own['base']:.3f}" for own in rows[0]["sets"].values()]
    lines.append("| base, nats per token | | " + " | ".join(base) + " |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS))
    parser.add_argument("--shares", type=lambda text: [float(x) for x in text.split(",")], default=[0.0, 0.1, 0.3])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--out", default="runs/forgetting")
    parser.add_argument("--json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
