"""Whole climbs on our own examples and eight public sets, and their results as docs/results.md.

    PYTHONPATH=src python bench/climbs.py                              # all sets with sprout
    PYTHONPATH=src python bench/climbs.py --sets trec,sst2 --limit-train 200 --limit-dev 100
    PYTHONPATH=src python bench/climbs.py --render-only                # the page again, from the run folders

Each set keeps its own splits, shuffled by the seed and cut to the limits; every rung is climbed; the sealed test is
scored once, by the climb, for the adaptation it chose. The control without a language model and LoRA are then scored on
the same test, for comparison only: nothing is chosen from them. A killed run goes on where it was when the same command is given
again. The public sets are read in place (``../shared/data/tasks``, or ``$RUNG_SHARED/data/tasks``); most may not be
redistributed. With the default limits a climb takes some half an hour of one core with sprout.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import random
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from climbs_page import page
from places import REPOSITORY, TASKS

from rung.adaptation import load
from rung.engine import Model, load_model
from rung.evaluate import Marked
from rung.ladder import Climb, choose
from rung.programs import opened
from rung.report import LiveTable
from rung.task import load_task
from rung.types import DataError, Example, ModelRef, Task, UserError

SPLITS = ("train", "dev", "test")
COMPARED = ("tfidf", "lora")  # scored on test besides what the climb chose
WORDS = ("about", "command", "available")  # settings that only describe


@dataclass(frozen=True)
class Set:
    """A public set: its files, the target that was fixed before any climb, and how many rows a climb takes."""

    about: str
    files: tuple[str | Path, str | None, str | None]  # train, dev, test (None: cut from train); under ``TASKS``
    target: float
    limits: tuple[int, int, int] = (300, 200, 600)  # rows of train, dev and test


SETS = {
    "customer_service": Set(
        "Messages to a shop's customer service, Chinese and English, eight intents (our own, `examples/customer_service.csv`)",
        (REPOSITORY / "examples" / "customer_service.csv", None, None), 0.75, (300, 130, 130),
    ),
    "fewclue_eprstmt": Set(
        "Chinese product reviews, two labels (FewCLUE)", ("train_all.jsonl", "dev_all.jsonl", "test.jsonl"), 0.75
    ),
    "fewclue_tnews": Set(
        "Chinese news titles, fifteen topics (FewCLUE)", ("train_all.jsonl", "dev_all.jsonl", "test.jsonl"), 0.40
    ),
    "sst2": Set("English film reviews, two labels", ("train.jsonl", "dev.jsonl", "test.jsonl"), 0.75),
    "trec": Set("English questions, six types of answer", ("train.jsonl", "dev.jsonl", "test.jsonl"), 0.85),
    "waimai_10k": Set("Chinese take-away reviews, two labels", ("train.jsonl", "dev.jsonl", "test.jsonl"), 0.85),
    "ag_news": Set("English news, four topics", ("train.jsonl", "dev.jsonl", "test.jsonl"), 0.85),
    "subj": Set("English sentences on films, opinion or plot", ("train.jsonl", "dev.jsonl", "test.jsonl"), 0.85),
    "geometry_of_truth": Set(
        "English statements that one number is larger than another, in words, true or false (Geometry of Truth, `larger_than`)",
        ("larger_than.jsonl", None, None), 0.85, (1290, 290, 400),
    ),
    "cluener": Set(
        "Chinese news, entities of ten types (CLUENER 2020; its dev is the sealed test here, dev is cut from train)",
        ("train.jsonl", None, "dev.jsonl"), 0.30, (200, 50, 200),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What one climb was run with; kept in its run folder, and compared before a run goes on."""

    name: str
    about: str
    model: str
    dtype: str
    target: float
    limits: tuple[int, int, int]
    available: dict[str, int]
    seed: int
    rungs: str
    domain: str
    command: str


def main(arguments: list[str] | None = None) -> None:
    """Climb the sets that were asked for, one after another; write the page after each."""
    options = parse(arguments)
    if not options.render_only:
        model = load_model(options.model, dtype=options.dtype)
        for name in options.sets:
            climb(name, model, options)
            write(options)
    write(options)


