"""The first of two equal or similar texts stays; what is remembered lives in one file that goes afterwards."""

import random

import pytest

from rung.pretrain.clean.duplicates import NEAR, N, duplicates
from rung.pretrain.clean.work import BUFFERED, Work


@pytest.fixture
def work(tmp_path):
    with Work(tmp_path / "work.sqlite") as work:
        yield work


def many_words(count, seed=0):
    rng = random.Random(seed)
    return ["".join(rng.choice("abcdefghijklm") for _ in range(6)) for _ in range(count)]


def test_an_equal_text_goes_whatever_its_case_and_spaces(work, document, english):
    stage = duplicates(work)
    assert stage(document(english)) is None
    found = stage(document("  " + english.upper().replace(",", " ;\n")))
    assert (found.reason, found.value) == ("duplicate", "source/train.jsonl:1")


@pytest.mark.parametrize("changed, goes", [(0, True), (2, True), (4, True), (30, False)])
def test_a_similar_text_goes(work, document, changed, goes):
    words = many_words(100)
    stage = duplicates(work, exact=False)
    assert stage(document(" ".join(words))) is None
    for at in range(changed):
        words[at * 3] = "other" + str(at)
    one, two = ({tuple(w[i : i + N]) for i in range(len(w) - N + 1)} for w in (many_words(100), words))
    assert (len(one & two) / len(one | two) >= NEAR) is goes  # the similarity itself, by sets
    found = stage(document(" ".join(words)))
    assert bool(found) is goes
    assert not goes or found.reason == "near-duplicate"


def test_what_goes_is_not_remembered(work, document):
    stage = duplicates(work)
    for seed in range(3):
        stage(document(" ".join(many_words(60, seed))))
        stage(document(" ".join(many_words(60, seed)[:-1])))
    assert work.base.execute("SELECT COUNT(*) FROM kept").fetchone() == (3,)


def test_either_half_can_be_off(work, document, chinese):
    stage = duplicates(work, near=False)
    assert stage(document(chinese)) is None
    assert stage(document(chinese[:-1] + "呀")) is None
    assert stage(document(chinese)).reason == "duplicate"


def test_lines_are_counted_by_source_across_writes(work):
    for _ in range(3):
        work.count_lines("a", range(BUFFERED // 2))
    work.count_lines("b", [1])
    assert work.common_lines("a", 3) == frozenset(range(BUFFERED // 2))
    assert work.common_lines("a", 4) == frozenset() == work.common_lines("b", 2)


def test_the_file_goes_with_the_command(tmp_path):
    with pytest.raises(KeyboardInterrupt), Work(tmp_path / "w.sqlite"):
        assert (tmp_path / "w.sqlite").exists()
        raise KeyboardInterrupt
    assert not (tmp_path / "w.sqlite").exists()
