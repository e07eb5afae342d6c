"""A climb of about a thousand calls over an endpoint in trouble, killed (-9) ten times: it must end as the calm one.

    python bench/endpoint_chaos.py --kills 10

The endpoint is the test server of ``tests/helpers/chaos_server.py`` on loopback, in a process of its own. It answers by a rule, and
in trouble it sends 429 (with and without Retry-After), 500, 503, dropped connections, cut bodies, broken JSON, empty and HTML answers,
silences, slow answers, and missing, impossible or too few log-probabilities. Four climbs: calm; in trouble and killed; in trouble; in trouble
with a budget in money. Compared are the verdicts, every dev figure, the choice, the test figure and every prediction; the server
counts which answers it sent whole, and so what was paid twice. Each climb is a process, forked from this one before it has threads.
Exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPO = Path(__file__).parents[1]
sys.path[:0] = [str(REPO / "tests" / "helpers"), str(REPO / "src")]

from chaos_server import ChaosServer  # noqa: E402

from rung.engine import EndpointOptions  # noqa: E402
from rung.engine.endpoint import Price, endpoint_model  # noqa: E402
from rung.ladder import Budget, Climb, choose  # noqa: E402
from rung.types import Example, Sealed, Task, digest  # noqa: E402

LABELS = ("left", "right")
OPTIONS = EndpointOptions(concurrency=8, timeout=20.0, first_wait=0.01, longest_wait=0.2, attempts=8)
PRICE = Price(1000.0, 2000.0)  # a thousandth for each token read: figures that can be read
HANG = 0.2  # seconds of a silence; the connection is then closed


def label_of(number: int) -> str:
    return LABELS[hashlib.sha256(b"order %d" % number).digest()[0] % 2]


def rule(prompt: str) -> str:
    """Right on six tenths of the orders, and on nearly all once three of them stand in the prompt."""
    numbers = [int(n) for n in re.findall(r"order (\d+) please", prompt)]
    if not numbers:
        return "neither"
    right = numbers[-1] % 10 < 6 or (len(numbers) > 2 and numbers[-1] % 40 != 7)
    label = label_of(numbers[-1])
    return label if right else LABELS[1 - LABELS.index(label)]


def task_of(train: int, dev: int, test: int) -> Task:
    def examples(first: int, n: int) -> tuple[Example, ...]:
        return tuple(Example(digest(t := f"order {i} please"), t, label_of(i)) for i in range(first, first + n))

    return Task(
        "orders", "classify", "accuracy", "en", examples(1000, train), examples(2000, dev), Sealed(examples(3000, test)), LABELS,
        fingerprint=digest(train, dev, test),
    )  # fmt: skip


def child(work: Callable[[], None]) -> int:
    """A process that does ``work`` and ends; its id."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


class Remote:
    """The server in its own process."""

    def __init__(self, port: int):
        self.root = f"http://127.0.0.1:{port}"

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.root}/stats", timeout=30) as answer:
            return dict(json.load(answer))


@contextmanager
def serving(port: int, trouble: float) -> Iterator[Remote]:
    def serve() -> None:
        with ChaosServer(rule, trouble=trouble, hang=HANG, port=port):
            time.sleep(1e6)

    pid, remote = child(serve), Remote(port)
    for _ in range(500):
        try:
            remote.stats()
            break
        except OSError:
            time.sleep(0.05)
    try:
        yield remote
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def climbing(folder: Path, remote: Remote, arguments: argparse.Namespace, budget: str | None = None) -> int:
    """The process id of a climb."""

    def climb() -> None:
        model = endpoint_model("openai:orders", f"{remote.root}/v1", OPTIONS)
        model.price = PRICE
        task = task_of(arguments.train, arguments.dev, arguments.test)
        Climb(task, model, folder, choose(arguments.rungs), budget=Budget.parse(budget, price=1.0)).run()

    return child(climb)


def finish(pid: int) -> None:
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the climb ended with an error")


