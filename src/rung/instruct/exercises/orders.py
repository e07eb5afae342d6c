"""Small tasks of instruction_induction and self_instruct_seed, each asked for in many ways.

Left out of instruction_induction: sentiment, whose sentences are those of sst2, which models are measured on; sum and diff, which
would tell the answers of held-out sums (arithmetic.py); translations to languages other than ours; and what a small model can only
guess (similarity, word in context, common concept). Of the seed tasks those are taken that are short, on one line and harmless.

Both sets have no dev split, and a tenth at their end would be of one task: their keys alone keep exams apart.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from rung.instruct.exercises.skills import Asked, Skill, exercise, telling
from rung.instruct.family import Family
from rung.instruct.item import Exercise
from rung.instruct.sources import Sources
from rung.types import Language

ASKS: Mapping[str, Mapping[Language, tuple[str, ...]]] = {
    "active_to_passive": {
        "en": ("Change the sentence to the passive voice.", "Rewrite it in the passive.", "Say it with the object first (passive).", "Make it passive."),
        "zh": ("把英文句子改成被动语态。", "写成被动句。", "用被动语态重写这句英文。"),
    },
    "antonyms": {
        "en": ("Write the opposite.", "What is the antonym of the word?", "Give a word that means the contrary.", "Which word is its opposite?"),
        "zh": ("写出英文反义词。", "这个词的反义词是什么？", "给出意思相反的英文词。"),
    },
    "cause_and_effect": {
        "en": ("One sentence is the cause, one the effect. Write the cause.", "Which of the two made the other happen?", "Find the cause."),
        "zh": ("两句中哪一句是原因？", "写出作为原因的那句话。", "一句是因，一句是果，请写出因。"),
    },
    "first_word_letter": {
        "en": ("Write the first letter of the word.", "With which letter does the word begin?", "First letter only."),
        "zh": ("写出单词的第一个字母。", "这个单词以哪个字母开头？", "只写首字母。"),
    },
    "second_word_letter": {
        "en": ("Write the second letter of the word.", "Which letter comes second?", "Second letter only."),
        "zh": ("写出单词的第二个字母。", "第二个字母是什么？", "只写第二个字母。"),
    },
    "informal_to_formal": {
        "en": ("Say it more formally.", "Rewrite in a formal style.", "Make this polite and formal."),
        "zh": ("把英文改得更正式。", "用正式的英文重写。", "换成正式的说法。"),
    },
    "larger_animal": {
        "en": ("Which animal is larger?", "Write the bigger of the two animals.", "Of these two, which is the larger one?"),
        "zh": ("哪种动物更大？", "写出两种动物中较大的一种。", "两者当中谁的体型更大？"),
    },
    "letters_list": {
        "en": ("Spell the word, letter by letter.", "Write the letters with spaces between them.", "Break the word into letters."),
        "zh": ("逐个写出单词的字母。", "把字母用空格隔开。", "拼读这个单词。"),
    },
    "negation": {
        "en": ("Negate the sentence.", "Write the negation.", "Say that this is not so.", "Turn the statement into its opposite with \"not\"."),
        "zh": ("把英文句子改成否定句。", "写出这句话的否定。", "加上 not，改为否定。"),
    },
    "num_to_verbal": {
        "en": ("Write the number in words.", "Spell out the number.", "How is the number read?"),
        "zh": ("用英文单词写出这个数。", "这个数用英语怎么读？", "把数字写成英文。"),
    },
    "orthography_starts_with": {
        "en": ("Write the words that begin with the letter in brackets.", "Which words start with the given letter?", "Find the words with that first letter."),
        "zh": ("写出以括号里字母开头的单词。", "哪些单词以所给字母开头？", "找出首字母相符的词。"),
    },
    "rhymes": {
        "en": ("Write a word that rhymes.", "Find a rhyme.", "Which word sounds the same at its end?"),
        "zh": ("写一个押韵的英文单词。", "找一个同韵的词。", "给出与它押韵的英文词。"),
    },
    "singular_to_plural": {
        "en": ("Write the plural.", "What is the plural form?", "Say it for more than one.", "Make the noun plural."),
        "zh": ("写出复数形式。", "这个英文名词的复数是什么？", "把单数变成复数。"),
    },
    "synonyms": {
        "en": ("Write a synonym.", "Give another word for it.", "Which word means nearly the same?"),
        "zh": ("写一个英文近义词。", "换一个意思相近的英文词。", "给出同义词。"),
    },
    "taxonomy_animal": {
        "en": ("Write only the animals.", "Which of these are animals?", "List the animals among the words."),
        "zh": ("只写出其中的动物。", "哪些是动物？", "从词中挑出动物。"),
    },
}  # fmt: skip
SEEDS = (
    1, 15, 21, 25, 38, 43, 48, 49, 51, 53, 57, 58, 76, 84, 88, 90, 92, 97, 102, 110, 115, 117, 120, 126, 132, 134, 137, 144, 147, 148,
    150, 155, 157, 161, 164, 171,
)  # fmt: skip


def instructions(rng: random.Random, sources: Sources) -> Exercise:
    """A task with many examples, seldom a seed task, which is one of its kind."""
    language: Language = rng.choice(("zh", "en", "en"))
    if rng.random() < 0.06:
        return seed_task(rng, sources)
    task = rng.choice(list(ASKS))
    rows = _tasks(sources)[task]

    def draw() -> Asked:
        row = rng.choice(rows)
        return Asked(row["input"], row["output"], f"{task}|{_plain(row)}")

    return exercise(rng, "instructions", language, Skill(ASKS[task][language], draw))


def _plain(row: dict[str, Any]) -> str:
    """The input as a key: two animals are the same question in either order."""
    return " ".join(sorted(row["input"].split(", ")))


def seed_task(rng: random.Random, sources: Sources) -> Exercise:
    row = rng.choice(_seeds(sources))
    text = row["input"] or row["instruction"]
    ask = row["instruction"] if row["input"] else ""
    prompt = telling(rng, "en", "generate")
    return Exercise(
        "instructions", "generate", "en", text, row["output"], description=ask, prompt=prompt, key=row["id"]
    )


def _all(given: Sources, name: str) -> list[dict[str, Any]]:
    """Both parts of a set that has no dev split."""
    return [row for exam in (False, True) for row in replace(given, exam=exam).rows(name)]


@cache
def _tasks(given: Sources) -> dict[str, list[dict[str, Any]]]:
    """Task -> its rows."""
    found: dict[str, list[dict[str, Any]]] = {task: [] for task in ASKS}
    for row in _all(given, "instruction_induction"):
        if row["task"] == "taxonomy_animal":  # the set shuffles the answer
            order = row["input"].split(", ")
            row = {**row, "output": ", ".join(sorted(row["output"].split(", "), key=order.index))}
        if row["task"] in found:
            found[row["task"]].append(row)
    return found


@cache
def _seeds(given: Sources) -> list[dict[str, Any]]:
    wanted = {f"seed_task_{n}" for n in SEEDS}
    return [row for row in _all(given, "self_instruct_seed") if row["id"] in wanted and "\n" not in row["output"]]


FAMILIES: tuple[Family, ...] = (Family("instructions", instructions, ("instruction_induction", "self_instruct_seed")),)
