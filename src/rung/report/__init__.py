"""What a person sees of a climb: the page, the summary in the terminal, and the live table.

run.py        a run folder, read: result.json, the ledger, the chosen adaptation's answers
sentences.py  the answer in three sentences, for the page and for the terminal
pairs.py      the answers of two rungs to the same examples; preferences.py: who prefers which, people and judges;
              judging.py: what a judge's choices are worth
figures.py    numbers as a person reads them; text.py: the words, in Chinese and in English
tables.py     confusions, scores of labels and fields, mistakes
charts/       the charts, as SVG
prompt.py     the prompt that won, rendered in full
html.py       RUN/report.html, with report.html.j2
terminal.py   the summary; live.py: the table that moves while a climb runs; doing.py: what it is doing now, in words
"""

from rung.report.html import write_report
from rung.report.live import LiveTable
from rung.report.terminal import summary, three_sentences

__all__ = ["LiveTable", "summary", "three_sentences", "write_report"]
