"""The most memory the process held while something ran, sampled: what a user's machine must have."""

from __future__ import annotations

import threading

import psutil


class PeakMemory:
    """``with PeakMemory() as memory: ...; memory.bytes`` is the peak resident size of this process, in bytes."""

    def __init__(self, every: float = 0.05):
        self.every, self.bytes = every, 0
        self._stop = threading.Event()
        self._process = psutil.Process()

    def __enter__(self) -> PeakMemory:
        self.bytes = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(self.every):
            self.bytes = max(self.bytes, self._process.memory_info().rss)
