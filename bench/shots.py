"""The n-shot curve of a model on tasks that it never saw, with intervals and paired tests.

    PYTHONPATH=src python bench/shots.py                                   # all tasks with sprout, 500 test items each
    PYTHONPATH=src python bench/shots.py --model runs/sprout/model --tasks sst2,trec --items 200
    PYTHONPATH=src python bench/shots.py --render-only                     # the tables again

What is fixed before a test item is read: the description and the label words of each task (shots_tasks.py); the prompt (one
of the library's templates, plain or as a chat, its label scores raw or calibrated on unlabelled dev inputs), chosen on dev.
The **curve** has one prompt for all its points, the best on dev by the mean of 0 and 8 demonstrations; the **instruction** is
the best on dev without demonstrations. Demonstrations come from the training split: balanced over the labels, several draws,
each the same for all items; and for each item by similarity (``--chosen`` of them). Those longer than ``--longest`` bytes are
cut to their front, in all settings alike, so that 16 fit into 1,024 tokens; a question is never cut, and where it is so long
that they do not all fit, the first ones are left out for it and the table counts such items.

Every answer is in ``OUT/TASK/ledger.sqlite`` as soon as it is known: a killed run goes on when the same command is given again.
"""

from __future__ import annotations

import argparse
import json
import random as chance
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from paired import difference, share
from places import TASKS
from shots_formats import FORMATS, formats
from shots_page import one_model, page
from shots_tasks import STUDIES, Study, load

from rung.adaptation import hash_of
from rung.engine import Model, load_model
from rung.evaluate import measure
from rung.incontext import SHOTS, balanced, batch_calibration, random
from rung.ledger import Ledger
from rung.programs import opened
from rung.prompts import TEMPLATES, chat_variant
from rung.types import Adaptation, DataError, Demonstration, Example, ModelRef, Prompt, Selector, Task, UserError

MIDDLE = 8  # the point of the curve that is tested against none, and that similarity is compared at
DEV_DRAW = 1000  # the draw of demonstrations that prompts are chosen with; the test's draws are 0, 1, 2 ...


@dataclass(frozen=True)
class Way:
    """A prompt and how its label scores are read."""

    prompt: Prompt
    calibrated: bool

    @property
    def name(self) -> str:
        return self.prompt.name + ("+batch" if self.calibrated else "")


@dataclass(frozen=True)
class Setting:
    """A point: how the demonstrations were found, how many, and which draw."""

    way: str  # none, balanced, random, bm25, embedding
    shots: int
    draw: int
    adaptation: Adaptation


@dataclass(frozen=True)
class Measured:
    """Marks of the test items (0 or 1), how often each label was said, and what was left out of prompts."""

    setting: Setting
    marks: np.ndarray
    said: dict[str, int]
    fewer: int  # items that were shown fewer demonstrations, as all did not fit


class Desk:
    """A task, a model and the ledger between them: marks of adaptations on examples, each bought once."""

    def __init__(self, task: Task, model: Model, ledger: Ledger, held: Sequence[Example]):
        self.task, self.model, self.ledger, self.held = task, model, ledger, held

    def adaptation(self, prompt: Prompt, **fields: Any) -> Adaptation:
        task = self.task
        return Adaptation(
            name="", rung="shots", kind="classify", language=task.language, labels=task.labels, prompt=prompt,
            description=task.description, model=ModelRef(self.model.name, self.model.sha256),
            parameters={"normalise": "mean"}, **fields,
        )  # fmt: skip

    def scores(self, adaptation: Adaptation, examples: Sequence[Example]) -> tuple[np.ndarray, list[int]]:
        """Label scores [n, labels], not calibrated, and how many demonstrations stood in each prompt."""
        # What is shared by all is computed once a block, so they are few there; else little is lost by a kill.
        block = 64 if adaptation.selector else len(examples)
        with ExitStack() as stack:  # opened only if something is not in the ledger: a selector embeds its whole pool
            marked = measure(
                lambda: stack.enter_context(opened(adaptation, self.model)), hash_of(adaptation), self.task, examples,
                self.ledger, block=block,
            )  # fmt: skip
        return np.array([p.scores for p in marked.predictions]), [len(p.shown) for p in marked.predictions]

    def labels(
        self, adaptation: Adaptation, calibrated: bool, examples: Sequence[Example]
    ) -> tuple[list[str], list[int]]:
        """The answers; calibrated: offsets by batch calibration on the held-out inputs, without their labels."""
        held = self.held if calibrated else ()
        found, shown = self.scores(adaptation, [*held, *examples])
        if calibrated:
            found = found + np.array(batch_calibration(found[: len(held)]))
        return [self.task.labels[i] for i in found[len(held) :].argmax(1)], shown[len(held) :]

    def marks(self, adaptation: Adaptation, calibrated: bool, examples: Sequence[Example]) -> np.ndarray:
        said, _ = self.labels(adaptation, calibrated, examples)
        return np.array([float(a == e.target) for a, e in zip(said, examples, strict=True)])


