"""What the commands share: the application, the options that several of them have, and how they speak."""

from __future__ import annotations

import json
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer
import typer.core

from rung.cli.endpoint import endpoint_of
from rung.language import language_of, own_language
from rung.types import JSON_LINE_ENDS, DataError, Language, UserError

app = typer.Typer(
    name="rung", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Find the cheapest way to make a language model do your task, and prove it.",
)  # fmt: skip

Lang = Annotated[str | None, typer.Option("--lang", help="zh or en; else RUNG_LANG's or the locale's", metavar="zh|en")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output on stdout")]
ModelName = Annotated[
    str,
    typer.Option("--model", help="sprout (embedded), a folder, a Hugging Face name, or openai:NAME with --base-url"),
]
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


SPOKEN: ContextVar[Language | None] = ContextVar("SPOKEN", default=None)  # by the command that runs


def default_to(command: str) -> type[typer.core.TyperGroup]:
    """A group of commands in which one may go unnamed: ``rung pretrain TEXTS OUT`` is ``rung pretrain base TEXTS OUT``."""

    class Group(typer.core.TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0] not in self.commands and args[0] != "--help":
                args = [command, *args]
            return super().parse_args(ctx, args)

    return Group


def speak(lang: str | None) -> Language:
    """The language of messages: as asked, else RUNG_LANG or the locale's; kept for the error that may end the command."""
    if lang not in (None, "zh", "en"):
        raise UserError(f"--lang is zh or en, not {lang!r}", zh=f"--lang 只能是 zh 或 en，而不是 {lang!r}")
    language = language_of(lang) if lang else own_language()
    SPOKEN.set(language)
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
        options["input"] = names_in(given["input"])
    if given["describe"]:
        options["description"] = given["describe"]
    if given["task_language"]:
        options["language"] = cast(Language, given["task_language"])
    return options


def names_in(listed: str) -> tuple[str, ...]:
    """The names of ``a,b``."""
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def open_model(name: str, dtype: str = "float32", batch_size: int | None = None, **endpoint: Any):
    """The base model, with the batch size that was asked for; ``endpoint``: of :func:`rung.cli.endpoint.endpoint_of`."""
    from rung.engine import load_model

    model = load_model(name, dtype=dtype, **endpoint)
    model.batch_size = batch_size
    return model


def recomputing(model: Any) -> Any:
    """The model, whose blocks are computed again in the backward pass of training."""
    from rung.engine import weights_of

    weights_of(model).recompute()
    return model


def open_adaptation(
    folder: Path, model: str | None, dtype: str, batch_size: int | None, given: dict[str, Any] | None = None,
    option: str = "--model",
):  # fmt: skip
    """An adaptation and the model it stands on, checked to belong together; ``given``: the command's arguments, of which
    ``option`` names the model.
    """
    from rung.adaptation import load
    from rung.types import ModelRef

    made = load(folder)
    name = model or (made.model.name if made.model else "sprout")
    loaded = open_model(name, dtype, batch_size, **(endpoint_of(given, name, option) if given is not None else {}))
    return load(folder, ModelRef(loaded.name, loaded.sha256)), loaded


def say_bad_rows(inspection: Any, language: Language) -> None:
    """Nothing is dropped unlisted: how many rows cannot be used, and where to see them."""
    if inspection.bad:
        n, first = len(inspection.bad), inspection.bad[0]
        say(language, f"{n} rows cannot be used, the first: {first.place}: {first.reason.en}; `rung data` lists them all",
            f"{n} 行数据不可用，第一处：{first.place}：{first.reason.zh}；用 `rung data` 查看全部")  # fmt: skip


def say_warnings(inspection: Any, language: Language) -> None:
    """What of the data may spoil the result."""
    for note in inspection.warnings:
        say(language, f"warning: {note.text('en')}", f"注意：{note.text('zh')}")


def say(language: Language, en: str, zh: str) -> None:
    print(zh if language == "zh" else en, file=sys.stderr, flush=True)


def show_json(value: Any, indent: Literal[1] | None = 1) -> None:
    """On standard output; other ends of line than its own are escaped, so that one object is one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=indent).translate(JSON_LINE_ENDS))
