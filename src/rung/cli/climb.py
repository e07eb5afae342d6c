"""``rung climb`` and ``rung report``: the main road, and its report once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rung.cli.endpoint import (
    ApiKeyEnv,
    Attempts,
    BaseUrl,
    Concurrency,
    Context,
    FirstWait,
    Prices,
    Timeout,
    endpoint_of,
)
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
    ModelName,
    Output,
    Split,
    TaskLanguage,
    Test,
    Train,
    app,
    open_model,
    recomputing,
    say,
    say_bad_rows,
    say_warnings,
    show_json,
    speak,
    task_options,
)
from rung.types import LARGEST_SEED


@app.command()
def climb(
    data: Annotated[Path | None, typer.Argument(help="CSV, TSV, JSONL, JSON, Parquet, XLSX, task.yaml or a folder of splits")] = None,
    model: ModelName = "sprout",
    target: Annotated[float | None, typer.Option(help="stop at the first rung proven to reach it, 0..1")] = None,
    rungs: Annotated[str | None, typer.Option(help="only these, such as zero-shot,few-shot,lora")] = None,
    recipe: Annotated[str | None, typer.Option(help="the rungs by situation: sft+qlora, sft+lora or cpt+sft")] = None,
    domain_text: Annotated[Path | None, typer.Option(help="JSONL (field text) or a folder of it: weights are trained on it before the task")] = None,
    all: Annotated[bool, typer.Option("--all", help="climb every rung, also after the target is met")] = False,
    race: Annotated[bool, typer.Option("--race", help="the trained rungs train by turns, and after every round the best third goes on")] = False,
    metric: Metric = None,
    seed: Annotated[int | None, typer.Option(min=0, max=LARGEST_SEED, help="of everything random; the split's is task.yaml's unless given here")] = None,
    budget: Annotated[str | None, typer.Option(help="10m, 90s, 2h, 500ktokens, or $3 with --price")] = None,
    price: Annotated[float, typer.Option(min=0.0, help="money per million tokens, for a budget in money")] = 0.0,
    volume: Annotated[int, typer.Option(min=1, help="requests that 'cheapest' counts on")] = 10_000,
    general_text: Annotated[Path | None, typer.Option(help="JSONL (field text) or a folder of it, to measure forgetting on; else the package's")] = None,
    max_forgetting: Annotated[float | None, typer.Option(min=0.0, help="nats per token of general text; a rung that forgets more cannot be chosen")] = None,
    mix_general: Annotated[float, typer.Option(help="share of --general-text in the tokens of training, against forgetting")] = 0.0,
    run: Annotated[Path | None, typer.Option(help="the run folder; else runs/NAME-xxxxxxxx, found again by the same command")] = None,
    input: Input = None, output: Output = None, kind: Kind = None, train: Train = None, dev: Dev = None, test: Test = None,
    split: Split = None, encoding: Encoding = None, task_language: TaskLanguage = None, describe: Describe = None,
    recompute: Annotated[bool, typer.Option("--recompute", help="training computes blocks again in the backward pass: less memory, more time")] = False,
    dtype: Dtype = "float32", batch_size: BatchSize = None, base_url: BaseUrl = None, api_key_env: ApiKeyEnv = None,
    context: Context = None, concurrency: Concurrency = None, timeout: Timeout = None, attempts: Attempts = None,
    first_wait: FirstWait = None, prices: Prices = None, lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Climb the ladder on a file of examples; leave the cheapest adaptation that is good enough, and a report."""
    from rung.ladder.arrange import arrange
    from rung.report import LiveTable, write_report
    from rung.task import inspect_task

    language = speak(lang)
    options, endpoint = task_options(locals()), endpoint_of(locals(), model)
    inspection = inspect_task(data, **options)

    def opened() -> Any:
        loaded = open_model(model, dtype, batch_size, **endpoint)
        return recomputing(loaded) if recompute else loaded

    walk = arrange(
        inspection.task, opened, rungs=rungs, recipe=recipe, all=all, race=race,
        seed=seed or 0, budget=budget, price=price, volume=volume, general_text=general_text,
        max_forgetting=max_forgetting, mix_general=mix_general, domain_text=domain_text, run=run,
    )  # fmt: skip
    folder, seconds = walk.folder, walk.budget.seconds if walk.budget else None
    if not as_json:
        say_bad_rows(inspection, language)
        say_warnings(inspection, language)
    with LiveTable(language, budget_seconds=seconds, console=Console(stderr=as_json)) as walk.watch:
        result = walk.run()
    report_path = write_report(folder, language)
    if as_json:
        show_json({**result, "run": str(folder), "report": str(report_path)})
    else:
        say(language, f"report: {report_path}", f"报告：{report_path}")


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="the run folder of a climb")], lang: Lang = None, as_json: Json = False
) -> None:
    """Write RUN/report.html again, in either language, and say the answer in three sentences."""
    from rung.report import summary, write_report

    language = speak(lang)
    path = write_report(run, language)
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    if as_json:
        show_json({"report": str(path), **result})
    else:
        Console().print(summary(result, language))
        say(language, f"report: {path}", f"报告：{path}")
