"""The stages that made a model stand in its folder."""

from rung.pretrain.lineage import Step, keep, lineage

BASE = Step("text", 1000, 1.0, 6e-3, "cosine", 10, 5, 0, "a processor")


def test_written_and_read_again(tmp_path):
    taught = Step(
        "lessons", 500, 0.25, 8e-4, "cosine", 5, 2, 0, "a processor", {"arithmetic": 1.0}, {"arithmetic": 0.5}
    )
    assert lineage(tmp_path) == []
    keep(tmp_path, [BASE, taught])
    assert lineage(tmp_path) == [BASE, taught]
