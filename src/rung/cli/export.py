"""``rung export``: an adaptation as a folder for PEFT, vLLM, transformers, or as plain text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.options import (
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

if TYPE_CHECKING:
    from rung.export import Exported


@app.command()
def export(
    adaptation: Annotated[Path, typer.Argument(help="RUN/adaptations/NAME")],
    to: Annotated[str, typer.Option("--to", help="peft, vllm, merged or prompt")],
    out: Annotated[Path | None, typer.Option("--out", help="the folder; else RUN/exports/NAME-TO")] = None,
    check: Annotated[Path | None, typer.Option("--check", help="labelled examples to check it on; else those that the run keeps")] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="write it unchecked")] = False,
    base: Annotated[bool, typer.Option(help="copy a base model along that has no name on the hub")] = True,
    model: Annotated[str | None, typer.Option("--model", help="else the one it was made for")] = None,
    metric: Metric = None, input: Input = None, output: Output = None, encoding: Encoding = None, dtype: Dtype = "float32",
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Write an adaptation in a form that other programs load, with the commands to serve it, and check that it answers alike."""
    from rung.adaptation import load
    from rung.export.check import kept, labelled
    from rung.export.folder import export as write
    from rung.export.targets import refuse

    language = speak(lang)
    refuse(load(adaptation), to)  # before a model is loaded
    made, loaded = open_adaptation(adaptation, model, dtype, None)
    examples = None
    if check is not None:
        columns = names_in(input or "")
        examples, bad = labelled(
            check, made, metric=metric, input=columns, output=output, encoding=encoding or "utf-8"
        )  # fmt: skip
        if bad:
            say(language, f"{len(bad)} rows of {check} could not be used", f"{check} 中有 {len(bad)} 行不可用")
    elif not no_check:
        examples = kept(adaptation, made, loaded)
    done = write(
        made, loaded, to, out or _default(adaptation, to), examples=examples, with_base=base, language=language
    )
    if as_json:
        show_json(done.as_json())
    else:
        typer.echo(str(done.folder))
        say(language, *_found(done))
    if done.check is not None and not done.check.equal:
        raise typer.Exit(1)


def _default(adaptation: Path, to: str) -> Path:
    whole = adaptation.resolve()
    if len(adaptation.parts) < 3:  # of "." or NAME the path as it was typed does not hold the run
        adaptation = whole
    run = adaptation.parent.parent if whole.parent.name == "adaptations" else adaptation.parent
    return run / "exports" / f"{whole.name}-{to}"


def _found(done: Exported) -> tuple[str, str]:
    """The check in a sentence."""
    check = done.check
    if done.words_only:
        return (
            "not checked: these are its words alone, without the weights that were trained with them",
            "没有检查：这里只有提示文本，不含与之一同训练的权重",
        )
    if check is None:
        return (
            "not checked: there are no examples to check it on; type --check FILE",
            "没有检查：没有可用的样本；请用 --check 文件",
        )
    near, near_zh = "", ""
    if check.logprobs is not None:
        near, near_zh = f", log-probabilities within {check.logprobs:.1e}", f"，对数概率相差不超过 {check.logprobs:.1e}"
    if check.equal:
        return (
            f"checked on {check.n} examples ({check.examples}): every answer is the same{near}; "
            f"{check.rung.metric} {_figure(check.exported.value)}",
            f"已用 {check.n} 条样本（{check.examples}）检查：所有回答一致{near_zh}；"
            f"{check.rung.metric} {_figure(check.exported.value)}",
        )
    return (
        f"checked on {check.n} examples ({check.examples}): {check.predictions} answers and {check.prompts} prompts differ{near}; "
        f"{check.rung.metric} {_figure(check.rung.value)} by Rung, {_figure(check.exported.value)} exported",
        f"已用 {check.n} 条样本（{check.examples}）检查：{check.predictions} 条回答、{check.prompts} 条提示不同{near_zh}；"
        f"{check.rung.metric}：Rung {_figure(check.rung.value)}，导出后 {_figure(check.exported.value)}",
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
