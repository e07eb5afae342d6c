"""Whether an exported form answers as the adaptation does: the same examples, asked of both, by two different forwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rung.adaptation import hash_of
from rung.engine import Model
from rung.evaluate import Marked, bare_task
from rung.export.plain import Plain
from rung.export.prompt import Written
from rung.export.targets import Target
from rung.ledger import Ledger
from rung.programs import opened
from rung.programs.direct import Direct
from rung.task import BadRow, load_examples
from rung.task.metrics import find_metric
from rung.types import Adaptation, DataError, Example, Result

# Nats: float32 sums in another order move by 1e-5; in half precision by tenths, and then only the answers tell.
NEAR, NEAR_HALF = 1e-3, 0.5


@dataclass(frozen=True)
class Check:
    """What differs between Rung and the exported form on ``n`` examples.

    ``prompts``: how many read another prompt (demonstrations that did not fit the context); ``predictions``: how many got another
    answer; ``logprobs``: the largest difference of a label's score, None without labels; ``near``: what rounding may make of it.
    """

    examples: str  # "test", "dev" or a file
    n: int
    prompts: int
    predictions: int
    logprobs: float | None
    near: float
    rung: Result
    exported: Result

    @property
    def equal(self) -> bool:
        """The same prompts got the same answers, by scores that only rounding tells apart."""
        return not self.prompts and not self.predictions and (self.logprobs or 0.0) <= self.near

    def as_json(self) -> dict[str, Any]:
        return {"equal": self.equal, **asdict(self)}


@dataclass(frozen=True)
class Labelled:
    """Labelled examples, what they are called, and the metric that judges them."""

    name: str
    examples: Sequence[Example]
    metric: str


def labelled(
    file: Path, made: Adaptation, *, metric: str | None = None, input: Sequence[str] = (), output: str | None = None,
    encoding: str = "utf-8",
) -> tuple[Labelled, list[BadRow]]:  # fmt: skip
    """The examples of a file, and its bad rows; ``input``, ``output``: its columns, where their names do not tell."""
    found, bad = load_examples(
        file, made.kind, labels=made.labels, schema=made.schema, input=input, output=output,
        usual=made.input_columns, usual_output=made.output_column, encoding=encoding,
    )  # fmt: skip
    return Labelled(file.name, found, find_metric(metric, made.kind).name), bad


def kept(folder: Path, made: Adaptation, model: Model) -> Labelled | None:
    """The examples that the run of ``folder`` keeps: the sealed test if it was opened for this adaptation, else dev."""
    run = folder.resolve().parent.parent
    if not ((run / "ledger.sqlite").is_file() and (run / "result.json").is_file()):
        return None
    metric = json.loads((run / "result.json").read_text(encoding="utf-8"))["task"]["metric"]
    ledger = Ledger(run / "ledger.sqlite", weights=model.sha256, dtype=str(model.hf.dtype))
    try:
        split = "test" if ledger.predictions(hash_of(made), "test") else "dev"
        examples = ledger.examples(split)
    finally:
        ledger.close()
    return Labelled(split, examples, metric) if examples else None


def compare(made: Adaptation, model: Model, prompt: Written, target: Target, folder: Path, given: Labelled) -> Check:
    """Ask both; DataError without examples, UserError where another library is needed to load the exported form."""
    examples = list(given.examples)
    if not examples:
        raise DataError("there is no example to check the export on", zh="没有可用来检查导出结果的样本")
    with opened(made, model) as answer:
        ours, context = answer(examples), model.context
    hf, answering = target.load(folder, made, model)
    plain = Plain(hf, answering, model, context)
    theirs = Direct(replace(made, adapter=None), plain).answer(examples)
    asked = plain.asked[: len(examples)]  # a prompt that reasons is asked for its reasoning first
    scores = [(a.scores, b.scores) for a, b in zip(ours, theirs, strict=True) if a.scores and b.scores]
    task = bare_task(made, given.metric)
    return Check(
        examples=given.name,
        n=len(examples),
        prompts=sum(text != prompt.filled(e.input) for text, e in zip(asked, examples, strict=True)),
        predictions=sum((a.output, a.valid) != (b.output, b.valid) for a, b in zip(ours, theirs, strict=True)),
        logprobs=max((abs(x - y) for a, b in scores for x, y in zip(a, b, strict=True)), default=None),
        near=NEAR if model.hf.dtype == torch.float32 else NEAR_HALF,
        rung=Marked(task, tuple(examples), tuple(ours)).result(),
        exported=Marked(task, tuple(examples), tuple(theirs)).result(),
    )
