"""Labels by log-probabilities: where an echoed label begins, and what the likeliest tokens say of each label."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rung.engine.endpoint.failures import Broken
from rung.engine.endpoint.scoring import Step, cut_echoes, echo_tokens, label_logs, steps_of


def echoed(tokens: list[str], values: list[float | None]) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "text": "".join(tokens), "logprobs": {"tokens": tokens, "token_logprobs": values}}]
    }


def cut(
    joint: list[list[str]], choices: list[str], prompt: str, *, written: int = 0, own: list[str] | None = None
) -> Any:
    echoes = [(tokens, [None, *(-float(i) for i in range(1, len(tokens)))]) for tokens in joint]
    return cut_echoes(echoes, [prompt + c for c in choices], choices, written, own)


def test_a_label_is_what_stands_behind_the_prompt() -> None:
    logs = cut([["It", " is", " good"], ["It", " is", " b", "ad"]], [" good", " bad"], "It is")
    assert logs.tokens == (1, 2)
    assert logs.logprobs == (-2.0, -5.0)


def test_a_token_across_the_border_belongs_to_the_label_of_every_option() -> None:
    # "is" + "n't" is one token of one option, so that the cut lies before it for both, as rung.engine.choices makes it
    logs = cut([["It", " isn't"], ["It", " is", " so"]], ["n't", " so"], "It is")
    assert logs.tokens == (1, 2)


def test_what_options_begin_with_alike_is_not_scored_away() -> None:
    logs = cut([["It:", " pos", "itive"], ["It:", " pos", "sible"]], [" positive", " possible"], "It:")
    assert logs.tokens == (2, 2)


def test_bos_in_front_and_a_token_written_behind_do_not_matter() -> None:
    joint = [["<s>", "It", " good", " so"], ["<s>", "It", " bad", "</s>"]]
    assert cut(joint, [" good", " bad"], "It", written=1).tokens == (1, 1)


def test_bytes_of_characters_need_the_prompts_own_tokens() -> None:
    joint = [["标", "签", "\ufffd", "\ufffd"], ["标", "签", "\ufffd", "\ufffd", "\ufffd"]]
    assert cut(joint, ["喜", "怒"], "标签") is None
    assert cut(joint, ["喜", "怒"], "标签", own=["标", "签"]).tokens == (2, 3)


def test_of_a_label_in_the_very_first_token_nothing_is_known() -> None:
    logs = cut([["\nleft"], ["\nright", "er"]], ["left", "righter"], "\n")
    assert logs.logprobs == (0.0, 0.0)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": [{"index": 0, "text": "a b c", "logprobs": None}]},
        echoed(["a", " b", " c"], [None, -1.0]),
        echoed(["a", " b", " c"], [None, -1.0, 0.7]),
        echoed(["a", " b", " c"], [None, -1.0, math.nan]),
        echoed(["a", " b", " c"], [None, -1.0, None]),
        echoed(["a"], [None]),  # only what was written came back: some servers echo the text without its numbers
    ],
    ids=["none", "missing", "too few", "above 0", "nan", "a hole", "no echo"],
)
def test_log_probabilities_that_cannot_be_are_broken(body: dict[str, Any]) -> None:
    with pytest.raises(Broken):
        echo_tokens(body, ["a b c and some more words that are long"])


def step(token: str, **likeliest: float) -> Step:
    logs = {name.replace("_", " "): math.log(p) for name, p in likeliest.items()}
    return Step(token, logs[token], logs)


def test_a_label_gets_the_tokens_that_only_it_begins_with() -> None:
    logs, seen = label_logs([" good", " bad"], [step(" good", _good=0.6, _Good=0.1, _bad=0.2, _the=0.05)])
    assert seen
    assert [math.exp(v) for v in logs.logprobs] == pytest.approx([0.7, 0.2])  # case and spaces apart


def test_a_label_that_is_not_among_the_likeliest_gets_the_most_it_can_have() -> None:
    logs, seen = label_logs(["good", "bad"], [step("good", good=0.9, fine=0.06)])
    assert seen
    assert math.exp(logs.logprobs[1]) == pytest.approx(0.04)  # what is left; less than the least of the likeliest


def test_labels_that_begin_alike_are_told_apart_where_the_model_goes() -> None:
    steps = [step("pos", pos=0.8, neg=0.1), step("itive", itive=0.7, sible=0.2)]
    logs, _ = label_logs(["positive", "possible", "negative"], steps)
    assert [math.exp(v) for v in logs.logprobs] == pytest.approx([0.56, 0.16, 0.1])


def test_where_the_model_does_not_go_labels_that_begin_alike_share() -> None:
    logs, _ = label_logs(["positive", "possible", "negative"], [step("neg", neg=0.6, pos=0.4)])
    assert [math.exp(v) for v in logs.logprobs] == pytest.approx([0.2, 0.2, 0.6])


def test_a_label_that_another_goes_on_from_ends_where_the_model_stops() -> None:
    logs, _ = label_logs(["joy", "joyful"], [step("joy", joy=0.9, sad=0.05)])
    assert logs.logprobs[0] > logs.logprobs[1]
    logs, _ = label_logs(["joy", "joyful"], [step("joy", joy=0.9, sad=0.05), step("ful", ful=0.8, ous=0.1)])
    assert logs.logprobs[1] > logs.logprobs[0]


def test_quotes_and_spaces_before_a_label_are_passed_over() -> None:
    logs, seen = label_logs(
        ["good", "bad"], [Step('"', -0.1, {'"': -0.1, "Sure": -3.0}), step("bad", bad=0.9, good=0.1)]
    )
    assert seen
    assert logs.logprobs[1] > logs.logprobs[0]


def test_a_model_that_says_something_else_has_no_label() -> None:
    logs, seen = label_logs(["good", "bad"], [step("Sure", Sure=0.9, The=0.08)])
    assert not seen
    assert logs.logprobs[0] == logs.logprobs[1]


def test_steps_that_add_up_to_more_than_certain_are_broken() -> None:
    content = [{"token": "a", "logprob": -0.1, "top_logprobs": [{"token": t, "logprob": -0.1} for t in "ab"]}]
    with pytest.raises(Broken):
        steps_of({"choices": [{"logprobs": {"content": content}}]}, chat=True)
