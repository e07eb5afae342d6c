"""Rung from Python, for scripts and notebooks: the main road in five lines.

    import rung

    task = rung.load_task("reviews.csv", target=0.85)
    model = rung.load_model("sprout")
    climb = rung.climb(task, model)
    climb.best.predict(["Where is my parcel?"])
    climb.report()

This module is light: what a call needs is imported when it is called. Everything that decides anything is elsewhere
(:mod:`rung.ladder`, :mod:`rung.programs`, :mod:`rung.report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.language import own_language
from rung.types import Adaptation, DataError, Example, Language, Prediction, Result, Task

if TYPE_CHECKING:
    from rung.engine import LanguageModel
    from rung.export import Exported
    from rung.ladder import Watch
    from rung.programs import Answer


def climb(
    task: Task | str | Path,
    model: LanguageModel | str = "sprout",
    *,
    rungs: str | Sequence[str] | None = None,
    recipe: str | None = None,
    all: bool = False,
    race: bool = False,
    run: str | Path | None = None,
    seed: int = 0,
    budget: str | None = None,
    price: float = 0.0,
    volume: int = 10_000,
    general_text: str | Path | None = None,
    max_forgetting: float | None = None,
    mix_general: float = 0.0,
    domain_text: str | Path | None = None,
    watch: Watch | None = None,
) -> Climbed:
    """Climb the ladder, or go on with an earlier climb of the same; what ``rung climb`` does, with its options and defaults.

    ``task``: a task, or a file to load one from. ``rungs``: names, in a list or by commas; None: all. ``run``: the run folder;
    None: ``runs/NAME-xxxxxxxx``, found again by the same call. ``watch``: told of what happens; None: a table on a terminal, else
    silence. Raises UserError for what the user can mend, and KeyboardInterrupt when stopped: the same call goes on.
    """
    from rung.ladder.arrange import arrange
    from rung.task import load_task

    known = task if isinstance(task, Task) else load_task(task)
    walk = arrange(
        known, lambda: _model(model), rungs=rungs if rungs is None or isinstance(rungs, str) else ",".join(rungs),
        recipe=recipe, all=all, race=race, seed=seed, budget=budget, price=price, volume=volume, general_text=_path(general_text),
        max_forgetting=max_forgetting, mix_general=mix_general, domain_text=_path(domain_text), run=_path(run),
    )  # fmt: skip
    with ExitStack() as stack:
        walk.watch = watch or _table(stack, walk.budget.seconds if walk.budget else None)
        result = walk.run()
    return Climbed(walk.folder, result, walk.model)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def open_climb(run: str | Path) -> Climbed:
    """An earlier climb by its run folder; DataError where there is none."""
    from rung.report.run import read_result

    return Climbed(Path(run), read_result(Path(run)))


def open(adaptation: str | Path, model: LanguageModel | str | None = None, *, dtype: str = "float32") -> Answering:
    """An adaptation folder, ready to answer. ``model``: a loaded one or a name; None: the one that it was made for.

    Raises AdaptationError where the folder is broken or was made for another base model.
    """
    from rung.adaptation import load

    folder = Path(adaptation)
    made = load(folder)
    loaded = _model(model or (made.model.name if made.model else "sprout"), dtype=dtype)
    return Answering(load(folder, _reference(loaded)), loaded, folder)


class Climbed:
    """A climb that has come to its end, or as far as its budget went.

    ``run``: its folder. ``result``: all that is known of it, as in ``result.json``. ``climb["lora"]`` is the best adaptation of that
    rung, ``climb.best`` the chosen one. Shown in a notebook it is the answer and the ladder.
    """

    def __init__(self, run: Path, result: dict[str, Any], model: LanguageModel | None = None):
        self.run, self.result = run, result
        self._loaded = model

    @property
    def rungs(self) -> list[str]:
        """The rungs that were measured."""
        return [row["name"] for row in self.result["rungs"] if row["dev"]]

    @property
    def met(self) -> bool:
        """Whether the chosen rung is proven to reach the target."""
        chosen = self.result["chosen"]
        return bool(chosen and chosen["met"])

    @cached_property
    def best(self) -> Answering:
        """The chosen adaptation; DataError where nothing was chosen."""
        chosen = self.result["chosen"]
        if chosen is None:
            raise DataError(
                f"{self.run}: nothing was chosen: see climb.result['rungs'] for the reasons",
                zh=f"{self.run}：没有选出任何方法，原因见 climb.result['rungs']",
            )
        return self[chosen["rung"]]

    @property
    def test(self) -> Result | None:
        """The chosen adaptation on the sealed test; None where it was not opened."""
        found = self.result["test"]
        return None if found is None else self._result(found)

    def dev(self, rung: str) -> Result:
        """The best candidate of a rung on dev; DataError where the rung was not measured."""
        return self._result(self._row(rung)["dev"])

    def __getitem__(self, rung: str) -> Answering:
        return open(self.run / self._row(rung)["adaptation"], self._model)

    def report(self, language: Language | None = None) -> Path:
        """Write ``RUN/report.html`` and give its path."""
        from rung.report import write_report

        return write_report(self.run, language or own_language())

    @property
    def _model(self) -> LanguageModel:
        """Loaded once, when it is first needed."""
        if self._loaded is None:
            self._loaded = _model(self.result["model"]["name"])
        return self._loaded

    def _row(self, rung: str) -> dict[str, Any]:
        if rung not in self.rungs:
            names = ", ".join(self.rungs)
            raise DataError(
                f"{self.run} measured no rung {rung!r}; it has {names}",
                zh=f"{self.run} 没有测过 {rung!r}；已测的有 {names}",
            )
        return next(row for row in self.result["rungs"] if row["name"] == rung)

    def _result(self, found: dict[str, Any]) -> Result:
        numbers = (found["value"], found["low"], found["high"], found["n"])
        return Result(self.result["task"]["metric"], *numbers, self.result["confidence"])

    def __repr__(self) -> str:
        from rung.report.notebook import climb_text

        return climb_text(self.result, own_language())

    def _repr_html_(self) -> str:
        from rung.report.notebook import climb_html

        return climb_html(self.result, own_language())


class Answering:
    """An adaptation on its base model. Each call attaches its adapter and takes it off again; ``with`` keeps it on::

    with rung.open("runs/demo/adaptations/lora") as lora:
        for batch in batches:
            lora.predict(batch)
    """

    def __init__(self, adaptation: Adaptation, model: LanguageModel, folder: Path):
        self.adaptation, self.model, self.folder = adaptation, model, folder
        self._stack = ExitStack()
        self._answer: Answer | None = None

    def predict(self, texts: str | Sequence[str]) -> list[str]:
        """The answer to each input; "" where what the model wrote could not be read as one (see :meth:`predictions`)."""
        return [p.output if p.valid else "" for p in self.predictions(texts)]

    def predictions(self, texts: str | Sequence[str]) -> list[Prediction]:
        """The answers with label scores, the text as written, tokens and demonstrations shown."""
        from rung.programs import as_examples

        return self._ask(as_examples([texts] if isinstance(texts, str) else list(texts)))

    def evaluate(
        self, examples: str | Path | Sequence[Example], *, metric: str | None = None, input: str | Sequence[str] = (),
        output: str | None = None, encoding: str = "utf-8",
    ) -> Result:  # fmt: skip
        """The metric with its 95 % interval on labelled examples, or on a file of them (``input``, ``output``: its columns).

        Rows of a file that cannot be used are left out, as ``rung evaluate`` lists them; DataError where none is left.
        """
        from rung.evaluate import Marked, bare_task
        from rung.task import load_examples
        from rung.task.metrics import find_metric

        made = self.adaptation
        if isinstance(examples, (str, Path)):
            listed = input.split(",") if isinstance(input, str) else input
            columns = tuple(part.strip() for part in listed if part.strip())
            examples, _ = load_examples(
                examples, made.kind, labels=made.labels, schema=made.schema, input=columns, output=output,
                usual=made.input_columns, usual_output=made.output_column, encoding=encoding,
            )  # fmt: skip
        task = bare_task(made, find_metric(metric, made.kind).name)
        return Marked(task, tuple(examples), tuple(self._ask(examples))).result()

    def export(self, to: str, out: str | Path, *, check: str | Path | None = None, with_base: bool = True) -> Exported:
        """Write it for another program; see ``rung export``. ``check``: a labelled file; None: what the run keeps."""
        from rung.engine import weights_of
        from rung.export import export
        from rung.export.check import kept, labelled

        model, made = weights_of(self.model), self.adaptation
        examples = kept(self.folder, made, model) if check is None else labelled(Path(check), made)[0]
        return export(made, model, to, Path(out), examples=examples, with_base=with_base, language=own_language())

    def _ask(self, examples: Sequence[Example]) -> list[Prediction]:
        from rung.programs import opened

        if not examples:
            return []
        if self._answer is not None:
            return self._answer(examples)
        with opened(self.adaptation, self.model) as answer:
            return answer(examples)

    def __enter__(self) -> Answering:
        from rung.programs import opened

        self._answer = self._stack.enter_context(opened(self.adaptation, self.model))
        return self

    def __exit__(self, *error: Any) -> None:
        self._answer = None
        self._stack.close()

    def __repr__(self) -> str:
        on = f" on {self.model.name}" if self.adaptation.model else ""
        return f"<{self.adaptation.name}: {self.adaptation.kind}{on}, {self.folder}>"


def _model(model: LanguageModel | str, **options: Any) -> LanguageModel:
    from rung.engine import load_model

    return load_model(model, **options) if isinstance(model, str) else model


def _reference(model: LanguageModel) -> Any:
    from rung.types import ModelRef

    return ModelRef(model.name, model.sha256)


def _table(stack: ExitStack, seconds: float | None) -> Watch:
    """The live table where somebody looks at a terminal, else silence."""
    from rich.console import Console

    from rung.ladder import Watch
    from rung.report import LiveTable

    console = Console(stderr=True)
    if not console.is_terminal or console.is_jupyter:
        return Watch()
    return stack.enter_context(LiveTable(own_language(), budget_seconds=seconds, console=console))
