"""Cells of a column for whole runs of VCF lines at a time.

A value is first found as a span of bytes in the block; spans of plain numbers are read as arrays,
other texts once each.  What does not fit (several values, FREQ) is read line by line.
"""

import re
from typing import Final

import numpy as np
import numpy.typing as npt

from ann.anntools.build.parse.lines import whole_number
from ann.anntools.build.parse.vcf import Wanted

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]

_ZERO: Final = 48
_NUMBER_DIGITS: Final = 10
_FLOAT_WIDTH: Final = 24
_SEPARATORS: Final = re.compile(rb"[;,|]")


class Marks:
    """Where in a block the characters are that end a value; found once, used by every column."""

    def __init__(self, buffer: Bytes) -> None:
        self.buffer = buffer
        self.equals = np.flatnonzero(buffer == ord("="))
        self.commas = np.flatnonzero(buffer == ord(","))
        stop = (buffer == ord(";")) | (buffer == ord("\t")) | (buffer == ord("\n"))
        self.stops = np.flatnonzero(stop | (buffer == ord("\r")))


class Texts:
    """Distinct values of a column in a block, numbered from 1."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._by_bytes: dict[bytes, int] = {b"": 0, b".": 0}

    def id_of(self, text: bytes) -> int:
        """The number of a text; 0 for a missing value."""
        found = self._by_bytes.get(text)
        if found is None:
            found = self.number(text.decode("utf-8", "replace"))
            self._by_bytes[text] = found
        return found

    def number(self, value: str) -> int:
        """The number of a value that is there."""
        return self._numbers.setdefault(value, len(self._numbers) + 1)

    def all(self) -> list[str]:
        """The texts in the order of their numbers."""
        return list(self._numbers)


class ColumnCells:
    """Cells of one column for the lines of a run."""

    def __init__(  # a run's view of a block
        self,
        file: str,
        wanted: Wanted,
        text: bytes,
        marks: Marks,
        spans: tuple[Ints, Ints],
        lines: Ints,
    ) -> None:
        self.texts = Texts()
        self._file = file
        self._wanted = wanted
        self._text = text
        self._marks = marks
        self._lines = lines
        self._starts, self._ends = spans
        self._first_ends = self._ends
        if wanted.each and len(marks.commas):
            after = np.searchsorted(marks.commas, self._starts)
            commas = np.append(marks.commas, len(text))[after]
            self._first_ends = np.minimum(self._ends, commas)

    def cells(self, rows: Ints, nth: int) -> Cells:
        """The cell of the nth allele of each of these lines."""
        wanted = self._wanted
        if wanted.studies or (wanted.each and nth) or wanted.each == "R":
            return np.array([self.cell(row, nth) for row in rows.tolist()], np.uint32)
        starts, ends = self._starts[rows], self._first_ends[rows]
        if wanted.column.integer:
            return self._whole_numbers(rows, starts, ends)
        if wanted.digits:
            return self._rounded(rows, starts, ends)
        id_of, text = self.texts.id_of, self._text
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return np.array([id_of(text[start:end]) for start, end in pairs], np.uint32)

    def cell(self, row: int, nth: int) -> int:
        """The cell of one allele."""
        wanted = self._wanted
        text = self._text[int(self._starts[row]) : int(self._ends[row])]
        if wanted.studies:
            text = _frequency(text, wanted.studies, nth)
        elif wanted.each:
            parts = text.split(b",")
            place = nth + (wanted.each == "R")
            text = parts[place] if place < len(parts) else b""
        if text in {b"", b"."}:
            return 0
        if wanted.column.integer:
            return self._whole_number(text, row)
        if wanted.digits:
            return self._round_one(text)
        return self.texts.id_of(text)

    def _whole_number(self, text: bytes, row: int) -> int:
        # Where several identifiers stand, the first is as good as any.
        first = _SEPARATORS.split(text, maxsplit=1)[0]
        digits = first.removeprefix(self._wanted.column.prefix.encode())
        if digits.isdigit():
            return int(digits) + 1
        line = int(self._lines[row])
        told = first.decode("utf-8", "replace")
        return 1 + whole_number(told, self._file, line, self._wanted.source)

    def _whole_numbers(self, rows: Ints, starts: Ints, ends: Ints) -> Cells:
        buffer = self._marks.buffer
        prefix = self._wanted.column.prefix.encode()
        width = ends - starts
        fine = width > len(prefix)
        for index, letter in enumerate(prefix):
            fine &= buffer[np.where(fine, starts + index, 0)] == letter
        first = starts + len(prefix)
        width = ends - first
        fine &= width <= _NUMBER_DIGITS
        found = np.zeros(len(rows), np.int64)
        for digit in range(int(width[fine].max(initial=0))):
            there = fine & (digit < width)
            value = buffer[np.where(there, first + digit, 0)].astype(np.int64) - _ZERO
            fine &= ~there | ((value >= 0) & (value < _NUMBER_DIGITS))
            found = np.where(there, found * 10 + value, found)
        cells = np.where(fine, found + 1, 0).astype(np.uint32)
        for index in np.flatnonzero(~fine).tolist():
            cells[index] = self.cell(int(rows[index]), 0)
        return cells

    def _rounded(self, rows: Ints, starts: Ints, ends: Ints) -> Cells:
        width = ends - starts
        fine = (width > 0) & (width < _FLOAT_WIDTH)
        cells = np.zeros(len(rows), np.uint32)
        which = np.flatnonzero(fine)
        if len(which):
            reach = int(width[which].max())
            index = starts[which][:, None] + np.arange(reach)
            inside = np.arange(reach) < width[which][:, None]
            letters = np.where(inside, self._marks.buffer[np.where(inside, index, 0)], 0)
            words = np.ascontiguousarray(letters.astype(np.uint8)).view(f"S{reach}").reshape(-1)
            try:
                values = words.astype(np.float64)
            except ValueError:
                cells[which] = [self.cell(int(rows[at]), 0) for at in which.tolist()]
            else:
                digits = self._wanted.digits
                distinct, place = np.unique(_to_digits(values, digits), return_inverse=True)
                numbers = [self.texts.number(f"{value:.{digits}g}") for value in distinct.tolist()]
                cells[which] = np.array(numbers, np.uint32)[place]
        for at in np.flatnonzero(width >= _FLOAT_WIDTH).tolist():
            cells[at] = self.cell(int(rows[at]), 0)
        return cells

    def _round_one(self, text: bytes) -> int:
        try:
            return self.texts.number(f"{float(text):.{self._wanted.digits}g}")
        except ValueError:
            return self.texts.id_of(text)


def _to_digits(values: npt.NDArray[np.float64], digits: int) -> npt.NDArray[np.float64]:
    """Rounded to significant digits."""
    size = np.abs(values)
    exponent = np.floor(np.log10(np.where(size > 0, size, 1.0)))
    scale = 10.0 ** (digits - 1 - exponent)
    rounded: npt.NDArray[np.float64] = np.round(values * scale) / scale
    return rounded


def info_spans(key: str, marks: Marks, info_starts: Ints, info_ends: Ints) -> tuple[Ints, Ints]:
    """Where in each line the value of an INFO key is; an empty span where it is not there.

    `info_starts` are the places of the tabs before INFO.
    """
    starts = np.zeros(len(info_starts), np.int64)
    ends = starts.copy()
    buffer = marks.buffer
    name = key.encode()
    low = np.searchsorted(marks.equals, info_starts[0])
    high = np.searchsorted(marks.equals, info_ends[-1])
    found = marks.equals[low:high]
    found = found[found > len(name)]
    for back, letter in enumerate(reversed(name), 1):
        found = found[buffer[found - back] == letter]
    before = buffer[found - len(name) - 1]
    found = found[(before == ord(";")) | (before == ord("\t"))]
    rows = np.searchsorted(info_starts, found, side="right") - 1
    inside = found < info_ends[rows]
    found, rows = found[inside], rows[inside]
    # Of a key that stands twice in a line the first value counts.
    rows, first = np.unique(rows, return_index=True)
    found = found[first]
    starts[rows] = found + 1
    stop = marks.stops[np.minimum(np.searchsorted(marks.stops, found), len(marks.stops) - 1)]
    ends[rows] = np.minimum(stop, info_ends[rows])
    return starts, ends


def _frequency(text: bytes, studies: tuple[str, ...], nth: int) -> bytes:
    """The allele's frequency in dbSNP's FREQ: study:ref,alt,...|study:..."""
    by_study = {}
    for part in text.split(b"|"):
        name, _, values = part.partition(b":")
        by_study[name] = values
    for study in studies:
        shares = by_study.get(study.encode(), b"").split(b",")
        if nth + 1 < len(shares) and shares[nth + 1] not in {b".", b""}:
            return shares[nth + 1]
    return b""
