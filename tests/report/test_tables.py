"""Confusions, scores and mistakes. References: scikit-learn's own counts; the small cases are counted by hand."""

from __future__ import annotations

from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from rung.report.run import Answer
from rung.report.tables import UNREADABLE, WIDE, confusion, label_scores, mistakes, part_of
from rung.types import Example, Prediction


def answer(i: int, wanted: str, got: str, valid: bool = True, score: float | None = None) -> Answer:
    return Answer(Example(str(i), f"text {i}", wanted), Prediction(str(i), got, valid=valid), score)


WANTED, GOT = list("aabbbcccca"), list("abbbacccab")


def test_matrix_and_scores_agree_with_scikit_learn():
    table = confusion([answer(i, w, g) for i, (w, g) in enumerate(zip(WANTED, GOT, strict=True))], ["a", "b", "c"])
    expected = confusion_matrix(WANTED, GOT, labels=["a", "b", "c"])
    assert [[table.counts[w][g] for g in "abc"] for w in "abc"] == expected.tolist()
    assert table.columns == ("a", "b", "c")
    precision, recall, f1, support = precision_recall_fscore_support(WANTED, GOT, labels=["a", "b", "c"])
    rows = label_scores(table)
    assert [row.wanted for row in rows] == support.tolist()
    for row, *reference in zip(rows, precision, recall, f1, strict=True):
        assert [row.precision, row.recall, row.f1] == [float(x) for x in reference]


def test_an_answer_that_is_no_label_has_a_column_of_its_own():
    answers = [answer(0, "a", "a"), answer(1, "a", "dunno"), answer(2, "b", "b", valid=False)]
    table = confusion(answers, ["a", "b"])
    assert table.columns == ("a", "b", UNREADABLE)
    assert table.counts["a"] == {"a": 1, UNREADABLE: 1}
    assert table.counts["b"] == {UNREADABLE: 1}  # its text is a label, but the program could not read it as one
    assert table.commonest == (("a", UNREADABLE, 1), ("b", UNREADABLE, 1))
    b = label_scores(table)[1]
    assert (b.precision, b.recall, b.f1) == (None, 0.0, 0.0)  # nobody said b: a precision of nothing does not exist


def test_many_labels_are_no_matrix():
    labels = [f"l{i:02}" for i in range(WIDE + 1)]
    assert not confusion([answer(0, "l00", "l01")], labels).as_matrix
    assert confusion([answer(0, "l00", "l01")], labels[:WIDE]).as_matrix


def test_mistakes_worst_first_and_by_equality_where_the_metric_marks_none():
    marked = [answer(0, "x", "x", score=0.9), answer(1, "x", "y", score=0.2), answer(2, "x", "x", score=1.0)]
    assert [m.example.id for m in mistakes(marked)] == ["1", "0"]
    assert [
        m.example.id for m in mistakes([answer(0, "x", "x"), answer(1, "x", "y"), answer(2, "x", "x", valid=False)])
    ] == ["1", "2"]


def test_fields_of_an_extraction():
    task = {"name": "t", "kind": "extract", "metric": "entity-f1", "language": "en", "labels": []}
    answers = [
        answer(0, '{"name": "Ada", "age": 36}', '{"name": "Ada", "age": 35}', score=0.5),
        answer(1, '{"name": "Bob"}', "no idea", valid=False, score=0.0),
    ]
    part = part_of("dev", answers, task)
    assert part is not None
    assert (part.answered, part.wrong, part.unreadable) == (2, 2, 1)
    rows = {row.name: row for row in part.field_scores}
    # name: wanted twice, found once; the unreadable answer is half a false alarm for each of the two fields
    assert rows["name"].recall == 0.5
    assert rows["name"].precision == 1 / 1.5
    assert rows["age"].recall == 0.0
    assert part_of("test", [], task) is None
