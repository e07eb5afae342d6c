"""Written text against transformers' own ``generate``; independence of the batch; stops, budgets and samples."""

from __future__ import annotations

import math

import pytest
import torch

from rung.engine import Constraint, load_model
from rung.engine.sample import greedy, gumbel, sampled
from rung.types import Decoding, ModelError

PROMPTS = ["Once upon a time", "Lily and Tom", "The dog", "Once upon a", "One day, a little girl named Lily found a"]


def test_greedy_equals_transformers(stories) -> None:
    """Token for token, and the sum of log-probabilities from a plain forward over prompt and answer."""
    answers = stories.generate(PROMPTS, Decoding(max_tokens=30))
    for prompt, (answer,) in zip(PROMPTS, answers, strict=True):
        ids = stories.encode(prompt)
        with torch.no_grad():
            whole = stories.hf.generate(torch.tensor([ids]), max_new_tokens=30, do_sample=False)[0]
            logits = stories.hf(input_ids=whole[None]).logits[0].log_softmax(-1)
        assert list(answer.tokens) == whole[len(ids) :].tolist()
        assert answer.text == stories.decode(whole)[len(prompt) :]
        expected = sum(float(logits[i - 1, whole[i]]) for i in range(len(ids), len(whole)))
        assert answer.logprob == pytest.approx(expected, abs=1e-3)
        assert (answer.prompt_tokens, answer.finished) == (len(ids), "length")


@pytest.mark.parametrize("decoding", [Decoding(max_tokens=12), Decoding(max_tokens=12, temperature=1.2, top_p=0.9)])
def test_text_does_not_depend_on_the_batch(fake, decoding: Decoding) -> None:
    prompts = [f"question {i % 7}: {'x' * i}" for i in range(10)]
    texts = []
    for size in (1, 3, 8, None):
        fake.batch_size = size
        texts.append([[g.tokens for g in answer] for answer in fake.generate(prompts, decoding, samples=2)])
    fake.batch_size = None
    assert texts[0] == texts[1] == texts[2] == texts[3]
    backwards = fake.generate(prompts[::-1][:4], decoding, samples=2)
    assert [[g.tokens for g in a] for a in backwards] == texts[0][::-1][:4]


def test_text_does_not_depend_on_the_batch_in_bfloat16() -> None:
    """The embedded model: what prompts share is read apart from the rest of them, and rounds otherwise."""
    model = load_model("sprout", dtype="bfloat16", device="cpu")
    shots = "Text: I loved it.\nLabel: positive\n\nText: It was a waste of time.\nLabel: negative\n\nText: "
    texts = ("The phone was dull and the plot fine, but I liked", "The book was dull and the phone great, so I stayed")
    prompts = [f"{shots}{text}.\nLabel:" for text in texts]
    found = [one.text for (one,) in model.generate(prompts, Decoding(max_tokens=12))]
    assert found == [model.generate([p], Decoding(max_tokens=12))[0][0].text for p in prompts]


