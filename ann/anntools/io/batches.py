"""Whole lines in batches of a fixed size, whatever pieces they were read in."""

from collections.abc import Iterator

from ann.anntools.errors import InputError
from ann.anntools.limits import Limits

BATCH = 1 << 20


def line_batches(
    pieces: Iterator[bytes], first: bytes, first_line: int, limits: Limits
) -> Iterator[tuple[int, bytes]]:
    """Batches of lines with the number of the first; where batches end depends on the text alone.

    Raises InputError for a line longer than the cap.  Every batch ends with a newline.
    """
    number = first_line
    waiting = [first] if first else []
    size = len(first)
    while True:
        while size < BATCH:
            piece = next(pieces, None)
            if piece is None:
                break
            waiting.append(piece)
            size += len(piece)
        else:
            text = b"".join(waiting)
            end = text.rfind(b"\n", 0, BATCH) + 1
            while not end:
                end = text.find(b"\n", BATCH) + 1
                if not end:
                    if len(text) > limits.line_bytes:
                        raise InputError(
                            "line-too-long",
                            f"a line is longer than {limits.line_bytes} bytes",
                            line=number,
                        )
                    piece = next(pieces, None)
                    if piece is None:
                        text += b"\n"
                    else:
                        text += piece
            batch, rest = text[:end], text[end:]
            yield number, batch
            number += batch.count(b"\n")
            waiting, size = [rest], len(rest)
            continue
        break
    text = b"".join(waiting)
    if text:
        yield number, text if text.endswith(b"\n") else text + b"\n"
