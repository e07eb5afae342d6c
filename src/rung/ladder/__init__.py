"""The corridor: the visible list of rungs, the race, the verdict, the budget, and the climb through them."""

from rung.ladder.budget import Budget
from rung.ladder.climb import Climb, default_folder
from rung.ladder.rungs import LADDER, choose
from rung.ladder.watch import Watch

__all__ = ["LADDER", "Budget", "Climb", "Watch", "choose", "default_folder"]
