"""An adaptation as others take it: a folder for PEFT, for vLLM, for transformers alone, or the prompt in plain text.

    done = export(folder, model, "peft", out, examples)     # out/: adapter/ or model/, the prompt, README.md, export.json

folder.py    the main road: refuse, write, check, describe; whole or not at all
targets.py   the visible list of forms, and which methods each takes
peft.py      an adapter that PEFT loads            merged.py   a model that transformers loads
vllm.py      an adapter that vLLM loads            prompt.py   what the model reads, as text and as messages
ask.py       asks the exported prompt of any server: copied into the folder, runs without Rung
plain.py     transformers' own forward, one text at a time
check.py     whether the exported form answers as the adaptation does
readme.py    the commands that serve it
"""

from rung.export.check import Check
from rung.export.folder import Exported, export
from rung.export.targets import TARGETS

__all__ = ["TARGETS", "Check", "Exported", "export"]
