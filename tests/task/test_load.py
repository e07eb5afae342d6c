"""The whole way: what an inspection holds, tells and shows; files that are not to be split; languages; dialogues."""

from __future__ import annotations

import io
import json

import polars as pl
import pytest
from rich.console import Console

from rung.task import describe, inspect_task, load_examples, load_inputs, load_task
from rung.task.language import language_of
from rung.types import DataError


def csv(rows):
    return "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows)


def shown(inspection, language, width=160):
    console = Console(file=io.StringIO(), width=width)
    console.print(describe(inspection, language))
    return console.file.getvalue()


def test_an_inspection_tells_everything_in_json(write, rows):
    path = write("reviews.csv", csv([*rows(), ("no label", "")]))
    inspection = inspect_task(path, target=0.9, count=lambda texts: [len(text.split()) for text in texts])
    told = json.loads(json.dumps(inspection.as_json()))
    assert (told["name"], told["kind"], told["metric"], told["target"]) == ("reviews", "classify", "accuracy", 0.9)
    assert (told["rows"], told["used"]) == (61, 60)
    assert told["bad"] == [
        {
            "file": "reviews.csv",
            "line": 62,
            "code": "no-answer",
            "reason": {"en": "no answer", "zh": "没有答案"},
            "text": "no label",
        }
    ]
    assert told["labels"]["good"]["n"] == told["labels"]["bad"]["n"] == 30
    assert sum(told["splits"].values()) == 60
    # "a taxi ride in Lyon" has 5 words, "the hotel by the river in Lyon" has 7
    assert (told["tokens"]["input"]["low"], told["tokens"]["input"]["high"]) == (4, 7)
    assert told["characters"]["input"]["low"] == len("our flight in Oslo")
    assert "task" not in told


def test_what_is_shown_in_both_languages(write, rows):
    path = write("reviews.csv", csv([*rows(), ("no label", "")]))
    inspection = inspect_task(path)
    english, chinese = shown(inspection, "en"), shown(inspection, "zh")
    for part in ("reviews.csv:62", "no answer", "classify", "good", "60", "told apart"):
        assert part in english
    for part in ("reviews.csv:62", "没有答案", "2 种简短的答案", "个百分点", "开发集"):
        assert part in chinese
    # "[bold]" in the data is text, not markup
    assert "[bold]" in shown(inspect_task(write("b.csv", csv([*rows(), ("[bold] text", "")]))), "en")


def test_nothing_is_cut_off_on_a_narrow_terminal(write, rows):
    for width in range(50, 100):
        assert "…" not in shown(inspect_task(write("reviews.csv", csv(rows()))), "zh", width)


def test_preference_pairs_say_that_no_rung_learns_from_them(write):
    pairs = [{"prompt": f"{i}?", "chosen": f"yes {i}", "rejected": f"no {i}"} for i in range(30)]
    (warning,) = inspect_task(write("p.jsonl", pairs)).warnings
    assert "type --output chosen to climb on the chosen answers alone" in warning.text("en")
    assert inspect_task(write("p.jsonl", pairs), output="chosen").kind == "generate"


def test_long_lists_say_how_much_is_not_shown(write, rows):
    inspection = inspect_task(write("a.csv", csv([*rows(), *((f"none {i}", "") for i in range(25))])))
    assert "+15" in shown(inspection, "en")


def test_languages():
    assert language_of(["今天天气很好", "The weather is fine", "好"]) == "zh"
    assert language_of(["今天天气很好", "The weather is fine", "Fine"]) == "en"
    assert language_of(["The word 你好 means hello"]) == "en"  # two Han characters, four words
    assert language_of(["请问 iPhone 什么时候有货"]) == "zh"
    assert language_of(["123", ""]) == "en"


def test_dialogues_become_text_and_pairs_keep_both_answers(write):
    def row(i, prompt):
        return {"prompt": prompt, "chosen": [{"role": "assistant", "content": f"yes {i}"}], "rejected": f"no {i}"}

    single = [{"role": "user", "content": "hello"}]
    longer = [*single, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "bye"}]
    rows = [row(i, f"question {i}") for i in range(40)] + [row(41, single), row(42, longer), row(43, longer)]
    same = {"prompt": "x", "chosen": "same", "rejected": "same"}
    inspection = inspect_task(write("a.jsonl", [*rows, same]))
    task = inspection.task
    examples = [*task.train, *task.dev, *task.test.open()]
    by_target = {one.target: one for one in examples}
    assert by_target['{"chosen":"yes 41","rejected":"no 41"}'].input == "hello"
    two = [by_target[f'{{"chosen":"yes {i}","rejected":"no {i}"}}'] for i in (42, 43)]
    assert two[0].input == "user: hello\nassistant: hi\nuser: bye" == two[1].input
    assert two[0].id != two[1].id
    assert [(row.line, row.code) for row in inspection.bad] == [(44, "wrong-type")]


def test_a_second_answer_of_a_text_task_is_listed(write):
    rows = [{"question": f"question {i}", "answer": f"a long answer {i}"} for i in range(40)]
    inspection = inspect_task(write("a.jsonl", [*rows, {"question": "question 3", "answer": "another"}]))
    assert inspection.kind == "generate"
    assert [(row.line, row.reason.en) for row in inspection.bad] == [
        (41, "another answer to the input of a.jsonl:4, which is kept")
    ]