def climb(name: str, model: Model, options: argparse.Namespace) -> None:
    """One climb in ``runs/bench/NAME``, then the rungs of ``COMPARED`` on the test split."""
    folder = options.runs / name
    rows, available = rows_of(name, options)
    given = asdict(settings(name, available, options))
    keep(folder, given, rows)
    task = load_task(folder / "data", name=name, target=SETS[name].target)
    with LiveTable("en") as watch:
        rungs, domain = choose(options.rungs), domain_of(name, options.domain, rows)
        result = Climb(task, model, folder, rungs, all=True, seed=options.seed, watch=watch, domain=domain).run()
    if not (folder / "compared.json").exists():
        save(folder / "compared.json", {name: on_test(folder, name, task, model, result) for name in COMPARED})


def rows_of(name: str, options: argparse.Namespace) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int]]:
    """The rows of each split, shuffled by the seed and cut to the limits; and how many each file has."""
    files = SETS[name].files
    chance = random.Random(f"{options.seed} {name}")
    found = {split: read(TASKS / name / file) for split, file in zip(SPLITS, files, strict=True) if file}
    for rows in found.values():
        chance.shuffle(rows)
    limits = limits_of(name, options)
    available = {split: len(found[split]) for split in found}
    for split, held in zip(SPLITS, limits, strict=True):
        if split not in found:
            found[split], found["train"] = found["train"][:held], found["train"][held:]
    kept = {split: found[split][:limit] for split, limit in zip(SPLITS, limits, strict=True)}
    return kept, available


def domain_of(name: str, file: str, rows: dict[str, list[dict[str, Any]]]) -> tuple[str, ...]:
    """The texts of the set's file without labels, each once, without those that stand in a split; none without a file."""
    if not file:
        return ()
    path = TASKS / name / file
    known = {row["text"] for split in rows.values() for row in split}
    with path.open(encoding="utf-8") as lines:
        texts = dict.fromkeys(json.loads(line)["text"] for line in lines)
    return tuple(text for text in texts if text not in known)


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, with the two columns that the task is made of."""
    if not path.is_file():
        raise DataError(
            f"there is no {path}: set RUNG_SHARED to the folder that holds data/tasks",
            zh=f"找不到 {path}：请把 RUNG_SHARED 设为含有 data/tasks 的文件夹",
        )
    with path.open(encoding="utf-8", newline="") as lines:  # str.splitlines would cut at U+0085 too, which subj has
        if path.suffix == ".csv":
            return [{"text": row["text"], "label": row["intent"]} for row in csv.DictReader(lines)]
        return [columns(json.loads(line)) for line in lines]


def columns(row: dict[str, Any]) -> dict[str, Any]:
    """Text and answer; entities by their Chinese type, as the prompts are Chinese too."""
    if "entities" not in row:
        return {"text": row["text"], "label": row["label"]}
    entities = [{"text": e["text"], "type": e["type_zh"], "start": e["start"]} for e in row["entities"]]
    return {"text": row["text"], "entities": entities}


def limits_of(name: str, options: argparse.Namespace) -> tuple[int, int, int]:
    """Rows of train, dev and test: as asked, else the set's own."""
    asked = (options.limit_train, options.limit_dev, options.limit_test)
    train, dev, test = (own if a is None else a for a, own in zip(asked, SETS[name].limits, strict=True))
    return train, dev, test


def settings(name: str, available: dict[str, int], options: argparse.Namespace) -> Settings:
    """What this climb is run with, and the command that runs it again."""
    limits = limits_of(name, options)
    command = f"PYTHONPATH=src python bench/climbs.py --sets {name} --model {options.model} --seed {options.seed}"
    command += " --limit-train {} --limit-dev {} --limit-test {}".format(*limits)
    command += f" --dtype {options.dtype}" if options.dtype != "float32" else ""
    command += f" --rungs {options.rungs}" if options.rungs else ""
    command += f" --domain {options.domain}" if options.domain else ""
    return Settings(
        name, SETS[name].about, options.model, options.dtype, SETS[name].target, limits, available, options.seed,
        options.rungs or "", options.domain, command,
    )  # fmt: skip


