"""Memory used again from batch to batch: fresh pages cost more than what is written to them."""

from typing import Any

import numpy as np

from ann.anntools.store.container import Array


class Rooms:
    """Arrays by name for one thread; what is got is overwritten when it is got again."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def get(self, name: str, size: int, dtype: "np.dtype[Any]") -> Array:
        """An array of at least this many items, cut to size; its content is arbitrary."""
        held = self._arrays.get(name)
        if held is None or len(held) < size:
            held = self._arrays[name] = np.empty(size + size // 4 + 1, dtype)
        return held[:size]

    def grow(self, name: str, keep: int) -> Array:
        """The array of this name twice as large, its first `keep` items kept."""
        old = self._arrays[name]
        held = self._arrays[name] = np.empty(2 * len(old), old.dtype)
        held[:keep] = old[:keep]
        return held
