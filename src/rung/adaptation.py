"""The joint of the house: an adaptation as a folder, and the hash by which the ledger knows it.

    adaptation.json        prompt, program, decoding, labels, the base model's name and hash; readable, versioned
    demonstrations.jsonl   what stands in the prompt, or the pool that the selector picks from
    adapter/               trained weights, in PEFT's format where PEFT has the method

Only JSON and safetensors: nothing is unpickled, and no code is named by a file. A kill leaves either the whole
adaptation or none (:mod:`rung.folders`).
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rung.folders import hash_folder, recover, replacing
from rung.types import Adaptation, AdaptationError, ModelRef, digest

VERSION = 1
_READER = TypeAdapter(Adaptation)


def to_dict(adaptation: Adaptation) -> dict[str, Any]:
    """Plain JSON values; the adapter's path is not part of it."""
    return {**dataclasses.asdict(adaptation), "adapter": "adapter" if adaptation.adapter else None}


def from_dict(body: dict[str, Any], where: str = "adaptation") -> Adaptation:
    """Read what :func:`to_dict` wrote; raises AdaptationError that names the field which is wrong."""
    try:
        return _READER.validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise AdaptationError(
            f"{where}: {place}: {first['msg']}", zh=f"{where}：字段 {place} 有误：{first['msg']}"
        ) from None


def hash_of(adaptation: Adaptation) -> str:
    """The digest of everything that decides an answer: not the names, nor where the files lie or how their columns are called."""
    body = to_dict(adaptation)
    for name in ("name", "rung", "adapter", "input_columns", "output_column"):
        body.pop(name)
    body["model"] = adaptation.model.sha256 if adaptation.model else None
    return digest(VERSION, body)


def save(adaptation: Adaptation, folder: Path) -> Path:
    """Write ``adaptation`` as a folder, whole or not at all, replacing an older one of the same name."""
    body = to_dict(adaptation)
    demonstrations = body.pop("demonstrations")
    text = json.dumps({"version": VERSION, **body}, ensure_ascii=False, indent=2)
    with replacing(folder) as fresh:
        (fresh / "adaptation.json").write_text(text + "\n", encoding="utf-8")
        with (fresh / "demonstrations.jsonl").open("w", encoding="utf-8") as out:
            for demonstration in demonstrations:
                out.write(json.dumps(demonstration, ensure_ascii=False) + "\n")
        if adaptation.adapter:
            shutil.copytree(adaptation.adapter, fresh / "adapter")
    return folder


def load(folder: Path, model: ModelRef | None = None) -> Adaptation:
    """Read an adaptation folder; with ``model`` also check that it was made for these weights.

    Raises AdaptationError: no such folder, another version, a field that is wrong, adapter files that were changed,
    another base model.
    """
    path = folder / "adaptation.json"
    if not _is_there(path):
        known, zh = beside(folder)
        raise AdaptationError(
            f"{folder} is no adaptation: it has no adaptation.json. A climb leaves them in RUN/adaptations/NAME{known}.",
            zh=f"{folder} 不是适配：其中没有 adaptation.json。攀登把适配留在 RUN/adaptations/NAME{zh}。",
        )
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        lines = (folder / "demonstrations.jsonl").read_text(encoding="utf-8").split("\n")  # U+2028 ends no line of JSON
        demonstrations = [json.loads(line) for line in lines if line]
        json.dumps([body, demonstrations], ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError) as error:  # missing, not UTF-8, not JSON, "\\ud800"
        raise AdaptationError(f"{folder} cannot be read: {error}", zh=f"{folder} 读不出来：{error}") from None
    version = body.pop("version", None) if isinstance(body, dict) else None
    if version != VERSION:
        raise AdaptationError(
            f"{path} has version {version}, this Rung reads version {VERSION}",
            zh=f"{path} 的版本是 {version}，这里只认识版本 {VERSION}",
        )
    adaptation = from_dict({**body, "demonstrations": tuple(demonstrations)}, str(path))
    if adaptation.adapter:
        inside = folder / "adapter"
        if not inside.is_dir() or hash_folder(inside) != adaptation.adapter_sha256:
            raise AdaptationError(
                f"{inside} is missing or was changed since it was written; copy the whole folder again",
                zh=f"{inside} 缺失，或写成之后被改过；请重新复制整个文件夹",
            )
        adaptation = dataclasses.replace(adaptation, adapter=str(inside.resolve()))
    check_model(adaptation, model, str(folder))
    return adaptation


def beside(folder: Path) -> tuple[str, str]:
    """To end an error with, in both languages: what was perhaps meant, the adaptations of a run or those beside the folder."""
    for place in (folder / "adaptations", folder.parent):
        try:
            found = sorted(str(path.parent) for path in place.glob("*/adaptation.json"))
        except (OSError, ValueError):  # a name that is too long or holds a null
            continue
        if found:
            return f"; there are {', '.join(found)}", f"；现有 {'、'.join(found)}"
    return "", ""


def _is_there(path: Path) -> bool:
    try:
        if not path.exists():
            recover(path.parent)  # a kill between the two renames of `save` left the older one aside
        return path.exists()
    except (OSError, ValueError):  # a name that is too long or holds a null, a folder that may not be looked into
        return False


def check_model(adaptation: Adaptation, model: ModelRef | None, where: str) -> None:
    """Raise AdaptationError when ``adaptation`` was made for other weights than ``model``'s."""
    made_for = adaptation.model
    if model is not None and made_for is not None and made_for.sha256 != model.sha256:
        raise AdaptationError(
            f"{where} was made for {made_for.name} ({made_for.sha256[:12]}), this model is {model.name} "
            f"({model.sha256[:12]}); type --model with the right one",
            zh=f"{where} 是为 {made_for.name}（{made_for.sha256[:12]}）做的，当前模型是 {model.name}"
            f"（{model.sha256[:12]}）；请用 --model 指定正确的模型",
        )