def test_a_near_tie_is_decided_alone(fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tolerance so wide that every step is close, each step is made again from a forward of its own."""
    plain = fake.generate(["abc"], Decoding(max_tokens=6))[0][0]
    monkeypatch.setattr(type(fake), "tolerance", property(lambda self: 1e9))
    before = fake.meter.forwards
    again = fake.generate(["abc"], Decoding(max_tokens=6))[0][0]
    assert fake.meter.forwards == before + 2 * len(plain.tokens)
    assert again.tokens == plain.tokens


def test_the_common_beginning_is_computed_once(fake) -> None:
    """BOS + 100 bytes shared, 5 prompts with 3 more each, then 4 steps (the last token is never read)."""
    before = fake.meter.tokens
    fake.generate([f"{'s' * 100}{i}::" for i in range(5)], Decoding(max_tokens=5))
    redone = fake.meter.tokens - before - (101 + 5 * 3 + 5 * 4)
    assert redone == 0


def test_samples_share_their_prompt_and_differ(fake) -> None:
    decoding = Decoding(max_tokens=8, temperature=1.0, seed=3)
    before = fake.meter.tokens
    one = fake.generate(["hello"], decoding, samples=4)[0]
    assert fake.meter.tokens - before <= 6 + 4 * 7 + 2 * 14  # the prompt once; at most two steps made again
    assert len({g.tokens for g in one}) == 4
    assert [g.tokens for g in fake.generate(["hello"], decoding, samples=2)[0]] == [g.tokens for g in one[:2]]
    other = fake.generate(["hello"], Decoding(max_tokens=8, temperature=1.0, seed=4), samples=4)[0]
    assert {g.tokens for g in other}.isdisjoint({g.tokens for g in one})


def test_stop_strings_cut_the_text(stories) -> None:
    whole = stories.generate(["Once upon a time"], Decoding(max_tokens=30))[0][0]
    stop = whole.text[12:17]  # begins and ends inside tokens
    cut = stories.generate(["Once upon a time"], Decoding(max_tokens=30, stop=("@@", stop)))[0][0]
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finished == "stop"
    assert len(cut.tokens) < len(whole.tokens)


def test_a_stop_string_of_many_bytes(fake) -> None:
    """好 is three tokens here; the rule-free way to make the model write it is a constraint's text as a check."""
    text = fake.generate(["写："], Decoding(max_tokens=9), constraint=Constraint.labels(["你好吗"]))[0][0]
    assert (text.text, text.finished, len(text.tokens)) == ("你好吗", "stop", 9)
    assert fake.text.after(fake.encode("写："), text.tokens[:4]) == "你\ufffd"  # half of 好
    assert "好" in fake.text.after(fake.encode("写："), text.tokens[:6])


def test_the_end_token_ends(fake) -> None:
    """Of 20 sampled answers of 100 bytes some write <|end|> (one token in 261); it counts, and shows in no text."""
    answers = fake.generate(["a"], Decoding(max_tokens=100, temperature=3.0), samples=20)[0]
    ended = [a for a in answers if a.finished == "eos"]
    assert ended
    assert len(ended) < 20
    assert all(a.tokens[-1] == 257 and "<|end|>" not in a.text for a in ended)
    assert all(len(a.tokens) == 100 for a in answers if a.finished == "length")


def test_nothing_is_truncated(fake) -> None:
    before = fake.meter.forwards
    with pytest.raises(ModelError, match=r"prompt 2 of 2.*needs 8201 tokens.*holds 8192"):
        fake.generate(["a", "b" * 8100], Decoding(max_tokens=100))
    for bad in (Decoding(max_tokens=0), Decoding(temperature=-1.0), Decoding(top_p=0.0), Decoding(stop=("",))):
        with pytest.raises(ModelError):
            fake.generate(["a"], bad)
    assert fake.meter.forwards == before


def test_sampling_follows_the_distribution() -> None:
    """Each token's share of 2000 draws lies within four standard deviations (.044) of its probability."""

    def shares(temperature: float, top_p: float) -> list[float]:
        logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
        draws = [sampled(logits, temperature, top_p, gumbel(0, "p", i, 0, 4), 1e-9).token for i in range(2000)]
        return [draws.count(t) / 2000 for t in range(4)]

    assert shares(1.0, 1.0) == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.044)
    # Temperature 1/2 squares the probabilities: 1 : 4 : 9 : 16.
    assert shares(0.5, 1.0) == pytest.approx([1 / 30, 4 / 30, 9 / 30, 16 / 30], abs=0.044)
    # .4 alone does not reach .65, .4 + .3 does.
    assert shares(1.0, 0.65) == pytest.approx([0, 0, 3 / 7, 4 / 7], abs=0.044)


def test_noise_belongs_to_seed_prompt_sample_and_step() -> None:
    one = gumbel(0, "p", 0, 0, 8)
    assert torch.equal(one, gumbel(0, "p", 0, 0, 8))
    for other in (gumbel(1, "p", 0, 0, 8), gumbel(0, "q", 0, 0, 8), gumbel(0, "p", 1, 0, 8), gumbel(0, "p", 0, 1, 8)):
        assert not torch.equal(one, other)


def test_what_is_close() -> None:
    logits, quiet = torch.tensor([0.1, 0.2, 0.3, 0.4]).log(), torch.zeros(4)
    assert not greedy(logits, 0.01).close
    assert greedy(logits, 0.01).token == 3
    assert greedy(logits, math.log(4 / 3) + 0.01).close
    assert not sampled(logits, 1.0, 1.0, quiet, 0.01).close
    assert sampled(logits, 1.0, 1.0, torch.tensor([0, 0, math.log(4 / 3) + 0.005, 0]), 0.01).close
    # .4 + .3 reaches .7 exactly: is .2 in the nucleus or not? It matters only if .2 would win.
    assert not sampled(logits, 1.0, 0.7, quiet, 0.01).close
    assert sampled(logits, 1.0, 0.7, torch.tensor([0.0, 5.0, 0.0, 0.0]), 0.01).close
    assert not sampled(logits, 1.0, 0.65, torch.tensor([5.0, 5.0, 0.0, 0.0]), 0.01).close
    only = torch.tensor([-math.inf, 0.0, -math.inf])
    assert not greedy(only, 1.0).close
    assert not sampled(only, 1.0, 0.9, torch.zeros(3), 0.01).close


def test_close_draws_are_rare_however_flat_the_distribution(fake) -> None:
    """A step made again costs a whole forward: on random weights less than one in twenty may be."""
    before = fake.meter.forwards
    answers = fake.generate(["a"], Decoding(max_tokens=40, temperature=1.5, top_p=0.9), samples=8)[0]
    assert fake.meter.forwards - before - 40 < sum(len(a.tokens) for a in answers) / 20
