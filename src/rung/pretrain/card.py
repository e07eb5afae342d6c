"""The model card of a pre-trained base: what it was made of and how, how well it predicts held-out text, its limits.

The figures are measured here, on every document of each source's ``valid.jsonl``; the rest is read from what
``rung pretrain`` left in its folder. The card is a Hugging Face ``README.md`` beside the weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from rung.engine import load_model
from rung.folders import write_whole
from rung.pretrain.corpus import find_sources
from rung.pretrain.evaluate import HeldOut, held_out
from rung.pretrain.record import brought_forward, hardware
from rung.pretrain.tokenizer import ROLES
from rung.types import DataError

LANGUAGES = {"zh": "Chinese", "en": "English", "": "other"}
USE = """from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "path/to/{name}"  # the folder of this card
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
ids = tokenizer("Once upon a time", return_tensors="pt").input_ids
print(tokenizer.decode(model.generate(ids, max_new_tokens=40)[0]))
"""


@dataclass(frozen=True)
class Entry:
    """One source: its name, language ("" for neither Chinese nor English), licence, training tokens and figures."""

    name: str
    language: str
    licence: str
    tokens: int
    held_out: HeldOut


def write_card(
    texts: Path, out: Path, *, name: str = "", license: str = "other", command: str = "", notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Measure ``out/model`` on the held-out texts, write ``out/model/README.md``, and return the figures by source.

    ``name`` heads the card (else the folder's); ``license`` is the weights', as the hub spells it; ``command`` is
    another command that makes the model; ``notes`` are sentences on how this run went. Each value of the result has
    bits_per_byte with low and high (95 %, over documents), documents, bytes, tokens and bytes_per_token; "all" is all
    of it together. Raises DataError where ``out`` holds no finished pre-training.
    """
    report, counted = (read(out / file) for file in ("report.json", "tokens.json"))
    report["recipe"] = brought_forward(report["recipe"])
    model = load_model(str(out / "model"))
    entries = []
    for source in find_sources(texts):
        documents = list(source.documents("valid"))
        language, licence = language_of(documents), licence_of(source.folder)
        tokens = counted["tokens"].get(source.name, 0)
        entries.append(Entry(source.name, language, licence, tokens, held_out(model, documents)))
    parts = [
        front(entries, license), f"# {name or out.resolve().name}\n", summary(report, model.parameters, entries),
        data(entries, report), recipe(report, model.parameters, notes), curve(report), limits(entries),
        again(report, command, name or "model"),
    ]  # fmt: skip
    write_whole(out / "model" / "README.md", "\n".join(parts))
    return {entry.name: figures(entry.held_out) for entry in entries} | {"all": figures(total(entries))}


def read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise DataError(
            f"{path.parent} has no {path.name}: finish `rung pretrain TEXTS {path.parent}` first",
            zh=f"{path.parent} 中没有 {path.name}：请先完成 rung pretrain",
        )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def figures(found: HeldOut) -> dict[str, Any]:
    """What was measured, as plain values."""
    low, high = found.interval() or (None, None)
    counts = {"documents": len(found.bytes), "bytes": int(found.bytes.sum()), "tokens": int(found.tokens.sum())}
    rate = found.bytes_per_token
    return {"bits_per_byte": found.bits_per_byte, "low": low, "high": high, **counts, "bytes_per_token": rate}


def total(entries: Sequence[Entry]) -> HeldOut:
    return reduce(add, (entry.held_out for entry in entries))


# --- what a source is ------------------------------------------------------------------------------------------------


def language_of(documents: Sequence[str]) -> str:
    """zh where Han is a quarter of the letters, en where one word in twenty is the, of, and, to, in or a; else ""."""
    text = "\n".join(documents)
    letters = sum(map(str.isalpha, text))
    if letters and len(re.findall(r"[\u3400-\u9fff]", text)) > letters / 4:
        return "zh"
    words = re.findall(r"[A-Za-z]+", text.lower())
    common = sum(word in {"the", "of", "and", "to", "in", "a"} for word in words)
    return "en" if words and common > len(words) / 20 else ""


