"""``python -m rung`` is the same as ``rung``."""

from rung.cli import main

main()
