"""Rows of the store out of a block of VCF records."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ann.anntools.build.parse.lines import SourceError
from ann.anntools.build.parse.place import Places
from ann.anntools.build.parse.vcf import VcfPlan, Wanted
from ann.anntools.build.parse.vcf_cells import ColumnCells, Marks, info_spans
from ann.anntools.store.alleles import (
    ROW_ALLELE,
    ROW_CODE,
    ROW_LONG,
    ROW_POS,
    AlleleRows,
    allele_cells,
    row_type,
)
from ann.anntools.store.keys import BaseAt
from ann.anntools.store.sequence import SequenceReader

_FIELDS: Final = 8
_MAX_DIGITS: Final = 10
_MAX_ALTS: Final = 3
_TAB, _LINE, _COMMA, _ZERO = 9, 10, 44, 48
_WINDOW: Final = 4096
_CODE: Final = np.full(256, 4, np.uint8)
for _number, _pair in enumerate((b"Aa", b"Cc", b"Gg", b"Tt")):
    for _byte in _pair:
        _CODE[_byte] = _number
_SEQUENCE: Final = re.compile(rb"[ACGTNacgtn]+")

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


class _Slow(NamedTuple):
    """An allele taken by itself: its line and number there, then the fields of its row."""

    row: int
    nth: int
    place: int
    small: int
    code: int
    where: int


_SLOW_FIELDS: Final = (ROW_POS, ROW_ALLELE, ROW_CODE, ROW_LONG)


@dataclass(slots=True)
class BlockRows:
    """What came of a block; `skipped` counts alleles without a sequence and rows elsewhere."""

    parts: list[AlleleRows]
    records: int
    skipped: Counter[str] = field(default_factory=Counter)


@lru_cache(maxsize=4)
def _readers(paths: tuple[Path, ...]) -> tuple[SequenceReader, ...]:
    return tuple(SequenceReader(path) for path in paths)


def _base_at(paths: tuple[Path, ...], contig: str) -> BaseAt | None:
    """Bases of a contig, read a window at a time."""
    for reader in _readers(paths):
        length = reader.length(contig)
        if length:
            break
    else:
        return None
    held = [0, b""]

    def base(at: int) -> int:
        start, text = held
        assert isinstance(start, int)  # noqa: S101  # tells the type checker what a pair holds
        assert isinstance(text, bytes)  # noqa: S101  # as above
        if not start <= at < start + len(text):
            if not 0 <= at < length:
                return 0
            start = max(0, at - _WINDOW // 2)
            text = reader.fetch(contig, start, min(length, start + _WINDOW)) or b""
            held[:] = [start, text]
        letter = text[at - start]
        return 0 if letter == ord("N") else letter

    return base


class _Block:
    """One block of records while its rows are made."""

    def __init__(self, plan: VcfPlan, first_line: int, text: bytes) -> None:
        self.plan = plan
        self.first_line = first_line
        self.text = text if text.endswith(b"\n") else text + b"\n"
        self.marks = Marks(np.frombuffer(self.text, np.uint8))
        self.places = Places(plan.file, plan.assembly)
        self.dtype = row_type([wanted.column for wanted in plan.wanted])
        self.skipped: Counter[str] = Counter()
        self.records = 0

    def rows(self) -> Iterator[AlleleRows]:
        """Rows of each run of lines on one contig."""
        buffer = self.marks.buffer
        ends = np.flatnonzero(buffer == _LINE)
        starts = np.concatenate([[0], ends[:-1] + 1])
        tabs = np.flatnonzero(buffer == _TAB)
        before = np.searchsorted(tabs, starts)
        counts = np.diff(np.append(before, len(tabs)))
        bad = np.flatnonzero(counts < _FIELDS - 1)
        for line in bad.tolist():
            if self.text[starts[line] : ends[line]].strip():
                raise SourceError(
                    self.plan.file,
                    f"{counts[line] + 1} columns, a record has at least 8",
                    line=self.first_line + line,
                )
        good = counts >= _FIELDS - 1
        numbers = np.flatnonzero(good)
        starts, ends = starts[good], ends[good]
        if not len(starts):
            return
        places = tabs[before[good][:, None] + np.arange(_FIELDS - 1)]
        info_ends = ends.copy()
        more = counts[good] > _FIELDS - 1
        info_ends[more] = tabs[before[good][more] + _FIELDS - 1]
        info_ends -= buffer[info_ends - 1] == ord("\r")
        self.records = len(starts)
        at = 0
        while at < len(starts):
            stop = self._run_end(buffer, starts, places, at)
            name = self.text[starts[at] : places[at, 0]].decode("utf-8", "replace")
            contig = self.places.name(name, self.first_line + int(numbers[at]))
            if contig is None:
                self.skipped["on contigs that are not annotated"] += stop - at
            else:
                part = slice(at, stop)
                lines = numbers[part] + self.first_line
                run = _Run(self, buffer, contig, lines, places[part], info_ends[part])
                yield run.rows()
            at = stop

    @staticmethod
    def _run_end(buffer: Bytes, starts: Ints, places: Ints, at: int) -> int:
        """Where the lines that begin as line `at` does end."""
        length = int(places[at, 0] - starts[at]) + 1
        name = buffer[starts[at] : starts[at] + length]
        same = places[at:, 0] - starts[at:] + 1 == length
        # A name is looked at only where it is as long: no index runs past its line.
        rows = np.flatnonzero(same)
        equal = (buffer[starts[at:][rows][:, None] + np.arange(length)] == name).all(axis=1)
        same[rows] = equal
        other = np.flatnonzero(~same)
        return at + int(other[0]) if len(other) else len(starts)


class _Run:
    """Lines of one contig."""

    def __init__(
        self,
        block: _Block,
        buffer: Bytes,
        contig: str,
        lines: Ints,
        places: Ints,
        info_ends: Ints,
    ) -> None:
        self._block = block
        self._plan = block.plan
        self._text = block.text
        self._buffer = buffer
        self._contig = contig
        self._lines = lines
        self._places = places
        self._info_ends = info_ends
        self._base_at = _base_at(block.plan.sequences, contig)
        self._columns = [self._cells(wanted) for wanted in block.plan.wanted]
        self._long: list[bytes] = []
        self._long_size = 0

    def rows(self) -> AlleleRows:
        """All rows, in the order of the lines."""
        positions = self._positions()
        ref_length = self._places[:, 3] - self._places[:, 2] - 1
        alt_length = self._places[:, 4] - self._places[:, 3] - 1
        plain = (ref_length == 1) & (alt_length % 2 == 1) & (alt_length < 2 * _MAX_ALTS)
        ref = _CODE[self._buffer[self._places[:, 2] + 1]]
        plain &= ref < len(b"ACGT")
        alts = []
        for nth in range(_MAX_ALTS):
            there = alt_length > 2 * nth
            where = np.where(there, self._places[:, 3] + 1 + 2 * nth, 0)
            alt = _CODE[self._buffer[where]]
            plain &= ~there | ((alt < len(b"ACGT")) & (alt != ref))
            if nth:
                plain &= ~there | (self._buffer[np.maximum(where - 1, 0)] == _COMMA)
            alts.append((there, alt))
        made: list[npt.NDArray[np.void]] = []
        order: list[Ints] = []
        for nth, (there, alt) in enumerate(alts):
            rows = np.flatnonzero(plain & there)
            made.append(self._plain_rows(rows, positions, ref, alt))
            for index, column in enumerate(self._columns):
                made[-1][f"c{index}"] = column.cells(rows, nth)
            order.append(rows)
        slow = list(self._slow(np.flatnonzero(~plain).tolist(), positions))
        for nth in {each.nth for each in slow}:
            some = [each for each in slow if each.nth == nth]
            rows = np.array([each.row for each in some], np.int64)
            rest = np.zeros(len(some), self._block.dtype)
            for at, name in enumerate(_SLOW_FIELDS, 2):
                rest[name] = [each[at] for each in some]
            for index, column in enumerate(self._columns):
                rest[f"c{index}"] = column.cells(rows, nth)
            made.append(rest)
            order.append(rows)
        unordered: npt.NDArray[np.void] = np.concatenate(made)
        rows_in_order = unordered[np.argsort(np.concatenate(order), kind="stable")]
        texts = [column.texts.all() for column in self._columns]
        return AlleleRows(self._contig, rows_in_order, texts, b"".join(self._long))

    def _cells(self, wanted: Wanted) -> ColumnCells:
        if wanted.source == "ID":
            spans = (self._places[:, 1] + 1, self._places[:, 2])
        else:
            marks = self._block.marks
            spans = info_spans(wanted.source, marks, self._places[:, 6], self._info_ends)
        return ColumnCells(
            self._plan.file, wanted, self._text, self._block.marks, spans, self._lines
        )

    def _positions(self) -> Ints:
        first, end = self._places[:, 0] + 1, self._places[:, 1]
        width = end - first
        found = np.zeros(len(first), np.int64)
        fine = (width > 0) & (width <= _MAX_DIGITS)
        for digit in range(int(width[fine].max(initial=0))):
            there = fine & (digit < width)
            value = self._buffer[np.where(there, first + digit, 0)].astype(np.int64) - _ZERO
            fine &= ~there | ((value >= 0) & (value <= _MAX_DIGITS - 1))
            found = np.where(there, found * 10 + value, found)
        fine &= found > 0
        wrong = np.flatnonzero(~fine)
        if len(wrong):
            row = int(wrong[0])
            text = self._text[first[row] : end[row]].decode("utf-8", "replace")
            raise SourceError(
                self._plan.file,
                f"POS {text[:40]!r} is no position",
                line=int(self._lines[row]),
                column=2,
            )
        last = int(found.argmax())
        self._block.places.check(self._contig, int(found[last]), int(self._lines[last]))
        return found

    def _plain_rows(
        self, rows: Ints, positions: Ints, ref: Bytes, alt: Bytes
    ) -> npt.NDArray[np.void]:
        made = np.zeros(len(rows), self._block.dtype)
        made[ROW_POS] = positions[rows]
        made[ROW_ALLELE] = 4 * ref[rows].astype(np.uint32) + alt[rows]
        return made

    def _slow(self, rows: list[int], positions: Ints) -> Iterator[_Slow]:
        """Alleles that are no substitution by a letter, one by one."""
        text = self._text
        for row in rows:
            places = self._places[row].tolist()
            ref = text[places[2] + 1 : places[3]]
            if not _SEQUENCE.fullmatch(ref):
                raise SourceError(
                    self._plan.file,
                    f"REF {ref[:40].decode('utf-8', 'replace')!r} is no sequence",
                    line=int(self._lines[row]),
                    column=4,
                )
            pos = int(positions[row])
            for nth, alt in enumerate(text[places[3] + 1 : places[4]].split(b",")):
                if not _SEQUENCE.fullmatch(alt) or alt.upper() == ref.upper():
                    self._block.skipped["alleles without a sequence of their own"] += 1
                    continue
                place, small, code, stored = allele_cells(pos, ref, alt, self._base_at)
                yield _Slow(row, nth, place, small, code, self._long_size)
                if stored:
                    self._long.append(stored)
                    self._long_size += len(stored)


def block_rows(plan: VcfPlan, first_line: int, text: bytes) -> BlockRows:
    """Rows of a block of whole records; raises SourceError with the line that is wrong."""
    block = _Block(plan, first_line, text)
    parts = list(block.rows())
    return BlockRows(parts, block.records, block.skipped)