def essence(folder: Path) -> dict[str, Any]:
    """What may not depend on trouble or kills."""
    result = json.loads((folder / "result.json").read_text())
    rows = [[r[k] for k in ("name", "status", "best", "candidates", "dev", "bound")] for r in result["rungs"]]
    tokens = [r["cost"]["build_tokens"] for r in result["rungs"]]
    test = {k: v for k, v in (result["test"] or {}).items() if k != "opened_at"}
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        made = db.execute(
            "SELECT adaptation, example, output, scores, tokens_in, score FROM predictions ORDER BY 1, 2"
        ).fetchall()
    return {"rows": rows, "tokens": tokens, "chosen": result["chosen"], "test": test, "predictions": made}


def compare(calm: dict[str, Any], folder: Path) -> list[str]:
    found = essence(folder)
    return [key for key in calm if calm[key] != found[key]]


def say(name: str, started: float, stats: dict[str, Any], more: str) -> None:
    trouble = sum(n for kind, n in stats["made"].items() if kind != "slow")
    print(
        f"| {name} | {time.perf_counter() - started:.0f} s | {stats['attempts']} | {trouble} | {stats['answers']} | "
        f"{stats['twice']} | {stats['most']} | {more} |",
        flush=True,
    )


def killed(folder: Path, remote: Remote, arguments: argparse.Namespace, calls: int) -> int:
    """Kill the climb at random moments, spread over its calls; how often it was."""
    draw = random.Random(arguments.seed)
    moments = sorted(draw.uniform(0.02, 0.95) * calls for _ in range(arguments.kills))
    count = 0
    for moment in moments:
        pid = climbing(folder, remote, arguments)
        while remote.stats()["answers"] < moment:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return count
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        count += 1
    finish(climbing(folder, remote, arguments))
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--trouble", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=18980)
    parser.add_argument("--train", type=int, default=20)
    parser.add_argument("--dev", type=int, default=36)
    parser.add_argument("--test", type=int, default=16)
    parser.add_argument("--rungs", default="majority,zero-shot,few-shot,few-shot-embedding,lora")
    arguments = parser.parse_args()
    print(
        "| climb | took | attempts | troubles | answers | paid twice | most under way | |\n|---|---|---|---|---|---|---|---|"
    )
    failed = False
    with tempfile.TemporaryDirectory() as root:
        started = time.perf_counter()
        with serving(arguments.port, 0.0) as remote:
            finish(climbing(Path(root) / "calm", remote, arguments))
            peace = remote.stats()
        calm = essence(Path(root) / "calm")
        failed |= peace["twice"] > 0
        say("calm", started, peace, f"{len(calm['predictions'])} predictions, chosen {calm['chosen']['candidate']}")

        started = time.perf_counter()
        with serving(arguments.port, arguments.trouble) as remote:
            kills = killed(Path(root) / "killed", remote, arguments, peace["answers"])
            stats = remote.stats()
        differs = compare(calm, Path(root) / "killed")
        failed |= bool(differs) or stats["twice"] > kills * OPTIONS.concurrency
        say(f"in trouble, {kills} kills", started, stats, f"differs: {differs or 'nothing'}")

        started = time.perf_counter()
        with serving(arguments.port, arguments.trouble) as remote:
            finish(climbing(Path(root) / "rough", remote, arguments))
            stats = remote.stats()
        differs = compare(calm, Path(root) / "rough")
        failed |= bool(differs) or stats["twice"] > 0
        say("in trouble", started, stats, f"differs: {differs or 'nothing'}")

        started, budget = time.perf_counter(), PRICE.of(peace["tokens_in"], peace["tokens_out"]) / 2
        dearest = 1.0  # of one call: the longest prompt with both labels is some 250 tokens
        with serving(arguments.port, arguments.trouble) as remote:
            for _ in range(2):  # the second time buys nothing
                finish(climbing(Path(root) / "budget", remote, arguments, f"${budget:.2f}"))
            stats = remote.stats()
        paid = PRICE.of(stats["tokens_in"], stats["tokens_out"])
        said = json.loads((Path(root) / "budget" / "result.json").read_text())
        failed |= paid > budget + OPTIONS.concurrency * dearest or said["complete"] or stats["twice"] > 0
        say(
            "with a budget",
            started,
            stats,
            f"budget {budget:.2f}, paid {paid:.2f}, counted {said['endpoint']['money']:.2f}",
        )
    print("FAILED" if failed else "the same, and within the budget")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
