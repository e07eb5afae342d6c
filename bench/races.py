"""The trained rungs in turn, each to its own end, beside a race of the same (``rung climb --race``): time, and what is found.

    PYTHONPATH=src python bench/races.py                                   # trec, 1,000 training examples, sprout
    PYTHONPATH=src python bench/races.py --set sst2 --limit-train 1000 --json races.json

Both climb the same eight rungs on the same rows with the same seed in this process, in turn first. A rung's seconds alone are
those between entering it and its verdict: candidates, halving among them, dev, forgetting, a lone request. The race's
seconds are those of its whole climb. Asked for is a race in less than twice the time of the slowest rung alone. On a machine that
is shared ``--clock processor`` counts what this process was given; ``--alone full,qlora`` leaves the other rungs' turns out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from climbs import SETS, SPLITS, keep, rows_of

from rung.engine import Model, load_model
from rung.ladder import LADDER, Climb, Watch, choose
from rung.rungs import Rung
from rung.task import load_task
from rung.types import Task

TRAINED = tuple(rung for rung in LADDER if rung.races)


CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


class Clock(Watch):
    """Seconds of each rung, from entering it to its verdict."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self.now, self._at = now, 0.0

    def entered(self, rung: str) -> None:
        self._at = self.now()

    def judged(self, row: Mapping[str, Any]) -> None:
        self.seconds[row["name"]] = self.now() - self._at


def climb(
    task: Task, model: Model, folder: Path, seed: int, rungs: Sequence[Rung], clock: Clock, *, race: bool
) -> dict[str, Any]:
    """One climb of ``rungs``: seconds in all and by rung (of a race the latter mean nothing), and its rows.

    It is kept beside its folder, and not climbed again while that file is there.
    """
    known = folder.with_suffix(".json")
    if known.exists():
        return json.loads(known.read_text(encoding="utf-8"))
    if folder.exists():
        shutil.rmtree(folder)  # what is in a ledger would cost no time
    started = clock.now()
    result = Climb(task, model, folder, rungs, all=True, race=race, seed=seed, watch=clock).run()
    rows = {row["name"]: row for row in result["rungs"]}
    found = {"seconds": clock.now() - started, "by_rung": clock.seconds, "rows": rows}
    known.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="trec", choices=list(SETS))
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--seed", type=int, default=0)
    for split, most in zip(SPLITS, (1000, 200, 10), strict=True):
        parser.add_argument(f"--limit-{split}", type=int, default=most)
    parser.add_argument("--runs", type=Path, default=Path("runs/races"))
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS))
    parser.add_argument("--alone", help="rungs that are climbed in turn, joined by commas; else all that race")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder, model = options.runs / options.set, load_model(options.model)
    rows, _ = rows_of(options.set, options)
    keep(folder, {"name": options.set, "limits": [options.limit_train, options.limit_dev], "seed": options.seed}, rows)
    task = load_task(folder / "data", name=options.set)
    alone = choose(options.alone) if options.alone else TRAINED
    found = {
        name: climb(task, model, folder / name, options.seed, rungs, Clock(CLOCKS[options.clock]), race=name == "race")
        for name, rungs in (("turns", alone), ("race", TRAINED))
    }
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps({"model": model.sha256, **found}, indent=1) + "\n", encoding="utf-8")


def table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown, and the figures that count below it."""
    turns, race = found["turns"], found["race"]
    lines = ["| rung | alone | dev, alone | dev, in the race | to its end |", "|---|---|---|---|---|"]
    for name, row in turns["rows"].items():
        raced = race["rows"][name]
        end = "no" if raced["stopped"] else "yes"
        lines.append(f"| {name} | {turns['by_rung'][name]:.0f} s | {score(row)} | {score(raced)} | {end} |")
    slowest = max(turns["by_rung"].values())
    lines.append(
        f"\nin turn {turns['seconds']:.0f} s, race {race['seconds']:.0f} s: {turns['seconds'] / race['seconds']:.2f} times as fast; "
        f"{race['seconds'] / slowest:.2f} times the slowest alone ({slowest:.0f} s)"
    )
    return "\n".join(lines)


def score(row: Mapping[str, Any]) -> str:
    return f"{row['dev']['value']:.3f}" if row["dev"] else row["status"]


if __name__ == "__main__":
    main()
