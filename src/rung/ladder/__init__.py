"""The corridor: the visible list of rungs, the race, the verdict, the budget, and the climb through them."""

from rung.ladder.budget import Budget
from rung.ladder.climb import Climb, default_folder
from rung.ladder.progress import Progress, alive, read_progress
from rung.ladder.rungs import LADDER, choose
from rung.ladder.watch import Watch

__all__ = ["LADDER", "Budget", "Climb", "Progress", "Watch", "alive", "choose", "default_folder", "read_progress"]
