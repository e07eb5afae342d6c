"""The second stage on a tiny model: it learns, it goes on where it was, and it refuses what does not belong together."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaForCausalLM

from rung.engine import Model, install, load_model
from rung.instruct.card import sets, write_card
from rung.instruct.mixture import check
from rung.instruct.sources import Sources
from rung.instruct.stage import TEXT, Stage, Steps, instruct, make_stream
from rung.pretrain.lineage import Step
from rung.pretrain.model import shape
from rung.pretrain.record import rows_of
from rung.train import CheckpointMismatch
from rung.types import DataError, UserError

STAGE = Stage(
    shares={"arithmetic": 1.0, "checking": 1.0},
    tokens=40 * 512,
    batch=512,
    text=0.25,
    echo=0.25,
    row=128,
    rate=6e-3,
    checkpoint=10,
    compile=False,
)
PARAGRAPH = "The tide went out and left the boats on the sand. 潮水退去，小船都搁在沙滩上，孩子们拾着贝壳。"


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts" / "shore"
    folder.mkdir(parents=True)
    for split, count in (("train", 60), ("valid", 3)):
        rows = [json.dumps({"text": f"{n}. {PARAGRAPH * 3}"}, ensure_ascii=False) for n in range(count)]
        (folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder.parent


def tiny(context: int = 1024) -> Model:
    tokenizer = load_model("sprout").tokenizer
    torch.manual_seed(0)
    hf = LlamaForCausalLM(shape("0.5M", len(tokenizer), context, tokenizer.eos_token_id, tokenizer.pad_token_id)).eval()
    install(hf)
    return Model(hf, tokenizer, name="tiny", sha256="tiny")


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.hf.named_parameters()}


@pytest.mark.slow
def test_it_learns_saves_and_is_equal_after_a_kill(texts, tmp_path):
    whole, said = tiny(), []
    out = instruct(whole, texts, tmp_path, tmp_path / "whole", STAGE, say=said.append)
    *steps, done = said
    first, last = (float(line.split("arithmetic ")[1].split()[0]) for line in steps)
    assert done.startswith("done:") and str(out) in done and done.endswith(str(tmp_path / "whole" / "curve.html"))
    assert last < first - 0.5
    saved = load_model(str(out))
    assert saved.encode("你好") == whole.encode("你好")
    assert {p.dtype for p in saved.hf.parameters()} == {torch.float32}
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"  # as its weights
    assert json.loads((tmp_path / "whole" / "report.json").read_text())["steps"] == 40

    def kill(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        instruct(tiny(), texts, tmp_path, tmp_path / "killed", STAGE, say=kill)
    resumed = tiny()
    instruct(resumed, texts, tmp_path, tmp_path / "killed", STAGE, say=said.append)
    for name, expected in weights(whole).items():
        assert torch.equal(weights(resumed)[name], expected), name


def test_another_stage_does_not_go_on_with_this_one(texts, tmp_path):
    short = replace(STAGE, tokens=4 * 512, checkpoint=2)
    instruct(tiny(), texts, tmp_path, tmp_path / "out", short, say=lambda line: None)
    with pytest.raises(CheckpointMismatch):
        instruct(tiny(), texts, tmp_path, tmp_path / "out", replace(short, seed=1), say=lambda line: None)


def test_a_run_that_went_on_has_the_page_of_its_whole_curve(texts, tmp_path, monkeypatch):
    monkeypatch.setattr("rung.instruct.stage.EVERY", 2)
    short, out = replace(STAGE, tokens=4 * 512, checkpoint=1), tmp_path / "out"
    said: list[str] = []

    def kill(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        instruct(tiny(), texts, tmp_path, out, short, say=kill)
    assert not (out / "curve.html").exists()
    instruct(tiny(), texts, tmp_path, out, short, say=said.append)
    assert [row["step"] for row in rows_of(out / "curve.jsonl")] == [2, 4]
    page = (out / "curve.html").read_text(encoding="utf-8")
    assert said[-1].endswith(f"; {out / 'curve.html'}") and "2,048" in page
    assert page.count("<svg") == 5 + len(STAGE.shares) + 1  # text, lessons, steps, rate, time; records


def test_other_texts_do_not_go_on_with_this_one(texts, tmp_path):
    short, out = replace(STAGE, tokens=4 * 512, checkpoint=2), tmp_path / "out"
    quiet = lambda line: None  # noqa: E731
    instruct(tiny(), texts, tmp_path, out, short, say=quiet)
    (out / "texts.json").unlink()  # of a version that did not write it down: what is there is compared
    instruct(tiny(), texts, tmp_path, out, short, say=quiet)
    assert (out / "texts.json").exists()
    before = (out / "tokens.bin").read_bytes()
    with (texts / "shore" / "train.jsonl").open("a") as file:
        file.write('{"text": "one more"}\n')
    with pytest.raises(CheckpointMismatch, match="other texts"):
        instruct(tiny(), texts, tmp_path, out, short, say=quiet)
    (out / "texts.json").unlink()
    with pytest.raises(CheckpointMismatch, match="other texts"):
        instruct(tiny(), texts, tmp_path, out, short, say=quiet)
    assert (out / "tokens.bin").read_bytes() == before


def test_tokens_that_were_cut_short_are_made_again(texts, tmp_path):
    whole = len(make_stream(tiny(), texts, tmp_path, 0))
    with (tmp_path / "tokens.bin").open("r+b") as file:
        file.truncate(100)
    assert len(make_stream(tiny(), texts, tmp_path, 0)) == whole


@pytest.mark.parametrize("name", ["recipe.json", "model"])
def test_the_folder_of_another_run_is_left_alone(texts, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("{}")
    with pytest.raises(CheckpointMismatch, match=f"{name} of another run"):
        make_stream(tiny(), texts, tmp_path / "out", 0)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [name]


def test_a_step_is_a_function_of_its_number_and_keeps_the_shares(texts, tmp_path):
    model = tiny()
    stream = make_stream(model, texts, tmp_path, 0)
    stage = replace(STAGE, batch=4096)
    one, two = (Steps(model, Sources(texts, tmp_path), stream, stage) for _ in range(2))
    for mine, other in zip(one(7), two(7), strict=True):
        assert (mine.tokens == other.tokens).all() and (mine.weights == other.weights).all()
    tokens: Counter[str] = Counter()
    for d in (d for n in range(12) for rows in one(n) for d in rows.documents):
        tokens[d.source] += d.size
    assert 0.2 < tokens[TEXT] / tokens.total() < 0.3
    assert 0.2 < (tokens["echo"] + tokens["records"]) / tokens.total() < 0.3
    assert 0.6 < tokens["arithmetic"] / tokens["checking"] < 1.7


def test_a_context_longer_than_a_step_leaves_room_for_text(texts, tmp_path):
    stage = replace(STAGE, batch=2048, row=64, text=0.35)
    steps = Steps(tiny(32_768), Sources(texts, tmp_path), make_stream(tiny(), texts, tmp_path, 0), stage)
    for step in (1, 3):
        assert sum(rows.tokens[:, 1:].size for rows in steps(step)) == 2048
    assert TEXT in {d.source for rows in steps(1) for d in rows.documents}


def test_a_model_of_another_build_or_with_too_short_a_context_is_refused(texts, tmp_path):
    other = tiny()
    other.hf = GPT2LMHeadModel(GPT2Config(vocab_size=10, n_embd=8, n_layer=1, n_head=1))
    with pytest.raises(UserError, match="tiny is of the kind gpt2") as caught:
        instruct(other, texts, tmp_path, tmp_path / "out", STAGE, say=lambda line: None)
    assert "tiny 属于 gpt2 类" in caught.value.zh and not (tmp_path / "out").exists()
    lookup = replace(STAGE, shares={"lookup": 1.0})
    with pytest.raises(UserError, match="no lesson of lookup fits the context of 16 tokens") as caught:
        instruct(tiny(16), texts, tmp_path, tmp_path / "short", lookup, say=lambda line: None)
    assert "放得进 16 个词元" in caught.value.zh


def test_a_set_without_a_row_is_told_before_anything_is_trained(texts, tmp_path):
    (tmp_path / "tatoeba").mkdir()
    (tmp_path / "tatoeba" / "train.jsonl").write_text("")
    with pytest.raises(
        DataError, match=r"tatoeba.train\.jsonl has nothing to learn from, and translation reads it"
    ) as caught:
        check(Sources(texts, tmp_path), {"translation": 1.0})
    assert "没有可学的内容" in caught.value.zh


@pytest.mark.parametrize(("count", "trained", "asked"), [(4, 4, 0), (10, 9, 1), (25, 23, 2)])
def test_the_last_tenth_of_a_set_without_dev_is_for_exams(tmp_path, count, trained, asked):
    (tmp_path / "gsm8k").mkdir()
    (tmp_path / "gsm8k" / "train.jsonl").write_text("".join(f'{{"input": "{n}"}}\n' for n in range(count)))
    rows = [
        [int(row["input"]) for row in Sources(tmp_path, tmp_path, exam=exam).rows("gsm8k")] for exam in (False, True)
    ]
    assert (len(rows[0]), len(rows[1])) == (trained, asked) and rows[0] + rows[1] == list(range(count))


def test_the_card_tells_the_way_the_families_and_the_text(texts, tmp_path):
    out = instruct(tiny(), texts, tmp_path, tmp_path / "out", replace(STAGE, tokens=4 * 512), say=lambda line: None)
    with pytest.raises(DataError, match="no lineage"):
        write_card(texts, tmp_path, tmp_path, name="nothing")
    found = write_card(texts, tmp_path, out, name="seedling", license="apache-2.0", notes=["It was short."])
    card = (out / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n") and "# seedling" in card and "- Note: It was short." in card
    assert "| lessons | 2,048 | 25 % | 0.006 |" in card and "| arithmetic | 1 |" in card
    assert f"{found['all']['bits_per_byte']:.3f}" in card and set(found) == {"shore", "all"}


def test_a_mean_of_models_tells_the_families_of_its_last_lessons(tmp_path):
    lessons = Step("lessons", 1, 0.5, 1e-3, "cosine", 1, 1, 0, "here", {"arithmetic": 2.0}, {"arithmetic": 0.5})
    mean = Step("average", 0, 0.0, 0.0, "", 0, 0, 0, "here", of={"0": 0.5})
    assert "| arithmetic | 2 | 0.500 |" in sets([lessons, mean], tmp_path)


@pytest.mark.parametrize(
    "wrong, told", [({"schedule": "linear"}, "no schedule 'linear'"), ({"text": 0.9}, "nothing is left")]
)
def test_a_stage_that_cannot_be_is_refused_before_anything_is_written(texts, tmp_path, wrong, told):
    with pytest.raises(UserError, match=told):
        instruct(tiny(), texts, tmp_path, tmp_path / "out", replace(STAGE, **wrong), say=lambda line: None)
    assert not (tmp_path / "out").exists()
