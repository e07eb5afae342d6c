"""Which part of a growing text can be told already, so that what was told is never taken back."""

from __future__ import annotations

from collections.abc import Sequence


class Deltas:
    """``feed`` takes the text as far as it is written and gives what is new and certain; ``end`` gives the rest.

    Held back: half a character, what may become a stop string, and, where the answer is ``strip``-ped, spaces around it and a
    ``lead`` that the model repeats (:func:`rung.prompts.read_answer`).
    """

    def __init__(self, stops: Sequence[str] = (), *, strip: bool = False, lead: str = ""):
        self.stops, self.strip, self.lead = stops, strip, lead
        self.told = ""

    def feed(self, text: str) -> str:
        certain = self._certain(text)
        if not certain.startswith(self.told):
            return ""
        return self._tell(certain)

    def end(self, text: str) -> str:
        """``text``: the whole answer."""
        return self._tell(text) if text.startswith(self.told) else ""

    def _tell(self, text: str) -> str:
        new = text[len(self.told) :]
        self.told = text
        return new

    def _certain(self, text: str) -> str:
        text = text.rstrip("\ufffd")
        held = max((_overlap(text, stop) for stop in self.stops), default=0)
        text = text[: len(text) - held]
        if not self.strip:
            return text
        text = text.lstrip()
        if self.lead and (self.lead.startswith(text) or text.startswith(self.lead)):
            text = text[len(self.lead) :].lstrip() if text.startswith(self.lead) else ""
        return text.rstrip()


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``stop``."""
    return next((n for n in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:n])), 0)
