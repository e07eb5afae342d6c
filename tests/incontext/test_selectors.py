"""Selectors on pools made by hand, where the right neighbour can be seen."""

import math

import numpy as np
import pytest

from rung.incontext import Bm25Selector, DiverseSelector, EmbeddingSelector, make_selector, terms
from rung.types import DataError, Demonstration, ModelError, Selector

ZH = [
    Demonstration("屏幕显示效果很清晰", "屏幕"),
    Demonstration("电池很耐用，续航时间长", "电池"),
    Demonstration("快递员态度很差", "物流"),
    Demonstration("充一次电续航不到半天", "电池"),
    Demonstration("物流速度很快", "物流"),
]
EN = [
    Demonstration("The screen is bright and sharp", "screen"),
    Demonstration("Battery life is far too short", "battery"),
    Demonstration("Delivery took two weeks", "delivery"),
    Demonstration("The BATTERY died after an hour", "battery"),
]


def vectors(texts):
    """A model's states by hand: a large common part, and one direction for each letter a, b, c."""
    return np.array([[100.0] + [float(text.count(letter)) for letter in "abc"] for text in texts])


def bm25_lucene(corpus: list[list[str]], query: list[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """sum over query terms of ln(1 + (N - df + .5)/(df + .5)) * tf / (tf + k1 (1 - b + b len/avglen))."""
    n, average = len(corpus), sum(map(len, corpus)) / len(corpus)
    scores = []
    for document in corpus:
        score = 0.0
        for term in query:
            df, tf = sum(term in other for other in corpus), document.count(term)
            idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
            score += idf * tf / (tf + k1 * (1 - b + b * len(document) / average))
        scores.append(score)
    return scores


def test_terms():
    assert terms("Battery-life: 3h") == ["battery", "life", "3h"]
    assert terms("续航短") == ["续", "航", "短", "续航", "航短", "续航短"]
    assert terms("iPhone的电池") == ["iphone", "的", "电", "池", "的电", "电池", "的电池"]
    assert terms("ＡＢ!") == ["ab"] and terms("!?") == ["!?"] and terms("  ") == []


def test_bm25_finds_the_chinese_keyword():
    picked = Bm25Selector(ZH, 2).pick(["电池续航时间太短了，根本不够用。"])[0]
    assert picked == [3, 1]  # 1 shares 电池, 续航 and 时间: it stands last, next to the question


def test_bm25_finds_the_english_keyword():
    picked = Bm25Selector(EN, 2).pick(["battery problem", "my screen cracked"])
    assert picked[0] == [3, 1]  # one "battery" in six words each: a tie, so the first of the pool counts as nearest
    assert picked[1][-1] == 0


def test_bm25_scores_are_the_formula():
    """Robertson & Zaragoza 2009 in Lucene's form, k1 1.5, b 0.75, computed in plain Python."""
    for pool, query in ((ZH, "电池续航时间太短了"), (EN, "the battery is the worst")):
        expected = bm25_lucene([terms(d.input) for d in pool], terms(query))
        np.testing.assert_allclose(Bm25Selector(pool, 1).scores(query), expected, rtol=1e-9)


def test_bm25_ties_by_index_and_unknown_words():
    pool = [Demonstration(f"same words {i}", "x") for i in range(6)]
    assert Bm25Selector(pool, 3).pick(["same words", "unheard", "…", ""]) == [[2, 1, 0]] * 4


def test_embedding_looks_past_the_common_part():
    pool = [Demonstration(text, "x") for text in ("aaa", "ab", "bbb", "ccc")]
    assert EmbeddingSelector(pool, 1, vectors).pick(["aa", "bb", "c"]) == [[0], [2], [3]]
    by_hand = np.array([[3, 0, 0], [1, 1, 0], [0, 3, 0], [0, 0, 3]]) - np.array([1, 1, 0.75])
    query = np.array([2, 0, 0]) - np.array([1, 1, 0.75])
    cosines = by_hand @ query / (np.linalg.norm(by_hand, axis=1) * np.linalg.norm(query))
    np.testing.assert_allclose(EmbeddingSelector(pool, 1, vectors).cosines(["aa"])[0], cosines, atol=1e-5)


def test_embedding_of_equal_states_and_of_none():
    pool = [Demonstration(text, "x") for text in "xyz"]  # all at the mean: every cosine is 0
    assert EmbeddingSelector(pool, 2, vectors).pick(["a", "q"]) == [[1, 0], [1, 0]]
    assert EmbeddingSelector(pool, 2, vectors).pick([]) == []
    with pytest.raises(ModelError, match="not finite"):
        EmbeddingSelector(pool, 2, lambda texts: vectors(texts) * np.nan)


@pytest.mark.parametrize("hidden", [None, vectors])
def test_diverse_takes_one_of_each_cluster(hidden):
    pool = [Demonstration(f"{word} {word} {i}", word) for i in range(6) for word in ("aaaa", "bbbb", "cccc")]
    picked = DiverseSelector(pool, 3, seed=0, hidden=hidden).pick(["whatever", "else"])
    assert picked[0] == picked[1] and {pool[i].target for i in picked[0]} == {"aaaa", "bbbb", "cccc"}
    assert DiverseSelector(pool, 3, seed=0, hidden=hidden).pick(["x"]) == picked[:1]


def test_diverse_fills_up_where_texts_repeat():
    pool = [Demonstration("same", "a")] * 3 + [Demonstration("other", "b")]
    picked = DiverseSelector(pool, 3).pick(["new"])[0]
    assert len(set(picked)) == 3 and 3 in picked


@pytest.mark.parametrize("kind", ["bm25", "embedding", "diverse"])
def test_an_input_is_never_shown_to_itself(kind):
    pool = [Demonstration(text, "x") for text in ("a b", "b c", "c a", "a a", "cafe\u0301")]
    picker = make_selector(Selector(kind, 3), pool, vectors)
    for i, shown in enumerate(pool):
        picked = picker.pick([f" {shown.input}\n"])[0]
        assert i not in picked and len(picked) == 3
    assert 4 not in picker.pick(["caf\u00e9"])[0]  # the same text in another normal form
    assert len(make_selector(Selector(kind, 5), pool, vectors).pick(["a b"])[0]) == 4


@pytest.mark.parametrize("kind", ["bm25", "embedding", "diverse"])
def test_the_batch_and_the_call_do_not_matter(kind):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abc 电池"), 8)) + str(i) for i in range(80)]
    pool, inputs = [Demonstration(text, "x") for text in texts[:50]], texts[50:]
    picker = make_selector(Selector(kind, 4, seed=3), pool, vectors)
    together = picker.pick(inputs)
    assert together == [picker.pick([one])[0] for one in inputs]
    assert together == make_selector(Selector(kind, 4, seed=3), pool, vectors).pick(inputs)


def test_what_cannot_be_made_is_refused():
    for n in (0, 6):
        with pytest.raises(DataError, match="demonstration"):
            make_selector(Selector("bm25", n), ZH)
    with pytest.raises(ModelError, match="hidden states"):
        make_selector(Selector("embedding", 2), ZH)
    with pytest.raises(DataError, match="There are: bm25, embedding, diverse"):
        make_selector(Selector("nearest", 2), ZH)  # type: ignore[arg-type]
