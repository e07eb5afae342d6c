"""Kill one climb (-9) at random moments, each time followed by the same command; the result must not change.

    python bench/kills.py --kills 20

A climb is run once in peace and once with kills. Compared are the verdicts, every dev figure, the choice, the test
figure and every prediction; the ledger is searched for keys scored twice and for examples that are missing. The moments
are drawn at random, so some kills fall into loading the model, some into training, some into the writing of an
adaptation. Exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).parents[1]
EXAMPLES = REPO / "examples" / "customer_service.csv"


def command(arguments: argparse.Namespace, run: Path, rungs: str = "") -> list[str]:
    return [
        sys.executable, "-m", "rung", "climb", str(arguments.data), "--input", arguments.input,
        "--output", arguments.output, "--model", arguments.model, "--rungs", rungs or arguments.rungs,
        "--run", str(run), "--json",
    ]  # fmt: skip


def climb(words: list[str], kill_after: float | None = None) -> float:
    """Run the command; kill it after so many seconds. Gives the seconds it ran; raises where it failed by itself."""
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src"), "TOKENIZERS_PARALLELISM": "false"}
    started = time.perf_counter()
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True, start_new_session=True
    )
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return time.perf_counter() - started
    if process.returncode != 0:
        raise RuntimeError(f"the climb ended with status {process.returncode}:\n{errors[-3000:]}")
    return time.perf_counter() - started


def result_of(run: Path) -> dict[str, Any]:
    """What may not depend on kills."""
    result = json.loads((run / "result.json").read_text())
    rows = {
        r["name"]: [r["cost"]["build_flops"], *(r[k] for k in ("status", "best", "candidates", "dev", "bound"))]
        for r in result["rungs"]
    }
    test = {k: v for k, v in (result["test"] or {}).items() if k != "opened_at"}
    return {"rungs": rows, "chosen": result["chosen"], "test": test, "complete": result["complete"]}


def predictions(run: Path) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """key -> answer; raises where one key stands there twice (the table's primary key should forbid it)."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    with sqlite3.connect(run / "ledger.sqlite") as db:
        rows = db.execute("SELECT weights, adaptation, example, sample, dtype, output, text, score FROM predictions")
        for row in rows:
            assert row[:5] not in found, f"scored twice: {row[:5]}"
            found[row[:5]] = row[5:]
    return found


def progress(run: Path) -> str:
    """How far a killed climb had come."""
    if not (run / "ledger.sqlite").exists():
        return "no ledger yet"
    with sqlite3.connect(run / "ledger.sqlite") as db:
        try:
            (asked,) = db.execute("SELECT COUNT(*) FROM predictions").fetchone()
            (built,) = db.execute("SELECT COUNT(*) FROM builds").fetchone()
            (seal,) = db.execute("SELECT COUNT(*) FROM events WHERE kind = 'test opened'").fetchone()
        except sqlite3.OperationalError:
            return "an empty ledger"
    done = ", result written" if (run / "result.json").exists() else ", seal opened" if seal else ""
    checkpoint = ", in training" if any(run.rglob("checkpoint/state.json")) else ""
    return f"{asked} predictions, {built} builds{checkpoint}{done}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=EXAMPLES)
    parser.add_argument("--input", default="text")
    parser.add_argument("--output", default="intent")
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--rungs", default="tfidf,zero-shot,few-shot,lora")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        peace, war = Path(folder) / "peace", Path(folder) / "war"
        # Starting up takes its seconds each time; behind it, kills are spread so that one climb suffers all of them.
        start = climb(command(arguments, Path(folder) / "start", "majority"))
        seconds = climb(command(arguments, peace))
        longest = start + 1.6 * max(1.0, seconds - start) / arguments.kills
        print(f"in peace: {seconds:.1f} s, {progress(peace)}", flush=True)
        print("| kill | after s | what was there |\n|---|---|---|", flush=True)
        failed = 0
        for number in range(1, arguments.kills + 1):
            if (war / "result.json").exists():  # it got to its end between kills: the rest of them hit a fresh climb
                failed |= compare(peace, war)
                war = war.with_name(f"war{number}")
            moment = draw.uniform(0.0, longest)
            ran = climb(command(arguments, war), kill_after=moment)
            print(f"| {number} | {ran:.1f} | {progress(war)} |", flush=True)
        last = climb(command(arguments, war))
        print(f"the last run took {last:.1f} s to its end", flush=True)
        return failed | compare(peace, war)


def compare(peace: Path, war: Path) -> int:
    """Print what differs; 0 where nothing does."""
    before, after = result_of(peace), result_of(war)
    differs = [key for key in before if before[key] != after[key]]
    for key in differs:
        print(f"{key} differs:\n  {before[key]}\n  {after[key]}")
    expected, found = predictions(peace), predictions(war)
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    other = sum(expected[k] != found[k] for k in expected.keys() & found.keys())
    print(f"predictions: {len(found)}, missing {len(missing)}, beyond {len(extra)}, other answers {other}, twice 0")
    left = [str(p.relative_to(war)) for p in war.rglob("*") if p.suffix in (".new", ".old")]
    if left:
        print(f"left behind: {left}")
    failed = bool(differs or missing or extra or other or left)
    print("FAILED" if failed else f"the same: {after['chosen']['candidate']}, test {after['test'].get('value')}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
