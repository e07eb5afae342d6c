"""The nouns of Rung as plain dataclasses. This module imports nothing of ours.

    Task --(rung proposes)--> Adaptation --(program answers)--> Prediction --(metric)--> Score --> Result

Errors that a user can make are :class:`UserError` and its children; each says what is wrong, what was
found and what to type, in English and (where given) in Chinese::

    ValueError
    └── UserError              the user's mistake, shown without a traceback
        ├── DataError          a file, a row, a column, a split
        ├── ModelError         a model folder, a tokenizer, an architecture, a context that is too short
        ├── AdaptationError    an adaptation folder: missing, tampered with, or for another base model
        ├── EndpointError      an endpoint that does not answer, refuses the key, or has not the model
        ├── DiskFull           no room for what was to be written; what was there before is whole
        └── BudgetSpent        the time, token or money budget is spent (the climb catches it)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, ClassVar, Literal

Kind = Literal["classify", "extract", "generate", "prefer"]
Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to mend what a message tells of: a setting, and what to set it to.

    It is data and no words, so that each door names the setting as it is seen there: a command by its flag, a page by the
    label of its field.
    """

    option: str  # "output"
    value: str = ""  # "": one that the person knows, told as ``any``
    any: tuple[str, str] = ("", "")  # ("COLUMN", "列名")
    why: tuple[str, str] = ("", "")  # when, or what for: ("if each number is a label", "如果每个数字是一个标签")
    out: bool = False  # leave it out


Naming = Callable[
    [Sequence[Way], Language], str
]  # ways -> what to do, at one door; "" where it has none of the settings


def typed(ways: Sequence[Way], language: Language) -> str:
    """What to do at a command: "type --output COLUMN", "type the command without --rungs or --recipe"."""
    zh = language == "zh"

    def flag(way: Way) -> str:
        said, why = f"--{way.option} {way.value or way.any[zh]}".strip(), way.why[zh]
        return said + ((f"（{why}）" if zh else f" {why}") if why else "")

    given, left = [flag(way) for way in ways if not way.out], [flag(way) for way in ways if way.out]
    verbs = ("请加 ", "请在命令中去掉 ") if zh else ("type ", "type the command without ")
    parts = [verb + either(flags, language) for verb, flags in zip(verbs, (given, left), strict=True) if flags]
    return ("，或" if zh else ", or ").join(parts)


def either(things: Sequence[str], language: Language) -> str:
    """ "a, b or c"."""
    *most, last = things
    if language == "zh":
        return "、".join(most) + (" 或 " if most else "") + last
    return ", ".join(most) + (" or " if most else "") + last


def told(text: str, ways: Sequence[Way], language: Language, named: Naming = typed) -> str:
    """A message, and behind it what mends it at the door that ``named`` speaks for."""
    what = named(ways, language) if ways else ""
    return text + (f"；{what}" if language == "zh" else f"; {what}") if what else text


class UserError(ValueError):
    """A mistake that the user can mend; ``str()`` is English, ``zh`` the same in Chinese, both for who types a command.

    ``ways`` to mend it are kept beside the words, so that :meth:`said` can name them as another door does.
    """

    def __init__(self, en: str, zh: str | None = None, *, ways: Sequence[Way] = ()):
        super().__init__(told(en, ways, "en"))
        self.zh = told(zh or en, ways, "zh")
        self.bare, self.ways = (en, zh or en), tuple(ways)

    def said(self, language: Language, named: Naming = typed) -> str:
        """The message in that language, its ways to mend it named as ``named`` does."""
        return told(self.bare[language == "zh"], self.ways, language, named)


class DataError(UserError):
    """A file, row, column or split that cannot be used."""


class ModelError(UserError):
    """A model that cannot be loaded, or a request that it cannot hold."""


class TooLong(ModelError):
    """A prompt that with its answer needs more tokens than the context holds."""


class AdaptationError(UserError):
    """An adaptation folder that is missing, broken, or made for another base model."""


class DiskFull(UserError):
    """The disk is full. What was being written is gone again; what stood there before is whole."""


