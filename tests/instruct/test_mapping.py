"""Mappings: what is asked can be told from the demonstrations, and from nothing else."""

import random
from collections import Counter

import pytest

from rung.instruct.exercises.mapping import KINDS, MAKERS, mapping
from rung.instruct.sources import Sources


@pytest.fixture
def sources(tmp_path) -> Sources:
    words = ["".join(random.Random(i).choices("abcdefghijklmnoprstuvwxyz", k=6)) for i in range(400)]
    english = [f"The {a} {b} and the {c} saw a {d}." for a, b, c, d in zip(*[iter(words)] * 4, strict=True)]
    chinese = ["".join(random.Random(i).choices("天地人山水火木金土日月星风云雨雪", k=12)) + "。" for i in range(100)]
    for name, lines in {"en_wiki": english, "en_books": english, "zh_wiki": chinese, "zh_vernacular": chinese}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text("".join(f'{{"title": "t", "text": "{line}"}}\n' for line in lines))
    return Sources(tmp_path, tmp_path)


def test_every_label_is_shown_before_it_is_asked(sources):
    rng = random.Random(0)
    items = [mapping(rng, sources) for _ in range(200)]
    for item in items:
        assert {d.target for d in item.demonstrations} == set(item.labels)
        assert item.target in item.labels and not item.description
    assert len({item.key for item in items}) == len(items)
    assert Counter(item.language for item in items).keys() == {"zh", "en"}


@pytest.mark.parametrize("kind", ["bag", "sign", "echo"])
def test_a_text_has_parts_that_stood_behind_its_label_before(sources, kind):
    """The label whose texts share most words (characters) with the question is the right one, far above chance."""
    rng, right = random.Random(1), 0
    for _ in range(100):
        draws = MAKERS[kind](rng, sources, "en", 2)
        seen = [Counter(word for _ in range(8) for word in set(draw().split())) for draw in draws]
        asked = rng.randrange(2)
        text = set(draws[asked]().split())
        votes = [sum(one[word] for word in text) for one in seen]
        right += votes[asked] > votes[1 - asked]
    assert right > 80


def test_all_kinds_can_be_made():
    assert KINDS.keys() == MAKERS.keys()
