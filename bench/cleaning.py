"""Recall and precision of `rung pretrain clean` on a planted corpus, its speed, and its memory on 1x and 4x the text.

    OMP_NUM_THREADS=1 PYTHONPATH=src python bench/cleaning.py --json cleaning.json

Good documents come from ../shared/data/text, seeded, and each kind of bad one is made of other good documents or of
bench/planted (see planting.py). Evaluation sets whose texts cannot be in an encyclopedia or in old books (reviews, news,
sums) are held out. *Found* is removed, or repaired, for the reason that was planted; *wrongly* counts documents without
a fault, and with another one, that went for this reason. Documents that the texts themselves have twice count as wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import planting
from places import TASKS, TEXTS
from planting import Planted

from rung.pretrain.clean import Cleaning, clean

SETS = ("waimai_10k", "sst2", "fewclue_eprstmt", "gsm8k", "csl_title")
SOURCES = ("zh_wiki", "zh_vernacular", "zh_poetry", "zh_law", "en_wiki", "en_books")
REPAIRED = ("mojibake", "markup", "boilerplate", "personal")
MEASURE = """
import re, sys, time
from pathlib import Path
from rung.pretrain.clean import Cleaning, clean
began = time.perf_counter(), time.process_time()
figures = clean(Path(sys.argv[1]), Path(sys.argv[2]), Cleaning(tuple(map(Path, sys.argv[3:]))), say=lambda line: None)
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # ru_maxrss is the parent's too
print(figures["bytes"]["read"], time.perf_counter() - began[0], time.process_time() - began[1], peak)
"""


def good_documents(each: int, rng: random.Random) -> list[str]:
    """As many of each source, of 150 characters at least, mixed."""
    found: list[str] = []
    for source in SOURCES:
        with (TEXTS / source / "train.jsonl").open(encoding="utf-8") as lines:
            texts = [json.loads(line)["text"][:4000] for line in lines]
        rng.shuffle(texts)
        found += [text for text in texts if len(text) >= 150][:each]
    rng.shuffle(found)
    return found


def plant(each: int, seed: int) -> list[Planted]:
    """The corpus, in the order in which it is written: copies stand behind what they are copies of."""
    rng = random.Random(seed)
    stock = good_documents(max(40, 6 * each), rng)
    take = iter(stock)
    words = list(itertools.chain.from_iterable(planting.tokens(text) for text in stock[:50]))
    good = [Planted("", "", next(take)) for _ in range(10 * each)]
    bad = [planting.exact(rng.choice(good).text, rng) for _ in range(each)]
    for share in (0.01, 0.02, 0.05, 0.1):
        bad += [planting.edited(one.text, share, rng, words) for one in rng.sample(good, each // 2)]
    bad += [planting.shortened(one.text, rng) for one in rng.sample(good, each // 2)]
    for name, make in (("spam", planting.advert), ("harm", planting.abuse), ("languages", planting.foreign)):
        bad += [make(piece, rng) for piece in planting.pieces(name) for _ in range(max(1, each // 40))]
    bad += [planting.junk(rng) for _ in range(each)]
    for make in (planting.loop, planting.poor, planting.page, planting.furnished, planting.private):
        bad += [make(next(take), rng) for _ in range(each)]
    bad += [made for _ in range(each) if (made := planting.misread(next(take), rng))]
    items = [item for name in SETS for item in itertools.islice(planting.evaluation(TASKS / name), each // 2)]
    items = [item for item in items if long_enough(item)]
    bad += [planting.leaked(item, next(take), rng) for item in rng.sample(items, each)]
    rng.shuffle(bad)
    return good + bad


def long_enough(item: str) -> bool:
    """Shorter items are not looked for, and the page of the method says so."""
    return len(re.findall("[\u4e00-\u9fff]", item)) >= 13 or len(item.split()) >= 13


def quality_of(corpus: list[Planted], work: Path) -> dict[str, Any]:
    """Clean the planted corpus and count, by reason."""
    folder = work / "texts" / "planted"
    folder.mkdir(parents=True)
    with (folder / "train.jsonl").open("w", encoding="utf-8") as out:
        for number, one in enumerate(corpus):
            out.write(json.dumps({"text": one.text, "number": number}, ensure_ascii=False) + "\n")
    how = Cleaning(tuple(TASKS / name for name in SETS), samples=len(corpus))
    clean(work / "texts", work / "clean", how, say=lambda line: None)
    rows = [json.loads(line) for line in (work / "clean" / "removed.jsonl").open(encoding="utf-8")]
    removed = {int(r["place"].rsplit(":", 1)[1]) - 1: r["reason"] for r in rows if r["action"] == "removed"}
    kept = {row["number"]: row["text"] for name in ("valid", "train")
            for row in map(json.loads, (work / "clean" / "planted" / f"{name}.jsonl").open(encoding="utf-8"))}  # fmt: skip
    return count(corpus, removed, kept)


def count(corpus: list[Planted], removed: dict[int, str], kept: dict[int, str]) -> dict[str, Any]:
    """Recall and precision by reason, recall by variety."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    varieties: dict[str, Counter[str]] = defaultdict(Counter)
    for number, one in enumerate(corpus):
        reason = removed.get(number, "")
        found = reason == one.reason or (one.reason in REPAIRED and not reason and repaired(one, kept[number]))
        if one.reason:
            table[one.reason].update(planted=1, found=found, gone=bool(reason) or found)
            table[one.reason]["repaired"] += found and not reason
            varieties[f"{one.reason}: {one.variety}"].update(planted=1, found=found, gone=bool(reason) or found)
        if reason and reason != one.reason:
            table[reason]["wrongly" if not one.reason else "other fault"] += 1
    decoys = [(n, mark) for n, one in enumerate(corpus) for mark in one.stays if n in kept]
    spoiled = sum(mark not in kept[n] for n, mark in decoys)
    good = [(n, one) for n, one in enumerate(corpus) if not one.reason]
    changed = sum(n in kept and plain(kept[n]) != plain(one.text) for n, one in good)
    return {
        "reasons": {reason: scores(table[reason]) for reason in table},
        "varieties": {name: dict(counts) for name, counts in sorted(varieties.items())},
        "good": {"documents": len(good), "removed": sum(n in removed for n, _ in good), "changed": changed},
        "decoys": {"planted": len(decoys), "spoiled": spoiled},
    }


