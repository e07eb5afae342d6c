"""Teach a base model to follow instructions and to learn from its context: the second stage behind plain text.

item.py      what a lesson says: an exercise or a dialogue
sources.py   the texts and labelled sets that exercises are made from
family.py    a named way to draw exercises; exercises/ holds them, one theme a file
episode.py   few-shot classification episodes out of any groups of texts
holdout.py   which questions are never trained on
mixture.py   which families, in which shares; drawing for training and for exams
lesson.py    an item as tokens, and which of them are learned
echo.py      rows in which pieces of text come again, which teach looking back
clear.py     labelled rows that overlap with a test split are left out
stage.py     the training: lessons and plain text together, through the one loop
page.py      its curves as a page
card.py      the model card of what was taught
exam.py      fresh items asked and answered, for measuring
"""

from rung.instruct.mixture import SHARES, chosen
from rung.instruct.stage import Stage, instruct

__all__ = ["SHARES", "Stage", "chosen", "instruct"]
