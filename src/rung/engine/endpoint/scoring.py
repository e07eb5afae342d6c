"""Labels by log-probabilities, in the two ways that endpoints offer.

*Echoed*: prompt and label are sent as one text and come back with the log-probability of every token. The label's own tokens are
those behind the tokens that all joint texts and the prompt share, as in :func:`rung.engine.choices.cut_all`; the numbers are
then those of the same model in this process.

*Likeliest*: the model writes, and at each step the likeliest tokens come with their log-probabilities. A label gets the
probability of the tokens that only it can begin with; where several begin alike, the next step tells them apart if the model
goes that way, else they share. A label that is not among the likeliest gets the most that it can have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rung.engine.endpoint.failures import Broken
from rung.engine.score import common_prefix

OPENERS = " \t\n\r\"'`*“‘「"  # what a model may put in front of a label
LEAST = -1e4  # a log-probability that some servers give in place of minus infinity


@dataclass(frozen=True)
class Logs:
    """Log-probabilities of labels; ``tokens``: how many each is the sum of."""

    logprobs: tuple[float, ...]
    tokens: tuple[int, ...]


def echo_tokens(body: dict[str, Any], texts: Sequence[str]) -> list[tuple[list[str], list[float | None]]]:
    """(tokens, log-probabilities) of each echoed text, in the order of ``texts``; raises Broken for what cannot be."""
    rows = sorted(body["choices"], key=lambda choice: choice.get("index", 0))
    if [row.get("index", 0) for row in rows] != list(range(len(texts))):
        raise Broken(f"{len(rows)} choices for {len(texts)} texts")
    found = []
    for row, text in zip(rows, texts, strict=True):
        if not isinstance(row.get("logprobs"), dict):
            raise Broken("no log-probabilities")
        tokens, values = row["logprobs"]["tokens"], row["logprobs"]["token_logprobs"]
        if len(tokens) != len(values) or not tokens or not all(isinstance(t, str) for t in tokens):
            raise Broken("log-probabilities that do not fit their tokens")
        if any(v is None for v in values[1:]) or any(v is not None and not _possible(v) for v in values):
            raise Broken("log-probabilities that cannot be")
        if len("".join(tokens).encode(errors="replace")) * 4 < len(text.encode()):  # only what was written came back
            raise Broken("the prompt was not echoed")
        found.append((list(tokens), list(values)))
    return found


def ends_of(tokens: Sequence[str], text: str, choice: str, written: int) -> tuple[int, int] | None:
    """Where the choice's tokens begin and end in an echoed ``text`` that ends with it, or None where tokens hide that.

    ``written``: tokens that the server added behind it. A token that begins before the choice belongs to it.
    """
    for extra in dict.fromkeys((written, 0)):
        end = at = len(tokens) - extra
        tail = ""
        while at > 0 and len(tail) < len(choice):
            at -= 1
            tail = tokens[at] + tail
        if len(tail) >= len(choice) and text.endswith(tail):
            return at, end
    return None  # bytes of characters, each shown as U+FFFD


def cut_echoes(
    echoes: Sequence[tuple[list[str], list[float | None]]],
    texts: Sequence[str],
    choices: Sequence[str],
    written: int,
    own: Sequence[str] | None = None,
) -> Logs | None:
    """The choices' log-probabilities out of the echoes of ``texts`` (prompt + choice each).

    ``own``: the tokens of the prompt alone; None: read off the joint texts, and None is given where that cannot be done.
    """
    joint = [tokens for tokens, _ in echoes]
    ends = [ends_of(t, text, c, written) for t, text, c in zip(joint, texts, choices, strict=True)]
    if own is not None:
        stops = [e[1] if e else len(t) - written for e, t in zip(ends, joint, strict=True)]
        at = min(common_prefix(list(own), t) for t in joint)
    elif all(e is not None for e in ends):
        stops = [e[1] for e in ends if e is not None]
        at = min(e[0] for e in ends if e is not None)
        at = min(at, *(common_prefix(joint[0], t) for t in joint))
    else:
        return None
    at = max(1, min(at, *(stop - 1 for stop in stops)))  # the first token has no log-probability
    if (
        min(stops) <= at
    ):  # a label in the very first token, and no BOS before it: nothing is said of it, nor of the others
        return Logs((0.0,) * len(choices), (1,) * len(choices))
    sums = [sum(v for v in values[at:stop] if v is not None) for (_, values), stop in zip(echoes, stops, strict=True)]
    return Logs(tuple(map(float, sums)), tuple(stop - at for stop in stops))


@dataclass(frozen=True)
class Step:
    """A token that was written, and the likeliest ones at its place, with their log-probabilities."""

    token: str
    logprob: float
    likeliest: dict[str, float]


def steps_of(body: dict[str, Any], *, chat: bool) -> list[Step]:
    """The steps of the first choice; raises Broken where they are missing or cannot be."""
    logs = body["choices"][0].get("logprobs")
    if not isinstance(logs, dict):
        raise Broken("no log-probabilities")
    if chat or "content" in logs:  # llama.cpp answers completions in the chat's form
        rows = [
            (r["token"], r["logprob"], {t["token"]: t["logprob"] for t in r["top_logprobs"]})
            for r in logs["content"] or ()
        ]
    else:
        rows = list(zip(logs["tokens"], logs["token_logprobs"], logs["top_logprobs"], strict=True))
    steps = []
    for token, logprob, likeliest in rows:
        top = {t: float(v) for t, v in dict(likeliest).items() if _possible(v)}
        if not isinstance(token, str) or not _possible(logprob) or len(top) < len(dict(likeliest)):
            raise Broken("log-probabilities that cannot be")
        if len(top) < 2 or math.fsum(math.exp(v) for v in top.values()) > 1.05:
            raise Broken("no likeliest tokens, or more than certain ones")
        steps.append(Step(token, float(logprob), top))
    if not steps:
        raise Broken("no log-probabilities")
    return steps


def label_logs(choices: Sequence[str], steps: Sequence[Step]) -> tuple[Logs, bool]:
    """Log-probabilities of ``choices`` by the likeliest tokens, and whether any of them was among those."""
    wanted, fold = _folded(choices)
    found, limits = [-math.inf] * len(choices), [math.inf] * len(choices)
    alive, prefix, reach = list(range(len(choices))), "", 0.0
    for step in steps:
        onward: list[int] | None = None
        for token, logprob in {step.token: step.logprob, **step.likeliest}.items():
            text = (prefix + token).lstrip(OPENERS)
            fits = _fitting(text.casefold() if fold else text, wanted, alive)
            if token == step.token and len(fits) > 1:
                onward = fits
            elif text and fits:
                for i in fits:
                    found[i] = float(np.logaddexp(found[i], reach + logprob - math.log(len(fits))))
        rest = 1.0 - math.fsum(math.exp(v) for v in step.likeliest.values())
        limit = reach + min(*step.likeliest.values(), math.log(max(rest, 1e-9)))
        for i in alive:
            if onward is None or i not in onward:
                limits[i] = min(limits[i], limit)
        if onward is None:
            break
        alive, prefix, reach = onward, prefix + step.token, reach + step.logprob
    else:  # the model stopped where one label ends and another goes on
        ended = prefix.strip(OPENERS)
        for i in alive:
            if wanted[i] == (ended.casefold() if fold else ended):
                found[i] = float(np.logaddexp(found[i], reach))
            limits[i] = min(limits[i], reach + math.log(1e-9))
    seen = any(v > -math.inf for v in found)
    floor = min([v for v in found if v > -math.inf], default=0.0)
    logs = [v if v > -math.inf else min(limit, floor) for v, limit in zip(found, limits, strict=True)]
    return Logs(tuple(logs), (1,) * len(logs)), seen


def _folded(choices: Sequence[str]) -> tuple[list[str], bool]:
    """Choices without spaces around them, in small letters where that keeps them apart; and whether it does."""
    plain = [c.strip() for c in choices]
    small = [c.casefold() for c in plain]
    return (small, True) if len(set(small)) == len(small) else (plain, False)


def _fitting(text: str, wanted: Sequence[str], alive: Sequence[int]) -> list[int]:
    """Which labels ``text`` can still become, or has become: then the longest alone."""
    if not text:
        return list(alive)
    whole = [i for i in alive if text.startswith(wanted[i]) and not text[len(wanted[i]) :][:1].isalnum()]
    open_ = [i for i in alive if wanted[i].startswith(text) and i not in whole]
    if whole and not open_:
        return [max(whole, key=lambda i: len(wanted[i]))]
    return open_ + whole


def _possible(value: Any) -> bool:
    """A log-probability: a number, not above 0 (by more than rounding)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value <= 1e-3
