"""Scores against transformers' plain forward (one option at a time, no sharing), for four architectures."""

from __future__ import annotations

import random

import pytest
import torch

from rung.engine import install
from rung.engine.layout import Segment
from rung.engine.score import common_prefix, grow, score_tokens
from rung.engine.trunk import Trunk

Asked = tuple[list[list[int]], list[list[list[int]]]]


def ask(seed: int, vocabulary: int = 97, items: int = 14) -> Asked:
    """Contexts with shared roots and middles of several lengths; options of one to six tokens that share beginnings."""
    draw = random.Random(seed)

    def tokens(n: int, top: int = vocabulary) -> list[int]:
        return [draw.randrange(3, top) for _ in range(n)]

    root = tokens([1, 8, 60, 120][seed % 4])
    middles = [tokens(n) for n in (0, 2, 50)]
    contexts = [root + draw.choice(middles) + tokens(draw.choice([0, 1, 5, 30])) for _ in range(items)]
    options = [list({tuple(tokens(draw.choice([1, 2, 6]), 7)) for _ in range(4)}) for _ in range(items)]
    return contexts, [[list(o) for o in os] for os in options]


def largest_difference(one: list[list[float]], two: list[list[float]]) -> float:
    return max(abs(a - b) for x, y in zip(one, two, strict=True) for a, b in zip(x, y, strict=True))


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2", "gpt_neox"])
def test_equal_to_a_plain_forward(kind: str, build, plain_logprobs) -> None:
    hf = build(kind)
    for seed in range(4):
        contexts, options = ask(seed)
        hf.set_attn_implementation("sdpa")
        expected = [plain_logprobs(hf, c, o) for c, o in zip(contexts, options, strict=True)]
        install(hf)
        trunk = Trunk(hf)
        for batch_size in (1, 3, None):
            trunk.batch_size = batch_size
            found = [list(s.logprobs) for s in score_tokens(trunk, contexts, options)]
            assert largest_difference(found, expected) < 1e-4, (seed, batch_size)
        alone = [list(s.logprobs) for s in score_tokens(trunk, contexts, options, exact=True)]
        assert largest_difference(alone, expected) < 1e-4


def test_equal_on_a_trained_model(stories, plain_logprobs) -> None:
    contexts, options = ask(3, vocabulary=500)
    found = [list(s.logprobs) for s in stories.score_tokens(contexts, options)]
    expected = [plain_logprobs(stories.hf, c, o) for c, o in zip(contexts, options, strict=True)]
    assert largest_difference(found, expected) < 1e-4


def test_a_wrong_position_is_seen(monkeypatch: pytest.MonkeyPatch, build, plain_logprobs) -> None:
    """Negative control: positions behind the shared past off by one must not pass the comparison above."""
    hf = build("llama")
    contexts, options = ask(2)
    expected = [plain_logprobs(hf, c, o) for c, o in zip(contexts, options, strict=True)]
    install(hf)
    trunk = Trunk(hf)
    forward = trunk.forward

    def shifted(segments, tokens, positions, read, *, past=None, kept=None):  # type: ignore[no-untyped-def]
        moved = [p + 1 for p in positions] if past is not None else positions
        return forward(segments, tokens, moved, read, past=past, kept=kept)

    monkeypatch.setattr(trunk, "forward", shifted)
    found = [list(s.logprobs) for s in score_tokens(trunk, contexts, options)]
    assert largest_difference(found, expected) > 1e-2


def test_the_shared_prefix_is_computed_once(build) -> None:
    """200 shared tokens, 30 questions of 10, three options of 2: each part counted by hand, once."""
    hf = build("llama")
    install(hf)
    trunk = Trunk(hf)
    trunk.batch_size = 4  # many forwards: the root must still be computed only once
    contexts = [[5] * 200 + [10 + i] + [7] * 9 for i in range(30)]
    options = [[[20, 21], [22, 23], [24, 25]]] * 30
    score_tokens(trunk, contexts, options)
    assert trunk.meter.tokens == 200 + 30 * (10 + 3)  # an option's last token is predicted, never read
    assert trunk.meter.reads == 30 * (1 + 3)
    assert trunk.meter.forwards == 1 + 8


