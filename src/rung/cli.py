"""The door for people: ``rung climb``, ``data``, ``predict``, ``evaluate``, ``report``, ``pretrain``.

Every command answers to ``--json`` and speaks Chinese or English (``--lang``, else the locale). A user's mistake is one
sentence and exit status 2; an interrupted climb exits with 130 and can be gone on with.
"""

from __future__ import annotations

import json
import locale
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer
import typer.core
from rich.console import Console

from rung.types import Adaptation, DataError, Language, Task, UserError, digest

app = typer.Typer(
    name="rung", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Find the cheapest way to make a language model do your task, and prove it.",
)  # fmt: skip

Lang = Annotated[str | None, typer.Option("--lang", help="zh or en; else the locale's", metavar="zh|en")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output on stdout")]
ModelName = Annotated[str, typer.Option("--model", help="sprout (embedded), a folder, or a Hugging Face name")]
Dtype = Annotated[str, typer.Option("--dtype", help="float32 or bfloat16")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="most prompts in one forward")]
Input = Annotated[str | None, typer.Option("--input", help="the column of the input; several: a,b")]
Output = Annotated[str | None, typer.Option("--output", help="the column of the answer")]
Kind = Annotated[str | None, typer.Option("--kind", help="classify, extract or generate; else inferred")]
Metric = Annotated[str | None, typer.Option("--metric", help="accuracy, macro-f1, entity-f1, exact-match, chrf ...")]
Train = Annotated[Path | None, typer.Option("--train", help="a file with the training split")]
Dev = Annotated[Path | None, typer.Option("--dev", help="a file with the dev split")]
Test = Annotated[Path | None, typer.Option("--test", help="a file with the test split, which stays sealed")]
Split = Annotated[str | None, typer.Option("--split", help="shares of train/dev/test, such as 60/20/20")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="of the file, such as gb18030; else UTF-8")]
TaskLanguage = Annotated[
    str | None, typer.Option("--task-language", help="zh or en, for the templates; else the data's")
]
Describe = Annotated[str | None, typer.Option("--describe", help="the task in your words, for the instruction")]


