"""docs/results.md out of the run folders of ``bench/climbs.py``: nothing is measured here, only read and compared.

Every sentence is computed from the ledger and from ``result.json``; all differences are paired on the same examples:
the exact McNemar test where each answer is right or wrong, else the paired bootstrap interval.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.evaluate import Marked, mcnemar, paired, paired_difference
from rung.report.figures import DASH, Figures
from rung.report.run import open_ledger, read_result
from rung.task.metrics import METRICS
from rung.types import Example, Prediction, Sealed, Task

FIGURES = Figures("en")
ALPHA = 0.05
VERDICTS = {
    "proven": "proven", "likely": "likely", "missed": "missed", "measured": "measured", "skipped": "skipped",
    "not-reached": "not reached",
}  # fmt: skip

HEAD = """# Results: {title}

Made by `bench/climbs.py` from the run folders of the climbs; do not edit by hand, type

    PYTHONPATH=src python bench/climbs.py{places}                  # climb (goes on where it was stopped); each set's own command stands with it
    PYTHONPATH=src python bench/climbs.py{places} --render-only    # only this page, from the run folders

How to read it. All rungs in a table are climbed, also those above one that meets the target. **Dev** is the score of the rung's best
candidate on the dev split, with its 95 % interval; it flatters what was chosen by it. **Verdict** is against a target
that was fixed before the climb: *proven* when the lower bound, corrected for all rungs and all looks at dev until then,
reaches it; *likely* when only the score does; else *missed*. **Build** counts the training and the search of all the
rung's candidates. **Tokens**, **time** (a lone request) and **FLOPs** are those of one request to the best candidate,
**size** is its folder. **Pays** is the number of requests after which the rung has taken fewer operations in all, its building
included, than the best prompt or in-context rung (the dash: never, or it is one of them). **Forgets** is the rise of the loss on general text, English and
Chinese, in nats per token, while the adaptation is in use. The **test** split was sealed until the end and scored once, for the chosen adaptation; the
control and LoRA were scored on it afterwards, for comparison only. Differences are paired on the same examples.
"""


@dataclass(frozen=True)
class Run:
    """One climb as its folder holds it."""

    folder: Path
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    result: Mapping[str, Any]
    compared: Mapping[str, Any]  # rung -> its score and outputs on test, where it was not chosen
    task: Task  # without examples: what a metric needs to know
    examples: Mapping[str, list[Example]]  # dev, and test where it was opened
    predictions: Mapping[str, Mapping[str, list[Prediction]]]  # split -> adaptation hash -> answers known of it


@dataclass(frozen=True)
class Difference:
    """``a`` minus ``b`` on the same examples; ``p`` None where answers are not just right or wrong."""

    value: float
    low: float
    high: float
    p: float | None
    n: int

    def sure(self, looks: int = 1) -> bool:
        """Whether it is significant, for the best of ``looks`` candidates (Bonferroni); else by the interval."""
        return min(1.0, self.p * looks) < ALPHA if self.p is not None else not self.low <= 0 <= self.high

    def points(self) -> str:
        return f"{100 * self.value:+.1f} [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"

    def __str__(self) -> str:
        text = f"{100 * self.value:+.1f} points, 95 % interval [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"
        test = f"exact McNemar p = {probability(self.p)}" if self.p is not None else "paired bootstrap"
        return f"{text}, {test}, n = {self.n:,}"


def page(folders: Sequence[Path], title: str = "whole climbs", places: str = "") -> str:
    """The whole page, one section a run folder. ``places``: the options of the command that say where runs and page lie."""
    runs = [read(folder) for folder in folders]
    return "\n".join([HEAD.format(title=title, places=places), overview(runs), *(section(run) for run in runs)])


def read(folder: Path) -> Run:
    """A run folder; DataError where result or ledger are missing."""
    result, ledger = read_result(folder), open_ledger(folder)
    about = result["task"]
    examples = {split: ledger.examples(split) for split in ("dev", "test")}
    predictions = {
        split: {hash: [p for p, _ in ledger.predictions(hash, split)] for hash in ledger.adaptations()}
        for split in examples
    }
    ledger.close()
    task = Task(
        about["name"], about["kind"], about["metric"], about["language"], (), (), Sealed(()), tuple(about["labels"])
    )
    settings, machine, compared = (load(folder / f"{name}.json") for name in ("settings", "machine", "compared"))
    return Run(folder, settings, machine, result, compared or {}, task, examples, predictions)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


# --- comparisons -----------------------------------------------------------------------------------------------------


def compare(run: Run, a: str, b: str) -> Difference | None:
    """The candidates with hashes ``a`` and ``b`` on dev; None unless both answered all of it."""
    first, second = (run.predictions["dev"].get(hash, []) for hash in (a, b))
    if not len(first) == len(second) == len(run.examples["dev"]):
        return None
    return difference(marked(run, "dev", first), marked(run, "dev", second))


def marked(run: Run, split: str, predictions: Sequence[Prediction]) -> Marked:
    return Marked(run.task, tuple(run.examples[split]), tuple(predictions))


def difference(a: Marked, b: Marked) -> Difference:
    value, low, high = paired_difference(*paired(a, b), METRICS[a.task.metric].combine)
    p = mcnemar(a.scores(), b.scores()) if a.proportion and b.proportion else None
    return Difference(value, low, high, p, len(a.examples))


def best_of(run: Run, rung: str) -> Mapping[str, Any] | None:
    """The candidate that stands for a rung."""
    row = next((row for row in run.result["rungs"] if row["name"] == rung and row["best"]), None)
    return row and next(c for c in run.result["candidates"] if (c["rung"], c["name"]) == (rung, row["best"]))


def lora_sentence(run: Run) -> str:
    lora, zero = best_of(run, "lora"), best_of(run, "zero-shot")
    found = compare(run, lora["hash"], zero["hash"]) if lora and zero else None
    if found is None:
        return "LoRA and zero-shot cannot be compared: one of them was not measured on all of dev."
    verb = "no significant difference" if not found.sure() else "better" if found.value > 0 else "worse"
    return f"LoRA against the best zero-shot prompt on dev: {verb} ({found})."


def shots_sentence(run: Run) -> str:
    """Whether examples in the prompt helped: the best number of shots against the same prompt without any."""
    curve = [c for c in run.result["candidates"] if c["rung"] == "few-shot" and c["status"] == "finished"]
    none = next((c for c in curve if c["shots"] == 0 and c["family"] != "calibrated"), None)
    shown = [c for c in curve if c["shots"] and c["family"] != "calibrated"]
    if none is None or not shown:
        return "Whether in-context examples help is not known: there was no candidate with examples."
    best = max(shown, key=lambda c: c["dev"]["value"] or 0.0)
    found = compare(run, best["hash"], none["hash"])
    assert found is not None, "finished candidates have answered all of dev"
    if found.value > 0 and found.sure(len(shown)):
        verdict = "**In-context examples helped**"
    elif found.value > 0:
        verdict = "**In-context examples are not shown to help**: the gain is within what chance and the choice explain"
    else:
        verdict = "**In-context examples did not help**: the best set is no better than none" + (
            ", it is significantly worse" if found.sure() else ""
        )
    text = f"{verdict}. Same prompt, the best of {len(shown)} sets ({best['shots']} shown, `{best['name']}`) against "
    text += f"none on dev: {found}"
    if found.p is not None and found.value > 0:
        text += f"; corrected for the {len(shown)} sets tried, p = {probability(min(1.0, found.p * len(shown)))}"
    return f"{text}. {curve_of(curve)}"


def in_context_sentence(run: Run) -> str:
    """The best in-context candidate of any rung, calibrated or not, against the best zero-shot one: looser, fuller."""
    zero = best_of(run, "zero-shot")
    shown = [
        c
        for c in run.result["candidates"]
        if c["rung"].startswith("few-shot") and c["shots"] and c["status"] == "finished"
    ]
    if zero is None or not shown:
        return ""
    best = max(shown, key=lambda c: c["dev"]["value"] or 0.0)
    found = compare(run, best["hash"], zero["hash"])
    assert found is not None, "finished candidates have answered all of dev"
    verb = "no significant difference" if not found.sure(len(shown)) else "better" if found.value > 0 else "worse"
    return (
        f"With retrieval and calibration allowed on both sides, the best of {len(shown)} (`{best['name']}`) against "
        f"`{zero['name']}` on dev, at the level shared among the {len(shown)}: {verb} ({found})."
    )


def curve_of(curve: Sequence[Mapping[str, Any]]) -> str:
    """The first draw of each number of shots: a curve that nobody chose from."""
    drawn = {c["shots"]: c for c in curve if c["name"].endswith(("random-0", "-s0"))}
    points = [f"{n} shown {FIGURES.score(drawn[n]['dev']['value'])}" for n in sorted(drawn)]
    return f"First draw of each: {', '.join(points)}."


def test_sentence(run: Run) -> str:
    """The sealed figure, and the control beside it."""
    chosen, test = run.result["chosen"], run.result["test"]
    if not chosen or not test:
        return "The test split was not opened."
    metric = run.result["task"]["metric"]
    text = f"**Chosen: {chosen['rung']}** (`{chosen['candidate']}`): {chosen['why']['en']}. "
    text += f"On the sealed test: **{metric} {FIGURES.with_n(test)}**"
    if chosen["rung"] == "tfidf":
        return f"{text}; it is the control itself, no language model is needed."
    found = test_difference(run, chosen["rung"], "tfidf")
    if found is None:
        return f"{text}; the control was not climbed."
    control_text = f"TF-IDF on the same test {FIGURES.with_n(run.compared['tfidf'])}"
    return f"{text}; {control_text}. Against the control: {judged(found)} ({found})."


def lora_control_sentence(run: Run) -> str:
    """LoRA against the control on the sealed test, whichever was chosen."""
    found = test_difference(run, "lora", "tfidf")
    return "" if found is None else f"LoRA against TF-IDF on the sealed test: {judged(found)} ({found})."


def judged(found: Difference) -> str:
    return "no significant difference" if not found.sure() else "better" if found.value > 0 else "**worse**"


def test_difference(run: Run, a: str, b: str) -> Difference | None:
    """Rung ``a`` minus rung ``b`` on test; None where one of them was not scored there."""
    both = [outputs_of(run, rung) for rung in (a, b)]
    first, second = ([Prediction(e.id, o[e.id]) for e in run.examples["test"]] if o else [] for o in both)
    return difference(marked(run, "test", first), marked(run, "test", second)) if first and second else None


def outputs_of(run: Run, rung: str) -> Mapping[str, str]:
    """Example id -> answer on test, of the rung that was chosen or of one that was scored besides; empty: neither."""
    chosen = run.result["chosen"]
    if chosen and run.result["test"] and chosen["rung"] == rung:
        names = (rung, chosen["candidate"])
        best = next(c for c in run.result["candidates"] if (c["rung"], c["name"]) == names)
        return {p.example_id: p.output for p in run.predictions["test"][best["hash"]]}
    return (run.compared.get(rung) or {}).get("outputs", {})


# --- tables ----------------------------------------------------------------------------------------------------------


def overview(runs: Sequence[Run]) -> str:
    """One row a set: what was chosen, and how it stands on test."""
    head = ["set", "metric", "target", "chosen", "test", "TF-IDF on test"]
    head += ["LoRA on test", "LoRA minus TF-IDF, points", "zero-shot, dev", "best few-shot, dev", "LoRA, dev"]
    rows = []
    for run in runs:
        chosen, test = run.result["chosen"], run.result["test"]
        control, lora = (
            test if chosen and chosen["rung"] == rung else run.compared.get(rung) for rung in ("tfidf", "lora")
        )
        apart = test_difference(run, "lora", "tfidf")
        scores = [dev_of(run, names) for names in (("zero-shot",), few_shot_rungs(run), ("lora",))]
        cells = [run.settings["name"], run.result["task"]["metric"], FIGURES.target(run.result["target"])]
        cells += [chosen["rung"] if chosen else DASH, FIGURES.interval(test), FIGURES.interval(control)]
        cells += [FIGURES.interval(lora), apart.points() if apart else DASH, *scores]
        rows.append(cells)
    return table(head, rows)


def few_shot_rungs(run: Run) -> tuple[str, ...]:
    return tuple(row["name"] for row in run.result["rungs"] if row["name"].startswith("few-shot"))


def dev_of(run: Run, names: Sequence[str]) -> str:
    rows = [row for row in run.result["rungs"] if row["name"] in names and row["dev"]]
    best = max(rows, key=lambda row: row["dev"]["value"] or 0.0, default=None)
    return FIGURES.score(best["dev"]["value"]) if best else DASH


def section(run: Run) -> str:
    """A set: what it is, the table of rungs, and the answers in words."""
    about, settings, machine = run.result["task"], run.settings, run.machine
    sizes = {split: (about[f"n_{split}"], settings["available"].get(split)) for split in ("train", "dev", "test")}
    rows = ", ".join(f"{split} {n:,} {f'of {own:,}' if own else 'cut from train'}" for split, (n, own) in sizes.items())
    where = f"{machine['device']}, {machine['threads']} thread{'s' if machine['threads'] != 1 else ''}"
    lines = [
        f"## {settings['name']}",
        "",
        f"{settings['about']}. Rows: {rows} (shuffled by the seed; the same input in two splits is dropped from the "
        f"earlier one). Metric {about['metric']}, target {FIGURES.target(run.result['target'])}; "
        f"dev n = {about['n_dev']:,}, which can tell apart gaps of about {100 * about['detectable_gap']:.1f} points.",
        "",
        f"Model `{settings['model']}` ({settings['dtype']}, sha256 {run.result['model']['sha256'][:12]}), "
        f"seed {settings['seed']}, {where}, torch {machine['torch']}; "
        f"the climb took {FIGURES.seconds(run.result['seconds'])}.",
        "",
        f"    {settings['command']}",
        "",
        rungs_table(run),
        test_sentence(run),
        "",
        *([said, ""] if (said := lora_control_sentence(run)) else []),
        shots_sentence(run),
        "",
        in_context_sentence(run),
        "",
        lora_sentence(run),
    ]
    return "\n".join(lines) + "\n"


def rungs_table(run: Run) -> str:
    """A row for each rung of the ladder, with the reason where it was not climbed."""
    head = ["rung", "best candidate", f"dev {run.result['task']['metric']}", "n", "candidates", "verdict", "build"]
    head += ["tokens", "time", "FLOPs", "size", "pays", "forgets en", "forgets zh"]
    rows, prompted = [], best_prompted(run)
    for row in run.result["rungs"]:
        if row["dev"] is None:
            verdict = f"{VERDICTS[row['status']]}: {row['reason']['en']}"
            rows.append([row["name"], DASH, DASH, DASH, "0", verdict, *[DASH] * 8])
            continue
        cost = row["cost"]
        cells = [row["name"], f"`{row['best'].split('/', 1)[1]}`", FIGURES.interval(row["dev"]), f"{row['dev']['n']:,}"]
        cells += [str(row["candidates"]), VERDICTS[row["status"]], FIGURES.seconds(cost["build_seconds"])]
        cells += [FIGURES.tokens(cost["tokens_per_request"]), FIGURES.seconds(cost["seconds_per_request"])]
        cells += [
            FIGURES.flops(cost["flops_per_request"]),
            FIGURES.bytes(cost["bytes"]),
            pays(run, row["name"], prompted),
        ]
        forgotten = row["forgetting"] or {}
        cells += [FIGURES.rise(forgotten[at]) if at in forgotten else DASH for at in ("en", "zh")]
        rows.append(cells)
    return table(head, rows)


def best_prompted(run: Run) -> str | None:
    """The rung without training whose best candidate has the highest score on dev."""
    names = ("zero-shot", "chain-of-thought", "magic-words", *few_shot_rungs(run))
    rows = [row for row in run.result["rungs"] if row["name"] in names and row["dev"]]
    best = max(rows, key=lambda row: row["dev"]["value"] or 0.0, default=None)
    return best and str(best["name"])


def pays(run: Run, rung: str, prompted: str | None) -> str:
    """After how many requests ``rung`` is cheaper in all than ``prompted``."""
    found = (b for b in run.result["break_even"] if (b["cheap_to_run"], b["cheap_to_build"]) == (rung, prompted))
    crossing = next(found, None)
    return FIGURES.count(crossing["requests"]) if crossing else DASH


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines) + "\n"


def probability(p: float) -> str:
    """p as readers expect it: .034, or 1e-07."""
    return f"{p:.3f}".replace("0.", ".", 1) if p >= 0.001 else f"{p:.0e}"
