"""``rung data``: what is understood of a file. ``rung data synthesize`` is in :mod:`rung.cli.synthesize`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rung.cli.options import (
    Describe,
    Dev,
    Encoding,
    Input,
    Json,
    Kind,
    Lang,
    Metric,
    Output,
    Split,
    TaskLanguage,
    Test,
    Train,
    app,
    default_to,
    open_model,
    show_json,
    speak,
    task_options,
)
from rung.types import LARGEST_SEED

table = typer.Typer(
    cls=default_to("show"),
    no_args_is_help=True,
    help="A file of examples: what is understood of it; more of them by a teacher.",
)
app.add_typer(table, name="data")


@table.command("show")
def data(
    file: Annotated[Path | None, typer.Argument(help="what `rung climb` would read")] = None,
    model: Annotated[str | None, typer.Option(help="also count lengths in this model's tokens")] = None,
    metric: Metric = None, input: Input = None, output: Output = None, kind: Kind = None, train: Train = None, dev: Dev = None,
    test: Test = None, split: Split = None,
    seed: Annotated[int | None, typer.Option(min=0, max=LARGEST_SEED, help="of the split")] = None, encoding: Encoding = None,
    task_language: TaskLanguage = None, describe: Describe = None,
    target: Annotated[float | None, typer.Option(help="in the metric's own unit, 0..1")] = None,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show what is understood of a file: kind, labels, splits, bad rows, near-duplicates, the gap dev can detect."""
    from rung.task import describe as render
    from rung.task import inspect_task

    language = speak(lang)
    options = task_options({**locals(), "data": file})
    count = None
    if model is not None:
        loaded = open_model(model)

        def count(texts: Sequence[str]) -> list[int]:
            return [loaded.length(t) for t in texts]

    inspection = inspect_task(file, count=count, **options)
    if as_json:
        show_json(inspection.as_json())
    else:
        Console().print(render(inspection, language))
