"""The model card of a taught model: the base it stands on, each stage of lessons, what it predicts of held-out text now, its limits.

The stages are those of ``lineage.jsonl`` (`rung.pretrain.lineage`); the figures on text are measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from rung.engine import load_model
from rung.folders import write_whole
from rung.instruct.exercises.written import count
from rung.instruct.mixture import family
from rung.pretrain.card import LANGUAGES, USE, Entry, bits, figures, front, language_of, licence_of, table
from rung.pretrain.corpus import find_sources
from rung.pretrain.evaluate import held_out
from rung.pretrain.lineage import Step, lineage
from rung.types import DataError


def write_card(
    texts: Path, tasks: Path, folder: Path, *, name: str, license: str = "other", notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Measure the model in ``folder`` on the held-out texts, write its README.md, and return the figures by source.

    ``license`` is the weights', as the hub spells it; ``notes`` are sentences on how the runs went. Raises DataError where no
    stage is recorded.
    """
    stages = lineage(folder)
    if not stages:
        raise DataError(
            f"{folder} has no lineage.jsonl: teach a model with `rung pretrain instruct` first",
            zh=f"{folder} 中没有 lineage.jsonl：请先运行 rung pretrain instruct",
        )
    model = load_model(str(folder))
    entries = []
    for source in find_sources(texts):
        documents = list(source.documents("valid"))
        entries.append(
            Entry(source.name, language_of(documents), licence_of(source.folder), 0, held_out(model, documents))
        )
    parts = [
        front(entries, license), f"# {name}\n", summary(model.parameters, model.context, stages, entries),
        made(stages, notes), data(entries), sets(stages, tasks), limits(entries), use(name),
    ]  # fmt: skip
    write_whole(folder / "README.md", "\n".join(parts))
    whole = reduce(add, (entry.held_out for entry in entries))
    return {entry.name: figures(entry.held_out) for entry in entries} | {"all": figures(whole)}


def summary(parameters: int, context: int, stages: Sequence[Step], entries: Sequence[Entry]) -> str:
    """What it is, with the one figure."""
    whole = bits(reduce(add, (entry.held_out for entry in entries)))
    begun = ", made from nothing" if stages[0].stage == "text" else ""
    return (
        f"A language model of {parameters:,} parameters (context {context:,}){begun}, taught by `rung pretrain instruct`; the "
        f"stages below saw {sum(one.tokens for one in stages):,} tokens of text and lessons. Held-out bits per byte: "
        f"**{whole}**.\n"
    )


def made(stages: Sequence[Step], notes: Sequence[str]) -> str:
    """A row for each stage, and what happened on the way."""
    head = ["stage", "tokens", "of them text", "peak rate", "schedule", "steps", "seconds", "hardware"]
    rows = [
        [one.stage, f"{one.tokens:,}", f"{100 * one.text:.0f} %", f"{one.rate:g}", one.schedule, f"{one.steps:,}",
         f"{one.seconds:,}", one.hardware]
        for one in stages
    ]  # fmt: skip
    told = [f"- Note: {note}" for note in notes]
    return "\n".join(
        ["## Recipe\n", table(head, rows), "Muon for the blocks' matrices, AdamW for embeddings and norms.", *told, ""]
    )


def data(entries: Sequence[Entry]) -> str:
    head = ["source", "language", "held-out documents", "bits per byte", "licence"]
    rows = [
        [e.name, LANGUAGES[e.language], f"{len(e.held_out.bytes):,}", bits(e.held_out), e.licence.replace("|", "\\|")]
        for e in entries
    ]
    return (
        f"## Texts and held-out figures\n\n{table(head, rows)}\nBits per byte: every held-out document in windows of the context "
        "behind an end-of-text mark, float32, UTF-8 bytes, 95 % bootstrap interval over documents (of few documents: take it as "
        "too narrow). Held-out documents come from the same sources as the training ones.\n"
    )


def sets(stages: Sequence[Step], tasks: Path) -> str:
    """The labelled sets that lessons were made from, with their licences, and the losses by family of the last stage that had lessons."""
    names = sorted({name for one in stages for name in one.shares})
    read = sorted({need for name in names for need in family(name).needs if not need.startswith("text:")})
    licensed = [[name, licence_of(tasks / name).replace("|", "\\|")] for name in read]
    last = next((one for one in reversed(stages) if one.shares), stages[-1])  # an average has none
    rows = [
        [name, f"{share:g}", f"{last.losses[name]:.3f}" if name in last.losses else "–"]
        for name, share in last.shares.items()
    ]
    parts = ["## Lessons\n"]
    if licensed:
        parts += [
            "Labelled sets that lessons were made from (training splits only):\n",
            table(["set", "licence"], licensed),
        ]
    head = ["family of the last stage of lessons", "share", "nats per learned token at the end"]
    rest = (
        f"Everything else is made by hand-written rules, from the texts above, and from {count():,} short texts (reviews, news, titles, "
        "questions, intents) that large language models wrote for it one by one, from no data set; none stands in a public test split.\n"
    )
    return "\n".join([*parts, table(head, rows), rest])


def limits(entries: Sequence[Entry]) -> str:
    share = [entry.name for entry in entries if "CC BY" in entry.licence]
    lines = [
        "- Very small: it knows few facts, and what it states may be false. Use it to learn, to test, and as a base for "
        "adaptations, not as a source of knowledge.",
        "- It was taught the templates of `rung.prompts`; other wordings work less well. Of skills it has the simple forms only.",
        "- Beyond what `rung pretrain clean` takes out, nothing was filtered for offence or bias; personal names of the sources are in it, and old works carry the views of "
        "their time.",
    ]
    if share:
        lines.append(
            f"- {', '.join(share)}: text under Creative Commons licences that ask for attribution and share-alike. Thanks and "
            "credit go to the authors of the pages that PROVENANCE.md of each source names."
        )
    return "\n".join(["## Limits\n", *lines, ""])


def use(name: str) -> str:
    return f"## Use it\n\n```python\n{USE.format(name=name)}```\n\nOr: `rung climb data.csv --model path/to/{name}`.\n"
