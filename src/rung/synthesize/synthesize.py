"""A teacher writes examples of a task: ``rung data synthesize``.

    seeds -> (write an input | take a given one) -> filter -> answer, several times -> filter -> journal -> data.jsonl

Round by round: a round is a function of the settings and of the rounds before it, so a killed run goes on and leaves the rows of
one that was not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rung.folders import write_whole
from rung.pretrain.clean.document import Finding
from rung.pretrain.clean.heldout import held_out_files
from rung.synthesize.alike import Known
from rung.synthesize.attempt import Attempt, Candidate
from rung.synthesize.filters import ALWAYS, REASONS, answer_filters, input_filters, leak
from rung.synthesize.given import Given
from rung.synthesize.journal import Journal
from rung.synthesize.report import figures
from rung.synthesize.seeds import Seeds
from rung.synthesize.teacher import Teacher
from rung.synthesize.writer import Writer, share
from rung.types import UserError, digest

Say = Callable[[int, int, int], None]  # candidates so far, accepted, wanted


@dataclass(frozen=True)
class Filtering:
    """What goes."""

    held_out: tuple[Path, ...] = ()  # sets that must not be in the rows
    keep: tuple[str, ...] = ()  # reasons for which nothing goes


def synthesize(
    out: Path,
    seeds: Seeds,
    teacher: Teacher,
    source: Writer | Given,
    how: Filtering = Filtering(),
    say: Say = lambda taken, accepted, wanted: None,
) -> dict[str, Any]:
    """Write ``out/data.jsonl`` and ``out/report.json``; returns what the report holds. The same call goes on after a kill.

    Raises UserError for a reason that there is not, a folder of other settings, an agreement that cannot be measured.
    """
    check_keep(how.keep)
    settings = identity(seeds, teacher, source, how)
    journal = Journal(out, settings)
    try:
        known = Known()
        for example in seeds.examples:
            known.add(example.input, example.source or "a seed")
        for attempt in journal.attempts:
            remember(known, attempt)
        judge = Judge(seeds, teacher, source, how, known)
        while candidates := source.next(len(journal.attempts), kept := accepted(journal.attempts)):
            journal.keep(judge(candidates, kept))
            say(len(journal.attempts), len(accepted(journal.attempts)), source.wanted)
        write_rows(out / "data.jsonl", [row(a, seeds, teacher, source) for a in accepted(journal.attempts)])
        everything = isinstance(source, Given) and source.wanted >= len(source.texts)
        return write_report(out, figures(journal.attempts, None if everything else source.wanted, settings))
    finally:
        journal.close()


class Judge:
    """Candidates of a round to attempts: filter, answer, filter, each in its order."""

    def __init__(self, seeds: Seeds, teacher: Teacher, source: Writer | Given, how: Filtering, known: Known):
        self.seeds, self.teacher, self.known = seeds, teacher, known
        files = held_out_files(how.held_out)
        written, marks = isinstance(source, Writer), source.marks if isinstance(source, Writer) else ()
        self.shares = share(seeds.labels, source.wanted) if seeds.labels and written else {}
        self.wanted = source.wanted
        leaks = leak(files) if files else None
        before = input_filters(seeds, known, leaks, given=not written, marks=marks, fits=teacher.fits)
        after = answer_filters(seeds, teacher.least)
        self.before = {name: f for name, f in before.items() if name not in how.keep}
        self.after = {name: f for name, f in after.items() if name not in how.keep}

    def __call__(self, candidates: Sequence[Candidate], kept: Sequence[Attempt]) -> list[Attempt]:
        """``kept`` were accepted before."""
        found: dict[int, Attempt] = {}
        asked: list[Candidate] = []
        for one in candidates:
            if finding := first(self.before, one):
                found[one.number] = Attempt(one, finding=finding)
            else:
                asked.append(one)
                self.known.add(one.input, place(one))  # one like it would be answered alike: it goes as a duplicate
        have = Counter(a.output if self.shares else "" for a in kept)
        for attempt in self.teacher.answer(asked) if asked else []:
            finding = first(self.after, attempt) or self.enough(attempt, have)
            found[attempt.candidate.number] = attempt.without(finding) if finding else attempt
            have[attempt.output if self.shares else ""] += finding is None
        return [found[one.number] for one in candidates]

    def enough(self, attempt: Attempt, have: Mapping[str, int]) -> Finding | None:
        """Whether its label, or the whole, has its share already."""
        most = self.shares.get(attempt.output, 0) if self.shares else self.wanted
        if have[attempt.output if self.shares else ""] < most:
            return None
        return Finding("enough", attempt.output if self.shares else "all", most, attempt.candidate.input[:120])


def first(filters: Mapping[str, Callable[[Any], Finding | None]], one: Candidate | Attempt) -> Finding | None:
    """The first finding."""
    return next((finding for judge in filters.values() if (finding := judge(one))), None)


def accepted(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those that stay."""
    return [a for a in attempts if a.accepted]


