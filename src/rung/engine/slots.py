"""Keys and values of sequences that come and go while others are being written: a slot each, holes filled by the last one.

Copying a cache whenever a sequence ends (as :class:`rung.engine.decode.Cache` does for a batch that begins together) would
cost more than a step; here an arrival writes its own slot and a departure moves one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rung.engine.decode import attend_new, hides
from rung.engine.layout import Past

COLUMNS = 256  # a sequence gets room for so many new tokens at once; what is full grows by half of what it has


class Slots:
    """Sequences behind a ``past`` that they share: ``keys``, ``values`` [slots, Hkv, columns, d] of each layer.

    It is the layout of a decoding step: token i of its stretch of the row is the next one of the sequence in slot
    ``order[i]`` (:meth:`prepare`).
    """

    def __init__(self, past: Past | None):
        self.past = past if past is not None and len(past) else None
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.lengths: list[int] = []  # tokens held, by slot
        self.shifts: list[int] = []  # the position of the next token is its length and this
        self._wanted = (0, 0)

    def __len__(self) -> int:
        return len(self.lengths)

    def reserve(self, sequences: int, columns: int) -> None:
        """Room for so many more sequences of up to so many tokens, made at once; nothing before the first :meth:`add`."""
        if self.keys:
            self._room(len(self) + sequences, columns, [])
        self._wanted = (len(self) + sequences, columns)

    def add(self, kept: Sequence[tuple[Tensor, Tensor]], shift: int, ahead: Past | None = None) -> int:
        """A new sequence's slot. ``kept``: its keys and values [t, Hkv, d] by layer; ``ahead``: more, put before them."""
        pieces = [tuple(x.transpose(0, 1) for x in pair) for pair in kept]
        if ahead is not None and len(ahead):
            firsts = zip(ahead.keys, ahead.values, strict=True)
            pieces = [
                (torch.cat([a[0], k], 1), torch.cat([b[0], v], 1))
                for (a, b), (k, v) in zip(firsts, pieces, strict=True)
            ]
        length, slot = pieces[0][0].shape[1], len(self)
        self._room(slot + 1, length + 1, pieces)
        for layer, (key, value) in enumerate(pieces):
            self.keys[layer][slot, :, :length] = key
            self.values[layer][slot, :, :length] = value
        self.lengths.append(length)
        self.shifts.append(shift)
        return slot

    def copy(self, slot: int) -> int:
        """Another sequence that has read the same (a sample of the same prompt)."""
        length = self.lengths[slot]
        kept = [
            (k[slot, :, :length].transpose(0, 1), v[slot, :, :length].transpose(0, 1))
            for k, v in zip(self.keys, self.values, strict=True)
        ]
        return self.add(kept, self.shifts[slot])

    def drop(self, slot: int) -> int:
        """Frees a slot; the last sequence moves into it. Returns the slot that it moved from."""
        last = len(self) - 1
        if slot != last:
            used = self.lengths[last]
            for store in (*self.keys, *self.values):
                store[slot, :, :used] = store[last, :, :used]
            self.lengths[slot], self.shifts[slot] = self.lengths[last], self.shifts[last]
        self.lengths.pop()
        self.shifts.pop()
        if not self.lengths:
            self.keys, self.values, self._wanted = [], [], (0, 0)  # a quiet server holds nothing
        return last

    def prepare(self, order: Sequence[int]) -> list[int]:
        """The next step reads one token for each slot of ``order`` (every slot once); their positions."""
        device = self.keys[0].device
        self._room(len(self), max(self.lengths) + 1, [])
        plain = list(order) == list(range(len(order)))
        self._order = None if plain else torch.tensor(order, device=device)
        self._back = None if plain else torch.argsort(self._order)  # type: ignore[arg-type]
        self._held = torch.tensor(self.lengths, device=device)
        self._slots = torch.arange(len(order), device=device)
        self._used = max(self.lengths) + 1
        self._bias = hides(self._held, self._used, self.keys[0].dtype)
        positions = [self.lengths[slot] + self.shifts[slot] for slot in order]
        self.lengths = [n + 1 for n in self.lengths]
        return positions

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float | None, dropout: float
    ) -> Tensor:
        """query [n, H, d], key and value [n, Hkv, d] of the new tokens -> [n, H, d]; softmax in float32."""
        if self._back is not None:
            query, key, value = (x[self._back] for x in (query, key, value))
        size = query.shape[0]
        self.keys[layer][self._slots, :, self._held] = key
        self.values[layer][self._slots, :, self._held] = value
        past = None if self.past is None else (self.past.keys[layer], self.past.values[layer])
        keys, values = (x[layer][:size, :, : self._used] for x in (self.keys, self.values))
        out = attend_new(query, keys, values, self._bias, past, scale)
        return out if self._order is None else out[self._order]

    def _room(self, slots: int, columns: int, like: Sequence[tuple[Tensor, ...]]) -> None:
        if not self.keys:
            slots, columns = max(slots, self._wanted[0]), max(columns, self._wanted[1])
            shapes = [[(slots, x.shape[0], columns, x.shape[2]) for x in pair] for pair in like]
            self.keys, self.values = (
                [pair[side].new_zeros(shape[side]) for pair, shape in zip(like, shapes, strict=True)] for side in (0, 1)
            )
        have, wide = self.keys[0].shape[0], self.keys[0].shape[2]
        down = max(slots - have, have // 2) if slots > have else 0
        right = max(columns - wide, wide // 2) if columns > wide else 0
        if down or right:
            grow = (0, 0, 0, right, 0, 0, 0, down)
            self.keys, self.values = ([F.pad(x, grow) for x in side] for side in (self.keys, self.values))
