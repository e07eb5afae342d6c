"""``rung judge``: a model or an adaptation says which of two rungs answers better, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from filelock import FileLock
from filelock import Timeout as Taken
from rich.console import Console
from rich.table import Table

from rung.cli.endpoint import ApiKeyEnv, Attempts, BaseUrl, Concurrency, Context, FirstWait, Timeout, endpoint_of
from rung.cli.options import BatchSize, Dtype, Json, Lang, app, open_adaptation, open_model, say, show_json, speak
from rung.folders import writable
from rung.types import Adaptation, DataError, Language, UserError

if TYPE_CHECKING:
    from rung.engine import LanguageModel
    from rung.evaluate import Contest, Judged
    from rung.ledger import Ledger
    from rung.report.judging import Account
    from rung.report.pairs import Sheet

LEDGER = "judge.sqlite"  # the judge's own: what it is asked is no cost of the climb
EVERY = 32  # pairs from one word of progress to the next


@app.command()
def judge(
    run: Annotated[Path, typer.Argument(help="the run folder of a climb")],
    a: Annotated[str, typer.Argument(help="a rung that was measured")],
    b: Annotated[str, typer.Argument(help="another one")],
    by: Annotated[str | None, typer.Option("--by", help="the model that judges; else sprout, or the one that --judge was made for")] = None,
    judge: Annotated[Path | None, typer.Option("--judge", help="an adaptation that judges: it classifies into 1 and 2")] = None,
    split: Annotated[str, typer.Option("--split", help="dev, or test once its seal is open")] = "dev",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="most pairs; those that people have rated come first")] = None,
    preferences: Annotated[Path | None, typer.Option("--preferences", help="also write the decided pairs as preference data, JSONL")] = None,
    dtype: Dtype = "float32", batch_size: BatchSize = None, base_url: BaseUrl = None, api_key_env: ApiKeyEnv = None,
    context: Context = None, concurrency: Concurrency = None, timeout: Timeout = None, attempts: Attempts = None,
    first_wait: FirstWait = None, lang: Lang = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Let a model judge two rungs' answers where they differ; hold it against the metric and against people's ratings."""
    from rung.adaptation import hash_of
    from rung.evaluate import ask, asked_of
    from rung.evaluate import judge as plain_judge
    from rung.evaluate.agreement import better
    from rung.programs import opened
    from rung.report import preferences as kept
    from rung.report.judging import account, sentences

    given, language = locals(), speak(lang)
    if preferences is not None:
        check_file(preferences)
    sheet = answers_of(run, a, b, split)
    rated = kept.people(kept.read_ratings(run), sheet.hashes[a], sheet.hashes[b], split)
    pairs = kept.contests(sheet, a, b, rated)[:limit]
    if not pairs:
        raise DataError(
            f"{a} and {b} give the same answers on {split}: there is nothing to judge, type two other rungs",
            zh=f"{a} 和 {b} 在 {split} 上的回答处处相同，没有可评的：请换两个方法",
        )
    task = measured(run, sheet.hashes[a])
    made, model = open_judge(by, judge, given)
    with at_work(run, model) as ledger:
        made = made or plain_judge(model, task.language)
        name = {"name": made.name, "hash": hash_of(made), "dtype": model.dtype}
        known = kept.judged_by(kept.read_judgements(run), sheet.hashes[a], sheet.hashes[b], split, name)
        todo = [c for c in pairs if c.example not in known]
        judging = ask(todo, made, lambda: opened(made, model), ledger, asked_of(task), workers=model.workers)
        for contest, judged in telling(judging, len(todo), model.context, language):
            kept.keep_judgement(run, kept.line_of(judged, contest, sheet, a, b, name))
            known[contest.example] = judged
    found = {c.example: known[c.example] for c in pairs if c.example in known}
    scores = [{i: answer.score for i, answer in sheet.answers[rung].items()} for rung in (a, b)]
    told = account(list(found.values()), better(*scores), rated)
    if preferences is not None:
        lines = [kept.line_of(found[c.example], c, sheet, a, b, name) for c in pairs if c.example in found]
        decided = kept.judged_preferences(lines)
        kept.write_lines(preferences, decided)
        say(
            language,
            f"{len(decided)} decided pairs in {preferences}",
            f"{preferences} 中有 {len(decided)} 对分出高下的",
        )
    if as_json:
        notes = [{"en": note.en, "zh": note.zh} for note in sentences(told)]
        show_json({
            "a": a, "b": b, "split": split, "judge": name, "pairs": len(pairs), **told.as_json(), "notes": notes,
            "judgements": str(run / kept.JUDGEMENTS),
        })  # fmt: skip
    else:
        show(told, a, b, made.name, language)