def remember(known: Known, attempt: Attempt) -> None:
    """What the run that was killed had remembered."""
    if attempt.asked:
        known.add(attempt.candidate.input, place(attempt.candidate))


def place(one: Candidate) -> str:
    """Where a candidate comes from, for messages."""
    return one.place or f"candidate {one.number}"


def row(attempt: Attempt, seeds: Seeds, teacher: Teacher, source: Writer | Given) -> dict[str, Any]:
    """A line of ``data.jsonl``: what `rung climb` reads, and where it comes from."""
    one = attempt.candidate
    output = json.loads(attempt.output) if seeds.kind == "extract" else attempt.output
    provenance = {
        "teacher": teacher.hash, "writer": source.model.sha256[:16] if isinstance(source, Writer) else None,
        "prompt": one.prompt or teacher.prompt, "place": one.place or None, "candidate": one.number, "sample": one.sample,
        "seed": teacher.seed,
    }  # fmt: skip
    return {"input": one.input, "output": output, "agreement": attempt.agreement, "provenance": provenance}


def identity(seeds: Seeds, teacher: Teacher, source: Writer | Given, how: Filtering) -> dict[str, Any]:
    """All that decides the rows, as the journal's first line."""
    if isinstance(source, Writer):
        own: dict[str, Any] = {
            "writer": source.model.sha256, "writing": digest(source.prompt), "tries": source.tries, "inputs": None,
            "temperature": source.temperature,
        }  # fmt: skip
    else:
        own = {"writer": None, "inputs": digest(source.texts), "temperature": teacher.temperature}
    files = held_out_files(how.held_out)
    return {
        "teacher": teacher.hash, "kind": seeds.kind, "language": seeds.language, "labels": list(seeds.labels),
        "seeds": digest([(e.input, e.target) for e in seeds.examples]), "description": seeds.description,
        "n": source.wanted, **own, "samples": teacher.samples, "agreement": teacher.least, "seed": teacher.seed,
        "keep": sorted(how.keep), **identity_of_files(files),
    }  # fmt: skip


def identity_of_files(files: Sequence[Path]) -> dict[str, Any]:
    """The held-out sets by name and content: another version of one may find other leaks."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    return {"held-out": [path.as_posix() for path in files], "held-out content": digest(texts)}


def check_keep(names: Sequence[str]) -> None:
    """UserError for a reason that there is not, or that always counts, with the nearest one."""
    may = [name for name in REASONS if name not in ALWAYS]
    for name in names:
        if name not in may:
            near = get_close_matches(name, may, 1, 0.0)[0]
            raise UserError(
                f"no reason {name!r} to keep: did you mean {near!r}? There are {', '.join(may)}",
                zh=f"没有可保留的理由 {name!r}：是不是 {near!r}？可选 {'、'.join(may)}",
            )


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A JSONL file, whole or not at all."""
    write_whole(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows))


def write_report(out: Path, found: dict[str, Any]) -> dict[str, Any]:
    """``report.json``."""
    write_whole(out / "report.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return found