class EndpointError(UserError):
    """An endpoint that does not answer, refuses the key, or has not the model: nothing can be asked there now."""


class BudgetSpent(UserError):
    """The budget (time, tokens or money) of a climb is spent."""


LARGEST_SEED = 2**32 - 1  # that every generator in use takes; the smallest is 0

# What Python's splitlines and many clients (httpx's iter_lines) take for the end of a line, and a JSON string may hold: for str.translate.
JSON_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def digest(*parts: Any) -> str:
    """16 hex digits of SHA-256 over the canonical JSON of ``parts``; equal content, equal digest."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Example:
    """One item of a task. ``target`` is the label, the text, or canonical JSON (``extract``)."""

    id: str  # digest of the input: the same input has the same id everywhere
    input: str
    target: str
    source: str = ""  # "reviews.csv:12", for messages


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An input and its answer as they are shown inside a prompt."""

    input: str
    target: str


class Sealed(Sequence[Example]):
    """The test split. It knows its length at once, but gives its examples only after ``open``."""

    def __init__(self, examples: Sequence[Example]):
        self._examples = tuple(examples)
        self.opened = False

    def open(self) -> tuple[Example, ...]:
        """The examples. Whoever opens the seal writes it into the ledger first."""
        self.opened = True
        return self._examples

    def _check(self) -> None:
        if not self.opened:
            raise RuntimeError("the test split is sealed: Sealed.open() is called once, by the climb, at its end")

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index):
        self._check()
        return self._examples[index]

    def __iter__(self) -> Iterator[Example]:
        self._check()
        return iter(self._examples)


@dataclass(frozen=True, repr=False)
class Task:
    """Examples in three splits, the kind, the metric and the target.

    ``labels`` is sorted and complete for ``classify``, else empty. ``schema`` is the JSON Schema of the
    answer for ``extract``, else None. ``target`` is in the metric's own unit, 0..1, or None when the user
    asks only for the best. ``fingerprint`` covers every example of every split, so that two climbs can be
    told apart.
    """

    name: str
    kind: Kind
    metric: str
    language: Language
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: Sealed
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    target: float | None = None
    description: str = ""  # the user's own words for the task; part of the instruction when given
    fingerprint: str = ""
    input_columns: tuple[str, ...] = ()  # of the files it was read from
    output_column: str = ""

    def __repr__(self) -> str:
        goal = "" if self.target is None else f" at least {self.target:g}"
        sizes = f"{len(self.train)} train, {len(self.dev)} dev, {len(self.test)} sealed test"
        return f"<Task {self.name}: {self.kind}, {self.metric}{goal}; {sizes}>"

    def _repr_html_(self) -> str:
        """In a notebook: what it is, and three training examples."""
        shown = [(e.input if len(e.input) <= 120 else e.input[:119] + "…", e.target) for e in self.train[:3]]
        rows = "".join(f"<tr><td>{escape(text)}</td><td>{escape(target)}</td></tr>" for text, target in shown)
        labels = f"<br>{escape(', '.join(self.labels))}" if self.labels else ""
        return f"<div><p>{escape(repr(self)[1:-1])}{labels}</p><table>{rows}</table></div>"


@dataclass(frozen=True)
class Prompt:
    """A prompt as parts. Every text is a Jinja2 template (sandboxed) over the words of the task:
    ``description``, ``labels`` (list), ``fields`` (list), and, in ``question`` and ``answer``, ``input`` and ``target``.

    Plain style renders::

        {role}\n{instruction}\n\n{question(d1)}\n{lead}{answer(d1)}\n\n ... {question(x)}\n{lead}

    Chat style puts role + instruction into the system message, each demonstration into a user/assistant
    pair, and the lead at the start of the assistant's turn.
    """

    name: str
    language: Language
    role: str = ""
    instruction: str = ""
    question: str = "{{ input }}"
    lead: str = ""
    answer: str = "{{ target }}"
    separator: str = "\n\n"
    style: Literal["plain", "chat"] = "plain"
    # What the model writes before the answer when it reasons; None: it answers at once.
    reasoning: str | None = None


