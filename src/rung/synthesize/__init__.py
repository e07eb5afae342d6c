"""Examples of a task that a teacher writes or labels, filtered; and labelled sets turned into instructions.

seeds.py      the task, and the examples that are there     given.py         inputs that need answers only
writer.py     new inputs, after the example of others       teacher.py       answers, and how far they agree
filters.py    what goes, by reason                          alike.py         duplicates and near-duplicates
journal.py    every candidate, so that a kill loses little  report.py        what came of it
synthesize.py the way through all of these                  instructions.py  templates for labelled sets
"""

from rung.synthesize.filters import REASONS
from rung.synthesize.given import Given
from rung.synthesize.instructions import INSTRUCTIONS, to_instructions
from rung.synthesize.prepare import Asked, prepare
from rung.synthesize.report import describe
from rung.synthesize.seeds import Seeds, Told, read_seeds, told_by
from rung.synthesize.synthesize import Filtering, synthesize
from rung.synthesize.teacher import Teacher
from rung.synthesize.writer import WRITERS, Writer

__all__ = [
    "INSTRUCTIONS", "REASONS", "WRITERS", "Asked", "Filtering", "Given", "Seeds", "Teacher", "Told", "Writer", "describe",
    "prepare", "read_seeds", "synthesize", "to_instructions", "told_by",
]  # fmt: skip
