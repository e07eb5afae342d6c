"""The model of the self-test: half a million parameters that know eight ciphers, by name and by example.

Its lessons are episodes in two of the prompts that the rungs write: some demonstrations of one cipher, behind its name or bare, all
answers learned. The ciphers of the last two kinds of trial (new ones) it never sees.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rung.documents import Microbatch, pack
from rung.engine import Model, load_model, without_bars
from rung.finetune import document_loss
from rung.folders import replacing, writable
from rung.instruct.item import Exercise
from rung.instruct.lesson import Lesson, lesson
from rung.pretrain.base import Recipe, make_optimizers
from rung.pretrain.tokenizer import train_tokenizer
from rung.prompts import TEMPLATES, Words, render
from rung.selftest.codes import NAMES, STRINGS, described, known
from rung.train import Plan, train
from rung.types import Demonstration, digest

Course = Sequence[tuple[int, int]]  # (most demonstrations, steps)
PROMPTS = {p.name: p for p in TEMPLATES["en"]["generate"]}
TOKENS = 8192  # of a forward
CONTEXT, WIDTH, DEPTH, VOCABULARY = 512, 128, 3, 400
# Most demonstrations of an episode, and the steps that they are shown for. Reading a cipher from examples comes of a sudden, here before
# step 400. With sixteen ciphers it began at step 800 and was not there after 2,800; with up to sixteen examples it never began.
COURSE = ((4, 700), (8, 300))
BATCH, RATE = 64, 5e-3
NAMED = 0.3  # share of the episodes that say which cipher it is


def base_model(folder: Path, *, course: Course = COURSE, say: Callable[[str], None] = print) -> Model:
    """The model in ``folder``, trained (some ten minutes of one core) if it is not there; goes on from its last checkpoint.

    UserError where ``folder`` cannot be one or nothing may be written there.
    """
    if not (writable(folder) / "model" / "config.json").exists():
        teach(folder, course, say)
    return load_model(str(folder / "model"))


def teach(folder: Path, course: Course, say: Callable[[str], None]) -> None:
    """Make the empty model and its tokenizer, and teach it."""
    if not (folder / "empty" / "config.json").exists():
        with replacing(folder / "empty") as fresh, without_bars():
            make_empty(fresh)
    model = load_model(str(folder / "empty"))
    steps = sum(count for _, count in course)

    def batches(step: int) -> list[Microbatch]:
        rng = random.Random(f"lessons {step}")
        return list(pack(list(draw(model, BATCH, most(course, step), rng)), TOKENS, TOKENS))

    def on_step(step: int, loss: float, scale: float) -> None:
        if (step + 1) % 100 == 0:
            say(f"step {step + 1}/{steps}  {loss:.3f} nats per learned token")

    model.hf.train()
    train(
        Plan(steps, warmup=0.02, schedule="wsd", checkpoint_every=200), dict(model.hf.named_parameters()),
        make_optimizers(model.hf, Recipe(muon=RATE, adam=RATE, weight_decay=0.0)), batches,
        lambda micro: document_loss(model, micro), folder=folder, on_step=on_step, identity=digest(course, BATCH, RATE, NAMED),
    )  # fmt: skip
    model.hf.eval()
    with replacing(folder / "model") as fresh, without_bars():
        model.hf.save_pretrained(fresh)
        model.tokenizer.save_pretrained(fresh)


def most(course: Course, step: int) -> int:
    """The most demonstrations of an episode at that step."""
    for shown, count in course:
        if step < count:
            return shown
        step -= count
    return course[-1][0]


def make_empty(folder: Path) -> None:
    """A Llama with random weights, and a tokenizer of the words that the prompts are made of."""
    rng = random.Random("vocabulary")
    words = [text_of(episode(rng)) for _ in range(2000)]
    tokenizer = train_tokenizer(words, VOCABULARY)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=DEPTH,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def draw(model: Model, count: int, shown: int, rng: random.Random) -> Iterator[Lesson]:
    """``count`` lessons of the known ciphers with at most ``shown`` demonstrations."""
    while count:
        found = lesson(model, episode(rng, shown), rng)
        if found is not None:
            count -= 1
            yield replace(found, start=1)  # what is learned are its places


def episode(rng: random.Random, most: int = COURSE[-1][0]) -> Exercise:
    """A question in a known cipher: its name is said, or demonstrations show it."""
    name, told = rng.choice(NAMES), rng.random() < NAMED
    cipher = known(name)
    asked, *shown = rng.sample(STRINGS, 1 + rng.randint(0 if told else 1, most))
    return Exercise(
        "ciphers", "generate", "en", asked, cipher(asked), description=described(name) if told else "",
        demonstrations=tuple(Demonstration(s, cipher(s)) for s in shown), prompt=PROMPTS["instruct" if told else "bare"],
    )  # fmt: skip


def text_of(item: Exercise) -> str:
    """The item in some of the words that it may be asked in, for the tokenizer."""
    words = Words(item.language, item.description)
    prompts = [replace(p, style="plain") for p in TEMPLATES["en"]["generate"]]
    return "\n".join(render(p, words, item.input, item.demonstrations[:2]) + f" {item.target}" for p in prompts)
