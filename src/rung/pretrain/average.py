"""The mean of two models' weights: between one that has learned more and the one that it came from lies a better start.

Where one was trained on from the other both mostly lie in one valley of the loss, and what is between them keeps much of both
(Wortsman et al. 2022, "Model soups" and "Robust fine-tuning of zero-shot models", arXiv 2203.05482 and 2109.01903).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from rung.folders import replacing, writable
from rung.pretrain.lineage import Step, keep, lineage, machine
from rung.types import ModelError

WEIGHTS = "model.safetensors"


def average(later: Path, earlier: Path, out: Path, share: float) -> Path:
    """``share`` of the weights of ``later`` and the rest of ``earlier``, as a Hugging Face folder ``out``.

    Both are folders that ``rung pretrain`` wrote. The precision is that of ``later``; sums are float32. Raises ModelError where the
    shapes differ, where ``later`` did not come from ``earlier``, or where something stands in ``out``; UserError where nothing may be written.
    """
    if not 0 < share < 1:
        raise ModelError(
            f"share must lie between 0 and 1, not {share:g}", zh=f"share 须在 0 与 1 之间，而不是 {share:g}"
        )
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise ModelError(
            f"{out} is there and not empty: type another folder", zh=f"{out} 已存在且不为空：请换一个文件夹"
        )
    way, before = lineage(later), lineage(earlier)
    if not before or way[: len(before)] != before or len(way) == len(before):
        raise ModelError(
            f"{later} was not trained on from {earlier}: its lineage.jsonl does not go on from the other's",
            zh=f"{later} 不是由 {earlier} 继续训练而来：它的 lineage.jsonl 没有接着后者",
        )
    one, other = load_file(later / WEIGHTS), load_file(earlier / WEIGHTS)
    if {n: t.shape for n, t in one.items()} != {n: t.shape for n, t in other.items()}:
        raise ModelError(f"{later} and {earlier} differ in shape", zh=f"{later} 与 {earlier} 的形状不同")
    mean = {n: (share * t.float() + (1 - share) * other[n].float()).to(t.dtype) for n, t in one.items()}
    of = {str(len(way) - 1): share, str(len(before) - 1): 1 - share}
    told = Step("average", 0, 0.0, 0.0, "", 0, 0, 0, machine(), of=of)
    writable(out.parent)
    with replacing(out) as fresh:
        shutil.copytree(later, fresh, dirs_exist_ok=True, ignore=shutil.ignore_patterns(WEIGHTS, "README.md"))
        save_file(mean, fresh / WEIGHTS, metadata={"format": "pt"})
        keep(fresh, [*way, told])
    return out
