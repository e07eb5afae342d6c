"""``rung data synthesize``: examples that a teacher writes or labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from rung.cli.data import table
from rung.cli.endpoint import ApiKeyEnv, Attempts, BaseUrl, Concurrency, Context, FirstWait, Timeout, endpoint_of
from rung.cli.options import (
    BatchSize,
    Describe,
    Dtype,
    Encoding,
    Input,
    Json,
    Kind,
    Lang,
    Output,
    TaskLanguage,
    names_in,
    open_adaptation,
    open_model,
    say,
    show_json,
    speak,
)
from rung.types import LARGEST_SEED, Adaptation, DataError


@table.command()
def synthesize(
    out: Annotated[Path, typer.Argument(help="a folder: data.jsonl, report.json, and attempts.jsonl to go on from")],
    teacher: Annotated[str, typer.Option(help="who answers: RUN/adaptations/NAME, or a model")] = "sprout",
    writer: Annotated[str | None, typer.Option(help="the model that invents inputs; else the teacher's own")] = None,
    seeds: Annotated[Path | None, typer.Option(help="examples that are there: any file that `rung climb` reads")] = None,
    example: Annotated[list[str] | None, typer.Option(help='a seed typed: "INPUT => ANSWER"; may be repeated')] = None,
    inputs: Annotated[Path | None, typer.Option(help="a file of texts to answer, instead of inventing them")] = None,
    to_instructions: Annotated[bool, typer.Option("--to-instructions", help="turn --seeds into instructions; no teacher")] = False,
    role: Annotated[str, typer.Option(help="who the model is: You are ...")] = "",
    describe: Describe = None, kind: Kind = None,
    labels: Annotated[str | None, typer.Option(help="all labels: a,b")] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, help="examples wanted; not typed: 100, or all of --inputs")] = None,
    tries: Annotated[int | None, typer.Option(min=1, help="most inputs to invent; else 20 for each one wanted")] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="of inventing, and of repeated answers")] = 0.7,
    samples: Annotated[int, typer.Option(min=1, help="answers to each input, where labels have no scores")] = 5,
    agreement: Annotated[float, typer.Option(min=0.0, max=1.0, help="least agreement of an answer")] = 0.5,
    held_out: Annotated[list[Path] | None, typer.Option(help="evaluation sets that must not be in the rows; may be repeated")] = None,
    keep: Annotated[str | None, typer.Option(help="reasons for which nothing goes: length,near-duplicate ...")] = None,
    input: Input = None, output: Output = None, encoding: Encoding = None, task_language: TaskLanguage = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="of everything random")] = 0, dtype: Dtype = "float32", batch_size: BatchSize = None,
    base_url: BaseUrl = None, api_key_env: ApiKeyEnv = None, context: Context = None, concurrency: Concurrency = None,
    timeout: Timeout = None, attempts: Attempts = None, first_wait: FirstWait = None,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """A teacher writes or labels examples of a task, filtered; the same command goes on after a kill."""
    from rung.synthesize import Asked, Filtering, Told, prepare, read_seeds, told_by
    from rung.synthesize import describe as render
    from rung.synthesize import synthesize as make
    from rung.synthesize import to_instructions as turn
    from rung.task import load_inputs

    given, language, columns, code = locals(), speak(lang), names_in(input or ""), encoding or "utf-8"
    if to_instructions and (inputs or writer):
        raise DataError("--to-instructions turns --seeds: leave --inputs and --writer out",
                        zh="--to-instructions 转换的是 --seeds：请去掉 --inputs 和 --writer")  # fmt: skip
    told = Told(
        cast(Any, kind), names_in(labels or ""), cast(Any, task_language), describe or "", columns, output, code
    )
    how = Filtering(tuple(held_out or ()), names_in(keep or ""))
    made, model, other = (None, None, None) if to_instructions else open_teacher(teacher, writer, given)
    usual = made.input_columns if made else ()
    texts, bad = load_inputs(inputs, input=columns, usual=usual, encoding=code) if inputs else ([], [])
    told = told_by(made, told) if made else told
    known, more = read_seeds(seeds, example or (), told, inputs=[text for _, text in texts])
    for row in (*bad, *more):
        say(language, f"left out: {row.place}: {row.reason.en}", f"略过：{row.place}：{row.reason.zh}")

    def progress(taken: int, kept: int, wanted: int) -> None:
        say(language, f"{taken:,} candidates, {kept:,} accepted", f"候选 {taken:,} 条，采用 {kept:,} 条")

    if model is None:
        found = turn(out, known, how, seed)
    else:
        asked = Asked(n, tries, role, temperature, samples, agreement, seed)
        found = make(out, *prepare(known, made, model, asked, texts=texts, writer=other), how, progress)
    if as_json:
        show_json({**found, "data": str(out / "data.jsonl")})
    else:
        Console().print(render(found, language))


def open_teacher(teacher: str, writer: str | None, given: dict[str, Any]) -> tuple[Adaptation | None, Any, Any]:
    """The adaptation in a folder with its model, or a model alone; and the writer's model, if it is another one.

    The options of an endpoint are for whichever of the two is one.
    """
    dtype, batch_size = given["dtype"], given["batch_size"]
    other = None
    if writer is not None:
        other = open_model(writer, dtype, batch_size, **endpoint_of(given, writer))
        given = {} if writer.startswith("openai:") and not teacher.startswith("openai:") else given
    if (Path(teacher) / "adaptation.json").exists():
        return *open_adaptation(Path(teacher), None, dtype, batch_size, given), other
    return None, open_model(teacher, dtype, batch_size, **endpoint_of(given, teacher)), other
