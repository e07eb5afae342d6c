"""``rung selftest``: climbs whose right end is known, to see whether the ladder can be trusted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rung.cli.options import Json, Lang, app, say, show_json, speak


@app.command()
def selftest(
    out: Annotated[Path, typer.Argument(help="where the small model and the climbs go")] = Path("runs/selftest"),
    seeds: Annotated[int, typer.Option(min=1, help="problems of each kind")] = 20,
    target: Annotated[float, typer.Option(min=0.0, max=1.0, help="what every climb has to reach")] = 0.9,
    lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Climb problems whose right rung is known: does it stop there, and do its claims hold on fresh examples?"""
    from rung.selftest import KINDS, base_model, figures, trial

    language = speak(lang)
    model = base_model(out, say=lambda line: print(line, file=sys.stderr, flush=True))
    trials = []
    for seed in range(seeds):
        for kind in KINDS:
            trials.append(found := trial(model, kind, seed, out / f"{kind}-{seed}", target=target))
            fresh = "-" if found.fresh is None else f"{found.fresh:.3f}"
            say(language, f"{kind} {seed}: {found.chosen if found.claims else 'no claim'}, on fresh examples {fresh}",
                f"{kind} {seed}：{found.chosen if found.claims else '未声称达标'}，在新样本上 {fresh}")  # fmt: skip
    told = figures(trials)
    if as_json:
        show_json(told)
        return
    zh = language == "zh"
    table = Table(*(("题型", "停在", "停对的比例") if zh else ("kind", "stopped at", "right")))
    for kind, row in told["kinds"].items():
        stops = ", ".join(f"{rung} {n}" for rung, n in row["stopped"].items())
        table.add_row(kind, stops, interval(row["right"]))
    Console().print(table)
    wrong = interval(told["false_claims"])
    print(f"声称达标而在新样本上不成立：{wrong}" if zh else f"claims that do not hold on fresh examples: {wrong}")


def interval(share: dict) -> str:
    """``19/20 = .95 [.75, 1.00]``."""
    if share["value"] is None:
        return "-"
    return f"{share['count']}/{share['of']} = {share['value']:.2f} [{share['low']:.2f}, {share['high']:.2f}]"
