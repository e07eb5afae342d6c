"""The skills that later rungs stand on, each on fresh items that training never saw, with intervals and paired tests.

    PYTHONPATH=src python bench/skills.py                                  # all skills with sprout, 300 items each
    PYTHONPATH=src python bench/skills.py --model runs/stage/model --skills arithmetic,tools --items 500

Items are drawn from the exercise families by keys that are held out (``rung.instruct.mixture.for_exam``) and from the valid and
dev splits of their sources. Answers are written greedily unless a row says otherwise, labels are chosen by their scores, and both are
right only when they are the target: no partial marks. Every answer is in ``OUT/answers.jsonl`` as soon as it is known: a killed run goes on when the same
command is given again.
"""

from __future__ import annotations

import argparse
import ast
import json
import operator
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from paired import Difference, Share, difference, probability, share
from places import TASKS
from shots_page import one_model, table

from rung.engine import Model, load_model
from rung.instruct.exam import Answers, Question, draw_items, question, read, room, same, turns
from rung.instruct.item import Dialogue, Exercise
from rung.instruct.mixture import family, key
from rung.instruct.sources import Sources
from rung.prompts import TEMPLATES, answer_text
from rung.types import Decoding, UserError

UNKNOWN = ("I do not know.", "我不知道。")
SAMPLES = 8


@dataclass(frozen=True)
class Row:
    """A figure of the table; ``share`` None: there was nothing to measure. ``beats`` is what it is compared with."""

    what: str
    share: Share | None
    chance: float | None = None
    beats: str = ""
    difference: Difference | None = None


@dataclass(frozen=True)
class Desk:
    """The model, what it answered, and how many items of what are asked for."""

    model: Model
    answers: Answers
    sources: Sources
    items: int
    temperature: float

    def draw(self, name: str, accept: Callable[[Any], bool] = lambda item: True, *, seed: int = 0) -> list[Any]:
        return draw_items(family(name), self.items, self.sources, seed=seed, accept=accept)

    def write(self, asked: Sequence[Question], tokens: int | None = None) -> list[str]:
        """The greedy answer to each question, as it is read; ``tokens`` at most (default: as their lessons need)."""
        said = Decoding(max_tokens=tokens or room(self.model, asked), constrain=False)
        return [read(q, text) for q, (text,) in zip(asked, self.answers.write(asked, said), strict=True)]

    def exact(self, asked: Sequence[Question]) -> np.ndarray:
        return np.array([float(same(q, text)) for q, text in zip(asked, self.write(asked), strict=True)])


def arithmetic(desk: Desk) -> list[Row]:
    """The same questions with written steps, without, and sampled eight times.

    Without steps the best of the templates by other items counts: the model is not held back by a wording.
    """
    found = desk.draw("arithmetic-steps", two_digits)
    asked = [question(desk.model, item) for item in found]
    steps = desk.exact(asked)

    def bare(items: Sequence[Exercise], template: str) -> list[Question]:
        plain = [replace(item, reasoning=None, prompt=None) for item in items]
        return [question(desk.model, item, template=template) for item in plain]

    keys = {key(item) for item in found}
    others = replace(desk, items=min(100, desk.items)).draw(
        "arithmetic-steps", lambda item: two_digits(item) and key(item) not in keys, seed=1
    )
    names = [prompt.name for prompt in TEMPLATES["en"]["generate"]]
    best = max(names, key=lambda name: desk.exact(bare(others, name)).mean())
    direct = desk.exact(bare(found, best))

    said = Decoding(max_tokens=room(desk.model, asked), temperature=desk.temperature, constrain=False)
    sampled = [
        [read(q, t) for t in texts]
        for q, texts in zip(asked, desk.answers.write(asked, said, samples=SAMPLES), strict=True)
    ]
    one = np.array([np.mean([same(q, t) for t in texts]) for q, texts in zip(asked, sampled, strict=True)])
    vote = np.array([float(same(q, majority(texts))) for q, texts in zip(asked, sampled, strict=True)])
    at = f"temperature {desk.temperature:g}"
    return [
        Row(f"two-digit arithmetic without steps ({best})", share(direct)),
        Row("two-digit arithmetic with steps", share(steps), None, "without steps", difference(steps, direct)),
        Row(f"with steps, one sample ({at}, mean of {SAMPLES})", share(one)),
        Row(f"with steps, majority of {SAMPLES} ({at})", share(vote), None, "one sample", difference(vote, one)),
        Row(f"the same majority of {SAMPLES}", share(vote), None, "greedy", difference(vote, steps)),
    ]


def two_digits(item: Exercise) -> bool:
    """One operation on two numbers, one of which has two digits at least; the key is a sum such as 38+47 or 6*47."""
    numbers = [int(part) for part in re.findall(r"\d+", key(item))]
    return len(numbers) == 2 and max(numbers) >= 10