@app.command()
def climb(
    data: Annotated[Path | None, typer.Argument(help="CSV, TSV, JSONL, JSON, Parquet, XLSX, task.yaml or a folder of splits")] = None,
    model: ModelName = "sprout",
    target: Annotated[float | None, typer.Option(help="stop at the first rung proven to reach it, 0..1")] = None,
    rungs: Annotated[str | None, typer.Option(help="only these, such as zero-shot,few-shot,lora")] = None,
    all: Annotated[bool, typer.Option("--all", help="climb every rung, also after the target is met")] = False,
    metric: Metric = None,
    seed: Annotated[int | None, typer.Option(help="of everything random; the split's is task.yaml's unless given here")] = None,
    budget: Annotated[str | None, typer.Option(help="10m, 90s, 2h, 500ktokens, or $3 with --price")] = None,
    price: Annotated[float, typer.Option(min=0.0, help="money per million tokens, for a budget in money")] = 0.0,
    volume: Annotated[int, typer.Option(min=1, help="requests that 'cheapest' counts on")] = 10_000,
    general_text: Annotated[Path | None, typer.Option(help="JSONL (field text) or a folder of it, to measure forgetting on; else the package's")] = None,
    max_forgetting: Annotated[float | None, typer.Option(min=0.0, help="nats per token of general text; a rung that forgets more cannot be chosen")] = None,
    mix_general: Annotated[float, typer.Option(help="share of --general-text in the tokens of training, against forgetting")] = 0.0,
    run: Annotated[Path | None, typer.Option(help="the run folder; else runs/NAME-xxxxxxxx, found again by the same command")] = None,
    input: Input = None, output: Output = None, kind: Kind = None, train: Train = None, dev: Dev = None, test: Test = None,
    split: Split = None, encoding: Encoding = None, task_language: TaskLanguage = None, describe: Describe = None,
    dtype: Dtype = "float32", batch_size: BatchSize = None, lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Climb the ladder on a file of examples; leave the cheapest adaptation that is good enough, and a report."""
    from rung.evaluate import read_general
    from rung.ladder import Budget, Climb, choose, default_folder
    from rung.report import LiveTable, write_report
    from rung.task import inspect_task

    language = speak(lang)
    options = task_options(locals())
    inspection = inspect_task(data, **options)
    plan, spend = choose(rungs), Budget.parse(budget, price=price)
    general = read_general(general_text, share=mix_general, most=max_forgetting)
    seed = seed or 0
    loaded = open_model(model, dtype, batch_size)
    asked = general_text is not None or max_forgetting is not None
    folder = run or default_folder(inspection.task, loaded, plan, seed, all, volume, general if asked else None)
    if not as_json:
        say_bad_rows(inspection, language)
    with LiveTable(language, budget_seconds=spend.seconds, console=Console(stderr=as_json)) as watch:
        walk = Climb(inspection.task, loaded, folder, plan, all, seed, volume, spend, watch, general)
        result = walk.run()
    report_path = write_report(folder, language)
    if as_json:
        show_json({**result, "run": str(folder), "report": str(report_path)})
    else:
        say(language, f"report: {report_path}", f"报告：{report_path}")


@app.command()
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


@app.command()
def predict(
    adaptation: Annotated[Path, typer.Argument(help="RUN/adaptations/NAME")],
    texts: Annotated[list[str] | None, typer.Argument(help="inputs; none: one a line from standard input")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="a file of inputs instead")] = None,
    model: Annotated[str | None, typer.Option("--model", help="else the one it was made for")] = None,
    input: Input = None, encoding: Encoding = None, dtype: Dtype = "float32", batch_size: BatchSize = None,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Answer new inputs by an adaptation: one answer a line, or with --json one object a line."""
    from rung.programs import as_examples, opened
    from rung.task import load_inputs

    language = speak(lang)
    if file is not None and texts:
        raise DataError("give either texts or --file, not both", zh="文本与 --file 只能给一个")
    if file is not None:
        columns = tuple(input.split(",")) if input else ()
        found, bad = load_inputs(file, input=columns, encoding=encoding or "utf-8")
        wanted = [text for _, text in found]
        for row in bad:
            say(language, f"left out: {row.place}: {row.reason.en}", f"略过：{row.place}：{row.reason.zh}")
    else:
        wanted = list(texts or [line.rstrip("\n") for line in sys.stdin])
    made, loaded = open_adaptation(adaptation, model, dtype, batch_size)
    with opened(made, loaded) as answer:
        for text, p in zip(wanted, answer(as_examples(wanted)) if wanted else [], strict=True):
            if as_json:
                scores = dict(zip(made.labels, p.scores, strict=True)) if p.scores else None
                fields = {"input": text, "output": p.output, "valid": p.valid, "text": p.text, "scores": scores}
                show_json(
                    {**fields, "tokens_in": p.tokens_in, "tokens_out": p.tokens_out, "shown": p.shown}, indent=None
                )
            else:
                typer.echo(p.output if p.valid else f"[{'无效' if language == 'zh' else 'not valid'}] {p.text}")


@app.command()
def evaluate(
    adaptation: Annotated[Path, typer.Argument(help="RUN/adaptations/NAME")],
    file: Annotated[Path, typer.Argument(help="labelled examples")],
    model: Annotated[str | None, typer.Option("--model", help="else the one it was made for")] = None,
    metric: Metric = None, input: Input = None, output: Output = None, encoding: Encoding = None, dtype: Dtype = "float32",
    batch_size: BatchSize = None, lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Measure an adaptation on labelled examples, with its interval."""
    from rung.evaluate import Marked
    from rung.programs import opened
    from rung.task import load_examples
    from rung.task.metrics import find_metric

    language = speak(lang)
    made, loaded = open_adaptation(adaptation, model, dtype, batch_size)
    columns = tuple(input.split(",")) if input else ()
    examples, bad = load_examples(
        file,
        made.kind,
        labels=made.labels,
        schema=made.schema,
        input=columns,
        output=output,
        encoding=encoding or "utf-8",
    )
    with opened(made, loaded) as answer:
        predictions = answer(examples)
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
            f"{result.metric}：无可测量（{result.reason}）",
        )
    else:
        figure = f"{result.value:.3f} [{result.low:.3f}, {result.high:.3f}], n = {result.n}"
        typer.echo(f"{result.metric} {figure}")
        say(language, f"{invalid} answers could not be read, {len(bad)} rows could not be used",
            f"{invalid} 条回答读不出来，{len(bad)} 行数据不可用")  # fmt: skip


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


class Pretraining(typer.core.TyperGroup):
    """``rung pretrain TEXTS OUT`` is short for ``rung pretrain base TEXTS OUT``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["base", *args]
        return super().parse_args(ctx, args)


cellar = typer.Typer(
    cls=Pretraining,
    no_args_is_help=True,
    help="A base model from nothing: train it on texts, then teach it instructions.",
)
app.add_typer(cellar, name="pretrain")


@cellar.command("base")
def pretrain(
    texts: Annotated[Path, typer.Argument(help="a folder of folders, each with train.jsonl and valid.jsonl (field text)")],
    out: Annotated[Path, typer.Argument(help="where the tokenizer, checkpoints and the model go")],
    size: Annotated[str, typer.Option(help="parameters: any size from 0.5M to 20B, such as 7M or 350M")] = "7M",
    tokens: Annotated[int, typer.Option(min=1, help="tokens to see, repeats counted")] = 30_000_000,
    context: Annotated[int, typer.Option(min=64, help="longest prompt in tokens")] = 1024,
    vocabulary: Annotated[int, typer.Option(min=300, help="tokens of the tokenizer")] = 8192,
    schedule: Annotated[str, typer.Option(help="cosine, or wsd: constant, then down over the last fifth")] = "cosine",
    boundaries: Annotated[bool, typer.Option(help="attention ends where a document does")] = True,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16")] = "auto",
    seed: Annotated[int, typer.Option()] = 0,
    compile: Annotated[bool, typer.Option(help="torch.compile: worth it from some minutes on")] = True,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Train a tokenizer and a small base model from plain text; goes on from its last checkpoint."""
    from rung.pretrain.base import Recipe, pretrain
    from rung.pretrain.card import write_card
    from rung.pretrain.parallel import number

    speak(lang)
    recipe = Recipe(
        size=size, tokens=tokens, context=context, vocabulary=vocabulary, schedule=cast(Any, schedule),
        boundaries=boundaries, precision=cast(Any, precision), seed=seed, compile=compile,
    )  # fmt: skip
    folder = pretrain(
        texts, out, recipe, say=lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True)
    )
    if number() > 0:  # under torchrun the first process does the rest
        return
    held_out = write_card(texts, out)
    if as_json:
        show_json({"model": str(folder), "held_out": held_out})


@cellar.command()
def clean(
    texts: Annotated[Path, typer.Argument(help="a folder of folders with train.jsonl (field text), or .jsonl and .txt files")],
    out: Annotated[Path, typer.Argument(help="where the cleaned texts go, in the same layout, with report.html")],
    held_out: Annotated[list[Path] | None, typer.Option(help="evaluation sets that must not be in the texts; may be repeated")] = None,
    languages: Annotated[str, typer.Option(help="documents of these stay: zh,en,fr ...")] = "zh,en",
    keep: Annotated[str | None, typer.Option(help="reasons for which nothing goes: spam,near-duplicate ...")] = None,
    samples: Annotated[int, typer.Option(min=0, help="documents of each reason to look at in removed.jsonl")] = 20,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Clean texts to pre-train on; everything that goes is counted by reason, with samples."""
    from rung.pretrain.clean import Cleaning
    from rung.pretrain.clean import clean as clean_texts

    language = speak(lang)
    how = Cleaning(tuple(held_out or ()), names_in(languages), names_in(keep or ""), samples)
    figures = clean_texts(
        texts, out, how, language=language,
        say=lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True),
    )  # fmt: skip
    if as_json:
        show_json({**figures, "report": str(out / "report.html")})
    else:
        say(language, f"report: {out / 'report.html'}", f"报告：{out / 'report.html'}")


@cellar.command()
def instruct(
    texts: Annotated[Path, typer.Argument(help="a folder of folders, each with train.jsonl and valid.jsonl (field text)")],
    tasks: Annotated[Path, typer.Argument(help="a folder of labelled sets; those that may be passed on are read")],
    out: Annotated[Path, typer.Argument(help="where checkpoints and the model go")],
    model: ModelName = "sprout",
    families: Annotated[str | None, typer.Option(help="only these families of exercises: a,b")] = None,
    tokens: Annotated[int, typer.Option(min=1, help="tokens to see, plain text included")] = 10_000_000,
    batch: Annotated[int, typer.Option(min=1024, help="tokens per step")] = 8192,
    text: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of plain text in a step's tokens")] = 0.35,
    echo: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of rows in which pieces of text come again")] = 0.15,
    rate: Annotated[float, typer.Option(min=0.0, help="peak learning rate; 3e-3 unlearns the text")] = 2e-3,
    schedule: Annotated[str, typer.Option(help="cosine, wsd, or constant where another stage follows")] = "cosine",
    seed: Annotated[int, typer.Option()] = 0,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Teach a base model instructions and learning from its context; goes on from its last checkpoint."""
    from rung.instruct import SHARES, Stage, chosen, instruct
    from rung.instruct.card import write_card

    speak(lang)
    shares = SHARES if families is None else chosen([name.strip() for name in families.split(",")])
    stage = Stage(
        shares=shares, tokens=tokens, batch=batch, text=text, echo=echo, rate=rate,
        schedule=cast(Any, schedule), seed=seed,
    )  # fmt: skip
    folder = instruct(
        open_model(model), texts, tasks, out, stage,
        say=lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True),
    )  # fmt: skip
    held_out = write_card(texts, tasks, folder, name=out.resolve().name)
    if as_json:
        show_json({"model": str(folder), "held_out": held_out})


# --- helpers ------------------------------------------------------------------------------------------------------


def speak(lang: str | None) -> Language:
    """The language of messages: as asked, else from the locale."""
    if lang not in (None, "zh", "en"):
        raise UserError(f"--lang is zh or en, not {lang!r}", zh=f"--lang 只能是 zh 或 en，而不是 {lang!r}")
    found = lang or os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or "en"
    language: Language = "zh" if found.lower().startswith(("zh", "chinese")) else "en"
    os.environ["RUNG_LANG"] = language  # for the message of an error that ends the command
    return language


def task_options(given: dict[str, Any]) -> Any:
    """The options that `rung.task` understands, of a command's arguments."""
    names = ("train", "dev", "test", "output", "kind", "metric", "target", "split", "seed", "encoding")
    options = {name: given[name] for name in names if given.get(name) is not None}
    if given.get("data") is None and given.get("train") is None:
        raise DataError(
            "give a file of examples, or --train, --dev and --test", zh="请给出数据文件，或 --train、--dev 与 --test"
        )
    if given["input"]:
        options["input"] = tuple(part.strip() for part in given["input"].split(","))
    if given["describe"]:
        options["description"] = given["describe"]
    if given["task_language"]:
        options["language"] = cast(Language, given["task_language"])
    return options


def names_in(listed: str) -> tuple[str, ...]:
    """The names of ``a,b``."""
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def open_model(name: str, dtype: str = "float32", batch_size: int | None = None):
    """The base model, with the batch size that was asked for."""
    from rung.engine import load_model

    model = load_model(name, dtype=dtype)
    model.batch_size = batch_size
    return model


def open_adaptation(folder: Path, model: str | None, dtype: str, batch_size: int | None):
    """An adaptation and the model it stands on, checked to belong together."""
    from rung.adaptation import load
    from rung.types import ModelRef

    made = load(folder)
    name = model or (made.model.name if made.model else "sprout")
    loaded = open_model(name, dtype, batch_size)
    return load(folder, ModelRef(loaded.name, loaded.sha256)), loaded


def bare_task(made: Adaptation, metric: str) -> Task:
    """What a metric needs to know of the task that an adaptation was made for."""
    from rung.types import Sealed

    return Task(
        made.name,
        made.kind,
        metric,
        made.language,
        (),
        (),
        Sealed(()),
        made.labels,
        made.schema,
        fingerprint=digest(made.name),
    )


def say_bad_rows(inspection: Any, language: Language) -> None:
    """Nothing is dropped unlisted: how many rows cannot be used, and where to see them."""
    if inspection.bad:
        n, first = len(inspection.bad), inspection.bad[0]
        say(language, f"{n} rows cannot be used, the first: {first.place}: {first.reason.en}; `rung data` lists them all",
            f"{n} 行数据不可用，第一处：{first.place}：{first.reason.zh}；用 `rung data` 查看全部")  # fmt: skip


def say(language: Language, en: str, zh: str) -> None:
    print(zh if language == "zh" else en, file=sys.stderr, flush=True)


def show_json(value: Any, indent: Literal[1] | None = 1) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=indent))


def main() -> None:
    """Run the command; a user's mistake ends it in one sentence."""
    try:
        app()
    except UserError as error:
        message = error.zh if os.environ.get("RUNG_LANG", "en") == "zh" else str(error)
        if "--json" in sys.argv:
            show_json({"error": message, "kind": type(error).__name__})
        else:
            print(message, file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
