"""The most memory held while something ran: what a user's machine, or GPU, must have."""

from __future__ import annotations

import threading

import psutil
import torch


class PeakMemory:
    """``with PeakMemory(device) as memory: ...; memory.bytes`` is the most that was held at once, in bytes.

    On a CPU the resident size of this process, sampled; on a GPU what torch has allocated there, sampled, and torch's own
    high-water mark where it rose. Measurements may stand inside one another: nothing is reset.
    """

    def __init__(self, device: torch.device = torch.device("cpu"), every: float = 0.05):
        self.every, self.bytes = every, 0
        self._device = device
        self._stop = threading.Event()
        self._process = psutil.Process()

    def __enter__(self) -> PeakMemory:
        self._mark = self._high_water()
        self.bytes = self._held()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._high_water() > self._mark:
            self.bytes = max(self.bytes, self._high_water())

    def _sample(self) -> None:
        while not self._stop.wait(self.every):
            self.bytes = max(self.bytes, self._held())

    def _held(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device)
        return self._process.memory_info().rss

    def _high_water(self) -> int:
        return torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else 0
