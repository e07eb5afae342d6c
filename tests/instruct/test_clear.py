"""Labelled rows that share 13 words with a test split of any set are not trained on."""

import json

from rung.instruct.sources import Sources

LONG = "the quick brown fox jumps over the lazy dog and runs away into the dark wood"
HAN = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少"


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_a_row_that_stands_in_a_test_split_goes(tmp_path):
    rows = [{"input": f"a question of {n} words", "output": "x"} for n in range(20)]
    write(tmp_path / "kdconv" / "train.jsonl", [{"input": f"Once {LONG}.", "output": HAN}, *rows])
    write(tmp_path / "kdconv" / "dev.jsonl", rows[:2])
    write(tmp_path / "other" / "test.jsonl", [{"text": LONG.upper()}])
    assert Sources(tmp_path, tmp_path).rows("kdconv") == tuple(rows)


def test_all_rows_stay_where_nothing_is_shared(tmp_path):
    rows = [{"input": LONG, "output": HAN}, {"input": "b", "output": "c"}]
    write(tmp_path / "kdconv" / "train.jsonl", rows)
    write(tmp_path / "kdconv" / "dev.jsonl", rows[:1])
    write(
        tmp_path / "other" / "test.jsonl", [{"text": "something else that is long enough to be looked for in any text"}]
    )
    assert Sources(tmp_path, tmp_path).rows("kdconv") == tuple(rows)