def check_file(path: Path) -> None:
    """Make the folder that ``path`` will stand in; UserError where no file can be there: told before anything is judged."""
    writable(path.parent)
    if path.is_dir():
        raise UserError(
            f"{path} is a folder: type --preferences with the name of a file",
            zh=f"{path} 是文件夹：请在 --preferences 后写文件名",
        )


def answers_of(run: Path, a: str, b: str, split: str) -> Sheet:
    """Both rungs' answers; DataError where they, or the split, may not be looked at."""
    from rung.report.pairs import sheet, splits
    from rung.report.run import read_result

    result = read_result(run)
    if split not in splits(result):
        known = ", ".join(splits(result))
        raise DataError(
            f"--split {split!r} cannot be judged, only {known}: test is sealed until a climb has opened it",
            zh=f"--split {split!r} 不能评，只有 {known}：test 在攀登启封之前是封存的",
        )
    found = sheet(run, result, split)
    if len(found.names) < 2:
        only = found.names[0] if found.names else "-"
        raise DataError(
            f"two rungs must have answered {split}, and only {only} has: a climb opens test for the chosen one; type --split dev",
            zh=f"需要两个方法都答过 {split}，而只有 {only} 答过：攀登只为选中的方法启封 test；请用 --split dev",
        )
    for name in (a, b):
        if name not in found.names or a == b:
            known = ", ".join(found.names) or "-"
            raise DataError(
                f"{a!r} and {b!r} are not two rungs that were measured on {split}; type two of {known}",
                zh=f"{a!r} 和 {b!r} 不是在 {split} 上测过的两个不同方法；请从中选两个：{known}",
            )
    return found


def open_judge(by: str | None, folder: Path | None, given: dict[str, Any]) -> tuple[Adaptation | None, LanguageModel]:
    """The adaptation that judges, if one was named, and the model that it stands on or that judges by a plain prompt."""
    from rung.evaluate import check_judge

    if folder is not None:
        made, model = open_adaptation(folder, by, given["dtype"], given["batch_size"], given, "--by")
        check_judge(made, str(folder))
        return made, model
    name = by or "sprout"
    return None, open_model(name, given["dtype"], given["batch_size"], **endpoint_of(given, name, "--by"))


def measured(run: Path, hash: str) -> Adaptation:
    """An adaptation of the run, from its ledger."""
    from rung.adaptation import from_dict
    from rung.report.run import open_ledger

    ledger = open_ledger(run)
    try:
        return from_dict({key: part for key, part in ledger.adaptations()[hash].items() if key != "hash"})
    finally:
        ledger.close()


@contextmanager
def at_work(run: Path, model: LanguageModel) -> Iterator[Ledger]:
    """The judge's ledger, for this process alone; half a line of an earlier one is cut off. An endpoint keeps its answers there."""
    from rung.engine import EndpointModel
    from rung.ledger import Ledger
    from rung.report import preferences as kept

    try:
        lock = FileLock(str(run / ".judge.lock")).acquire(timeout=0)
    except Taken:
        raise UserError(
            f"another process is judging in {run}; wait for it, then type the same command again",
            zh=f"另一个进程正在 {run} 中评审；请等它结束，再输入同一条命令",
        ) from None
    with lock:
        kept.mend(run / kept.JUDGEMENTS)
        ledger = Ledger(run / LEDGER, weights=model.sha256, dtype=model.dtype)
        try:
            if isinstance(model, EndpointModel):
                key = f"endpoint {model.sha256}"
                ledger.claim({key: model.prepare(ledger, ledger.get(key))})
            yield ledger
        finally:
            if isinstance(model, EndpointModel):
                model.release()
            ledger.close()


def telling(
    judging: Iterator[tuple[Contest, Judged | None]], of: int, context: int, language: Language
) -> Iterator[tuple[Contest, Judged]]:
    """What was judged, with a word of progress now and then, and of the pairs that do not fit at the end."""
    long = 0
    for n, (contest, judged) in enumerate(judging, 1):
        if judged is None:
            long += 1
        else:
            yield contest, judged
        if n % EVERY == 0:
            say(language, f"{n} of {of} pairs judged", f"已评 {n} / {of} 对")
    if long:
        say(language, f"{long} pairs do not fit into the judge's context of {context} tokens and were left out",
            f"有 {long} 对放不进评审的上下文（{context} 词元），已略过")  # fmt: skip


def show(told: Account, a: str, b: str, by: str, language: Language) -> None:
    """The table, and what must be said plainly under it."""
    from rung.report.judging import rows, sentences

    title = f"{a} 对 {b}，评审：{by}" if language == "zh" else f"{a} against {b}, judged by {by}"
    table = Table(title=title, show_header=False, title_justify="left")
    for label, text in rows(told, a, language):
        table.add_row(label, text)
    console = Console()
    console.print(table)
    for note in sentences(told):
        console.print(note.text(language), highlight=False, soft_wrap=True)