def test_examples_of_a_known_task_are_not_split(write):
    path = write("new.csv", "text,label\na,good\nb,mixed\nc,bad\nd,\n")
    examples, bad = load_examples(path, "classify", labels=("bad", "good"))
    assert [(one.input, one.target, one.source) for one in examples] == [
        ("a", "good", "new.csv:2"),
        ("c", "bad", "new.csv:4"),
    ]
    assert [(row.line, row.code) for row in bad] == [(3, "unknown-label"), (5, "no-answer")]
    with pytest.raises(DataError, match="no usable rows"):
        load_examples(path, "classify", labels=("other",))


def test_examples_of_a_known_structure_keep_its_keys_in_order(write):
    schema = {"properties": {"b": {}, "a": {}}}
    entities = [{"text": "x", "type": "a"}]
    path = write("a.jsonl", [{"text": "1", "entities": entities}, {"text": "2", "entities": []}])
    examples, _ = load_examples(path, "extract", schema=schema)
    assert [one.target for one in examples] == ['{"b":[],"a":["x"]}', '{"b":[],"a":[]}']


def test_a_file_is_read_by_the_columns_of_the_task_where_it_has_them(write):
    path = write("new.csv", "text,headline,blurb,label,verdict\nskip,a,b,no,yes\n")
    usual = {"usual": ("headline", "blurb"), "usual_output": "verdict"}
    examples, _ = load_examples(path, "classify", **usual)
    assert [(one.input, one.target) for one in examples] == [("headline: a\nblurb: b", "yes")]
    examples, _ = load_examples(path, "classify", input=("text",), output="label", **usual)
    assert [(one.input, one.target) for one in examples] == [("skip", "no")]
    other = write("other.csv", "sentence,label\na,yes\n")
    assert load_inputs(other, usual=("headline",)) == ([("other.csv:2", "a")], [])
    with pytest.raises(DataError, match=r"no column headline, blurb.*--input") as caught:
        load_inputs(other, usual=("headline", "blurb"))
    assert "headline" in caught.value.zh


def test_inputs_alone(write):
    found, bad = load_inputs(write("a.csv", "id,text\n1,hello\n2,\n3,bye\n"))
    assert found == [("a.csv:2", "hello"), ("a.csv:4", "bye")]
    assert [(row.line, row.reason.en) for row in bad] == [(3, "no input")]


SLOW = ("fewclue_csldcp", "sst2")
EXPECTED = {
    # what PROVENANCE.md or a count by hand says: kind, language, labels, train/dev/test
    "fewclue_tnews": ("classify", "zh", 15, (1185, 1098, 2010)),
    "fewclue_csldcp": ("classify", "zh", 67, (2036, 2068, 1784)),
    "trec": ("classify", "en", 6, (4834, 537, 500)),
    "sst2": ("classify", "en", 2, (6909, 872, 1821)),  # 9 duplicates and 2 leaks leave train
    "csl_title": ("generate", "zh", 0, (800, 200, 1000)),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in EXPECTED])
def test_real_data(shared, name):
    kind, language, labels, sizes = EXPECTED[name]
    few = {"train": "train_all.jsonl", "dev": "dev_all.jsonl"} if name.startswith("fewclue") else {}
    inspection = inspect_task(shared(name), **few)
    assert (inspection.kind, inspection.language, len(inspection.task.labels)) == (kind, language, labels)
    assert tuple(inspection.splits.values()) == sizes
    assert inspection.rows == inspection.used + len(inspection.bad)
    if name == "sst2":
        assert len(inspection.leaks) == 2  # the README of the data: "a few sentences in two of its official splits"


@pytest.mark.slow
def test_cluener(shared):
    task = load_task(shared("cluener"))
    assert (task.kind, task.language, len(task.dev)) == ("extract", "zh", 1343)
    # the ten types of its labels.json
    assert list(task.schema["properties"]) == sorted(json.loads((shared("cluener") / "labels.json").read_text()))


def test_an_answer_that_json_cannot_write_is_a_bad_row(tmp_path):
    path = tmp_path / "a.parquet"
    rows = [{"text": f"file {i}", "output": {"n": i, "raw": None}} for i in range(20)]
    rows += [{"text": "bytes", "output": {"n": 1, "raw": b"x"}}, {"text": None, "output": {"n": 2, "raw": b"y"}}]
    pl.DataFrame(rows).write_parquet(path)
    assert [row.code for row in inspect_task(path).bad] == ["wrong-type", "no-input"]


def test_pairs_are_for_prefer_alone(write, rows):
    pairs = write("p.jsonl", [{"prompt": text, "chosen": f"{text}!", "rejected": text} for text, _ in rows()])
    plain = write("a.csv", csv(rows()))
    for wrong in (
        lambda: load_task(pairs, kind="generate"),
        lambda: load_examples(pairs, "generate"),
        lambda: load_examples(plain, "prefer"),
    ):
        with pytest.raises(DataError, match="chosen and rejected") as caught:
            wrong()
        assert "chosen" in caught.value.zh
    assert load_task(pairs, kind="generate", output="chosen").train[0].target.endswith("!")


def test_two_files_of_training_data_are_refused(write, rows):
    path = write("a.csv", csv(rows()))
    with pytest.raises(DataError, match="both training data"):
        load_task(path, train=path)
