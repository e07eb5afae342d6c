"""The main road of an export.

    refuse what the form cannot hold  ->  write prompt and weights  ->  ask both, compare  ->  README.md, export.json

All of it happens in a folder beside its place that is renamed at the end: a kill leaves the older export, or none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.adaptation import hash_of
from rung.engine import Model
from rung.export import base
from rung.export import prompt as prompts
from rung.export.check import Check, Labelled, compare
from rung.export.readme import readme
from rung.export.targets import find_target, refuse, trained_by
from rung.folders import replacing
from rung.types import Adaptation, Language, UserError

MARK, VERSION = "export.json", 1


@dataclass(frozen=True)
class Exported:
    """Where it lies, and what the check found; ``check`` None: it was not checked.

    words_only: the prompt without the weights that were trained with it, which nothing can be checked against.
    """

    folder: Path
    to: str
    check: Check | None
    words_only: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"folder": str(self.folder), "to": self.to, "check": self.check and self.check.as_json()}


def export(
    made: Adaptation, model: Model, to: str, out: Path, *, examples: Labelled | None = None, with_base: bool = True,
    language: Language = "en",
) -> Exported:  # fmt: skip
    """Write ``made``, which stands on ``model``, to the folder ``out`` in the form ``to`` of :data:`rung.export.TARGETS`.

    ``examples``: checked on these. ``with_base``: a base that has no name on the hub is copied along, where the form needs one.
    Raises AdaptationError for what the form does not take, and UserError where ``out`` holds something else than an export.
    """
    target = find_target(to)
    refuse(made, to)
    _refuse_to_replace(out)
    whole = prompts.settled(made, model)
    prompt = prompts.written(whole, model)
    with replacing(out) as fresh:
        prompts.save(prompt, fresh)
        if target.base and with_base and not base.on_hub(model):
            base.copy(base.folder_of(model), fresh / base.BASE)
        target.write(made, model, fresh)
        words_only = trained_by(made) is not None and to == "prompt"
        check = None if examples is None or words_only else compare(whole, model, prompt, target, fresh, examples)
        body = {
            "version": VERSION,
            "to": to,
            "adaptation": made.name,
            "hash": hash_of(made),
            "model": {"name": model.name, "sha256": model.sha256},
            "dtype": str(model.hf.dtype).removeprefix("torch."),
            "check": check and check.as_json(),
        }
        (fresh / MARK).write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        (fresh / "README.md").write_text(readme(made, model, to, fresh, prompt, check, language), encoding="utf-8")
    return Exported(out, to, check, words_only)


def _refuse_to_replace(out: Path) -> None:
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"{out} exists and is no export: it would be replaced. Type --out with another folder",
            zh=f"{out} 已存在且不是导出结果，写入会将其覆盖。请用 --out 指定别的文件夹",
        )
