"""The rejects report: lines that could not be understood, where they are and why."""

from collections.abc import Iterable
from pathlib import Path

from ann.anntools.kernel.records import Reject

FORMULA_STARTS = (b"=", b"+", b"-", b"@")
_HEAD = b"line\treason\ttext\n"


class RejectsFile:
    """Written as lines are rejected, so that any number of them costs no memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0
        self._path.write_bytes(_HEAD)

    def add(self, rejects: Iterable[Reject]) -> None:
        """Add lines: number in the input, reason, and how the line starts."""
        rows = [
            b"%d\t%s\t%s\n" % (line, reason.encode(), _shown(text))
            for line, reason, text in rejects
        ]
        if rows:
            self.count += len(rows)
            with self._path.open("ab") as file:
                file.writelines(rows)


def _shown(text: bytes) -> bytes:
    """Text without what would break the table: control characters are written as hex escapes.

    A spreadsheet runs a cell that begins like a formula; a quote before it makes it text.
    """
    return (b"'" if text[:1] in FORMULA_STARTS else b"") + b"".join(
        b"\\x%02x" % byte if byte < ord(" ") or byte == ord("\\") else bytes([byte])
        for byte in text
    )