def majority(texts: Sequence[str]) -> str:
    """The answer given most often, the first of equals; what could not be read does not vote."""
    votes = Counter(text for text in texts if text)
    return votes.most_common(1)[0][0] if votes else ""


def tools(desk: Desk) -> list[Row]:
    """The first call, the answer behind its true result; and what is said where no tool fits or none is needed."""
    found: list[Dialogue] = desk.draw("tools", calls_first)
    asked = [turns(desk.model, item) for item in found]
    first = [qs[0] for qs in asked]
    calls = [call(text) for text in desk.write(first)]
    right = [float(said == call(q.target)) for said, q in zip(calls, first, strict=True)]
    final = desk.exact([qs[1] for qs in asked])
    others: list[Dialogue] = desk.draw("tools", lambda item: not calls_first(item))
    direct = [turns(desk.model, item)[0] for item in others]
    texts = desk.write(direct, room(desk.model, [*first, *direct]))  # room for a call too, or none could be seen
    return [
        Row("tool calls that parse", share(np.array([float(said is not None) for said in calls]))),
        Row("tool calls that are right (equal JSON)", share(np.array(right))),
        Row("answer behind the tool's result", share(final)),
        Row("no call where none is needed", share(np.array([float(call(text) is None) for text in texts]))),
        Row("and the right answer", share(np.array([float(same(q, t)) for q, t in zip(direct, texts, strict=True)]))),
    ]


def calls_first(item: Dialogue) -> bool:
    """Whether the assistant's first turn is a call."""
    return call(next(turn.content for turn in item.turns if turn.learned)) is not None


