"""What goes, and why: first by the input alone, so that nobody answers what goes anyway; then by the answer.

    empty           nothing was written
    unfinished      the writing was cut off, or ends in a colon
    length          shorter than half of the shortest seed, longer than twice the longest, or longer than the teacher can read
    language        in another language than the seeds
    repetition      says the same again and again
    format          not in the form of the seeds' inputs, half a character, or the words around inputs in the prompt
    duplicate       a seed, or a text that was there before
    near-duplicate  alike by ROUGE-L, see rung.synthesize.alike
    copied          two thirds of it stand in a row in a text of the prompt
    leak            in a held-out set: an item as a whole, or 13 units in a row (rung.pretrain.clean.leaks)

    invalid         the answer cannot be read (no label, no JSON, not of the schema, cut off), or is a label that is not wanted
    echo            the answer repeats the input
    unsupported     an extracted text is not in the input, where those of the seeds always are
    other-label     read as another label than it was written for
    agreement       repeated answers agree too little
    enough          the label has its share already

Filters are functions that give a finding, in a visible dict by reason. Self-instruct's own are length, repetition of the input,
ROUGE-L, and inputs or answers that end in a colon.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from rung.pretrain.clean.document import Document, Finding
from rung.pretrain.clean.heldout import items
from rung.pretrain.clean.language import only
from rung.pretrain.clean.leaks import Leaks
from rung.pretrain.clean.repetition import repetition
from rung.pretrain.clean.units import units
from rung.synthesize.alike import Known
from rung.synthesize.attempt import Attempt, Candidate
from rung.synthesize.seeds import Seeds
from rung.task.language import is_chinese

INPUT_REASONS = (
    "empty", "unfinished", "length", "language", "repetition", "format", "duplicate", "near-duplicate", "copied", "leak",
)  # fmt: skip
ANSWER_REASONS = ("invalid", "echo", "unsupported", "other-label", "agreement", "enough")
REASONS = (*INPUT_REASONS, *ANSWER_REASONS)
ALWAYS = ("empty", "invalid", "enough")  # cannot be kept: there would be no example

SHORTEST, LONGEST = 2, 2_000  # characters, where there is no seed
COPIED, RUN = 2 / 3, 5  # share of a text, and units, that stand in its prompt in a row
LOOP, LOOPED = 4, 12  # times that a text says the same stretch without a break, and units that this fills
FIELD = re.compile(r"^([^\s:：][^:：\n]{0,30}): ", re.M)  # "premise: ..." as rung.task joins columns

InputFilter = Callable[[Candidate], Finding | None]
AnswerFilter = Callable[[Attempt], Finding | None]


def input_filters(
    seeds: Seeds,
    known: Known,
    leaks: InputFilter | None,
    *,
    given: bool = False,
    marks: Sequence[str] = (),
    fits: InputFilter | None = None,
) -> dict[str, InputFilter]:
    """The filters of an input in their order. ``given``: it was not invented, so neither its length nor its form is judged,
    and its language only beside seeds: a teacher's own language is that of its prompt.

    marks: what stands around inputs in the prompt. fits: whether the teacher can read it.
    """
    visible: dict[str, InputFilter] = {
        "empty": empty,
        "unfinished": cut_off if given else unfinished,
        "length": both(fits, None if given else length(seeds)),
        "language": any_language if given and not seeds.examples else language(seeds),
        "repetition": repeats,
        "format": form(() if given else fields_of(seeds), marks),
        "duplicate": lambda one: _found("duplicate", "same text", known.same(one.input), one),
        "near-duplicate": lambda one: near(known, one),
        "copied": copied,
    }
    return {**visible, **({"leak": leaks} if leaks else {})}


def answer_filters(seeds: Seeds, least: float) -> dict[str, AnswerFilter]:
    """The filters of an answer in their order; ``least`` is the agreement that is asked for."""
    return {
        "invalid": invalid(seeds.labels),
        "echo": echo,
        **({"unsupported": unsupported} if grounded(seeds) else {}),
        "other-label": other_label,
        "agreement": lambda one: agreement(one, least),
    }


# --- inputs ---


def empty(one: Candidate) -> Finding | None:
    """No letter, no digit."""
    return None if len(units(one.input)) else Finding("empty", "nothing written", excerpt=one.input[:40])


def cut_off(one: Candidate) -> Finding | None:
    """Cut off at the most tokens."""
    return Finding("unfinished", "cut off", excerpt=one.input[-40:]) if one.finished == "length" else None


def unfinished(one: Candidate) -> Finding | None:
    """Cut off, or a beginning that promises more."""
    if found := cut_off(one):
        return found
    if one.input.rstrip().endswith((":", "：")):
        return Finding("unfinished", "ends in a colon", excerpt=one.input[-40:])
    return None


def length(seeds: Seeds) -> InputFilter:
    """Half of the shortest seed to twice the longest, in characters."""
    sizes = [len(e.input) for e in seeds.examples]
    low, high = (min(sizes) / 2, max(sizes) * 2) if sizes else (SHORTEST, LONGEST)

    def judge(one: Candidate) -> Finding | None:
        size = len(one.input)
        if low <= size <= high:
            return None
        return Finding("length", "too short" if size < low else "too long", size, one.input[:120])

    return judge


def both(first: InputFilter | None, second: InputFilter | None) -> InputFilter:
    """The finding of the first, else of the second."""
    return lambda one: (first(one) if first else None) or (second(one) if second else None)


def any_language(_one: Candidate) -> Finding | None:
    """Nothing says which language is wanted."""
    return None


def language(seeds: Seeds) -> InputFilter:
    """By script: Chinese or not; what is not Chinese and long enough to tell by the cleaner's reader of languages too."""
    wanted = seeds.languages
    read = only(sorted(wanted))

    def judge(one: Candidate) -> Finding | None:
        script = "zh" if is_chinese(one.input) else "en"
        if script not in wanted:
            return Finding("language", script, excerpt=one.input[:120])
        return read(Document(one.place, one.input))

    return judge


