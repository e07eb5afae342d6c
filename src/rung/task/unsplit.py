"""Files that are not to be split: examples for ``rung evaluate``, bare inputs for ``rung predict``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.task.columns import find_columns, usual_columns
from rung.task.config import MAX_CHARACTERS
from rung.task.load import check_pairs, in_order, nothing
from rung.task.notes import BadRow, Note
from rung.task.read import Table, read_table
from rung.task.rows import fit, input_text, pick, unique
from rung.task.targets import example
from rung.types import Example, Kind


def read_rows(path: str | Path, encoding: str) -> Table:
    """The rows of a file; DataError where there are none that can be read."""
    table = read_table(Path(path), encoding)
    if not table.rows:
        raise nothing({"test": table}, table.bad)
    return table


def load_examples(
    path: str | Path,
    kind: Kind,
    *,
    labels: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
    input: Sequence[str] = (),
    output: str | None = None,
    usual: Sequence[str] = (),
    usual_output: str = "",
    encoding: str = "utf-8",
    max_characters: int = MAX_CHARACTERS,
) -> tuple[list[Example], list[BadRow]]:
    """The examples of one file for a task that is known already (``rung evaluate``), unsplit, and its bad rows.

    ``usual``, ``usual_output``: the columns of that task, taken where the user names none and the file has them.
    With ``labels`` a row with another label is a bad row. Raises DataError where no row can be used.
    """
    table = read_rows(path, encoding)
    output = output or (usual_output if usual_output in table.columns else None)
    columns = find_columns(table, usual_columns(table, input, usual), output)
    check_pairs(kind, columns)
    picked, bad = pick(table, columns, max_characters)
    fitting, misfits = fit(picked, kind, labels)
    good, dropped = unique(fitting, kind)
    bad = [*table.bad, *bad, *misfits, *dropped]
    if not good:
        raise nothing({"test": table}, bad)
    order = list(schema["properties"]) if schema else []
    return [example(item, kind, order) for item in good], list(in_order(bad, {"test": table}))


def load_inputs(
    path: str | Path, *, input: Sequence[str] = (), usual: Sequence[str] = (), encoding: str = "utf-8"
) -> tuple[list[tuple[str, str]], list[BadRow]]:
    """(place, input) of every row of a file that holds no answers (``rung predict --file``), and its bad rows.

    ``usual``: the columns of the task, taken where the user names none.
    """
    table = read_rows(path, encoding)
    columns = find_columns(table, usual_columns(table, input, usual), answers=False)
    texts = [(row, input_text(row, columns.input)) for row in table.rows]
    good = [(f"{table.file}:{row.line}", text) for row, text in texts if isinstance(text, str)]
    bad = [BadRow(table.file, row.line, "no-input", text) for row, text in texts if isinstance(text, Note)]
    if not good:
        raise nothing({"test": table}, [*table.bad, *bad])
    return good, list(in_order([*table.bad, *bad], {"test": table}))
