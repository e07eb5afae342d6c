"""How adaptations are proposed: one file per way. The visible list of them is ``rung.ladder.rungs.LADDER``."""

from rung.rungs.context import Built, Context, Rung, Wave

__all__ = ["Built", "Context", "Rung", "Wave"]
