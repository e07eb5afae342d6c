"""Metrics of texts: exact match, chrF, BLEU and ROUGE-L, right for Chinese as well as English.

- chrF and BLEU are sacrebleu's corpus scores / 100. The n-gram counts of each example are kept, so that a bootstrap
  sums them; BLEU's tokenizer is "zh" for a Chinese task and "13a" otherwise.
- ROUGE-L is rouge_score's F measure, averaged over the examples, with our own tokenizer: rouge_score's default one
  keeps only [a-z0-9], so that every Chinese text is empty and every score 0.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from rouge_score import rouge_scorer
from sacrebleu.metrics.bleu import BLEU as SacreBLEU
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from rung.task.metrics.base import Floats, Metric, scored, share
from rung.task.metrics.extract import read_object
from rung.types import Task

# Scripts without blanks between words, one character a token: Han, kana; then runs of letters and digits.
SINGLE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
TOKEN = re.compile(f"[{SINGLE}]|[^\\W_{SINGLE}]+")
CHRF_ORDER, CHRF_BETA = 6, 2  # chrF2, sacrebleu's default (Popović 2015)
BLEU_ORDER = 4


def plain(text: str) -> str:
    """NFC, with each run of blanks as one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def same(output: str, target: str, task: Task) -> bool:
    """The two answers are the same: equal objects for ``extract``, equal text but for blanks otherwise."""
    if task.kind != "extract":
        return plain(output) == plain(target)
    found = read_object(output)
    return found is not None and json.dumps(found, sort_keys=True) == json.dumps(read_object(target), sort_keys=True)


def exact_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 2]: same or not, and 1."""
    return scored([float(same(output, target, task)) for output, target in zip(outputs, targets, strict=True)])


def ngram_counts(output: str, target: str) -> list[int]:
    """sacrebleu's chrF statistics of one pair: for each order n-grams of the output, of the target, in both."""
    counts: list[int] = []
    for have, want in zip(*(extract_all_char_ngrams(text, CHRF_ORDER) for text in (output, target)), strict=True):
        # As sacrebleu: n-grams of an order that the target is too short for are not held against the output.
        counts += [sum(have.values()) if want else 0, sum(want.values()), sum((Counter(have) & want).values())]
    return counts


def chrf_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 18]: (output, target, both) n-gram counts for the orders 1..6."""
    rows = [ngram_counts(output, target) for output, target in zip(outputs, targets, strict=True)]
    return np.asarray(rows, dtype=float).reshape(len(targets), 3 * CHRF_ORDER)


def chrf(sums: Floats) -> Floats:
    """[..., 18] counts -> chrF: F2 of the precision and recall averaged over the orders that occur in both."""
    counts = sums.reshape(*sums.shape[:-1], CHRF_ORDER, 3)
    have, want, both = counts[..., 0], counts[..., 1], counts[..., 2]
    orders = (have > 0) & (want > 0)
    n = np.maximum(orders.sum(-1), 1)
    precision = np.where(orders, both / np.maximum(have, 1), 0.0).sum(-1) / n
    recall = np.where(orders, both / np.maximum(want, 1), 0.0).sum(-1) / n
    under = CHRF_BETA**2 * precision + recall
    value = np.where(under > 0, (1 + CHRF_BETA**2) * precision * recall / np.where(under > 0, under, 1.0), 0.0)
    return np.where(want[..., 0] > 0, value, np.nan)  # no target has a character: nothing to measure


@lru_cache
def bleu_scorer(chinese: bool) -> SacreBLEU:
    """sacrebleu's BLEU with the tokenizer of the language; its counts are used, not its sentence score."""
    return SacreBLEU(tokenize="zh" if chinese else "13a", effective_order=True)


def bleu_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 10]: output length, target length, 4 matched and 4 given n-gram counts."""
    scorer = bleu_scorer(task.language == "zh")
    scores = [scorer.sentence_score(output, [target]) for output, target in zip(outputs, targets, strict=True)]
    rows = [[s.sys_len, s.ref_len, *s.counts, *s.totals] for s in scores]
    return np.asarray(rows, dtype=float).reshape(len(targets), 2 + 2 * BLEU_ORDER)


def bleu(sums: Floats) -> Floats:
    """[..., 10] counts -> corpus BLEU-4 (Papineni 2002) with sacrebleu's default "exp" smoothing."""
    flat = sums.reshape(-1, sums.shape[-1])
    n = BLEU_ORDER
    values = [
        SacreBLEU.compute_bleu(
            row[2 : 2 + n].tolist(), row[2 + n :].tolist(), int(row[0]), int(row[1]), smooth_method="exp"
        ).score
        / 100
        if row[1]
        else np.nan
        for row in flat
    ]
    return np.asarray(values).reshape(sums.shape[:-1])


class Tokenizer:
    """rouge_score's tokenizer interface: Han and kana one by one, other scripts by words, lower case."""

    def tokenize(self, text: str) -> list[str]:
        return TOKEN.findall(unicodedata.normalize("NFC", text).lower())


ROUGE = rouge_scorer.RougeScorer(["rougeL"], tokenizer=Tokenizer())


def rouge_parts(outputs: Sequence[str], targets: Sequence[str], task: Task) -> Floats:
    """[n, 2]: ROUGE-L F of each example, and 1."""
    return scored([rouge(output, target) for output, target in zip(outputs, targets, strict=True)])


def rouge(output: str, target: str) -> float:
    """ROUGE-L F of one answer. A target without a word, "!!!" or emoji alone, has no sequence to follow: right is the same text."""
    if not TOKEN.search(unicodedata.normalize("NFC", target)):
        return float(plain(output) == plain(target))
    return ROUGE.score(target, output)["rougeL"].fmeasure


EXACT_MATCH = Metric(
    "exact-match", ("extract", "generate"), "share of answers that are the same as the target", "与标准答案完全相同的比例",
    exact_parts, share, mean=True, hits=True,
)  # fmt: skip
CHRF = Metric("chrf", ("generate",), "chrF2: character n-gram F score", "chrF2：字符 n-gram F 值", chrf_parts, chrf)
BLEU = Metric("bleu", ("generate",), "corpus BLEU-4", "语料级 BLEU-4", bleu_parts, bleu)
ROUGE_L = Metric(
    "rouge-l", ("generate",), "ROUGE-L: longest common subsequence F score", "ROUGE-L：最长公共子序列 F 值",
    rouge_parts, share, mean=True,
)  # fmt: skip
