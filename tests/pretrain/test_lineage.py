"""The stages that made a model stand in its folder."""

import pytest

from rung.pretrain.lineage import Step, keep, lineage
from rung.types import ModelError

BASE = Step("text", 1000, 1.0, 6e-3, "cosine", 10, 5, 0, "a processor")


def test_written_and_read_again(tmp_path):
    taught = Step(
        "lessons", 500, 0.25, 8e-4, "cosine", 5, 2, 0, "a processor", {"arithmetic": 1.0}, {"arithmetic": 0.5}
    )
    assert lineage(tmp_path) == []
    keep(tmp_path, [BASE, taught])
    assert lineage(tmp_path) == [BASE, taught]


@pytest.mark.parametrize("line", ["{", '{"stage": "text"}', "3", '"\udcff"'])
def test_a_broken_record_is_told_with_its_line(tmp_path, line):
    keep(tmp_path, [BASE])
    with (tmp_path / "lineage.jsonl").open("ab") as lines:
        lines.write(line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(ModelError, match=r"lineage.jsonl line 2 is not a stage"):
        lineage(tmp_path)


def test_no_folder_is_no_model_without_a_past(tmp_path):
    with pytest.raises(ModelError, match="there is no folder"):
        lineage(tmp_path / "none")