def keep(folder: Path, given: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write the data of a climb, or check that the folder holds the same climb; DataError naming what differs."""
    known = folder / "settings.json"
    given = json.loads(json.dumps(given))  # tuples become lists, as they are in the file
    if known.exists():
        before = json.loads(known.read_text(encoding="utf-8"))
        differs = {k: (before.get(k, ""), v) for k, v in given.items() if before.get(k, "") != v and k not in WORDS}
        if differs:
            what = "; ".join(f"{k} was {old!r}, now {new!r}" for k, (old, new) in differs.items())
            raise DataError(
                f"{folder} holds a climb with other settings ({what}). Delete it, or give --runs another folder",
                zh=f"{folder} 里是设置不同的攀登（{what}）。请删除它，或用 --runs 指定别的文件夹",
            )
        return
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for split, items in rows.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in items]
        (folder / "data" / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    save(folder / "machine.json", machine())
    save(known, given)  # last: a folder with settings has its data


def machine() -> dict[str, Any]:
    """What the seconds on the page were measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1] for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].strip() if names else cpu
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else cpu
    packages = {name: version(name) for name in ("torch", "transformers")}
    return {"device": device, "threads": torch.get_num_threads(), "python": platform.python_version(), **packages}


def on_test(folder: Path, rung: str, task: Task, model: Model, result: dict[str, Any]) -> dict[str, Any] | None:
    """The score of a rung on the test split, after the choice was made; None where it was not climbed or was chosen."""
    path = folder / "adaptations" / rung
    if result["test"] is None or not path.exists() or result["chosen"]["rung"] == rung:
        return None
    examples: tuple[Example, ...] = task.test.open()
    with opened(load(path, ModelRef(model.name, model.sha256)), model) as answer:
        marked = Marked(task, examples, tuple(answer(examples)))
    found = marked.result()
    outputs = {p.example_id: p.output for p in marked.predictions}
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n, "outputs": outputs}


def save(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write(options: argparse.Namespace) -> None:
    """The page, from the run folders of all sets that have one."""
    folders = [options.runs / name for name in SETS if (options.runs / name / "result.json").exists()]
    if not folders:
        raise DataError(
            f"{options.runs} holds no climb yet: leave --render-only out",
            zh=f"{options.runs} 里还没有攀登：请去掉 --render-only",
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(folders, options.title, places(options)), encoding="utf-8")
    print(f"{options.out}: {', '.join(f.name for f in folders)}")


def places(options: argparse.Namespace) -> str:
    """The options that say where runs and page lie and what it is called, where they are not the usual ones."""
    usual = parse([])
    given = {name: getattr(options, name) for name in ("runs", "out", "title")}
    return "".join(
        f" --{name} {str(value)!r}" if " " in str(value) else f" --{name} {value}"
        for name, value in given.items()
        if value != getattr(usual, name)
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help="by name, joined by commas")
    parser.add_argument("--model", default="sprout", help="sprout, a folder or a hub name")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--rungs", help="only these, joined by commas; else all")
    parser.add_argument(
        "--domain", default="", metavar="FILE", help="of each set: texts without labels to train on first"
    )
    parser.add_argument("--seed", type=int, default=0)
    for split in SPLITS:
        parser.add_argument(f"--limit-{split}", type=int, help=f"rows of {split}; else the set's own limit")
    parser.add_argument("--runs", type=Path, default=Path("runs/bench"), help="a run folder for each set goes here")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results.md")
    parser.add_argument("--title", default="whole climbs", help="of the page")
    parser.add_argument("--render-only", action="store_true", help="climb nothing, write the page again")
    options = parser.parse_args(arguments)
    options.sets = [name.strip() for name in options.sets.split(",") if name.strip()]
    if unknown := [name for name in options.sets if name not in SETS]:
        parser.error(f"no set is called {unknown[0]!r}; there are {', '.join(SETS)}")
    return options


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
