"""``rung pretrain``: a base model from nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from rung.cli.options import Json, Lang, ModelName, app, default_to, names_in, open_model, say, show_json, speak
from rung.types import LARGEST_SEED

cellar = typer.Typer(
    cls=default_to("base"),
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
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="of weights and order")] = 0,
    compile: Annotated[bool, typer.Option(help="torch.compile: worth it from some minutes on")] = True,
    shard: Annotated[bool, typer.Option("--shard", help="with torchrun: each process holds a part of the model (FSDP2)")] = False,
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
        texts,
        out,
        recipe,
        shard=shard,
        say=lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True),
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
    out: Annotated[Path, typer.Argument(help="where checkpoints, the model and curve.html go")],
    model: ModelName = "sprout",
    families: Annotated[str | None, typer.Option(help="only these families of exercises: a,b, or with shares of the lessons: a=3,b=1")] = None,
    tokens: Annotated[int, typer.Option(min=1, help="tokens to see, plain text included")] = 10_000_000,
    batch: Annotated[int, typer.Option(min=1024, help="tokens per step")] = 8192,
    text: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of plain text in a step's tokens")] = 0.35,
    echo: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of rows in which pieces of text come again")] = 0.15,
    rate: Annotated[float, typer.Option(min=0.0, help="peak learning rate; more unlearns text where little of it is mixed in")] = 2e-3,
    schedule: Annotated[str, typer.Option(help="cosine, wsd, or constant where another stage follows")] = "cosine",
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="of the exercises and their order")] = 0,
    compile: Annotated[bool, typer.Option(help="torch.compile: worth it from some minutes on")] = True,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Teach a base model instructions and learning from its context; goes on from its last checkpoint."""
    from rung.instruct import SHARES, Stage, chosen, instruct
    from rung.instruct.card import write_card

    speak(lang)
    shares = SHARES if families is None else chosen([name.strip() for name in families.split(",")])
    stage = Stage(
        shares=shares, tokens=tokens, batch=batch, text=text, echo=echo, rate=rate,
        schedule=cast(Any, schedule), seed=seed, compile=compile,
    )  # fmt: skip
    folder = instruct(
        open_model(model), texts, tasks, out, stage,
        say=lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True),
    )  # fmt: skip
    held_out = write_card(texts, tasks, folder, name=out.resolve().name)
    if as_json:
        show_json({"model": str(folder), "held_out": held_out})


@cellar.command()
def average(
    later: Annotated[Path, typer.Argument(help="a model that was trained on from the other")],
    earlier: Annotated[Path, typer.Argument(help="the one that it came from")],
    out: Annotated[Path, typer.Argument(help="where the mean of their weights goes")],
    share: Annotated[float, typer.Option(help="of the later one")] = 0.75,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Mean of a model's weights and of those it came from: a start for another stage that keeps much of both."""
    from rung.pretrain.average import average

    language = speak(lang)
    folder = average(later, earlier, out, share)
    if as_json:
        show_json({"model": str(folder)})
    else:
        say(language, f"model: {folder}", f"模型：{folder}")


@cellar.command()
def again(
    model: Annotated[Path, typer.Argument(help="a folder with lineage.jsonl, such as src/rung/sprout")],
    texts: Annotated[Path, typer.Argument(help="a folder of folders, each with train.jsonl and valid.jsonl (field text)")],
    tasks: Annotated[Path, typer.Argument(help="a folder of labelled sets; those that may be passed on are read")],
    out: Annotated[Path, typer.Argument(help="where the stages go")],
    size: Annotated[str, typer.Option(help="parameters of the first stage")] = "7M",
    boundaries: Annotated[bool, typer.Option(help="attention of the first stage ends where a document does; sprout's did not")] = True,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Make a model again: every stage of its lineage.jsonl, in order; goes on from where it was stopped."""
    from rung.instruct.again import again
    from rung.instruct.card import write_card

    speak(lang)
    folder = again(
        model, texts, tasks, out, size=size, boundaries=boundaries,
        say=lambda line: print(line, file=sys.stderr if as_json else sys.stdout, flush=True),
    )  # fmt: skip
    held_out = write_card(texts, tasks, folder, name=out.resolve().name)
    if as_json:
        show_json({"model": str(folder), "held_out": held_out})
