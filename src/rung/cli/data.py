"""``rung data``: what is understood of a file; examples that a teacher writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from rung.cli.options import (
    BatchSize,
    Describe,
    Dev,
    Dtype,
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
    names_in,
    open_adaptation,
    open_model,
    say,
    show_json,
    speak,
    task_options,
)
from rung.types import Adaptation

table = typer.Typer(
    cls=default_to("show"),
    no_args_is_help=True,
    help="A file of examples: what is understood of it; more of them by a teacher.",
)
app.add_typer(table, name="data")


@table.command("show")
def data(
    file: Annotated[Path, typer.Argument(help="what `rung climb` would read")],
    model: Annotated[str | None, typer.Option(help="also count lengths in this model's tokens")] = None,
    metric: Metric = None, input: Input = None, output: Output = None, kind: Kind = None, train: Train = None, dev: Dev = None,
    test: Test = None, split: Split = None,
    seed: Annotated[int | None, typer.Option(help="of the split")] = None, encoding: Encoding = None,
    task_language: TaskLanguage = None, describe: Describe = None, target: Annotated[float | None, typer.Option()] = None,
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
            return [len(loaded.encode(t)) for t in texts]

    inspection = inspect_task(file, count=count, **options)
    if as_json:
        show_json(inspection.as_json())
    else:
        Console().print(render(inspection, language))


@table.command()
def synthesize(
    out: Annotated[Path, typer.Argument(help="a folder: data.jsonl, report.json, and attempts.jsonl to go on from")],
    teacher: Annotated[str, typer.Option(help="who answers: RUN/adaptations/NAME, or a model")] = "sprout",
    seeds: Annotated[Path | None, typer.Option(help="examples that are there: any file that `rung climb` reads")] = None,
    example: Annotated[list[str] | None, typer.Option(help='a seed typed: "INPUT => ANSWER"; may be repeated')] = None,
    inputs: Annotated[Path | None, typer.Option(help="texts to answer, instead of inventing them")] = None,
    to_instructions: Annotated[bool, typer.Option("--to-instructions", help="turn --seeds into instructions; no teacher")] = False,
    role: Annotated[str, typer.Option(help="who the teacher is: You are ...")] = "",
    describe: Describe = None, kind: Kind = None,
    labels: Annotated[str | None, typer.Option(help="all labels: a,b")] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, help="examples wanted; not typed: 100, or all of --inputs")] = None,
    attempts: Annotated[int | None, typer.Option(min=1, help="most inputs to invent; else 20 for each one wanted")] = None,
    writer: Annotated[str | None, typer.Option(help="the model that invents inputs; else the teacher's own")] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="of inventing, and of repeated answers")] = 0.7,
    samples: Annotated[int, typer.Option(min=1, help="answers to each input, where labels have no scores")] = 5,
    agreement: Annotated[float, typer.Option(min=0.0, max=1.0, help="least agreement of an answer")] = 0.5,
    held_out: Annotated[list[Path] | None, typer.Option(help="evaluation sets that must not be in the rows; may be repeated")] = None,
    keep: Annotated[str | None, typer.Option(help="reasons for which nothing goes: length,near-duplicate ...")] = None,
    input: Input = None, output: Output = None, encoding: Encoding = None, task_language: TaskLanguage = None,
    seed: Annotated[int, typer.Option(help="of everything random")] = 0, dtype: Dtype = "float32", batch_size: BatchSize = None,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """A teacher writes or labels examples of a task, filtered; the same command goes on after a kill."""
    from rung.synthesize import Asked, Filtering, Told, prepare, read_seeds, told_by
    from rung.synthesize import describe as render
    from rung.synthesize import synthesize as make
    from rung.synthesize import to_instructions as turn
    from rung.task import load_inputs

    language = speak(lang)
    columns = names_in(input or "")
    told = Told(
        cast(Any, kind),
        names_in(labels or ""),
        cast(Any, task_language),
        describe or "",
        columns,
        output,
        encoding or "utf-8",
    )
    how = Filtering(tuple(held_out or ()), names_in(keep or ""))
    made, model = (None, None) if to_instructions else open_teacher(teacher, dtype, batch_size)
    texts, bad = load_inputs(inputs, input=columns, encoding=encoding or "utf-8") if inputs else ([], [])
    told = told_by(made, told) if made else told
    known, more = read_seeds(seeds, example or (), told, inputs=[text for _, text in texts])
    for row in (*bad, *more):
        say(language, f"left out: {row.place}: {row.reason.en}", f"略过：{row.place}：{row.reason.zh}")

    def progress(taken: int, kept: int, wanted: int) -> None:
        say(language, f"{taken:,} candidates, {kept:,} accepted", f"候选 {taken:,} 条，采用 {kept:,} 条")

    if model is None:
        found = turn(out, known, how, seed)
    else:
        asked = Asked(n, attempts, role, temperature, samples, agreement, seed)
        other = open_model(writer, dtype, batch_size) if writer else None
        task, answers, source = prepare(known, made, model, asked, texts=texts, writer=other)
        found = make(out, task, answers, source, how, progress)
    if as_json:
        show_json({**found, "data": str(out / "data.jsonl")})
    else:
        Console().print(render(found, language))


def open_teacher(name: str, dtype: str, batch_size: int | None) -> tuple[Adaptation | None, Any]:
    """The adaptation in a folder with its model, or a model alone."""
    if (Path(name) / "adaptation.json").exists():
        return open_adaptation(Path(name), None, dtype, batch_size)
    return None, open_model(name, dtype, batch_size)
