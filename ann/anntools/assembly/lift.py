"""Where records of an older assembly are looked up: contig and shift, many records at a time."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ann.anntools.store.container import Array, Container

I64 = npt.NDArray[np.int64]
NOWHERE = -1


class Lifter:
    """A chain whose blocks are given numbers of contigs; a range moves whole and forward or not."""

    def __init__(self, chain: Container, numbers: Mapping[str, int]) -> None:
        self._chain = chain
        names = chain["contigs"].tobytes().decode().split("\t")
        self._numbers = np.array([numbers.get(name, NOWHERE) for name in names], np.int32)

    def lift(self, contig: str, begins: Array, stops: Array) -> tuple[npt.NDArray[np.int32], I64]:
        """Contig numbers (NOWHERE for none) and what to add to the positions of each range."""
        numbers = np.full(len(begins), NOWHERE, np.int32)
        shifts = np.zeros(len(begins), np.int64)
        if f"{contig}/start" not in self._chain:
            return numbers, shifts
        part = {
            name: self._chain[f"{contig}/{name}"].astype(np.int64)
            for name in ("start", "size", "to", "to_start", "strand")
        }
        rows = np.searchsorted(part["start"], begins, side="right") - 1
        held = np.maximum(rows, 0)
        inside = (
            (rows >= 0)
            & (stops <= part["start"][held] + part["size"][held])
            & (part["strand"][held] > 0)
        )
        numbers[inside] = self._numbers[part["to"][held[inside]]]
        shifts[inside] = (part["to_start"] - part["start"])[held[inside]]
        return numbers, shifts
