"""The whole cleaning: what stays, what is told, what cannot be lost, and the command."""

import json
import random
import tracemalloc

import pytest

from rung.cli import app
from rung.pretrain.clean import REASONS, Cleaning, clean
from rung.pretrain.clean.page import REASONS as NAMES
from rung.pretrain.clean.page import render_page
from rung.pretrain.corpus import find_sources
from rung.types import DataError, UserError


def silent(line):
    pass


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def texts(write, english, chinese):
    """Two sources with a fault of each kind that needs no long text."""
    rows = [
        {"text": english, "title": "mill"}, chinese, english.upper().swapcase() + " ", "Short.", chinese.encode().decode("latin-1") + "！",
        "<p>" + english.replace("mill", "forge").replace("painter", "smith").replace("dog", "cat").replace("lane", "wood") + "</p>",
        "Le marché se tient chaque samedi matin sur la grande place, entre l'église et la mairie du village, et tout le monde vient.",
        english.replace("old mill", "new barn").replace("years. In", "years, and his number is 212-555-0123. In").replace("autumn", "spring"),
    ]  # fmt: skip
    return write({"web": {"train": rows}, "故事": {"train": [chinese[5:]], "valid": [chinese + "后来呢？"]}})


def test_what_stays_and_what_is_told(texts, tmp_path, english, chinese):
    with (texts / "web" / "train.jsonl").open("a") as out:
        out.write('{"body": 1}\nnot json\n\n')
    (texts / "web" / "LICENSE").write_text("free")
    figures = clean(texts, tmp_path / "out", say=silent)
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == figures
    kept = [*read(tmp_path / "out" / "web" / "train.jsonl"), *read(tmp_path / "out" / "web" / "valid.jsonl")]
    assert {"text": english, "title": "mill"} in kept
    assert {row["text"] for row in kept} >= {english}
    web = figures["sources"]["web"]
    assert web["documents"] == 8 and web["unreadable"] == 2
    assert (web["duplicate"], web["quality"], web["language"]) == (1, 1, 1)
    assert [line["place"] for line in figures["unreadable"]["first"]] == ["web/train.jsonl:9", "web/train.jsonl:10"]
    assert figures["documents"]["kept"] == sum(
        len(read(path)) for name in ("train", "valid") for path in (tmp_path / "out").glob(f"*/{name}.jsonl")
    )
    assert figures["documents"]["read"] == figures["documents"]["kept"] + sum(
        part["documents"] for part in figures["removed"].values()
    )
    assert (tmp_path / "out" / "web" / "LICENSE").read_text() == "free"
    assert find_sources(tmp_path / "out")[0].name == "web"  # `rung pretrain base` can read it
    assert not (tmp_path / "out" / "work.sqlite").exists()


def test_held_out_text_is_not_in_training(texts, tmp_path, chinese):
    clean(texts, tmp_path / "out", say=silent)
    everything = (tmp_path / "out" / "web" / "train.jsonl").read_text() + (
        tmp_path / "out" / "web" / "valid.jsonl"
    ).read_text()
    assert read(tmp_path / "out" / "故事" / "valid.jsonl") == [{"text": chinese + "后来呢？"}]
    assert chinese not in everything  # similar to a held-out text, though it stands in another source
    assert read(tmp_path / "out" / "故事" / "train.jsonl") == []


def test_samples_name_place_rule_and_evidence(texts, tmp_path):
    clean(texts, tmp_path / "out", say=silent)
    rows = {(row["reason"], row["action"]): row for row in read(tmp_path / "out" / "removed.jsonl")}
    assert rows["quality", "removed"]["place"] == "web/train.jsonl:4"
    assert rows["language", "removed"]["rule"] == "fr"
    assert "212-555-0123" not in (tmp_path / "out" / "removed.jsonl").read_text()
    assert (
        not clean(texts, tmp_path / "none", Cleaning(samples=0), say=silent)
        or read(tmp_path / "none" / "removed.jsonl") == []
    )


def test_the_same_input_gives_the_same_texts(texts, tmp_path):
    for name in ("one", "two"):
        clean(texts, tmp_path / name, say=silent)
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.jsonl")]
    assert len(files) == 5
    assert all((tmp_path / "one" / p).read_bytes() == (tmp_path / "two" / p).read_bytes() for p in files)


