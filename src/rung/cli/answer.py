"""``rung predict`` and ``rung evaluate``: an adaptation at work."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rung.cli.endpoint import ApiKeyEnv, Attempts, BaseUrl, Concurrency, Context, FirstWait, Prices, Timeout
from rung.cli.options import (
    BatchSize,
    Dtype,
    Encoding,
    Input,
    Json,
    Lang,
    Metric,
    Output,
    app,
    names_in,
    open_adaptation,
    say,
    show_json,
    speak,
)
from rung.types import DataError, Language


@app.command()
def predict(
    adaptation: Annotated[Path, typer.Argument(help="RUN/adaptations/NAME")],
    texts: Annotated[list[str] | None, typer.Argument(help="inputs; none: one a line from standard input")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="a file of inputs instead")] = None,
    model: Annotated[str | None, typer.Option("--model", help="else the one it was made for")] = None,
    input: Input = None, encoding: Encoding = None, dtype: Dtype = "float32", batch_size: BatchSize = None,
    base_url: BaseUrl = None, api_key_env: ApiKeyEnv = None, context: Context = None, concurrency: Concurrency = None,
    timeout: Timeout = None, attempts: Attempts = None, first_wait: FirstWait = None,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Answer new inputs by an adaptation: one answer a line (line breaks in one of several as \\n), or with --json one object a line."""
    from rung.adaptation import load
    from rung.evaluate import in_order
    from rung.programs import as_examples, opened
    from rung.task import load_inputs

    language = speak(lang)
    if file is not None and texts:
        raise DataError("give either texts or --file, not both", zh="文本与 --file 只能给一个")
    if file is not None:
        columns = names_in(input or "")
        usual = load(adaptation).input_columns
        found, bad = load_inputs(file, input=columns, usual=usual, encoding=encoding or "utf-8")
        wanted = [text for _, text in found]
        for row in bad:
            say(language, f"left out: {row.place}: {row.reason.en}", f"略过：{row.place}：{row.reason.zh}")
    else:
        if not texts and sys.stdin.isatty():
            say(language, "one input a line; Ctrl-D ends them", "每行一个输入；Ctrl-D 结束")
        wanted = list(texts or lines_of(sys.stdin.buffer.read(), encoding or "utf-8"))
    if any("\ud800" <= c <= "\udfff" for text in wanted for c in text):
        raise DataError(
            "an input is not UTF-8; give it in a file, by --file and --encoding",
            zh="输入不是 UTF-8；请放入文件，用 --file 与 --encoding 给出",
        )
    made, loaded = open_adaptation(adaptation, model, dtype, batch_size, locals())
    if file is None:
        say_columns(made.input_columns, wanted, language)
    with opened(made, loaded) as answer:
        for text, p in zip(wanted, in_order(answer, as_examples(wanted), loaded.workers), strict=True):
            if as_json:
                scores = dict(zip(made.labels, p.scores, strict=True)) if p.scores else None
                fields = {"input": text, "output": p.output, "valid": p.valid, "text": p.text, "scores": scores}
                show_json(
                    {**fields, "tokens_in": p.tokens_in, "tokens_out": p.tokens_out, "shown": p.shown}, indent=None
                )
            else:
                shown = p.output if p.valid else f"[{'无效' if language == 'zh' else 'not valid'}] {p.text}"
                typer.echo(shown if len(wanted) == 1 else "\\n".join(shown.splitlines()))


def say_columns(columns: Sequence[str], texts: Sequence[str], language: Language) -> None:
    """An input that was made of several columns wants to be typed as it was learned."""
    if len(columns) > 1 and any(not text.startswith(tuple(f"{name}: " for name in columns)) for text in texts):
        form = "\\n".join(f"{name}: ..." for name in columns)
        say(language, f"the inputs of this task are several columns, written $'{form}'; or give a file with them: --file",
            f"这个任务的输入由几列组成，写作 $'{form}'；也可用 --file 给出含这些列的文件")  # fmt: skip


def lines_of(data: bytes, encoding: str) -> list[str]:
    """The lines of standard input, without a byte order mark; DataError where they are in another encoding."""
    from rung.task.read import decode

    lines = decode(data, "standard input", encoding).replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


@app.command()
def evaluate(
    adaptation: Annotated[Path, typer.Argument(help="RUN/adaptations/NAME")],
    file: Annotated[Path, typer.Argument(help="labelled examples")],
    model: Annotated[str | None, typer.Option("--model", help="else the one it was made for")] = None,
    metric: Metric = None, input: Input = None, output: Output = None, encoding: Encoding = None, dtype: Dtype = "float32",
    batch_size: BatchSize = None, base_url: BaseUrl = None, api_key_env: ApiKeyEnv = None, context: Context = None,
    concurrency: Concurrency = None, timeout: Timeout = None, attempts: Attempts = None, first_wait: FirstWait = None,
    prices: Prices = None, lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Measure an adaptation on labelled examples, with its interval."""
    from rung.evaluate import Marked, bare_task, in_order
    from rung.programs import opened
    from rung.task import load_examples
    from rung.task.metrics import find_metric, reason_for_none

    language = speak(lang)
    made, loaded = open_adaptation(adaptation, model, dtype, batch_size, locals())
    columns = names_in(input or "")
    examples, bad = load_examples(
        file,
        made.kind,
        labels=made.labels,
        schema=made.schema,
        input=columns,
        output=output,
        usual=made.input_columns,
        usual_output=made.output_column,
        encoding=encoding or "utf-8",
    )
    with opened(made, loaded) as answer:
        predictions = list(in_order(answer, examples, loaded.workers))
    task = bare_task(made, find_metric(metric, made.kind).name)
    result = Marked(task, tuple(examples), tuple(predictions)).result()
    invalid = sum(not p.valid for p in predictions)
    if as_json:
        fields = {"metric": result.metric, "value": result.value, "low": result.low, "high": result.high, "n": result.n}
        rows = [{"place": row.place, "reason": row.reason.en} for row in bad]
        show_json({**fields, "reason": result.reason, "invalid": invalid, "bad_rows": rows})
    elif result.value is None:
        say(
            language,
            f"{result.metric}: nothing to measure ({result.reason})",
            f"{result.metric}：无可测量（{reason_for_none(result.metric, [e.target for e in examples], 'zh')}）",
        )
    else:
        figure = f"{result.value:.3f} [{result.low:.3f}, {result.high:.3f}], n = {result.n}"
        typer.echo(f"{result.metric} {figure}")
        say(language, f"{invalid} answers could not be read, {len(bad)} rows could not be used",
            f"{invalid} 条回答读不出来，{len(bad)} 行数据不可用")  # fmt: skip
