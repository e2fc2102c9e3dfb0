"""Rows of the store out of a block of VCF records."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ann.anntools.build.parse.lines import SourceError, whole_number
from ann.anntools.build.parse.place import Places
from ann.anntools.build.parse.vcf import VcfPlan, Wanted
from ann.anntools.store.alleles import (
    ROW_ALLELE,
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


@dataclass(slots=True)
class BlockRows:
    """What came of a block; `skipped` counts alleles without a sequence and rows elsewhere."""

    parts: list[AlleleRows]
    records: int
    skipped: Counter[str] = field(default_factory=Counter)


class _Texts:
    """Distinct values of a column in a block, numbered from 1."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def id_of(self, text: bytes) -> int:
        """0 for a missing value."""
        if not text or text == b".":
            return 0
        value = text.decode("utf-8", "replace")
        return self.numbers.setdefault(value, len(self.numbers) + 1)


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
        self.places = Places(plan.file, plan.assembly)
        self.dtype = row_type([wanted.column for wanted in plan.wanted])
        self.skipped: Counter[str] = Counter()
        self.records = 0

    def rows(self) -> Iterator[AlleleRows]:
        """Rows of each run of lines on one contig."""
        buffer = np.frombuffer(self.text, np.uint8)
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
        self._texts = [_Texts() for _ in block.plan.wanted]
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
        values = [self._values(wanted, index) for index, wanted in enumerate(self._plan.wanted)]
        made: list[npt.NDArray[np.void]] = []
        order: list[Ints] = []
        for nth, (there, alt) in enumerate(alts):
            rows = np.flatnonzero(plain & there)
            made.append(self._plain_rows(rows, positions, ref, alt))
            for index, value in enumerate(values):
                made[-1][f"c{index}"] = [value(int(row), nth) for row in rows.tolist()]
            order.append(rows)
        others = np.flatnonzero(~plain).tolist()
        slow = [cells for row in others for cells in self._slow(row, positions, values)]
        if slow:
            made.append(np.array([cells for _, cells in slow], self._block.dtype))
            order.append(np.array([row for row, _ in slow], np.int64))
        unordered: npt.NDArray[np.void] = np.concatenate(made)
        rows_in_order = unordered[np.argsort(np.concatenate(order), kind="stable")]
        texts = [list(found.numbers) for found in self._texts]
        return AlleleRows(self._contig, rows_in_order, texts, b"".join(self._long))

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

    def _slow(
        self, row: int, positions: Ints, values: list[Callable[[int, int], int]]
    ) -> Iterator[tuple[int, tuple[int, ...]]]:
        places = self._places[row]
        ref = self._text[places[2] + 1 : places[3]]
        if not _SEQUENCE.fullmatch(ref):
            raise SourceError(
                self._plan.file,
                f"REF {ref[:40].decode('utf-8', 'replace')!r} is no sequence",
                line=int(self._lines[row]),
                column=4,
            )
        pos = int(positions[row])
        for nth, alt in enumerate(self._text[places[3] + 1 : places[4]].split(b",")):
            if not _SEQUENCE.fullmatch(alt) or alt.upper() == ref.upper():
                self._block.skipped["alleles without a sequence of their own"] += 1
                continue
            place, small, code, text = allele_cells(pos, ref, alt, self._base_at)
            where = self._long_size
            if text:
                self._long.append(text)
                self._long_size += len(text)
            yield row, (place, small, code, *(value(row, nth) for value in values), where)

    def _values(self, wanted: Wanted, index: int) -> Callable[[int, int], int]:
        """What gives the cell of a line and an allele."""
        if wanted.source == "ID":
            first, end = self._places[:, 1] + 1, self._places[:, 2]
            found = [
                self._text[start:stop]
                for start, stop in zip(first.tolist(), end.tolist(), strict=True)
            ]
        else:
            found = self._info(wanted.source)
        texts = self._texts[index]
        prefix = wanted.column.prefix.encode()

        def value(row: int, nth: int) -> int:
            text = found[row]
            if not text:
                return 0
            if wanted.studies:
                text = _frequency(text, wanted.studies, nth)
            elif wanted.each:
                parts = text.split(b",")
                place = nth + (wanted.each == "R")
                text = parts[place] if place < len(parts) else b""
            if wanted.column.integer:
                return self._number(text, row, prefix, wanted)
            return texts.id_of(text)

        return value

    def _number(self, text: bytes, row: int, prefix: bytes, wanted: Wanted) -> int:
        if text in {b"", b"."}:
            return 0
        # Where several identifiers stand, the first is as good as any.
        digits = re.split(rb"[;,|]", text, maxsplit=1)[0].removeprefix(prefix)
        if digits.isdigit():
            return int(digits) + 1
        line = int(self._lines[row])
        return 1 + whole_number(
            digits.decode("utf-8", "replace"), self._plan.file, line, wanted.source
        )

    def _info(self, key: str) -> list[bytes]:
        """The text of an INFO key in each line, empty where it is not there."""
        starts = self._places[:, 6]
        found = [b""] * len(starts)
        pattern = re.compile(rb"[\t;]" + re.escape(key.encode()) + rb"=([^;\t\r\n]*)")
        low, high = int(starts[0]), int(self._info_ends[-1])
        matches = list(pattern.finditer(self._text, low, high))
        if not matches:
            return found
        at = np.array([match.start() for match in matches])
        rows = np.searchsorted(starts, at, side="right") - 1
        inside = at < self._info_ends[rows]
        for row, match, fine in zip(rows.tolist(), matches, inside.tolist(), strict=True):
            if fine and not found[row]:
                found[row] = match[1]
        return found


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


def block_rows(plan: VcfPlan, first_line: int, text: bytes) -> BlockRows:
    """Rows of a block of whole records; raises SourceError with the line that is wrong."""
    block = _Block(plan, first_line, text)
    parts = list(block.rows())
    return BlockRows(parts, block.records, block.skipped)
