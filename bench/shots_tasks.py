"""The tasks of the n-shot study: public sets with a description by hand, and variants whose label words say nothing.

None of the sets is trained on (``rung.instruct.sources.LICENSED`` lists those that are). Descriptions and label words were
written before anything was measured. In the variants the description is left out: what a word stands for is then in the
demonstrations alone. Arbitrary words are others than those of the training episodes (``rung.instruct.episode.ARBITRARY``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from places import TASKS

from rung.task import load_task
from rung.types import DataError, Example, Language, Sealed, Task


@dataclass(frozen=True)
class Study:
    """A set as the study asks it."""

    name: str
    source: str  # the folder
    language: Language
    about: str
    description: str = ""
    words: Mapping[str, str] = field(default_factory=dict)  # label in the file -> word in the prompt, where they differ
    variant: str = "named"  # named, arbitrary (words without a meaning), flipped (each other's words)


_NAMED = (
    Study("fewclue_eprstmt", "fewclue_eprstmt", "zh", "product reviews, 2 labels", "判断这条商品评论的情感是正面还是负面"),
    Study("waimai_10k", "waimai_10k", "zh", "take-away reviews, 2 labels", "判断这条外卖评价是好评（正面）还是差评（负面）"),
    Study("csl_category", "csl_category", "zh", "titles of papers, 13 fields", "根据论文标题判断它属于哪个学科"),
    Study("fewclue_tnews", "fewclue_tnews", "zh", "news titles, 15 topics", "判断这个新闻标题属于哪个栏目"),
    Study("sst2", "sst2", "en", "film reviews, 2 labels", "Decide whether this sentence about a film is positive or negative"),
    Study(
        "subj", "subj", "en", "sentences on films, opinion or plot",
        "Decide whether this sentence is subjective (an opinion about a film) or objective (a statement about its story)",
    ),
    Study(
        "trec", "trec", "en", "questions, 6 types of answer",
        "Decide what the question asks for: the description of something, an entity (a thing), what an abbreviation means, "
        "a human (a person or group), a number or a location",
    ),
    Study(
        "ag_news", "ag_news", "en", "news, 4 topics", "Decide which section of a newspaper this news belongs to",
        {"Sci/Tech": "Technology"},
    ),
)  # fmt: skip


def _variant(name: str, variant: str, words: Mapping[str, str]) -> Study:
    base = next(study for study in _NAMED if study.name == name)
    return replace(base, name=f"{name}-{variant}", variant=variant, description="", words=words)


_VARIANTS = (
    _variant("fewclue_eprstmt", "arbitrary", {"正面": "雨伞", "负面": "铃铛"}),
    _variant("sst2", "arbitrary", {"positive": "lemon", "negative": "tower"}),
    _variant(
        "ag_news", "arbitrary", {"World": "lemon", "Sports": "tower", "Business": "candle", "Sci/Tech": "spoon"}
    ),
    _variant("fewclue_eprstmt", "flipped", {"正面": "负面", "负面": "正面"}),
    _variant("sst2", "flipped", {"positive": "negative", "negative": "positive"}),
    _variant(
        "ag_news", "flipped",
        {"World": "Sports", "Sports": "Business", "Business": "Technology", "Sci/Tech": "World"},
    ),
)  # fmt: skip

STUDIES = {study.name: study for study in (*_NAMED, *_VARIANTS)}


def load(study: Study, folder: Path = TASKS) -> Task:
    """The set's own splits with the study's words; DataError where the files are missing."""
    place = folder / study.source
    task = load_task(
        train=split_file(place, "train"), dev=split_file(place, "dev"), test=split_file(place, "test"), input="text",
        output="label", kind="classify", name=study.name, language=study.language, description=study.description,
    )  # fmt: skip

    def worded(examples: tuple[Example, ...]) -> tuple[Example, ...]:
        return tuple(replace(e, target=study.words.get(e.target, e.target)) for e in examples)

    return replace(
        task,
        train=worded(task.train),
        dev=worded(task.dev),
        test=Sealed(worded(task.test.open())),
        labels=tuple(sorted(study.words.get(label, label) for label in task.labels)),
    )


def split_file(place: Path, split: str) -> Path:
    """``train.jsonl``, or the union of the few-shot folds, ``train_all.jsonl``; DataError where there is neither."""
    whole, union = place / f"{split}.jsonl", place / f"{split}_all.jsonl"
    if whole.is_file() or union.is_file():
        return whole if whole.is_file() else union
    raise DataError(
        f"there is no {whole}: set RUNG_SHARED to the folder that holds data/tasks",
        zh=f"找不到 {whole}：请把 RUNG_SHARED 设为含有 data/tasks 的文件夹",
    )
