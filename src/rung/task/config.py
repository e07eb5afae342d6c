"""The settings of a task: the same keys in ``task.yaml``, as keyword arguments and behind the command's flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypedDict, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from rung.types import DataError, Kind, Language

MAX_CHARACTERS = 50_000  # about 20,000 tokens: more than any base model that is adapted here can read
PATHS = ("data", "train", "dev", "test")


class Options(TypedDict, total=False):
    """The keyword arguments of ``load_task`` and ``inspect_task``; None is the same as not given."""

    train: str | Path | None
    dev: str | Path | None
    test: str | Path | None
    input: str | Sequence[str] | None
    output: str | None
    kind: Kind | None
    metric: str | None
    target: float | None
    language: Language | None
    labels: Sequence[str] | None
    description: str | None
    name: str | None
    split: str | None
    seed: int | None
    encoding: str | None
    max_characters: int | None


class Settings(BaseModel):
    """What is said about a task. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path | None = None  # one file to split, or the folder of the splits
    train: Path | None = None
    dev: Path | None = None
    test: Path | None = None
    input: tuple[str, ...] = ()  # the column(s) of the input; several are joined as "name: value" lines
    output: str | None = None
    kind: Kind | None = None
    metric: str | None = None
    target: float | None = Field(None, gt=0, le=1)  # in the metric's own unit, 0..1
    language: Language | None = None
    labels: tuple[str, ...] = ()  # the whole set; a row with another label is then a bad row
    description: str = ""  # the task in the user's words: becomes part of the instruction
    name: str = ""
    split: tuple[float, float, float] = (0.6, 0.2, 0.2)  # train/dev/test, as "60/20/20"
    seed: int = 0
    encoding: str = "utf-8"
    max_characters: int = Field(MAX_CHARACTERS, gt=0)

    @field_validator("input", mode="before")
    @classmethod
    def several(cls, value: Any) -> Any:
        """ "title,body" is two columns."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("labels", mode="before")
    @classmethod
    def words(cls, value: Any) -> Any:
        """Labels are text: 1 is "1"; YAML's yes and no must be quoted, for they arrive as true and false."""
        if not isinstance(value, list | tuple):
            raise ValueError("a list of labels is needed")
        if any(isinstance(label, bool) for label in value):
            raise ValueError('write yes, no, true, false in quotes: ["yes", "no"]')
        labels = tuple(str(label).strip() for label in value)
        if len(set(labels)) < len(labels) or "" in labels:
            raise ValueError("each label stands once, and none is empty")
        return labels

    @field_validator("split", mode="before")
    @classmethod
    def shares(cls, value: Any) -> Any:
        """ "60/20/20" or (60, 20, 20) or (.6, .2, .2) as three shares."""
        try:
            numbers = [float(part) for part in (value.split("/") if isinstance(value, str) else value)]
        except (TypeError, ValueError):
            numbers = []
        total = sum(numbers)
        whole = min(abs(total - 100), abs(total - 1)) <= 1e-6  # false of nan, which compares with nothing, and of inf
        if len(numbers) != 3 or min(numbers) <= 0 or not whole:
            raise ValueError("give train/dev/test as three numbers above 0 that add up to 100, such as 60/20/20")
        return tuple(number / total for number in numbers)


ZH = {  # what the validators above and pydantic's own say
    "a list of labels is needed": "需要标签的列表",
    'write yes, no, true, false in quotes: ["yes", "no"]': 'yes、no、true、false 要加引号：["yes", "no"]',
    "each label stands once, and none is empty": "每个标签只写一次，且不能为空",
    "give train/dev/test as three numbers above 0 that add up to 100, such as 60/20/20": "请按 train/dev/test 给出三个大于 0、"
    "合计 100 的数，例如 60/20/20",
    "float_parsing": "应为数字", "int_parsing": "应为整数", "int_from_float": "应为整数", "string_type": "应为文本",
    "path_type": "应为路径", "greater_than": "应大于 0", "less_than_equal": "不能大于 1", "tuple_type": "应为列表",
}  # fmt: skip
KEYS = tuple(Settings.model_fields)


class SettingError(DataError):
    """A value that a setting cannot have. ``key`` names the setting, ``what`` is the rest of the sentence in both languages."""

    def __init__(self, where: tuple[str, str], key: str, what: tuple[str, str]):
        super().__init__(f"{where[0]}: {key}: {what[0]}", zh=f"{where[1]}：{key} {what[1]}")
        self.key, self.what = key, what


def settings(values: Mapping[str, Any], where: str, where_zh: str | None = None) -> Settings:
    """The settings of a mapping; DataError for an unknown key (with the nearest) or a value of the wrong kind.

    ``where`` they were found, for the message; ``where_zh``: in Chinese, where that is another word.
    """
    given = {key: value for key, value in values.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise explain(error.errors()[0], where, where_zh or where) from error


def explain(error: Mapping[str, Any], where: str, where_zh: str) -> DataError:
    """pydantic's first complaint as a sentence of ours."""
    key = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        near = get_close_matches(key.lower(), KEYS, 1, 0.5)
        hint, hint_zh = (f"; did you mean {near[0]!r}?", f"；是不是 {near[0]!r}？") if near else ("", "")
        return DataError(
            f"{where}: unknown key {key!r}{hint} (known: {', '.join(KEYS)})",
            zh=f"{where_zh}：不认识的键 {key!r}{hint_zh}（可用：{', '.join(KEYS)}）",
        )
    found = error["input"]
    choices = {"kind": get_args(Kind), "language": get_args(Language)}.get(key)
    percent = key == "target" and isinstance(found, int | float) and 1 < found <= 100
    why = str(error["msg"]).removeprefix("Value error, ")
    why_zh = ZH.get(why) or ZH.get(error["type"]) or why
    if percent:
        why, why_zh = f"write {found / 100:g} for {found:g} %", f"{found:g} % 请写成 {found / 100:g}"
    if choices:
        why, why_zh = f"one of {', '.join(choices)} is needed", f"应为 {'、'.join(choices)} 之一"
    return SettingError((where, where_zh), key, (f"{why}; found {found!r}", f"的值 {found!r} 不可用：{why_zh}"))


def read_settings(path: Path) -> dict[str, Any]:
    """The keys of a ``task.yaml``, its paths made relative to where the file stands."""
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} is not readable YAML: {error}", zh=f"{path.name} 不是可读的 YAML：{error}"
        ) from error
    if not isinstance(values, dict):
        raise DataError(f"{path.name}: lines of 'key: value' are needed", zh=f"{path.name}：需要“键: 值”形式的内容")
    # Checked here as well, so that the message names the file and not the call.
    settings(values, path.name)
    return {key: path.parent / str(value) if key in PATHS and value else value for key, value in values.items()}
