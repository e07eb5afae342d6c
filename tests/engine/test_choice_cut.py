"""Text in, scores out: where a choice begins, ties, batch sizes, contexts that are too short."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rung.engine import Model, fake_model, install
from rung.engine.choices import cut_all
from rung.engine.text import Text
from rung.types import ModelError


def merging_tokenizer(**special: str) -> PreTrainedTokenizerFast:
    """Letters a to d, with "bc" a token of its own: it spans the border of a prompt that ends in b."""
    letters = ["a", "b", "c", "d", "bc", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(letters)}, [("b", "c")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\n", "isolated")
    tokenizer.add_special_tokens(["<s>", "</s>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def small_model(tokenizer: PreTrainedTokenizerFast, *, scale: float = 0.2, context: int | None = None) -> Model:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        initializer_range=scale,
    )
    hf = LlamaForCausalLM(config).eval()
    install(hf)
    return Model(hf, tokenizer, name="small", sha256="0", context=context)


def test_a_token_that_spans_the_border_moves_the_cut() -> None:
    text = Text(merging_tokenizer())
    (cut,) = cut_all(text, ["ab"], [("c", "d")])
    assert cut.context == [0]  # "a": the b of the prompt may become the token "bc"
    assert cut.continuations == [[4], [1, 3]]  # "bc" and "b", "d": one cut for both, none empty


def test_no_continuation_is_empty_when_everything_merges() -> None:
    text = Text(merging_tokenizer(bos_token="<s>"))
    (cut,) = cut_all(text, ["b"], [("c",)])
    assert cut.context == [5]  # nothing of the prompt is left to predict "bc" from, so BOS does
    assert cut.continuations == [[4]]
    with pytest.raises(ModelError, match="neither BOS nor EOS"):
        cut_all(Text(merging_tokenizer()), ["b"], [("c",)])


def test_a_merged_choice_is_scored_as_the_model_reads_it(plain_logprobs) -> None:
    model = small_model(merging_tokenizer())
    found = model.score(["ab"], ["c", "d"])[0]
    assert found.logprobs == pytest.approx(plain_logprobs(model.hf, [0], [[4], [1, 3]]), abs=1e-4)
    assert (found.tokens, found.prompt_tokens) == ((1, 2), 1)


def test_long_prompts_are_encoded_as_if_whole(stories, fake) -> None:
    """The short cut for long prompts against the encoding of the whole text, for prompts with and without lines."""
    line = "A line of words, some 词 and numbers 123.\n"
    prompts = [line * 5 + "x: " + "word " * n for n in (0, 1, 30)] + [line * 3, line * 3 + "\n  end", "word " * 40, "a"]
    choices = [" yes", "no", "\n", "123", "的", " yes please"]
    for model in (stories, fake):
        found = model.text.encode_continued(prompts, [choices] * len(prompts))
        for prompt, ids in zip(prompts, found, strict=True):
            assert ids == [model.encode(prompt + choice) for choice in ("", *choices)]


def test_choices_may_differ_by_prompt(fake) -> None:
    both = fake.score(["one: ", "two: "], [["x", "yy"], ["z"]])
    assert [len(s.logprobs) for s in both] == [2, 1]
    assert both[1].logprobs == pytest.approx(fake.score(["two: "], ["z"])[0].logprobs, abs=1e-4)


def test_chinese_bytes(fake, plain_logprobs) -> None:
    """正面 and 负面 share their last bytes, 好 and 女 their first two: every byte counts."""
    prompts, choices = ["情感：很好。\n答案：", "情感：很差。\n答案："], ["正面", "负面", "女", "好"]
    for prompt, found in zip(prompts, fake.score(prompts, choices), strict=True):
        expected = plain_logprobs(fake.hf, fake.encode(prompt), [list(fake.encode(c)[1:]) for c in choices])
        assert found.logprobs == pytest.approx(expected, abs=1e-4)
        assert found.tokens == (6, 6, 3, 3)


def test_bad_choices_are_refused(fake) -> None:
    for choices, message in [
        (["yes", ""], "empty choice"),
        (["yes", "yes"], "stands twice"),
        ([["a"], ["b"]], "1 prompts, but 2 lists"),
        ("yes", "list of texts"),
        ([], "list of texts"),
    ]:
        with pytest.raises(ModelError, match=message):
            fake.score(["x"], choices)


def test_choices_with_equal_tokens_are_refused() -> None:
    tokenizer = merging_tokenizer()
    tokenizer.backend_tokenizer.normalizer = __import__("tokenizers").normalizers.Lowercase()
    with pytest.raises(ModelError, match="same tokens"):
        cut_all(Text(tokenizer), ["a"], [("b", "B")])


def test_the_context_is_checked_before_any_forward() -> None:
    model = small_model(merging_tokenizer(), context=10)
    assert model.count(["a" * 6, "a"], ["dddd", "d"]) == [10, 5]
    assert len(model.score(["a" * 6], ["dddd", "d"])) == 1
    before = model.meter.forwards
    with pytest.raises(ModelError, match=r"prompt 2 of 2 \('aaaaaaa'\) needs 11 tokens .* holds 10") as error:
        model.score(["a", "a" * 7], ["dddd", "d"])
    assert "第 2 个提示" in error.value.zh
    assert model.meter.forwards == before


@pytest.mark.parametrize("normalise", ["sum", "mean"])
def test_the_winner_does_not_depend_on_the_batch(normalise) -> None:
    """Near ties on purpose: weights so small that all choices are within 1e-4 of each other."""
    model = small_model(merging_tokenizer(), scale=1e-3)
    prompts = ["a" * n + "d" * m for n in range(1, 9) for m in range(8)]
    choices = ["ab", "cd", "da", "db", "ac"]
    winners = []
    for batch_size in (1, 3, 8, 64):
        model.batch_size = batch_size
        scores = model.score(prompts, choices, normalise=normalise)
        winners.append([s.logprobs.index(max(s.logprobs)) for s in scores])
        alone = model.score_tokens(*zip(*_tokens(model, prompts, choices), strict=True), exact=True)
        assert [s.logprobs for s in scores] == [s.logprobs for s in alone]  # every one is a near tie
    assert winners[0] == winners[1] == winners[2] == winners[3]


def _tokens(model: Model, prompts: list[str], choices: list[str]) -> list[tuple[list[int], list[list[int]]]]:
    cuts = cut_all(model.text, prompts, [choices] * len(prompts))
    return [(cut.context, cut.continuations) for cut in cuts]


def test_offsets_decide_what_is_close(fake) -> None:
    """Calibration that makes two choices tie: only then is the item computed a second time, alone."""
    prompts, choices = ["is it so? "], ["yes", "no"]
    plain = fake.score(prompts, choices)[0]
    before = fake.meter.forwards
    fake.score(prompts, choices, offsets=[0.0, 0.0])
    assert fake.meter.forwards == before + 1
    tie = fake.score(prompts, choices, offsets=[0.0, plain.logprobs[0] - plain.logprobs[1]])[0]
    assert fake.meter.forwards == before + 3
    assert tie.logprobs == pytest.approx(plain.logprobs, abs=1e-4)  # offsets are not in what is returned
    with pytest.raises(ModelError, match="one number per choice"):
        fake.score(prompts, choices, offsets=[0.0])


def test_bos_stands_once(stories, fake) -> None:
    assert stories.encode("Once")[0] == 1
    assert stories.encode("Once").count(1) == 1
    chat = fake.chat([{"role": "user", "content": "hi"}], lead="Answer:")
    assert chat.startswith("<|begin|>")  # the template writes BOS, and the tokenizer would put another
    assert fake.encode(chat).count(256) == 1
    assert fake.decode(fake.encode(chat)).endswith("Answer:")


def test_a_model_without_template_says_so(stories) -> None:
    assert not stories.has_chat_template
    with pytest.raises(ModelError, match="chat template"):
        stories.chat([{"role": "user", "content": "hi"}])


def test_a_template_that_refuses_messages_says_so() -> None:
    """Gemma's template knows no system message, and raises an error of Jinja2's own."""
    model = fake_model()
    model.tokenizer.chat_template = (
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{{ m['content'] }}{% endfor %}"
    )
    with pytest.raises(ModelError, match=r"\(system, user\): System role not supported; use prompts in plain") as error:
        model.chat([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}])
    assert "plain" in error.value.zh and error.value.zh != str(error.value)
    assert model.chat([{"role": "user", "content": "hi"}], "so: ") == "hiso: "


def test_request_flops_by_hand(fake) -> None:
    """2 layers of width 32 over 7 + 3 tokens: 10 * 11 / 2 pairs; 2 N per token; 2 V d per position read."""
    expected = 2 * fake.nonembedding * 10 + 4 * 2 * 32 * 55 + 2 * 261 * 32 * 4
    assert fake.request_flops(7, 3, 4) == expected
    assert fake.parameters - fake.nonembedding == 261 * 32  # tied: the head is the embedding
    scored = fake.score(["1234567"], ["ab", "ac", "b"])[0]  # BOS + 7 tokens; only "a" is read behind them
    assert scored.flops == fake.request_flops(8, 1, 2)
