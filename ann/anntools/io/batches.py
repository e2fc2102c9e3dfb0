"""Whole lines in batches of a fixed size, whatever pieces they were read in."""

from collections.abc import Iterator
from typing import NamedTuple

from ann.anntools.errors import InputError
from ann.anntools.limits import Limits

BATCH = 1 << 20


class Lines(NamedTuple):
    """Some whole lines: the number of the first, how many there are, their text."""

    first: int
    lines: int
    text: bytes


def line_batches(
    pieces: Iterator[bytes], start: bytes, first_line: int, limits: Limits
) -> Iterator[Lines]:
    """`start` and what follows it, in batches; where they end depends on the text alone.

    Raises InputError for a line longer than the cap.
    """
    number = first_line
    waiting = [start]
    size = len(start)
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size < BATCH:
            continue
        text = b"".join(waiting)
        done = 0
        while len(text) - done >= BATCH:
            # The last line that ends within a batch's size, or the first line if it is longer.
            end = text.rfind(b"\n", done, done + BATCH) + 1 or text.find(b"\n", done + BATCH) + 1
            if not end:
                break
            batch = text[done:end]
            count = batch.count(b"\n")
            yield Lines(number, count, batch)
            number += count
            done = end
        rest = text[done:]
        waiting, size = [rest], len(rest)
        if size > limits.line_bytes:
            raise InputError(
                "line-too-long", f"a line is longer than {limits.line_bytes} bytes", line=number
            )
    text = b"".join(waiting)
    if text:
        text = text if text.endswith(b"\n") else text + b"\n"
        yield Lines(number, text.count(b"\n"), text)