def scores(counts: Counter[str]) -> dict[str, Any]:
    """Precision is over documents without a fault: what has another fault may well have two."""
    found, wrongly = counts["found"], counts["wrongly"]
    return {**counts, "recall": found / counts["planted"] if counts["planted"] else None,
            "precision": found / (found + wrongly) if found + wrongly else None}  # fmt: skip


def repaired(one: Planted, text: str) -> bool:
    """Whether what was planted is undone: the marks are gone, or the letters are those of the original."""
    if one.gone:
        return not any(mark in text for mark in one.gone)
    return plain(text) == plain(one.origin)


def plain(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def measured(texts: Path, work: Path, held_out: list[Path]) -> dict[str, float]:
    """Speed and peak memory of one cleaning in a process of its own."""
    command = [sys.executable, "-c", MEASURE, str(texts), str(work / f"out-{texts.name}"), *map(str, held_out)]
    size, wall, processor, peak = map(
        float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    )
    return {"megabytes": size / 1e6, "wall": size / 1e6 / wall, "processor": size / 1e6 / processor, "peak": peak / 1e6}


def part_of_the_texts(work: Path, name: str, one_in: int) -> Path:
    """One document in so many of all shared texts."""
    for source in sorted(TEXTS.iterdir()):
        folder = work / name / source.name
        folder.mkdir(parents=True)
        for split in ("train", "valid"):
            with (source / f"{split}.jsonl").open(encoding="utf-8") as lines:
                (folder / f"{split}.jsonl").write_text(
                    "".join(itertools.islice(lines, 0, None, one_in)), encoding="utf-8"
                )
    return work / name


def markdown(found: dict[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    lines = [
        "| reason | planted | found | recall | good documents taken for it | precision | gone for any reason |",
        "|---" * 7 + "|",
    ]
    for reason, row in found["reasons"].items():
        cells = [row.get("planted", 0), row.get("found", 0), percent(row["recall"]), row.get("wrongly", 0),
                 percent(row["precision"]), percent(row.get("gone", 0) / row["planted"] if row.get("planted") else None)]  # fmt: skip
        lines.append(f"| {reason} | " + " | ".join(map(str, cells)) + " |")
    lines += ["", "| variety | planted | found | gone for any reason |", "|---|---|---|---|"]
    for name, row in found["varieties"].items():
        lines.append(f"| {name} | {row['planted']} | {row.get('found', 0)} | {row.get('gone', 0)} |")
    lines += ["", f"good documents: {found['good']}; numbers that are nobody's: {found['decoys']}"]
    if "memory" in found:
        lines += ["", "| text | MB | MB/s | MB/s of processor time | peak memory, MB |", "|---|---|---|---|---|"]
        for name, row in found["memory"].items():
            lines.append(
                f"| {name} | {row['megabytes']:.1f} | {row['wall']:.2f} | {row['processor']:.2f} | {row['peak']:.0f} |"
            )
    return "\n".join(lines)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=200, help="documents of each kind of fault")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--memory", action=argparse.BooleanOptionalAction, default=True, help="measure 1x and 4x the text"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        found = quality_of(plant(arguments.each, arguments.seed), work)
        if arguments.memory:
            sets = [TASKS / name for name in SETS]
            found["memory"] = {
                f"{4 // part}x": measured(part_of_the_texts(work, f"part{part}", part), work, sets) for part in (4, 1)
            }
    print(markdown(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