def repeats(one: Candidate) -> Finding | None:
    """A stretch of units that comes :data:`LOOP` times without a break; longer texts by the cleaner's shares."""
    read = units(one.input)
    for period in range(1, len(read) // LOOP + 1):
        size = max(LOOP * period, LOOPED)
        same = np.cumsum(np.concatenate([[0], read.hashes[period:] == read.hashes[:-period]]))
        wanted = size - period  # neighbours at that distance that are equal
        hits = np.flatnonzero(same[wanted:] - same[:-wanted] == wanted)
        if len(hits):
            return Finding("repetition", "a loop", size // period, read.words(int(hits[0]), size))
    return repetition(Document(one.place, one.input))


def fields_of(seeds: Seeds) -> tuple[str, ...]:
    """The names that stand before the lines of every seed's input, in order; none where the seeds have none in common."""
    found = {tuple(FIELD.findall(e.input)) for e in seeds.examples}
    return found.pop() if len(found) == 1 else ()


def form(fields: Sequence[str], marks: Sequence[str]) -> InputFilter:
    """Every field of the seeds' inputs in its order, and no mark of the prompt inside."""

    def judge(one: Candidate) -> Finding | None:
        if fields and tuple(FIELD.findall(one.input)) != tuple(fields):
            return Finding("format", "not in the form of the seeds", ", ".join(fields), one.input[:120])
        if "\ufffd" in one.input:
            return Finding("format", "half a character", "\\ufffd", one.input[:120])
        for mark in marks:
            if mark in one.input:
                return Finding("format", "words of the prompt", mark, one.input[:120])
        return None

    return judge


def copied(one: Candidate) -> Finding | None:
    """A run of two thirds of the units, and of five at least, that stands in a text of the prompt."""
    read = units(one.input)
    run = max(RUN, -(-len(read) * 2 // 3))
    grams = read.grams(run)
    for text in one.shown:
        hits = np.flatnonzero(np.isin(grams, units(text).grams(run)))
        if len(hits):
            return Finding("copied", "from the prompt", run, read.words(int(hits[0]), run))
    return None


def near(known: Known, one: Candidate) -> Finding | None:
    """ROUGE-L of 0.7 or more to a text that was there before."""
    alike, place = known.nearest(one.input)
    return Finding("near-duplicate", "similar text", f"{alike:.2f}, {place}", one.input[:120]) if place else None


def leak(files: Sequence[Path]) -> InputFilter:
    """The held-out sets: 13 units in a row as the cleaner finds them, and any item, however short, that is the whole text."""
    leaks = Leaks(files)
    whole: dict[bytes, str] = {}
    for path in files:
        for row, texts in items(path):
            for text in texts:
                whole.setdefault(units(text).hashes.tobytes(), f"{path.name}:{row}")

    def judge(one: Candidate) -> Finding | None:
        place = whole.get(units(one.input).hashes.tobytes())
        return _found("leak", "the whole text", place, one) or leaks(Document(one.place, one.input))

    return judge


def _found(reason: str, rule: str, place: str | None, one: Candidate) -> Finding | None:
    return None if place is None else Finding(reason, rule, place, one.input[:120])


# --- answers ---


def invalid(labels: Sequence[str]) -> AnswerFilter:
    """Nothing could be read, or a label that is not wanted: the teacher may know more of them."""

    def judge(one: Attempt) -> Finding | None:
        if not one.output:
            return Finding("invalid", "no answer could be read")
        if labels and one.output not in labels:
            return Finding("invalid", "a label that is not wanted", one.output, one.candidate.input[:120])
        return None

    return judge


def echo(one: Attempt) -> Finding | None:
    """The answer is the input."""
    same = units(one.output).hashes.tobytes() == units(one.candidate.input).hashes.tobytes()
    return Finding("echo", "the answer repeats the input", excerpt=one.output[:120]) if same else None


def grounded(seeds: Seeds) -> bool:
    """Whether all that the seeds extract stands in their inputs."""
    return (
        seeds.kind == "extract" and bool(seeds.examples) and all(not missing(e.input, e.target) for e in seeds.examples)
    )


def missing(input: str, target: str) -> list[str]:
    """Texts of an extracted object that the input does not hold."""
    return [text for text in _texts(json.loads(target)) if text not in input]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for part in inner for text in _texts(part)]


def unsupported(one: Attempt) -> Finding | None:
    """An extracted text that the input does not hold."""
    absent = missing(one.candidate.input, one.output)
    return Finding("unsupported", "not in the input", absent[0], one.output[:120]) if absent else None


def other_label(one: Attempt) -> Finding | None:
    """It was written for one label and is read as another."""
    if not one.candidate.label or one.output == one.candidate.label:
        return None
    return Finding("other-label", f"{one.candidate.label} read as {one.output}", excerpt=one.candidate.input[:120])


def agreement(one: Attempt, least: float) -> Finding | None:
    """Too little of it."""
    if one.agreement is None or one.agreement >= least:
        return None
    return Finding("agreement", f"below {least:g}", round(one.agreement, 3), one.candidate.input[:120])
