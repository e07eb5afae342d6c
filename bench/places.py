"""Where the public texts and tasks lie: ``../shared/data`` beside the repository, or ``$RUNG_SHARED/data``. They are read in place."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DATA = Path(os.environ.get("RUNG_SHARED", REPOSITORY.parent / "shared")) / "data"
TASKS = DATA / "tasks"
TEXTS = DATA / "text"