def test_stages_can_be_off(texts, tmp_path):
    figures = clean(texts, tmp_path / "out", Cleaning(keep=REASONS), say=silent)
    assert figures["documents"]["kept"] == figures["documents"]["read"] == 10
    assert not any(part["documents"] for part in figures["changed"].values())


def test_a_killed_run_leaves_the_old_folder(texts, tmp_path):
    clean(texts, tmp_path / "out", say=silent)
    before = (tmp_path / "out" / "removed.jsonl").read_bytes()

    def kill(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clean(texts, tmp_path / "out", Cleaning(keep=("quality",)), say=kill)
    assert (tmp_path / "out" / "removed.jsonl").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "texts"]


def test_files_of_text_are_sources_too(tmp_path, english, chinese):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(english)
    (tmp_path / "in" / "b.jsonl").write_text(json.dumps({"text": chinese}) + "\n")
    assert set(clean(tmp_path / "in", tmp_path / "out", say=silent)["sources"]) == {"a", "b"}
    assert clean(tmp_path / "in" / "a.txt", tmp_path / "one", say=silent)["documents"] == {"read": 1, "kept": 1}


def test_mistakes_are_refused(texts, tmp_path):
    for how, message in (
        (Cleaning(keep=("spm",)), "did you mean 'spam'"),
        (Cleaning(languages=("xx",)), "no language 'xx'"),
    ):
        with pytest.raises(UserError, match=message):
            clean(texts, tmp_path / "out", how, say=silent)
    with pytest.raises(DataError, match="lie in each other"):
        clean(texts, texts / "out", say=silent)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not made by"):
        clean(texts, tmp_path / "mine", say=silent)
    with pytest.raises(DataError, match="no texts in"):
        clean(tmp_path / "mine" / "x", tmp_path / "out", say=silent)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_memory_does_not_grow_with_the_texts(write, tmp_path):
    rng = random.Random(0)
    words = ["".join(rng.choice("aeioulnrst") for _ in range(rng.randint(2, 8))) for _ in range(5000)]
    peaks = []
    for times in (1, 1, 6):  # the first one fills tables and caches
        rows = [" ".join(rng.choices(words, k=200)) for _ in range(60 * times)]
        folder = write({"a": {"train": rows}}, f"texts{len(peaks)}")
        tracemalloc.start()
        clean(folder, tmp_path / f"out{len(peaks)}", Cleaning(keep=("quality", "language"), samples=5), say=silent)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[1]


@pytest.mark.parametrize("language, words", [("en", "documents stay"), ("zh", "篇文档留下")])
def test_the_page_stands_alone_and_escapes(texts, tmp_path, write, language, words):
    figures = clean(write({"x": {"train": ["if a <scripty> is & so"]}}, "t2"), tmp_path / "o", say=silent)
    rows = read(tmp_path / "o" / "removed.jsonl")
    page = render_page(figures, rows, language)
    assert words in page and "&lt;scripty&gt;" in page and "<scripty>" not in page
    assert "http://" not in page and "https://" not in page


def test_every_reason_has_a_name_in_both_languages():
    assert set(NAMES) == {*REASONS, "empty"}
    assert all(len(set(words)) == 2 for words in NAMES.values())


def test_the_command(texts, tmp_path, capsys, monkeypatch):
    held_out = tmp_path / "held.csv"
    held_out.write_text("text\nThe old mill stood at the end of the lane and nobody had lived in it\n")
    arguments = ["pretrain", "clean", str(texts), str(tmp_path / "out"), "--held-out", str(held_out), "--languages", "zh,en,fr",
                 "--keep", "spam,harm", "--json"]  # fmt: skip
    with pytest.raises(SystemExit) as end:
        app(arguments, prog_name="rung")
    assert end.value.code == 0
    said = capsys.readouterr()
    figures = json.loads(said.out)
    assert figures["removed"]["leak"]["documents"] >= 1 and figures["off"] == ["spam", "harm"]
    assert "language" not in figures["sources"]["web"]
    assert "web with train:" in said.err