def test_single_token_labels_cost_no_token_of_their_own(build) -> None:
    hf = build("llama")
    install(hf)
    trunk = Trunk(hf)
    score_tokens(trunk, [[3, 4, 5]], [[[6], [7], [8]]])
    assert (trunk.meter.tokens, trunk.meter.reads) == (3, 1)


def test_equal_items_are_scored_once_and_order_is_kept(build) -> None:
    hf = build("llama")
    install(hf)
    trunk = Trunk(hf)
    contexts, options = ask(1)
    first = score_tokens(trunk, contexts, options)
    tokens = trunk.meter.tokens
    again = score_tokens(trunk, contexts[::-1] + contexts, options[::-1] + options)
    assert trunk.meter.tokens == 2 * tokens
    assert [s.logprobs for s in again] == [s.logprobs for s in first[::-1] + first]


def test_one_option_may_begin_another(build, plain_logprobs) -> None:
    hf = build("llama")
    expected = plain_logprobs(hf, [3, 4], [[5], [5, 6], [5, 6, 7], [8]])
    install(hf)
    found = score_tokens(Trunk(hf), [[3, 4]], [[[5], [5, 6], [5, 6, 7], [8]]])[0]
    assert found.logprobs == pytest.approx(expected, abs=1e-4)
    assert found.tokens == (1, 2, 3, 1)


def test_nothing_empty_is_scored(build) -> None:
    trunk = Trunk(build("llama"))
    for contexts, options in [([[]], [[[1]]]), ([[1]], [[[]]]), ([[1]], [[]])]:
        with pytest.raises(ValueError, match="at least one token"):
            score_tokens(trunk, contexts, options)
    assert score_tokens(trunk, [], []) == []


def test_bfloat16_stays_near_float32(build, plain_logprobs) -> None:
    """bf16 keeps 8 bits: the tree and the plain forward may differ by rounding, not by more."""
    hf = build("llama").to(torch.bfloat16)
    contexts, options = ask(2)
    expected = [plain_logprobs(hf, c, o) for c, o in zip(contexts, options, strict=True)]
    install(hf)
    found = [list(s.logprobs) for s in score_tokens(Trunk(hf), contexts, options)]
    assert largest_difference(found, expected) < 0.5
    assert largest_difference(found, expected) > 0  # they are indeed two computations


def test_dropout_is_off_and_training_mode_comes_back(build, plain_logprobs) -> None:
    hf = build("gpt2")  # GPT-2's configuration has dropout 0.1
    contexts, options = ask(0, items=3)
    expected = [plain_logprobs(hf, c, o) for c, o in zip(contexts, options, strict=True)]
    install(hf)
    hf.train()
    found = [list(s.logprobs) for s in score_tokens(Trunk(hf), contexts, options)]
    assert largest_difference(found, expected) < 1e-4
    assert hf.training


def test_tree_by_hand() -> None:
    #        1 - 2 - 3 - 4
    #             \    \- 5 - 6
    #              7
    tree = grow([(1, 2, 3, 4), (1, 2, 3, 5, 6), (1, 2, 7)])
    assert tree.tokens == [1, 2, 3, 4, 5, 6, 7]
    assert tree.depths == [0, 1, 2, 3, 3, 4, 2]
    assert tree.segment == Segment(2, (6, 4, 6, 6, 7))
    assert tree.paths[1, 2, 3, 5, 6] == [0, 1, 2, 4, 5]
    assert tree.paths[1, 2, 7] == [0, 1, 6]


def test_common_prefix_by_comparison() -> None:
    draw = random.Random(0)
    for _ in range(300):
        one, two = ([draw.randrange(2) for _ in range(draw.randrange(12))] for _ in range(2))
        slow = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
        assert common_prefix(one, two) == slow
