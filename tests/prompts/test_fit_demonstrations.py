"""How many demonstrations fit, with a tokenizer of one token per character, so that sizes are counted by hand."""

import pytest

from rung.prompts import TEMPLATES, Words, fit, render
from rung.types import Demonstration, ModelError, Prompt

PROMPT = Prompt(
    "arrow", "en", question="{{ input }}", lead="=", separator="|"
)  # "ab\n=c|x\n=": 5 per demonstration, 3 for "x"
SHOWN = tuple(Demonstration("ab", str(i)) for i in range(8))


def count(texts):
    return [len(text) for text in texts]


def kept(inputs, shown, context, reserve=0):
    return fit(PROMPT, Words("en"), inputs, shown, count=count, context=context, reserve=reserve)


@pytest.mark.parametrize("context, keep", [(3, 0), (8, 0), (9, 1), (14, 1), (15, 2), (50, 7), (51, 8), (500, 8)])
def test_the_longest_tail_that_fits(context, keep):
    # n demonstrations take 6n characters with their separators ("ab\n=0|"), the question 3
    assert kept(["x"], [SHOWN], context) == [SHOWN[8 - keep :]]


def test_reserve_is_kept_free():
    assert len(kept(["x"], [SHOWN], 51, reserve=1)[0]) == 7


def test_no_demonstrations_is_refused_when_even_that_is_too_long():
    with pytest.raises(ModelError, match="needs 3 tokens.*2 more.*holds 4") as error:
        kept(["x"], [SHOWN], 4, reserve=2)
    assert "词元" in error.value.zh
    with pytest.raises(ModelError):
        kept(["x"], [()], 2)


def test_each_input_for_itself():
    inputs, shown = ["x", "x" * 30, "x" * 10], [SHOWN, SHOWN, SHOWN[:3]]
    together = kept(inputs, shown, 40)
    assert together == [kept([i], [s], 40)[0] for i, s in zip(inputs, shown, strict=True)]
    assert [len(k) for k in together] == [6, 1, 3]


def test_no_inputs():
    assert kept([], [], 10) == []


def test_few_calls_and_whole_texts():
    calls = []

    def counting(texts):
        calls.append(list(texts))
        return count(texts)

    prompt, words = TEMPLATES["zh"]["classify"][1], Words("zh", "判断情感", ("正面", "负面"))
    shown = [Demonstration(f"第{i}条评论", "正面") for i in range(16)]
    (keep,) = fit(prompt, words, ["好"], [shown], count=counting, context=120, reserve=10)
    text = render(prompt, words, "好", keep)
    assert 0 < len(keep) < 16 and len(text) <= 110 < len(render(prompt, words, "好", shown[16 - len(keep) - 1 :]))
    assert len(calls) <= 6  # all, none, and log2(16) in between
