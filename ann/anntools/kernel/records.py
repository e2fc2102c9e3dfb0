"""Records of a batch as the kernel finds them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ann.anntools.io.batches import Lines
from ann.anntools.kernel.binding import kernel
from ann.anntools.kernel.rooms import Rooms
from ann.anntools.kernel.structures import REASONS, RECORD, address
from ann.anntools.store.container import Array

_SHOWN = 200

Reject = tuple[int, str, bytes]
"""Line number, reason, and how the line starts."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Good records (structures.RECORD), how many ALT alleles they have, and the other lines."""

    records: Array
    alleles: int
    rejects: tuple[Reject, ...]


def scan(lines: Lines, columns: int, rooms: Rooms) -> Scanned:
    """Find the records of a batch; blank lines are no lines."""
    text, room = lines.text, lines.lines
    records, rejects = rooms.get("records", room, RECORD), rooms.get("rejects", room, RECORD)
    numbers = np.zeros(3, np.int64)
    kernel().anntools_scan(
        text,
        len(text),
        lines.first,
        columns,
        address(records),
        address(rejects),
        room,
        address(numbers),
    )
    good, bad, alleles = map(int, numbers)
    return Scanned(
        records[:good],
        alleles,
        tuple(
            (int(r["line"]), REASONS[r["reason"]], text[r["start"] : r["end"]][:_SHOWN])
            for r in rejects[:bad]
        ),
    )


def contig_runs(text: bytes, records: Array, rooms: Rooms) -> Iterator[tuple[bytes, int, int]]:
    """Contig name, first and one past the last record of each run on one contig."""
    starts = rooms.get("starts", len(records) + 1, np.dtype(np.int64))
    count = kernel().anntools_runs(text, address(records), len(records), address(starts))
    starts[count] = len(records)
    for first, stop in zip(starts[:count].tolist(), starts[1 : count + 1].tolist(), strict=True):
        record = records[first]
        yield text[int(record["start"]) : int(record["tab"][0])], first, stop
