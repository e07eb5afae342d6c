"""Writing text: batched, with the prompts' common beginning computed once and one cache per sequence.

What is written does not depend on the batch: a step at which rounding could decide (two tokens within the
tolerance, a draw at the border between two tokens) is decided again from a forward of that sequence alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rung.engine import sample
from rung.engine.choices import fits
from rung.engine.constrain import Constraint, Guide
from rung.engine.decode import Cache, prefill
from rung.engine.layout import Past, Segment
from rung.engine.score import WORTH_LENGTH, common_prefix
from rung.engine.text import Text
from rung.engine.trunk import Trunk
from rung.engine.usage import Usage
from rung.types import Decoding


@dataclass(frozen=True)
class Generation:
    """A written answer.

    ``text`` ends before a stop string and holds no special tokens; ``tokens`` are all that were written, the closing
    EOS included; ``logprob`` is their sum under the model itself (temperature 1, no constraint). ``finished``: "eos",
    "stop" (a stop string, or a constrained answer that is complete) or "length" (the text is cut off).
    Of an endpoint: ``tokens``, ``logprob`` and ``flops`` are not known; ``usage`` is what it counted.
    """

    text: str
    tokens: tuple[int, ...]
    logprob: float | None
    prompt_tokens: int
    finished: str
    flops: float | None
    usage: Usage | None = None

    @property
    def length(self) -> int:
        """Tokens that were written."""
        return len(self.tokens) if self.usage is None else self.usage.tokens_out


@dataclass
class Writer:
    """One sequence while it is being written."""

    context: list[int]
    sample: int
    guide: Guide | None
    digest: str
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    text: str = ""
    finished: str = ""


def generate(
    trunk: Trunk,
    text: Text,
    prompts: Sequence[str],
    decoding: Decoding,
    *,
    constraint: Constraint | None = None,
    samples: int = 1,
) -> list[list[Generation]]:
    """``samples`` answers to each prompt. Equal prompts are written once (their randomness is the same).

    Raises :class:`ModelError` before any work if a prompt and ``max_tokens`` do not fit the context, or if the
    constraint cannot be compiled.
    """
    sample.check(decoding)
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    unique = list(dict.fromkeys(prompts))
    stops = stop_ids(trunk, text)
    draws = samples if decoding.temperature > 0 else 1
    writers = dict(zip(unique, new_writers(text, unique, stops, constraint, draws), strict=True))
    fits(unique, [len(writers[p][0].context) + decoding.max_tokens for p in unique], trunk.context)
    waiting = sorted((w for ws in writers.values() for w in ws), key=lambda w: w.context)
    with trunk.frozen():
        past, depth = _past(trunk, waiting)
        for batch in _batches(trunk, waiting, depth, decoding.max_tokens):
            _write(trunk, text, batch, past, depth, decoding, stops)
    done = {p: [as_generation(trunk, w) for w in ws] for p, ws in writers.items()}
    return [(done[p] * samples)[:samples] for p in prompts]


def stop_ids(trunk: Trunk, text: Text) -> frozenset[int]:
    """Tokens that end an answer: the model's and the tokenizer's EOS (chat models name several)."""
    config = getattr(trunk.hf, "generation_config", None)
    named = [getattr(config, "eos_token_id", None), trunk.hf.config.get_text_config().eos_token_id]
    named.append(text.tokenizer.eos_token_id)
    flat = [x for one in named for x in (one if isinstance(one, list | tuple) else [one])]
    return frozenset(int(x) for x in flat if x is not None and 0 <= x < trunk.shape.vocabulary)


def new_writers(
    text: Text, prompts: Sequence[str], stops: frozenset[int], constraint: Constraint | None, samples: int
) -> Iterator[list[Writer]]:
    """``samples`` writers for each prompt."""
    if constraint is None:
        starts = [[(ids or text.start(), None) for ids in text.encode_all(prompts)]] * samples
    else:
        starts = [constraint.guides(text, prompts, stops) for _ in range(samples)]  # type: ignore[misc]
    for number in range(len(prompts)):
        yield begin(starts[0][number][0], [starts[i][number][1] for i in range(samples)])


def begin(context: list[int], guides: Sequence[Guide | None]) -> list[Writer]:
    """A writer behind ``context`` for each guide (None: it writes freely)."""
    digest = hashlib.sha256(repr(context).encode()).hexdigest()
    return [Writer(context, i, guide, digest) for i, guide in enumerate(guides)]


def _past(trunk: Trunk, writers: Sequence[Writer]) -> tuple[Past | None, int]:
    """The beginning that all sorted contexts share, computed once; each keeps a token of its own to read behind."""
    if not writers or writers[0].context == writers[-1].context:
        return trunk.prefix, 0
    least = min(len(w.context) for w in writers) - 1
    shared = min(common_prefix(writers[0].context, writers[-1].context), least)
    if shared < WORTH_LENGTH:
        return trunk.prefix, 0
    return trunk.extend(None, writers[0].context[:shared]), shared


def _batches(trunk: Trunk, writers: list[Writer], depth: int, new: int) -> Iterator[list[Writer]]:
    """Sequences in order, as many as the token budget holds with all that they may write."""
    batch: list[Writer] = []
    tokens = 0
    for writer in writers:
        size = len(writer.context) - depth + new
        if batch and (tokens + size > trunk.token_budget or len(batch) == trunk.batch_size):
            yield batch
            batch, tokens = [], 0
        batch.append(writer)
        tokens += size
    if batch:
        yield batch


def _write(
    trunk: Trunk,
    text: Text,
    writers: list[Writer],
    past: Past | None,
    depth: int,
    decoding: Decoding,
    stops: frozenset[int],
) -> None:
    """Writes all of a batch: one prefill, then a step per token; who has finished leaves the batch."""
    contexts = list(dict.fromkeys(tuple(w.context[depth:]) for w in writers))
    logits, cache = prefill(trunk, contexts, past)
    rows = [contexts.index(tuple(w.context[depth:])) for w in writers]
    cache.select(rows)
    logits = logits[rows]
    active = writers
    while True:
        for writer, row in zip(active, logits, strict=True):
            advance(trunk, text, writer, row, decoding, stops)
        rows = [i for i, w in enumerate(active) if not w.finished]
        if not rows:
            return
        if len(rows) < len(active):
            cache.select(rows)
            active = [active[i] for i in rows]
        logits = cache.step(trunk, [w.tokens[-1] for w in active])


def advance(
    trunk: Trunk, text: Text, writer: Writer, logits: Tensor, decoding: Decoding, stops: frozenset[int]
) -> Tensor:
    """Chooses the next token from ``logits`` [V], again from a lone forward if it was close, and looks for an end.

    Returns the logits that decided.
    """
    allowed = None
    if writer.guide is not None:
        allowed = torch.from_numpy(writer.guide.allowed(len(logits))).to(logits.device)
    pick = _choose(writer, logits, allowed, decoding, trunk.tolerance)
    if pick.close:
        logits = _alone(trunk, writer)
        pick = _choose(writer, logits, allowed, decoding, trunk.tolerance)
    take(text, writer, pick.token, float(logits[pick.token] - torch.logsumexp(logits, -1)), decoding, stops)
    return logits


def take(text: Text, writer: Writer, token: int, logprob: float, decoding: Decoding, stops: frozenset[int]) -> None:
    """Puts a token behind what is written, and looks for an end."""
    writer.tokens.append(token)
    writer.logprob += logprob
    if writer.guide is not None:
        writer.guide.advance(token)
    _look_for_end(text, writer, decoding, stops)


def _choose(
    writer: Writer, logits: Tensor, allowed: Tensor | None, decoding: Decoding, tolerance: float
) -> sample.Pick:
    if allowed is not None:
        logits = logits.masked_fill(~allowed, float("-inf"))
    if decoding.temperature == 0:
        return sample.greedy(logits, tolerance)
    noise = sample.gumbel(decoding.seed, writer.digest, writer.sample, len(writer.tokens), len(logits))
    return sample.sampled(logits, decoding.temperature, decoding.top_p, noise.to(logits.device), tolerance)


def _alone(trunk: Trunk, writer: Writer) -> Tensor:
    """Logits [V] from one forward over this sequence only: the same numbers whatever else is being written."""
    whole = writer.context + writer.tokens
    positions = range(trunk.offset, trunk.offset + len(whole))
    return trunk.forward([Segment(len(whole))], whole, positions, [len(whole) - 1], past=trunk.prefix)[0]


def _look_for_end(text: Text, writer: Writer, decoding: Decoding, stops: frozenset[int]) -> None:
    guide, last = writer.guide, writer.tokens[-1]
    if last in stops:
        writer.finished = "eos"
    elif guide is not None and guide.done:
        writer.finished = "stop"
    elif len(writer.tokens) >= decoding.max_tokens:
        writer.finished = "length"
    if not decoding.stop and not writer.finished:
        return
    written = writer.tokens[:-1] if last in stops else writer.tokens
    writer.text = text.after(writer.context, written)
    if guide is not None and guide.answer is not None:
        writer.text = guide.answer
    ends = [at for at in (writer.text.find(s) for s in decoding.stop) if at >= 0]
    if ends and guide is None:
        writer.text, writer.finished = writer.text[: min(ends)], "stop"


def as_generation(trunk: Trunk, writer: Writer) -> Generation:
    new = len(writer.tokens)
    flops = trunk.request(len(writer.context), new - 1, new)
    tokens = tuple(writer.tokens)
    return Generation(writer.text, tokens, writer.logprob, len(writer.context), writer.finished, flops)


__all__ = ["Cache", "Generation", "Writer", "generate", "stop_ids"]
