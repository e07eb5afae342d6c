"""Evaluation sets: which files are read, and which overlaps count."""

import json

import pytest

from rung.pretrain.clean.document import Document
from rung.pretrain.clean.heldout import held_out_files, items
from rung.pretrain.clean.leaks import COMMON, Leaks
from rung.types import DataError

QUESTION = "A baker sells forty loaves in the morning and half as many in the afternoon, how many in all?"
FRAGE = "小明有三十五颗糖，分给同学十二颗以后又买了八颗，他现在一共有多少颗糖？"


@pytest.fixture
def leaks(tmp_path):
    path = tmp_path / "sums" / "test.jsonl"
    path.parent.mkdir()
    rows = [{"input": QUESTION, "output": "60"}, {"input": FRAGE, "meta": {"hint": ["先减后加"]}},
            {"input": "Why does the red lantern burn all night long?"}, {"input": "为什么灯笼整夜亮着呢"}, {"input": "谢谢你"}]  # fmt: skip
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return Leaks([path])


@pytest.mark.parametrize(
    "text, line",
    [
        (QUESTION.upper().replace(",", " -"), 1),
        ("Yesterday: " + " ".join(QUESTION.split()[2:16]) + " and so on", 1),
        (FRAGE.replace("，", " "), 2),
        ("他问：为什么灯笼整夜亮着呢？没人回答。", 4),
        ("She asked why does the red lantern burn all night long, and slept.", 3),
    ],
)
def test_an_overlap_is_found(leaks, document, english, chinese, text, line):
    found = leaks(document(f"{english} {text} {chinese}"))
    assert (found.reason, found.rule, found.value) == ("leak", "sums", f"test.jsonl:{line}")


@pytest.mark.parametrize(
    "text",
    [
        " ".join(QUESTION.split()[:12]),  # one unit too few
        "小明有三十五颗糖，分给同学",
        "谢谢你，谢谢你",  # too short an item
        "the red lantern burn all night long",
    ],
)
def test_less_is_none(leaks, document, text):
    assert leaks(document(f"So {text}. But then: {text}!")) is None


def test_a_gram_of_many_documents_counts_only_in_a_run(leaks, document):
    part, whole = " ".join(QUESTION.split()[:13]), FRAGE
    for _ in range(COMMON):
        leaks.count(document(part + ". " + whole))
    assert leaks(document(part))
    leaks.count(document(part + ". " + whole))
    assert leaks(document(part)) is None
    assert leaks(document(whole[:18])) is None
    assert leaks(document(whole))  # 31 units in a row


def test_files_of_a_folder(tmp_path):
    for name in (
        "a/train.jsonl",
        "a/test.jsonl",
        "a/dev_0.jsonl",
        "b/cities.jsonl",
        "b/train_all.jsonl",
        "b/labels.json",
        "c/eval_set.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    found = [path.relative_to(tmp_path).as_posix() for path in held_out_files([tmp_path])]
    assert found == ["a/dev_0.jsonl", "a/test.jsonl", "b/cities.jsonl", "c/eval_set.csv"]
    assert held_out_files([tmp_path / "a" / "train.jsonl"] * 2) == [tmp_path / "a" / "train.jsonl"]  # named: read, once
    with pytest.raises(DataError, match="no evaluation files"):
        held_out_files([tmp_path / "nowhere"])


def test_every_text_of_an_item_counts(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": "one", "y": {"z": ["two", 3]}}\n{broken\n')
    (tmp_path / "a.csv").write_text('text,label\n"one, two",x\n')
    (tmp_path / "a.json").write_text('[{"x": "one"}, {"x": "two"}]')
    assert list(items(tmp_path / "a.csv")) == [(1, ["text", "label"]), (2, ["one, two", "x"])]
    assert list(items(tmp_path / "a.json")) == [(1, ["one"]), (2, ["two"])]
    rows = items(tmp_path / "a.jsonl")
    assert next(rows) == (1, ["one", "two"])
    with pytest.raises(DataError, match=r"a\.jsonl:2: not JSON"):
        next(rows)


def test_many_short_texts_read_as_one_are_found_as_each_alone(tmp_path) -> None:
    asked = [
        "Which of the two ferries that leave the northern harbour at noon is the faster one in winter?",
        "请问从北边码头中午出发的两班渡船在冬天哪一班更快一些呢",
        "the small red boat was sold to my aunt",
    ]
    rows = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in asked)
    path = tmp_path / "boats" / "test.jsonl"
    path.parent.mkdir()
    path.write_text(rows, encoding="utf-8")
    leaks = Leaks([path])
    half = asked[0].split()
    texts = [
        " ".join(half[:9]), " ".join(half[9:]),  # together the whole sentence, each of them none of its grams
        asked[0].upper(), "", "听说" + asked[1], "no boat at all", asked[2] + "!", "①②Ⅷ ﬁne",
    ]  # fmt: skip
    documents = [Document("", text) for text in texts]
    leaks.recount(documents)
    assert leaks.touching(documents) == [i for i, d in enumerate(documents) if leaks(d)] == [2, 4, 6]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.jsonl", '{"text": "一二三"}\n'.encode("gb18030"), "not UTF-8"),
        ("a.csv", "问题,标签\n".encode("gb18030"), "not UTF-8"),
        ("a.json", b'{"a": ', "a.json: not JSON"),
        ("a.jsonl", b'{"a": "b"}\n\n{"a"', "a.jsonl:3: not JSON"),
        ("a.jsonl", b"", "is empty"),
        ("a.csv", b"", "is empty"),
    ],
)
def test_a_set_that_cannot_be_read_is_told_in_a_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        list(items(tmp_path / name))
    assert str(tmp_path / name) in caught.value.zh


def test_a_cell_may_be_as_long_as_a_book(tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "word " * 40_000 + "\n")
    assert [len(texts[0]) for _, texts in items(tmp_path / "a.csv")] == [4, 200_000]