def licence_of(folder: Path) -> str:
    """The section "## Licence" of a source's PROVENANCE.md on one line; "not stated" without one."""
    path = folder / "PROVENANCE.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^## Licen[cs]e\s*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found and found[1].strip() else "not stated"


# --- the parts of the card -------------------------------------------------------------------------------------------


def front(entries: Sequence[Entry], license: str) -> str:
    """The YAML that the hub reads."""
    languages = sorted({entry.language for entry in entries} - {""}, reverse=True)
    lines = ["---", f"license: {license}", *(["language:"] if languages else []), *(f"- {one}" for one in languages)]
    lines += ["library_name: transformers", "pipeline_tag: text-generation"]
    tags = ("llama", "base-model", "from-scratch", "rung")
    return "\n".join([*lines, "tags:", *(f"- {tag}" for tag in tags), "---", ""])


def summary(report: Mapping[str, Any], parameters: int, entries: Sequence[Entry]) -> str:
    """What it is, in three lines, with the one figure."""
    made, seen = report["recipe"], report["steps"] * report["recipe"]["batch"]
    spoken = " and ".join(LANGUAGES[one] for one in sorted({e.language for e in entries} - {""}, reverse=True))
    return (
        f"A base language model of {parameters:,} parameters (Llama architecture, context {made['context']:,}, "
        f"byte-level BPE), trained from nothing on {seen:,} tokens of {spoken or 'text'} by `rung pretrain`. "
        f"Held-out bits per byte: **{bits(total(entries))}**.\n"
    )


def bits(found: HeldOut) -> str:
    """1.234 [1.200, 1.268]; a dash for nothing."""
    value, spread = found.bits_per_byte, found.interval()
    if value is None:
        return "–"
    return f"{value:.3f} [{spread[0]:.3f}, {spread[1]:.3f}]" if spread else f"{value:.3f}"


def data(entries: Sequence[Entry], report: Mapping[str, Any]) -> str:
    """Sources with their licences and figures, and the tokenizer's rate by language."""
    corpus = sum(entry.tokens for entry in entries)
    passes = report["steps"] * report["recipe"]["batch"] / corpus if corpus else 0.0
    head = ["source", "language", "training tokens", "tokens seen", "held-out documents", "bits per byte", "licence"]
    rows = [
        [e.name, LANGUAGES[e.language], f"{e.tokens:,}", f"{e.tokens * passes:,.0f}", f"{len(e.held_out.bytes):,}",
         bits(e.held_out), e.licence.replace("|", "\\|")]
        for e in entries
    ]  # fmt: skip
    rates = []
    for language in ("zh", "en", ""):
        own = [entry for entry in entries if entry.language == language]
        rate = total(own).bytes_per_token if own else None
        rates += [f"{LANGUAGES[language]} {rate:.2f}"] if rate else []
    return "\n".join([
        "## Data and held-out figures\n",
        table(head, rows),
        f"Training saw as many tokens as {passes:.2f} passes over the {corpus:,} of the texts; sources are mixed by "
        "rows, so each was seen in proportion. Bits per byte: every held-out document in windows of the context behind "
        "an end-of-text mark, float32, UTF-8 bytes, 95 % bootstrap interval over documents (of few documents: take it "
        "as too narrow). Held-out documents come from the same sources as the training ones.\n",
        f"UTF-8 bytes per token on the held-out text: {', '.join(rates)}.\n",
    ])  # fmt: skip


