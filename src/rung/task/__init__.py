"""Tasks: from a file of examples to three splits and a judge.

sources.py    which files            config.py    task.yaml and keyword arguments
read.py       files -> rows          columns.py   which columns
rows.py       rows -> items          answers.py   the kind, targets, schema
split.py      by content hash        near.py      near-duplicates across splits
load.py       the whole way          describe.py  what was understood, for people
metrics/      the judges, by name    gap.py       what dev can tell apart
"""

from rung.task.answers import canonical
from rung.task.config import Options
from rung.task.describe import describe, describe_gap
from rung.task.gap import detectable_gap
from rung.task.inspection import Inspection
from rung.task.load import inspect_task, load_task
from rung.task.notes import BadRow, Note
from rung.task.rows import normalise
from rung.task.split import mixed
from rung.task.unsplit import load_examples, load_inputs

__all__ = [
    "BadRow",
    "Inspection",
    "Note",
    "Options",
    "canonical",
    "describe",
    "describe_gap",
    "detectable_gap",
    "inspect_task",
    "load_examples",
    "load_inputs",
    "load_task",
    "mixed",
    "normalise",
]