def study(name: str, model: Model, options: argparse.Namespace) -> dict[str, Any]:
    """All settings of one task: prompts on dev, then the test items; the tables' figures."""
    started, tokens = time.perf_counter(), model.meter.tokens
    about = STUDIES[name]
    task = load(about, options.data)
    dev = drawn(task.dev, options.dev + options.held, about.source)  # the variants of a set ask the same items
    test = drawn(task.test.open(), options.items, about.source)
    pool = tuple(Demonstration(shortened(e.input, options.longest), e.target) for e in task.train)
    folder = options.out / name
    ledger = Ledger(folder / "ledger.sqlite", weights=model.sha256, dtype="float32")
    desk = Desk(task, model, ledger, dev[: options.held])
    curve, alone, chosen_on = prompts(desk, dev[options.held :], pool)
    say(f"{name}: curve {curve.name}, instruction {alone.name}")
    measured: list[Measured] = []
    for setting in settings(desk, pool, curve.prompt, options):
        measured.append(on_test(desk, setting, curve.calibrated, test))
        last = measured[-1]
        say(f"{name} {setting.way}-{setting.shots} draw {setting.draw}: {last.marks.mean():.3f}")
    instruction = desk.marks(desk.adaptation(alone.prompt), alone.calibrated, test)
    ledger.close()
    return {
        **described(about, task, test, options), "curve_prompt": curve.name, "instruction_prompt": alone.name,
        "dev": chosen_on, **compared(measured, instruction, test, options.chosen),
        "tokens": model.meter.tokens - tokens, "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip


def drawn(examples: Sequence[Example], n: int, name: str) -> list[Example]:
    """``n`` examples at random, all where there are fewer."""
    found = list(examples)
    chance.Random(f"shots {name}").shuffle(found)
    return found[:n]


def shortened(text: str, longest: int) -> str:
    """At most ``longest`` UTF-8 bytes from the front of a text, ended at a space or mark where one is near."""
    if len(text.encode()) <= longest:
        return text
    front = text.encode()[:longest].decode(errors="ignore")
    at = max(front.rfind(mark) for mark in " ，。；、！？")
    return front[:at] if at > len(front) // 2 else front


def prompts(
    desk: Desk, dev: Sequence[Example], pool: Sequence[Demonstration]
) -> tuple[Way, Way, dict[str, list[float]]]:
    """The curve's way, the instruction's way, and each one's dev accuracy with 0 and with 8 demonstrations."""
    templates = list(TEMPLATES[desk.task.language]["classify"])
    if desk.model.has_chat_template:
        templates += [chat_variant(p) for p in templates]
    shown = balanced(pool, MIDDLE, DEV_DRAW, desk.task.labels)
    found: dict[Way, tuple[float, float]] = {}
    for prompt in templates:
        for calibrated in (True, False):
            none, some = (
                float(desk.marks(desk.adaptation(prompt, demonstrations=d), calibrated, dev).mean())
                for d in ((), shown)
            )
            found[Way(prompt, calibrated)] = (none, some)
    curve = max(found, key=lambda way: (sum(found[way]), not way.calibrated))  # of equals the simpler one
    alone = max(found, key=lambda way: (found[way][0], not way.calibrated))
    return curve, alone, {way.name: [round(x, 4) for x in both] for way, both in found.items()}


def settings(
    desk: Desk, pool: tuple[Demonstration, ...], prompt: Prompt, options: argparse.Namespace
) -> Iterator[Setting]:
    """The points of the curve, and the ways to choose demonstrations."""
    yield Setting("none", 0, 0, desk.adaptation(prompt))
    draws: list[tuple[str, int, Callable[[int], tuple[Demonstration, ...]]]] = []
    for n in (n for n in options.shots if n > 0):
        draws.append(("balanced", n, lambda s, n=n: balanced(pool, n, s, desk.task.labels)))  # type: ignore[misc]
    for n in options.chosen:
        draws.append(("random", n, lambda s, n=n: random(pool, n, s)))  # type: ignore[misc]
    for way, n, draw in draws:
        for s in range(options.draws):
            yield Setting(way, n, s, desk.adaptation(prompt, demonstrations=draw(s)))
    for n in options.chosen:
        for way in options.by:
            yield Setting(way, n, 0, desk.adaptation(prompt, demonstrations=pool, selector=Selector(way, n)))


def on_test(desk: Desk, setting: Setting, calibrated: bool, test: Sequence[Example]) -> Measured:
    said, shown = desk.labels(setting.adaptation, calibrated, test)
    marks = np.array([float(a == e.target) for a, e in zip(said, test, strict=True)])
    return Measured(setting, marks, dict(Counter(said).most_common()), sum(n < setting.shots for n in shown))


def described(about: Study, task: Task, test: Sequence[Example], options: argparse.Namespace) -> dict[str, Any]:
    """What was asked: the task, its words, and how many items of how many."""
    return {
        **{k: v for k, v in asdict(about).items() if k != "words"}, "labels": list(task.labels), "items": len(test),
        "available": len(task.test), "pool": len(task.train), "longest": options.longest, "draws": options.draws,
    }  # fmt: skip


def compared(
    measured: Sequence[Measured], instruction: np.ndarray, test: Sequence[Example], chosen: Sequence[int]
) -> dict[str, Any]:
    """Points (means over draws), and the study's three questions as paired tests on the same items."""
    common, _ = Counter(e.target for e in test).most_common(1)[0]
    majority = np.array([float(e.target == common) for e in test])
    points: dict[tuple[str, int], list[Measured]] = {}
    for one in measured:
        points.setdefault((one.setting.way, one.setting.shots), []).append(one)
    means = {point: np.mean([m.marks for m in draws], axis=0) for point, draws in points.items()}
    none = means["none", 0]
    tests: dict[str, Any] = {"instruction": asdict(difference(instruction, majority))}
    if ("balanced", MIDDLE) in means:
        tests["rise"] = asdict(difference(means["balanced", MIDDLE], none))
        tests["rise over instruction"] = asdict(difference(means["balanced", MIDDLE], instruction))
    for (way, n), marks in means.items():
        if n in chosen and way in ("bm25", "embedding"):
            tests[f"{way}-{n} over random"] = asdict(difference(marks, means["random", n]))
            tests[f"{way}-{n} over none"] = asdict(difference(marks, none))
    return {
        "majority": asdict(share(majority)),
        "instruction": asdict(share(instruction)),
        "points": [
            {
                "way": way, "shots": n, **asdict(share(means[way, n])),
                "draws": [round(float(m.marks.mean()), 4) for m in draws],
                "fewer": max(m.fewer for m in draws), "said": draws[0].said,
            }
            for (way, n), draws in points.items()
        ],
        "tests": tests,
    }  # fmt: skip


def say(line: str) -> None:
    print(time.strftime("%H:%M:%S"), line, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Every task that was asked for; its figures are written when it is done, the tables at the end."""
    options = parse(arguments)
    if not options.render_only:
        model = load_model(options.model)
        one_model(results_in(options.out), model, options.out)
        for name in options.tasks:
            figures = formats(model, options) if name == FORMATS else study(name, model, options)
            figures |= {"model": model.name, "sha256": model.sha256, "parameters": model.parameters}
            write(options.out / name / "result.json", figures)
    results = results_in(options.out)
    if not results:
        raise DataError(f"{options.out} holds no result yet", zh=f"{options.out} 里还没有结果")
    write(options.out / "shots.json", results)
    text = page(results)
    (options.out / "shots.md").write_text(text, encoding="utf-8")
    print(text)


def results_in(out: Path) -> dict[str, Any]:
    """The figures of every task that has been measured, in the order of the list."""
    paths = [out / name / "result.json" for name in (*STUDIES, FORMATS)]
    return {p.parent.name: json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()}


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",") if part.strip()]

    names = (*STUDIES, FORMATS)
    parser.add_argument("--model", default="sprout", help="sprout, a folder or a hub name")
    parser.add_argument("--tasks", default=",".join(names), help="by name, joined by commas")
    parser.add_argument("--items", type=int, default=500, help="test items of each task")
    parser.add_argument("--dev", type=int, default=128, help="dev items that prompts are chosen on")
    parser.add_argument("--held", type=int, default=32, help="dev inputs for calibration; their labels are not read")
    parser.add_argument("--shots", type=numbers, default=list(SHOTS), help="points of the curve")
    parser.add_argument("--draws", type=int, default=3, help="draws of demonstrations for each point")
    parser.add_argument("--chosen", type=numbers, default=[MIDDLE], help="how many are chosen by similarity")
    parser.add_argument("--by", type=lambda t: t.split(","), default=["bm25", "embedding"], help="how they are chosen")
    parser.add_argument("--longest", type=int, default=160, help="bytes of a demonstration's input; the rest is cut")
    parser.add_argument("--data", type=Path, default=TASKS, help="the folder of the public sets")
    parser.add_argument("--out", type=Path, default=Path("runs/shots"))
    parser.add_argument("--render-only", action="store_true", help="measure nothing, write the tables again")
    options = parser.parse_args(arguments)
    options.tasks = [name.strip() for name in options.tasks.split(",") if name.strip()]
    if unknown := [name for name in options.tasks if name not in names]:
        parser.error(f"no task is called {unknown[0]!r}; there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
