"""Metrics against scikit-learn, sacrebleu and rouge_score, and against cases counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sacrebleu
from rouge_score import rouge_scorer
from sklearn.metrics import accuracy_score, f1_score

from rung.task.metrics import METRICS, by_field, find_metric, parts, reason_for_none, scores, value
from rung.task.metrics.generate import Tokenizer
from rung.types import DataError, Sealed, Task

LABELS = ("a", "b", "c", "d")
ENGLISH = (
    ["the cat sat on the mat", "a dog barked", "", "rain is falling in the hills again tonight"],
    ["the cat is on the mat", "a dog barked loudly", "some words", "rain falls on the hills again tonight"],
)
CHINESE = (
    ["今天天气很好，我们去公园。", "他不来", "", "这台手机的电池能用两天"],
    ["今天天气真好，我们一起去公园玩。", "他今天不来了", "什么", "这部手机的电池可以用两天左右"],
)


def task(kind="classify", language="en", labels=LABELS):
    return Task("t", kind, "", language, (), (), Sealed(()), labels=labels if kind == "classify" else ())


def answers(n=200, seed=0):
    """Random labels and answers, some of which are no label at all."""
    draw = np.random.default_rng(seed)
    targets = [str(x) for x in draw.choice(LABELS[:3], n)]
    outputs = [t if draw.random() < 0.6 else str(draw.choice([*LABELS, "", "nonsense"])) for t in targets]
    return outputs, targets


def test_accuracy_is_scikit_learns():
    outputs, targets = answers()
    assert value("accuracy", outputs, targets, task()) == pytest.approx(accuracy_score(targets, outputs))


def test_macro_f1_is_scikit_learns_over_the_classes_wanted_or_given():
    outputs, targets = answers()
    assert "d" in outputs and "d" not in targets  # a false alarm of a class that never occurs counts as 0
    expected = f1_score(targets, outputs, labels=list(LABELS), average="macro", zero_division=0)
    assert value("macro-f1", outputs, targets, task()) == pytest.approx(expected)
    kept = [(o, t) for o, t in zip(outputs, targets, strict=True) if o != "d"]  # now d plays no part at all
    outputs, targets = map(list, zip(*kept, strict=True))
    expected = f1_score(targets, outputs, labels=list(LABELS[:3]), average="macro")
    assert value("macro-f1", outputs, targets, task()) == pytest.approx(expected)


def test_entity_and_field_f1_by_hand():
    targets = ['{"name":["Ann","Bo"],"place":["Rome"]}', '{"name":[],"place":["Oslo"]}', '{"name":["Cy"],"place":[]}']
    outputs = [
        '{"name":["Ann","Ann"],"place":["Rome"]}',
        '{"name":["Di"],"place":["oslo"]}',
        '{"place":[],"name":["Cy"]}',
    ]
    extract = task("extract")
    # name: tp Ann, Cy; fp Ann again, Di; fn Bo.  place: tp Rome; fp oslo; fn Oslo (case matters).
    assert value("entity-f1", outputs, targets, extract) == pytest.approx(2 * 3 / (2 * 3 + 3 + 2))
    name, place = 2 * 2 / (2 * 2 + 2 + 1), 2 * 1 / (2 * 1 + 1 + 1)
    assert value("field-f1", outputs, targets, extract) == pytest.approx((name + place) / 2)
    assert value("exact-match", outputs, targets, extract) == pytest.approx(1 / 3)  # the order of keys does not matter
    report = by_field(outputs, targets, extract)
    assert report["name"] == pytest.approx({"f1": name, "precision": 2 / 4, "recall": 2 / 3, "wanted": 3})


def test_nested_and_scalar_fields():
    target = '{"buyer":{"name":"Ann","age":3},"paid":true,"items":[{"id":1,"n":2}],"note":null}'
    extract = task("extract")
    assert value("entity-f1", [target], [target], extract) == 1
    other = '{"buyer":{"name":" Ann ","age":4},"paid":true,"items":[{"n":2,"id":1}]}'
    # of four values (note is null) only age differs
    assert value("entity-f1", [other], [target], extract) == pytest.approx(3 / 4)


def test_unreadable_answers_are_wrong_and_never_dropped():
    target, nothing = '{"name":["Ann"]}', '{"name":[]}'
    extract = task("extract")
    for broken in ("", "no json", "[1]", '{"name": ["Ann"'):
        assert value("entity-f1", [broken, target], [target, target], extract) == pytest.approx(2 / (2 + 1 + 1))
        assert value("field-f1", [broken, target], [target, target], extract) == pytest.approx(2 / (2 + 1 + 1))
        assert value("exact-match", [broken, target], [target, target], extract) == 0.5
        # where nothing is to be found an empty object is right and gibberish is not
        assert scores("entity-f1", [broken, nothing], [nothing, nothing], extract).tolist() == [0, 1]
    assert value("accuracy", ["", "a"], ["a", "a"], task()) == 0.5
    with pytest.raises(ValueError, match="1 outputs for 2 targets"):
        value("accuracy", ["a"], ["a", "a"], task())


@pytest.mark.parametrize(("outputs", "targets"), [ENGLISH, CHINESE])
def test_chrf_is_sacrebleus(outputs, targets):
    generate = task("generate")
    assert value("chrf", outputs, targets, generate) == pytest.approx(
        sacrebleu.corpus_chrf(outputs, [targets]).score / 100
    )
    alone = [sacrebleu.sentence_chrf(o, [t]).score / 100 for o, t in zip(outputs, targets, strict=True)]
    assert scores("chrf", outputs, targets, generate) == pytest.approx(alone)


@pytest.mark.parametrize(("texts", "language", "tokenizer"), [(ENGLISH, "en", "13a"), (CHINESE, "zh", "zh")])
def test_bleu_is_sacrebleus_with_the_languages_tokenizer(texts, language, tokenizer):
    outputs, targets = texts
    expected = sacrebleu.corpus_bleu(outputs, [targets], tokenize=tokenizer).score / 100
    assert expected > 0.1
    assert value("bleu", outputs, targets, task("generate", language)) == pytest.approx(expected)


def test_rouge_l_is_rouge_scores_for_english():
    outputs, targets = ENGLISH
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    expected = [scorer.score(t, o)["rougeL"].fmeasure for o, t in zip(outputs, targets, strict=True)]
    assert value("rouge-l", outputs, targets, task("generate")) == pytest.approx(np.mean(expected))


def test_rouge_l_sees_chinese_where_the_default_tokenizer_is_blind():
    blind = rouge_scorer.RougeScorer(["rougeL"]).score("他今天不来了", "他不来")["rougeL"].fmeasure
    assert blind == 0
    # By hand: 3 of the 6 wanted characters, 3 of the 3 given: F = 2 * 1 * .5 / 1.5
    assert value("rouge-l", ["他不来"], ["他今天不来了"], task("generate", "zh")) == pytest.approx(2 / 3)
    assert Tokenizer().tokenize("用iPhone 15拍照_很好") == ["用", "iphone", "15", "拍", "照", "很", "好"]


@pytest.mark.parametrize("metric", ["rouge-l", "chrf", "exact-match"])
def test_a_copy_of_a_target_without_words_is_right(metric: str):
    for target in ("!!!", "\U0001f600\U0001f44d", "。。。", "+ - ="):
        assert value(metric, [target], [target], task("generate")) == pytest.approx(1.0)
        assert value(metric, ["some words"], [target], task("generate")) == 0


def test_exact_match_of_texts_ignores_blanks_and_normal_forms():
    assert value("exact-match", [" caf\u00e9  au lait\n", "b"], ["cafe\u0301 au lait", "B"], task("generate")) == 0.5


def test_preference_accuracy():
    pair = json.dumps({"chosen": "yes", "rejected": "no"})
    assert value("preference-accuracy", ["yes", "no", ""], [pair] * 3, task("prefer")) == pytest.approx(1 / 3)


def cases():
    texts = {"en": ENGLISH, "zh": CHINESE}
    for name, metric in METRICS.items():
        for kind in metric.kinds:
            if kind == "classify":
                yield pytest.param(name, *answers(50), task(), id=f"{name}-{kind}")
            elif kind == "generate":
                for language, (outputs, targets) in texts.items():
                    yield pytest.param(name, outputs, targets, task(kind, language), id=f"{name}-{language}")
            elif kind == "extract":
                outputs = ['{"a":["x"]}', "broken", '{"a":[],"b":"y"}', '{"b":"z"}']
                targets = ['{"a":["x","v"]}', '{"a":["x"]}', '{"a":["w"],"b":"y"}', '{"b":"z"}']
                yield pytest.param(name, outputs, targets, task(kind), id=f"{name}-{kind}")


@pytest.mark.parametrize(("name", "outputs", "targets", "judged"), list(cases()))
def test_summed_parts_of_a_resample_are_the_metric_of_the_resample(name, outputs, targets, judged):
    """The promise that the bootstrap rests on; the reference is the metric computed afresh on each resample."""
    metric = METRICS[name]
    counts = parts(name, outputs, targets, judged)
    draws = np.random.default_rng(1).integers(0, len(targets), (5, len(targets)))
    quick = metric.combine(counts[draws].sum(1))
    for draw, figure in zip(draws, quick, strict=True):
        afresh = value(name, [outputs[i] for i in draw], [targets[i] for i in draw], judged)
        if name != "field-f1":  # its fields are those that occur, and a broken answer is shared among them
            assert afresh == pytest.approx(figure)
        assert 0 <= figure <= 1
    alone = scores(name, outputs, targets, judged)
    assert (alone is None) == (name == "macro-f1")
    if metric.mean:
        assert alone.mean() == pytest.approx(value(name, outputs, targets, judged))
    best = value(name, targets, targets, judged)
    assert name == "preference-accuracy" or best == pytest.approx(1)


def test_nothing_to_measure_is_none_and_says_why():
    for name in METRICS:
        assert value(name, [], [], task()) is None
        assert parts(name, [], [], task()) is None
        assert scores(name, [], [], task()) is None
    assert reason_for_none("accuracy", []) == "no examples"
    assert reason_for_none("accuracy", [], "zh") == "没有样本"
    assert value("entity-f1", ["{}"], ["{}"], task("extract")) is None
    assert "nothing" not in reason_for_none("entity-f1", ["{}"]) and "no target" in reason_for_none("entity-f1", ["{}"])


def test_metrics_are_found_by_name_and_kind():
    defaults = {kind: find_metric(None, kind).name for kind in ("classify", "extract", "generate", "prefer")}
    assert defaults == {
        "classify": "accuracy",
        "extract": "entity-f1",
        "generate": "chrf",
        "prefer": "preference-accuracy",
    }
    assert find_metric("macro-f1", "classify").name == "macro-f1"
    with pytest.raises(DataError, match="did you mean 'accuracy'"):
        find_metric("acuracy", "classify")
    with pytest.raises(DataError, match="did you mean 'rouge-l'"):
        find_metric("rouge_L", "generate")
    with pytest.raises(
        DataError, match="'chrf' is for generate tasks and this one is 'classify': take one of accuracy, macro-f1"
    ):
        find_metric("chrf", "classify")