def call(text: str) -> dict[str, Any] | None:
    """The tool call that a text is, as a whole: {"tool": name, "arguments": {...}}."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(value, dict) and set(value) == {"tool", "arguments"} and isinstance(value["arguments"], dict)
    return value if whole else None


def chosen(name: str, what: str) -> Callable[[Desk], list[Row]]:
    """A skill that picks a label: accuracy beside that of a guess among the labels."""

    def measured(desk: Desk) -> list[Row]:
        found: list[Exercise] = desk.draw(name, lambda item: item.kind == "classify")
        asked = [question(desk.model, item) for item in found]
        marks = np.array([float(said == q.target) for said, q in zip(desk.answers.choose(asked), asked, strict=True)])
        return [Row(what, share(marks), float(np.mean([1 / len(item.labels) for item in found])))]

    return measured


def written(name: str, what: str) -> Callable[[Desk], list[Row]]:
    """A skill whose answer is written, behind its steps where it has some: exact match."""

    def measured(desk: Desk) -> list[Row]:
        found: list[Exercise] = desk.draw(name)
        return [Row(what, share(desk.exact([question(desk.model, item) for item in found])))]

    return measured


def chosen_behind_steps(name: str, what: str) -> Callable[[Desk], list[Row]]:
    """A label behind written steps, as the rung that reasons reads it: the steps are written, then the options scored behind them."""

    def measured(desk: Desk) -> list[Row]:
        found: list[Exercise] = desk.draw(name)
        asked = [question(desk.model, item) for item in found]
        said = Decoding(max_tokens=room(desk.model, asked), constrain=False)
        behind = []
        for item, q, (text,) in zip(found, asked, desk.answers.write(asked, said), strict=True):
            assert item.reasoning is not None and q.prompt is not None and q.words is not None
            asks = q.lesson.removeprefix(item.reasoning.rstrip()).removesuffix(answer_text(q.prompt, q.words, q.target))
            behind.append(replace(q, text=q.text + text.split(asks.rstrip())[0].rstrip() + asks))
        labels = desk.answers.choose(behind)
        marks = np.array([float(label == q.target) for label, q in zip(labels, asked, strict=True)])
        return [Row(what, share(marks), float(np.mean([1 / len(item.labels) for item in found])))]

    return measured


def from_context(name: str, what: str) -> Callable[[Desk], list[Row]]:
    """Answers that stand in the prompt, and "I do not know" where none stands there."""

    def measured(desk: Desk) -> list[Row]:
        found: list[Exercise] = desk.draw(name, lambda item: isinstance(item, Exercise) and item.kind == "generate")
        asked = [question(desk.model, item) for item in found]
        texts = desk.write(asked)
        there = np.array([q.target not in UNKNOWN for q in asked])
        refused = np.array([text in UNKNOWN for text in texts])
        right = np.array([float(same(q, text)) for q, text in zip(asked, texts, strict=True)])
        inside = np.array([float(bool(text) and text in q.text) for q, text in zip(asked, texts, strict=True)])
        return [
            Row(f"{what}: exact, where it is there", of(right, there)),
            Row(f"{what}: what it wrote stands in the prompt", of(inside, there & ~refused)),
            Row(f'{what}: "I do not know" where it is not (recall)', of(refused, ~there)),
            Row(f'{what}: right to say "I do not know" (precision)', of(~there, refused)),
        ]

    return measured


def of(marks: np.ndarray, some: np.ndarray) -> Share | None:
    """The share among some of the items; None where there are none."""
    return share(marks[some].astype(float)) if some.any() else None


def programs(desk: Desk) -> list[Row]:
    """A small program in place of an answer: right when it gives the value of the true one."""
    found: list[Exercise] = desk.draw("programs", lambda item: isinstance(item, Exercise) and item.kind == "generate")
    asked = [question(desk.model, item) for item in found]
    texts = desk.write(asked)
    values = [value(text) for text in texts]
    right = [float(v is not None and v == value(q.target)) for v, q in zip(values, asked, strict=True)]
    return [
        Row("programs that run", share(np.array([float(v is not None) for v in values]))),
        Row("programs that give the right value", share(np.array(right))),
    ]


OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip


def value(program: str) -> float | None:
    """What ``answer`` is behind lines such as ``a = 12`` and ``answer = a * 2 + 5``; None for any other text.

    Only names, numbers and + - * / // % are read; nothing is executed by Python itself.
    """
    names: dict[str, float] = {}

    def compute(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name):
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -compute(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATORS[type(op)](compute(left), compute(right))
        raise ValueError("not arithmetic")

    try:
        for line in ast.parse(program).body:
            if not (isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name)):
                return None
            names[line.targets[0].id] = compute(line.value)
    except (SyntaxError, ValueError, KeyError, ArithmeticError, RecursionError):
        return None
    return names.get("answer")


SKILLS: dict[str, Callable[[Desk], list[Row]]] = {
    "arithmetic": arithmetic,
    "tools": tools,
    "checking": chosen("checking", "checking a given answer"),
    "checking-steps": chosen_behind_steps("checking-steps", "checking a sum behind written steps"),
    "checking-reasons": written("checking-reasons", "saying what is wrong, word for word"),
    "routing": chosen("routing", "picking the helper that fits"),
    "programs": programs,
    "splitting": written("splitting", "splitting a question in two"),
    "composing": written("composing", "answering the two parts from given facts"),
    "lookup": from_context("lookup", "look-up in the prompt"),
    "reading": from_context("reading", "answers from a passage"),
}


def page(results: dict[str, Any]) -> str:
    """The table of all skills that were measured."""
    first = next(iter(results.values()))
    head = f"`{first['model']}`, {first['parameters']:,} parameters, sha256 {first['sha256'][:12]}"
    rows = []
    for name, result in results.items():
        for row in result["rows"]:
            if row["share"] is None:
                rows.append([name, row["what"], "–", "0", "no such item"])
                continue
            found, against = Share(**row["share"]), ""
            if row["difference"]:
                gap = Difference(**row["difference"])
                against = f"{gap} points over {row['beats']}, {gap.test} p = {probability(gap.p)}"
            elif row["chance"] is not None:
                against = f"chance {row['chance']:.3f}: {'above' if found.low > row['chance'] else 'not shown'}"
            rows.append([name, row["what"], str(found), str(found.n), against])
    return f"{head}\n\n{table(['skill', 'what', 'share right', 'n', 'beside'], rows)}\n"


def main(arguments: list[str] | None = None) -> None:
    """Every skill that was asked for, one after another; the table after each."""
    options = parse(arguments)
    model = load_model(options.model)
    answers = Answers(model, options.out / "answers.jsonl")
    sources = Sources(options.data.parent / "text", options.data, exam=True)
    desk = Desk(model, answers, sources, options.items, options.temperature)
    path = options.out / "skills.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    one_model(results, model, options.out)
    for name in options.skills:
        started = time.perf_counter()
        rows = [asdict(row) for row in SKILLS[name](desk)]
        about = {"model": model.name, "sha256": model.sha256, "parameters": model.parameters}
        results[name] = {**about, "rows": rows, "seconds": round(time.perf_counter() - started, 1)}
        print(time.strftime("%H:%M:%S"), name, f"{results[name]['seconds']} s", flush=True)
        path.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    text = page(results)
    (options.out / "skills.md").write_text(text, encoding="utf-8")
    print(text)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sprout", help="sprout, a folder or a hub name")
    parser.add_argument("--skills", default=",".join(SKILLS), help="by name, joined by commas")
    parser.add_argument("--items", type=int, default=300, help="fresh items of each skill")
    parser.add_argument("--temperature", type=float, default=0.7, help="of the samples that vote")
    parser.add_argument("--data", type=Path, default=TASKS, help="the folder of the labelled sets, beside text/")
    parser.add_argument("--out", type=Path, default=Path("runs/skills"), help="one model, one folder")
    options = parser.parse_args(arguments)
    options.skills = [name.strip() for name in options.skills.split(",") if name.strip()]
    if unknown := [name for name in options.skills if name not in SKILLS]:
        parser.error(f"no skill is called {unknown[0]!r}; there are {', '.join(SKILLS)}")
    return options


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
