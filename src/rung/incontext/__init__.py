"""Choose and order the demonstrations of a prompt out of the training pool, and calibrate what they bias.

fixed.py       the same demonstrations for every input: random, balanced; and their order
terms.py       the terms of a text: words, and character 1-3-grams where a script writes no spaces
bm25.py        by keyword, for each input
embedding.py   by the model's hidden states, for each input
diverse.py     a fixed set that covers the pool
selector.py    the visible list of selectors, and how an adaptation gets its own
calibration.py offsets per label against the prior of the prompt
"""

from rung.incontext.bm25 import Bm25Selector
from rung.incontext.calibration import CONTENT_FREE, batch_calibration, contextual_calibration
from rung.incontext.diverse import DiverseSelector
from rung.incontext.embedding import EmbeddingSelector
from rung.incontext.fixed import SHOTS, balanced, order, random
from rung.incontext.selector import SELECTORS, make_selector
from rung.incontext.terms import terms

__all__ = [
    "CONTENT_FREE",
    "SELECTORS",
    "SHOTS",
    "Bm25Selector",
    "DiverseSelector",
    "EmbeddingSelector",
    "balanced",
    "batch_calibration",
    "contextual_calibration",
    "make_selector",
    "order",
    "random",
    "terms",
]
