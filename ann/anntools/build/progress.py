"""Telling a person at a terminal, or a log, how far a long step is."""

import sys
import time
from typing import Final, Protocol, TextIO

_BAR: Final = 28
_REDRAW_SECONDS: Final = 0.2
_LOG_STEP: Final = 10


class Progress(Protocol):
    """Takes what is done of what there is; `total` is 0 where nobody knows."""

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` units."""


def megabytes(count: int) -> str:
    """Bytes in words."""
    return f"{count / 1e6:,.1f} MB"


class ProgressBar:
    """A bar on a terminal; elsewhere a line for every tenth."""

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._drawn = 0.0
        self._step = -1

    def __call__(self, done: int, total: int) -> None:
        """Draw if it is time to."""
        if self._terminal:
            now = time.monotonic()
            if now - self._drawn >= _REDRAW_SECONDS or done == total:
                self._drawn = now
                self._stream.write("\r" + self._line(done, total))
                self._stream.flush()
        elif total:
            step = done * _LOG_STEP // total
            if step > self._step:
                self._step = step
                self._stream.write(self._line(done, total) + "\n")
                self._stream.flush()

    def _line(self, done: int, total: int) -> str:
        if not total:
            return f"{self._label}: {megabytes(done)}"
        share = min(1.0, done / total)
        bar = "#" * round(share * _BAR)
        return (
            f"{self._label}: [{bar:<{_BAR}}] {share:4.0%} {megabytes(done)} of {megabytes(total)}"
        )

    def close(self) -> None:
        """End the line of a bar."""
        if self._terminal and self._drawn:
            self._stream.write("\n")
            self._stream.flush()