@dataclass(frozen=True)
class Selector:
    """How demonstrations are chosen for each input out of the adaptation's pool."""

    kind: Literal["bm25", "embedding", "diverse"]
    n: int
    seed: int = 0


@dataclass(frozen=True)
class Decoding:
    """How an answer is written. ``temperature`` 0 is greedy."""

    max_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    constrain: bool = True  # to the labels or to the JSON schema, where the task has one


@dataclass(frozen=True)
class ModelRef:
    """Which base model: a name to find it by, and the hash of its weights to know it by."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Prediction:
    """The answer to one example, and what it took.

    ``output`` is a label, a text or canonical JSON; ``valid`` is False where the model's text could not be
    read as an answer (it then scores 0, and is counted). ``scores`` are log-probabilities of the labels in the
    task's order, after calibration. ``tokens_in`` counts the whole prompt of each call as a lone request would send it;
    ``flops`` likewise; ``seconds`` is this item's share of the batch it was computed in. Of a model behind an endpoint: the tokens
    that were billed, the seconds of its own calls, and ``flops`` None, as nobody knows them.
    """

    example_id: str
    output: str
    text: str = ""  # what the model wrote, before it was read as an answer
    valid: bool = True
    scores: tuple[float, ...] | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    calls: int = 0
    flops: float | None = 0.0
    seconds: float = 0.0
    shown: tuple[str, ...] = ()  # inputs of the demonstrations that stood in the prompt


@dataclass(frozen=True, repr=False)
class Result:
    """A mean with its interval. ``value`` None: there was nothing to measure, and ``reason`` says why."""

    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    confidence: float = 0.95
    reason: str = ""

    def __repr__(self) -> str:
        if self.value is None:
            return f"<{self.metric}: nothing to measure ({self.reason})>"
        between = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"<{self.metric} {self.value:.3f}{between}, n = {self.n}>"

    def _repr_html_(self) -> str:
        """In a notebook: the figure, with its interval small behind it."""
        if self.value is None:
            return escape(repr(self)[1:-1])
        figure, behind = (
            f"{self.metric} {self.value:.3f}",
            repr(self)[1:-1].removeprefix(f"{self.metric} {self.value:.3f}"),
        )
        return f"<span><b>{escape(figure)}</b><small>{escape(behind)}</small></span>"


@dataclass
class Cost:
    """What a rung costs to build, to run and to keep. None: not measured. Money: of a model behind an endpoint with a price."""

    build_seconds: float = 0.0
    build_flops: float | None = 0.0
    build_tokens: float = 0.0  # read and written by the search over its candidates
    build_money: float | None = None
    peak_bytes: int | None = None
    trainable_parameters: int = 0
    labels: int = 0  # labelled examples that the adaptation has seen
    tokens_per_request: float | None = None
    seconds_per_request: float | None = None
    flops_per_request: float | None = None
    money_per_request: float | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Adaptation:
    """Everything needed to answer a new input besides the base model: the joint of the house.

    ``demonstrations`` are shown in this order when ``selector`` is None; else they are the pool that the
    selector picks from. ``adapter`` names a subfolder in PEFT's format, or None. ``parameters`` belong to the
    program. Two adaptations with the same :func:`rung.adaptation.hash_of` answer alike.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # a file with a field that we do not know is refused

    name: str  # the candidate: "few-shot/balanced-8-s0"
    rung: str
    kind: Kind
    language: Language
    program: str = "direct"
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    description: str = ""
    prompt: Prompt | None = None
    demonstrations: tuple[Demonstration, ...] = ()
    selector: Selector | None = None
    decoding: Decoding = Decoding()
    calibration: tuple[float, ...] | None = None  # added to the label scores, in the order of ``labels``
    parameters: Mapping[str, Any] = field(default_factory=dict)
    adapter: str | None = None  # path of the adapter folder, absolute in memory, "adapter" on disk
    adapter_sha256: str = ""
    model: ModelRef | None = None
    input_columns: tuple[str, ...] = ()  # that an input was made of: what a file is read by when nobody says otherwise
    output_column: str = ""
