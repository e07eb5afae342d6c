"""task.yaml and keyword arguments: the same keys, refused with the nearest name where unknown."""

from __future__ import annotations

import pytest

from rung.task import inspect_task, load_task
from rung.task.config import KEYS, Options
from rung.types import DataError

CSV = "headline,body,mood\n" + "".join(f"head {i},body {i},{('up', 'down')[i % 2]}\n" for i in range(40))


def test_a_task_can_be_said_in_yaml(write):
    write("folder/reviews.csv", CSV)
    path = write(
        "folder/task.yaml",
        "data: reviews.csv\nname: moods\ninput: headline,body\noutput: mood\nkind: classify\nmetric: macro-f1\ntarget: 0.8\n"
        "language: en\nlabels: [up, down, level]\ndescription: Tell the mood.\nsplit: 70/15/15\nseed: 3\nencoding: utf-8\n",
    )
    for source in (path, path.parent):
        task = load_task(source)
        assert (task.name, task.kind, task.metric, task.target) == ("moods", "classify", "macro-f1", 0.8)
        assert task.labels == ("down", "level", "up")
        assert task.description == "Tell the mood."
        number = task.train[0].input.split()[2]
        assert task.train[0].input.split("\n") == [f"headline: head {number}", f"body: body {number}"]
    assert load_task(path, target=0.9, name="other").target == 0.9  # arguments win


def test_labels_that_are_given_are_the_only_ones(write):
    path = write("a.csv", CSV.replace("mood", "label") + "head 99,body 99,sideways\n")
    inspection = inspect_task(path, labels=["up", "down"], input="body")
    assert [(row.line, row.reason.en) for row in inspection.bad] == [
        (42, "the label 'sideways' is not among the labels given")
    ]


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("metrik: accuracy", "task.yaml: unknown key 'metrik'; did you mean 'metric'?"),
        ("Outputs: mood", "unknown key 'Outputs'; did you mean 'output'?"),
        ("kind: clasify", "kind: one of classify, extract, generate, prefer is needed; found 'clasify'"),
        ("target: 85", "target: write 0.85 for 85 %; found 85"),
        ("target: high", "target: Input should be a valid number"),
        ("split: 60/20", "split: give train/dev/test as three numbers"),
        ("split: 60/20/30", "add up to 100"),
        ("split: nan/50/50", "three numbers above 0 that add up to 100"),
        ("split: [50, 50, .nan]", "three numbers above 0 that add up to 100"),
        ("split: inf/50/50", "three numbers above 0 that add up to 100"),
        ("split: -10/60/50", "three numbers above 0 that add up to 100"),
        ("labels: [yes, no]", "in quotes"),
        ("labels: [up, down, 'up ']", "each label stands once"),
        ("labels: ['', up]", "none is empty"),
        ("seed: [1", "task.yaml is not readable YAML"),
        ("just words", "lines of 'key: value' are needed"),
    ],
)
def test_mistakes_in_yaml(write, yaml, message):
    path = write("task.yaml", yaml)
    with pytest.raises(DataError) as caught:
        load_task(path)
    assert message in str(caught.value)
    assert any("\u4e00" <= c <= "\u9fff" for c in caught.value.zh)


def test_mistakes_in_arguments(write):
    path = write("a.csv", CSV)
    with pytest.raises(DataError, match="unknown key 'ouput'; did you mean 'output'"):
        load_task(path, ouput="mood")
    with pytest.raises(DataError, match="no metric 'f1'"):
        load_task(path, input="body", output="mood", metric="f1")
    with pytest.raises(DataError, match="needs the columns chosen and rejected"):
        load_task(path, input="body", output="mood", kind="prefer")


def test_arguments_and_yaml_have_the_same_keys():
    assert {*Options.__annotations__, "data"} == set(KEYS)


def test_no_data_at_all(write):
    with pytest.raises(DataError, match="no training data"):
        load_task()
    with pytest.raises(DataError, match=r"no train file .* found: part_1.csv. Give --train FILE"):
        load_task(write("parts/part_1.csv", CSV).parent)
    write("two/train.csv", CSV)
    with pytest.raises(DataError, match="several files for train: train.csv, train.tsv"):
        load_task(write("two/train.tsv", CSV).parent)


def test_mistakes_are_whole_in_chinese(write):
    path = write("folder/task.yaml", "data: a.csv\ntarget: 85\n")
    with pytest.raises(DataError) as error:
        load_task(path)
    assert error.value.zh == "task.yaml：target 的值 85 不可用：85 % 请写成 0.85"
    path = write("folder/task.yaml", "data: a.csv\nkind: sort\n")
    with pytest.raises(DataError) as error:
        load_task(path)
    assert error.value.zh.startswith("task.yaml：kind 的值 'sort' 不可用：应为 classify")


def test_the_data_lie_beside_a_yaml_that_does_not_say_where(write):
    rows = CSV.splitlines(keepends=True)
    for name, part in (("train", rows[1:21]), ("dev", rows[21:31]), ("test", rows[31:])):
        write(f"beside/{name}.csv", rows[0] + "".join(part))
    path = write("beside/task.yaml", "input: body\noutput: mood\n")
    for source in (path, path.parent):
        assert len(load_task(source).train) == 20


def test_what_is_wrong_is_told_in_chinese(write):
    for said in ("target: high", "split: 60/20", "labels: up", "labels: [up, up]", "seed: x"):
        with pytest.raises(DataError) as caught:
            load_task(write("task.yaml", said))
        assert any("\u4e00" <= c <= "\u9fff" for c in caught.value.zh.rpartition("：")[2])
