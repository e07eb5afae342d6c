"""What is known of a task from a file, typed pairs, words, or a teacher's adaptation; and what cannot be understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.synthesize import Told, read_seeds, told_by
from rung.types import Adaptation, DataError, UserError


def csv(folder: Path, *rows: str, name: str = "seeds.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(("text,label", *rows)) + "\n", encoding="utf-8")
    return path


def test_every_row_of_a_file_is_a_seed_and_the_kind_is_told_as_for_a_climb(tmp_path: Path) -> None:
    rows = [f"message {i},{'a' if i % 2 else 'b'}" for i in range(12)]
    found, bad = read_seeds(csv(tmp_path, *rows, "message 0,b", "nothing,"))
    assert (found.kind, found.labels, found.language, len(found.examples)) == ("classify", ("a", "b"), "en", 12)
    assert sorted(row.code for row in bad) == ["duplicate", "no-answer"]
    assert read_seeds(csv(tmp_path, "x,one", "y,two"))[0].kind == "generate"  # two rows do not repeat
    assert read_seeds(csv(tmp_path, "x,one", "y,two"), (), Told(labels=("one", "two")))[0].kind == "classify"


def test_of_a_folder_only_the_train_split_is_seen(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        csv(tmp_path, *(f"{split} {i},{'a' if i % 2 else 'b'}" for i in range(12)), name=f"{split}.csv")
    found, _ = read_seeds(tmp_path)
    assert len(found.examples) == 12
    assert all(e.input.startswith("train") for e in found.examples)


def test_typed_pairs_and_words_are_enough() -> None:
    told = Told(labels=("物流", "退款"), description="判断客服留言的意图")
    found, _ = read_seeds(None, ["快递没到 => 物流", "a => b 要退 => 退款"], told)
    assert [(e.input, e.target) for e in found.examples] == [("快递没到", "物流"), ("a => b 要退", "退款")]
    assert (found.kind, found.language) == ("classify", "zh")
    assert read_seeds(None, (), Told(description="Translate into English"))[0].kind == "generate"
    found, _ = read_seeds(None, ['Ada is in Rome => {"place": "Rome"}'], Told(kind="extract"))
    assert found.examples[0].target == '{"place":"Rome"}'
    assert found.words.fields == ("place",)


def test_entities_become_objects_of_a_common_schema(tmp_path: Path) -> None:
    path = tmp_path / "entities.jsonl"
    rows = [
        {"text": "Ada in Rome", "entities": [{"text": "Ada", "type": "person"}, {"text": "Rome", "type": "place"}]},
        {"text": "nobody in Oslo", "entities": [{"text": "Oslo", "type": "place"}]},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    found, _ = read_seeds(path)
    assert [json.loads(e.target) for e in found.examples] == [
        {"person": ["Ada"], "place": ["Rome"]}, {"person": [], "place": ["Oslo"]},
    ]  # fmt: skip
    assert found.words.fields == ("person", "place")


MADE = Adaptation("tfidf/c10", "tfidf", "classify", "zh", "tfidf", ("a", "b", "c"), description="of a climb")


def test_an_adaptation_says_what_the_user_does_not() -> None:
    told = told_by(MADE, Told())
    assert (told.kind, told.labels, told.language, told.description) == (
        "classify",
        ("a", "b", "c"),
        "zh",
        "of a climb",
    )
    assert told_by(MADE, Told(labels=("c", "a"), language="en")).labels == ("c", "a")
    for other in (Told(kind="generate"), Told(labels=("a", "d"))):
        with pytest.raises(UserError, match="take a teacher of the same task") as wrong:
            told_by(MADE, other)
        assert "请换用同一任务的教师" in wrong.value.zh


@pytest.mark.parametrize(
    ("pairs", "told", "en", "zh"),
    [
        (["no arrow"], Told(), "write INPUT => ANSWER", "请写成"),
        (["=> b"], Told(), "write INPUT => ANSWER", "请写成"),
        (["x => c"], Told(labels=("a", "b")), "the label 'c' of 'x' is not among the labels: a, b", "不在给定的标签里"),
        (["x => a"], Told(kind="classify"), "needs two labels at least, found a", "至少需要两种标签"),
        (["x => {"], Told(kind="extract"), "the answer is no JSON", "答案不是 JSON"),
        (['x => {"a": NaN}'], Told(kind="extract"), r"no JSON \(NaN is not a JSON value", "NaN 不是 JSON 的值"),
        (['x => {"a": "\\ud83d"}'], Told(kind="extract"), "half of a surrogate pair", "只有半个代理对"),
        (['x => {"a": 1, "a": 2}'], Told(kind="extract"), "stands more than once", "重复出现"),
        (["x => a"], Told(kind="clasify"), "kind: one of classify, extract", "kind 的值 'clasify' 不可用"),  # type: ignore[arg-type]
        (
            ["x => a"],
            Told(language="fr"),
            "language: one of zh, en|language: one of en, zh",
            "language 的值 'fr' 不可用",
        ),  # type: ignore[arg-type]
        (["x => a"], Told(labels=("a", "a")), "each label stands once", "每个标签只写一次"),
        ([], Told(kind="prefer"), "preference pairs cannot be synthesized yet", "暂不支持合成偏好对"),
    ],
)
def test_mistakes(pairs: list[str], told: Told, en: str, zh: str) -> None:
    with pytest.raises(DataError, match=en) as wrong:
        read_seeds(None, pairs, told)
    assert zh in wrong.value.zh


def test_a_file_without_a_usable_row_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no usable rows"):
        read_seeds(csv(tmp_path, "only text,"))


def test_pairs_are_no_answers_to_write(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"q {i}", "chosen": "a", "rejected": "b"}) + "\n" for i in range(3)))
    with pytest.raises(DataError, match="--output chosen"):
        read_seeds(path, (), Told(kind="generate"))
    assert read_seeds(path, (), Told(kind="generate", output="chosen"))[0].examples[0].target == "a"
