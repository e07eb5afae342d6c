"""Texts to rows: what is read, what is refused, and an order that is a pure function of the seed."""

import json

import numpy as np
import pytest

from rung.pretrain.corpus import Rows, Stream, encode, find_sources, read_texts
from rung.pretrain.tokenizer import END_OF_TEXT, load_tokenizer
from rung.types import DataError, DiskFull


@pytest.fixture
def stream(tmp_path):
    np.arange(1000, dtype=np.uint16).tofile(tmp_path / "tokens.bin")
    return lambda seed: Stream(tmp_path / "tokens.bin", seed)


def test_rows_are_a_pure_function_of_seed_and_position(stream):
    whole = stream(3).rows(0, 250, 10)  # 98 rows a pass: two and a half passes
    jumping = stream(3)
    parts = [jumping.rows(first, 50, 10) for first in (200, 50, 0, 150, 100)]
    assert (np.concatenate([parts[i] for i in (2, 1, 4, 3, 0)]) == whole).all()
    assert (stream(4).rows(0, 250, 10) != whole).any()


def test_rows_are_cut_from_the_text_and_no_row_comes_twice_in_a_pass(stream):
    rows = stream(3).rows(0, 98, 10)
    assert rows.shape == (98, 11)
    assert (np.diff(rows, axis=1) == 1).all()  # the tokens are 0, 1, 2 ...: a row is a stretch of them
    assert len(set(rows[:, 0])) == 98
    assert set((np.sort(rows[:, 0])[1:] - np.sort(rows[:, 0])[:-1]).tolist()) == {10}
    assert Rows(rows).targets == 980


def test_too_few_tokens_for_a_row(stream):
    with pytest.raises(DataError, match="too few for rows of 600"):
        stream(0).rows(0, 1, 600)


def test_every_document_behind_a_mark(texts, trained, tmp_path):
    tokenizer = load_tokenizer(trained / "tokenizer")
    sources = find_sources(texts)
    counts = encode(sources, tokenizer, tmp_path / "tokens.bin", chunk=7)
    written = np.fromfile(tmp_path / "tokens.bin", dtype=np.uint16)
    documents = [text for source in sources for text in source.documents("train")]
    assert sum(counts.values()) == len(written)
    assert (written == tokenizer.convert_tokens_to_ids(END_OF_TEXT)).sum() == len(documents)
    assert tokenizer.decode(written).split(END_OF_TEXT)[1:] == documents
    assert (written == np.fromfile(trained / "tokens.bin", dtype=np.uint16)).all()  # whatever the chunk


@pytest.mark.parametrize(
    "line, message",
    [
        ("{", "train.jsonl:2: not JSON"),
        ('{"body": "x"}', "train.jsonl:2: no field 'text'"),
        ("[]", "no field"),
        (r'{"text": "a\ud83d"}', "train.jsonl:2: half of a surrogate pair"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "train.jsonl").write_text(json.dumps({"text": "x"}) + "\n" + line + "\n")
    (folder / "valid.jsonl").write_text("")
    with pytest.raises(DataError, match=message):
        list(find_sources(tmp_path)[0].documents("train"))


def test_missing_files_are_told(tmp_path):
    with pytest.raises(DataError, match="no texts in"):
        find_sources(tmp_path / "nowhere")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "train.jsonl").write_text("")
    with pytest.raises(DataError, match=r"no valid\.jsonl"):
        find_sources(tmp_path)


def test_another_encoding_is_told_with_its_line_and_empty_lines_are_none(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "x"}\n\n' + json.dumps({"text": "文本"}, ensure_ascii=False).encode("gb18030") + b"\n")
    texts = read_texts(path)
    assert next(texts) == "x"
    with pytest.raises(DataError, match="a.jsonl:3: not UTF-8") as caught:
        next(texts)
    assert "UTF-8" in caught.value.zh


def test_a_full_disk_is_told_and_not_taken_for_whole_tokens(texts, trained, tmp_path):
    (tmp_path / "tokens.part").symlink_to("/dev/full")
    with pytest.raises(DiskFull):
        encode(find_sources(texts), load_tokenizer(trained / "tokenizer"), tmp_path / "tokens.bin")
    assert list(tmp_path.iterdir()) == []
