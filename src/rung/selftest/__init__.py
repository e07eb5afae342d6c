"""A ladder that can be wrong, tested for it: climbs over tasks whose right rung is known beforehand.

codes.py    the tasks: ciphers that the model knows, a new one, and a new one that also turns the string round
base.py     the small model that knows some ciphers and looks at its examples
trial.py    one climb, where it should have stopped, and whether what it claims holds on fresh examples
figures.py  many trials: the share of right stops and of false claims, with intervals
"""

from rung.selftest.base import base_model
from rung.selftest.codes import KINDS, Kind, Problem
from rung.selftest.figures import figures
from rung.selftest.trial import Trial, trial

__all__ = ["KINDS", "Kind", "Problem", "Trial", "base_model", "figures", "trial"]