def recipe(report: Mapping[str, Any], parameters: int, notes: Sequence[str]) -> str:
    """How it was trained, on what, in what time, and what happened on the way."""
    made, seconds = report["recipe"], report["seconds"]
    seen = report["steps"] * made["batch"]
    known = report.get("hardware")
    machine = known or hardware()
    where = machine["gpu"] or f"{machine['cpu']}, {machine['threads']} thread{'s' if machine['threads'] != 1 else ''}"
    where += f", {machine['processes']} processes" if machine.get("processes", 1) > 1 else ""
    told = where if known else f"not recorded by the run; this card was written on {where}"
    precise = "bfloat16 autocast, float32 weights" if made["precision"] == "bfloat16" else "float32"
    schedule = "cosine" if made["schedule"] == "cosine" else "then constant, over the last fifth linearly"
    apart = ", attention kept inside documents" if made["boundaries"] else ""
    short, decay = min(made["short"], made["context"]), made["weight_decay"]
    lines = [
        f"- Steps: {report['steps']:,} of {made['batch']:,} tokens; rows of {short:,} tokens, then of "
        f"{made['context']:,} for the last {100 * made['long_share']:.0f} %{apart}",
        f"- Muon for the blocks' matrices (peak rate {made['muon']:g}, weight decay {decay:g}), AdamW for embeddings "
        f"and norms (peak {made['adam']:g}); 1 % warm-up, {schedule} to 5 % of the peak, clipping at 1",
        f"- Precision: {precise}; saved as bfloat16; seed {made['seed']}",
        f"- Hardware: {told}",
        f"- Time: {seconds:,.0f} s ({seen / seconds:,.0f} tokens a second), about {6 * parameters * seen:.1e} FLOPs "
        "(6 N D)",
        *(f"- Note: {note}" for note in notes),
    ]
    return "\n".join(["## Recipe\n", *lines, ""])


def curve(report: Mapping[str, Any]) -> str:
    """The training loss at every tenth of the run, each the mean over the fiftieth of the steps before it."""
    losses, batch = report["losses"], report["recipe"]["batch"]
    width = max(1, len(losses) // 50)
    rows = []
    for end in sorted({max(1, round(len(losses) * tenth / 10)) for tenth in range(1, 11)}) if losses else ():
        mean = float(np.mean(losses[max(0, end - width) : end]))
        rows.append([f"{100 * end / len(losses):.0f} %", f"{end:,}", f"{end * batch:,}", f"{mean:.3f}"])
    return f"## Training loss\n\n{table(['share', 'step', 'tokens', 'nats per token'], rows)}"


def limits(entries: Sequence[Entry]) -> str:
    """What it cannot do, and what whoever uses it must know."""
    old = [entry.name for entry in entries if "public domain" in entry.licence.lower()]
    share = [entry.name for entry in entries if "CC BY" in entry.licence]
    lines = [
        "- A small base model: it continues text. No instructions were trained; it does not chat, and what it states "
        "may be false. Use it to learn, to test, and as a base for adaptations, not as a source of knowledge.",
        f"- The chat template's marks ({', '.join(f'`{mark}`' for mark in ROLES)}) are reserved and untrained.",
        "- Nothing was filtered for offence or bias, and personal names of the sources are in it.",
    ]
    if old:
        lines.append(f"- Old works ({', '.join(old)}) carry the views of their time, some of them offensive today.")
    if share:
        lines.append(
            f"- {', '.join(share)}: text under Creative Commons licences that ask for attribution (and share-alike "
            "where the table says BY-SA). Thanks and credit go to the authors of the pages that PROVENANCE.md of each "
            "source names."
        )
    return "\n".join(["## Limits\n", *lines, ""])


def again(report: Mapping[str, Any], command: str, name: str) -> str:
    """The one command that makes it, and the lines that load it."""
    made = report["recipe"]
    options = {key: made[key] for key in ("size", "tokens", "context", "vocabulary", "schedule", "precision", "seed")}
    line = "rung pretrain TEXTS OUT " + " ".join(f"--{key} {value}" for key, value in options.items())
    line += "" if made["boundaries"] else " --no-boundaries"
    other = f"    {command}\n" if command else ""
    return (
        f"## Make it again\n\n    {line}\n{other}\n"
        "TEXTS holds a folder for each source, with train.jsonl and valid.jsonl.\n\n"
        f"## Use it\n\n```python\n{USE.format(name=name)}```\n\nOr: `rung climb data.csv --model path/to/{name}`.\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)) + "\n"
