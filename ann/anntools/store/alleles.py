"""Allele sources: values found by contig, position, REF and ALT.

Rows are sorted by position within a contig and cut into chunks of 1,024.  Of each chunk every field
(position, allele, one per column) is packed with as many bits as its largest value needs after the
smallest is taken away, so that row i is read with one shift and one mask, and a chunk spans one or
two pages.  The directory (`first`, `dir`, `base`) is small enough to stay in memory: about 1 byte a
row of dbSNP at full size.  Allele field: 0-15 is a substitution (4 REF + ALT), 16 + k the k-th of
the chunk's other alleles, whose codes are in `exc`; hashed codes also have a place in `long`.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ann.anntools.errors import AnnToolsError
from ann.anntools.store.container import ContainerWriter
from ann.anntools.store.keys import BASES, BaseAt, allele_code, normalise
from ann.anntools.store.manifest import Column, Source, SourceInfo
from ann.anntools.store.text import Pool, encode

CHUNK = 1024
FIRST_COMPLEX = 16
RUN_ROWS = 1 << 20
_MERGE_ROWS = 4 << 20
_SUBSTITUTION = {(r, a): 4 * i + j for i, r in enumerate(BASES) for j, a in enumerate(BASES)}

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

ROW_POS, ROW_ALLELE, ROW_CODE, ROW_LONG = "pos", "allele", "code", "long"


def pack(values: U32, width: int) -> bytes:
    """The values in `width` bits each, lowest bit first, padded to whole bytes."""
    bits = (values[:, None] >> np.arange(width, dtype=np.uint32)) & np.uint32(1)
    return np.packbits(bits.astype(np.uint8), axis=None, bitorder="little").tobytes()


class MixedContigsError(AnnToolsError):
    """A contig that had been left comes again."""


def row_type(columns: Sequence[Column]) -> np.dtype[np.void]:
    """The type of a writer's rows: position, allele, code, a cell for each column, place."""
    fields = [ROW_POS, ROW_ALLELE, ROW_CODE, *(f"c{i}" for i in range(len(columns)))]
    return np.dtype([(name, "<u4") for name in fields] + [(ROW_LONG, "<u8")])


def allele_cells(
    pos: int, ref: bytes, alt: bytes, base_at: BaseAt | None
) -> tuple[int, int, int, bytes]:
    """Position, allele field, code and, where the code is hashed, stored text of an allele."""
    place, first, second = normalise(pos, ref, alt, base_at)
    if len(first) == len(second) == 1 and (first[0], second[0]) in _SUBSTITUTION:
        return place, _SUBSTITUTION[first[0], second[0]], 0, b""
    code = allele_code(first, second)
    return place, FIRST_COMPLEX, code, first + b"\0" + second + b"\0" if code & 1 else b""


@dataclass(slots=True)
class AlleleRows:
    """Rows of one contig made elsewhere, in `row_type`.

    A cell of a text column is 0 or one more than the index of its text in `texts`; `texts` of an
    integer column is empty, its cells are 0 or one more than the number.  `ROW_LONG` counts from
    the start of `long`.
    """

    contig: str
    rows: npt.NDArray[np.void]
    texts: list[list[str]]
    long: bytes


class AlleleWriter:
    """Takes alleles in any order within a contig; memory stays bounded.

    Contigs come in any order too, unless `grouped`: then each is written out when the next one
    begins, so that scratch space for the largest is enough, and one that comes back is refused.
    """

    def __init__(
        self,
        directory: Path,
        info: SourceInfo,
        columns: Sequence[Column],
        work: Path,
        *,
        grouped: bool = False,
    ) -> None:
        self._info = info
        self._columns = tuple(columns)
        self._file = f"{info.name}.ann"
        self._out = ContainerWriter(directory / self._file)
        self._work = tempfile.TemporaryDirectory(dir=work)
        self._grouped = grouped
        self._pools = [None if column.integer else Pool() for column in columns]
        self._rows: list[tuple[int, ...]] = []
        self._contig = ""
        self._runs: dict[str, list[_Run]] = {}
        self._written: set[str] = set()
        self._base_at: BaseAt | None = None
        self._long_path = Path(self._work.name) / "long"
        self._long = self._long_path.open("wb")
        self._long_size = 0
        self._records = 0
        self._dtype = row_type(columns)

    def start_contig(self, contig: str, base_at: BaseAt | None = None) -> None:
        """What follows lies on this canonical contig; base_at lets alleles be left-aligned."""
        self._spill()
        if contig in self._written:
            raise MixedContigsError(f"contig {contig} comes back after others; sort the file")
        if self._grouped and contig != self._contig and self._contig in self._runs:
            self._write_contig(self._contig)
        self._contig = contig
        self._base_at = base_at

    def add(self, pos: int, ref: str, alt: str, values: Sequence[str | int | None]) -> None:
        """Add one allele (1-based pos, one ALT) with a value, or None, of each column."""
        if len(values) != len(self._columns):
            raise AnnToolsError(f"{self._info.name}: {len(values)} values for a row")
        place, small, code, text = allele_cells(pos, ref.encode(), alt.encode(), self._base_at)
        where = self._long_size
        if text:
            self._long.write(text)
            self._long_size += len(text)
        cells = [
            0
            if value is None
            else (int(value) + 1 if pool is None else pool.id_of(encode(str(value))))
            for value, pool in zip(values, self._pools, strict=True)
        ]
        self._rows.append((place, small, code, *cells, where))
        if len(self._rows) >= RUN_ROWS:
            self._spill()

    def add_rows(self, batch: AlleleRows) -> None:
        """Add rows made elsewhere."""
        self._spill()
        if batch.contig != self._contig:
            self.start_contig(batch.contig)
        rows = batch.rows
        for index, (pool, texts) in enumerate(zip(self._pools, batch.texts, strict=True)):
            if pool is not None:
                ids = [0, *(pool.id_of(encode(text)) for text in texts)]
                rows[f"c{index}"] = np.array(ids, np.uint32)[rows[f"c{index}"]]
        rows[ROW_LONG] += np.uint64(self._long_size)
        self._long.write(batch.long)
        self._long_size += len(batch.long)
        self._add_run(rows)

    def _spill(self) -> None:
        if self._rows:
            rows = np.array(self._rows, self._dtype)
            self._rows = []
            self._add_run(rows)

    def _add_run(self, rows: npt.NDArray[np.void]) -> None:
        if not len(rows):
            return
        places = rows[ROW_POS]
        if bool((places[1:] < places[:-1]).any()):
            rows = rows[np.argsort(places, kind="stable")]
        runs = self._runs.setdefault(self._contig, [])
        if not runs or rows[ROW_POS][0] < runs[-1].last:
            path = Path(self._work.name) / f"{self._contig}.{len(runs)}"
            runs.append(_Run(path, self._dtype))
        runs[-1].append(rows)
        self._records += len(rows)

    def finish(self) -> Source:
        """Merge what was added, write the file, and say what it is."""
        self._spill()
        self._long.close()
        with self._out as out:
            for contig in list(self._runs):
                self._write_contig(contig)
            for index, pool in enumerate(self._pools):
                if pool is not None:
                    pool.write(out, f"pool{index}")
            out.array("long", "u1").append(self._long_path.read_bytes())
        self._work.cleanup()
        return Source(self._info, "allele", self._columns, self._records, self._file)

    def discard(self) -> None:
        """Give up: remove what was collected."""
        self._long.close()
        for run in (run for runs in self._runs.values() for run in runs):
            run.close()
        self._out.discard()
        self._work.cleanup()

    def _write_contig(self, contig: str) -> None:
        runs = self._runs.pop(contig)
        self._written.add(contig)
        chunks = _ChunkWriter(self._out, contig, len(self._columns))
        for rows in _merged([run.rows() for run in runs], self._dtype):
            for start in range(0, len(rows), CHUNK):
                chunks.add(rows[start : start + CHUNK])
        chunks.finish()
        for run in runs:
            run.path.unlink()


class _Run:
    """Rows in the order of their positions, in a file that grows."""

    def __init__(self, path: Path, dtype: np.dtype[np.void]) -> None:
        self.path = path
        self.last = 0
        self._dtype = dtype
        self._stream = path.open("wb")

    def append(self, rows: npt.NDArray[np.void]) -> None:
        """Add rows, none of them before the last one."""
        self._stream.write(rows.tobytes())
        self.last = int(rows[ROW_POS][-1])

    def close(self) -> None:
        """Nothing more is added."""
        self._stream.close()

    def rows(self) -> npt.NDArray[np.void]:
        """All rows, mapped from the file."""
        self.close()
        return np.memmap(self.path, self._dtype, "r")


def _merged(
    runs: list[npt.NDArray[np.void]], dtype: np.dtype[np.void]
) -> Iterator[npt.NDArray[np.void]]:
    """Rows of all runs by position, in pieces of whole chunks but for the last one."""
    rest = np.empty(0, dtype)
    starts = [0] * len(runs)
    share = max(CHUNK, _MERGE_ROWS // len(runs))
    while any(start < len(run) for start, run in zip(starts, runs, strict=True)):
        limit = min(
            int(run[min(start + share, len(run)) - 1][ROW_POS])
            for start, run in zip(starts, runs, strict=True)
            if start < len(run)
        )
        pieces = [rest]
        for index, run in enumerate(runs):
            end = _end_of(run, starts[index], share, limit)
            pieces.append(run[starts[index] : end])
            starts[index] = end
        merged = np.concatenate(pieces)
        if len(runs) > 1:
            # Equal alleles keep the order in which they were added: the first wins a look-up.
            merged = merged[np.argsort(merged[ROW_POS], kind="stable")]
        whole = len(merged) - len(merged) % CHUNK
        yield merged[:whole]
        rest = merged[whole:]
    if len(rest):
        yield rest


def _end_of(run: npt.NDArray[np.void], start: int, step: int, limit: int) -> int:
    """The first row after `start` that lies beyond `limit`; looks at `step` rows at a time."""
    while start < len(run):
        places = np.ascontiguousarray(run[start : start + step][ROW_POS])
        if places[-1] > limit:
            return start + int(np.searchsorted(places, limit, side="right"))
        start += len(places)
    return start


class _ChunkWriter:
    """Packs the chunks of one contig."""

    def __init__(self, out: ContainerWriter, contig: str, columns: int) -> None:
        self._fields = 2 + columns
        self._first = out.array(f"{contig}/first", "<u4")
        self._dir = out.array(f"{contig}/dir", "<u8")
        self._base = out.array(f"{contig}/base", "<u4")
        self._bits = out.array(f"{contig}/bits", "u1")
        self._exc = out.array(f"{contig}/exc", "<u4")
        self._exc_start = out.array(f"{contig}/excstart", "<u8")
        self._long = out.array(f"{contig}/long", "<u8")
        self._long_start = out.array(f"{contig}/longstart", "<u8")
        self._rows = out.array(f"{contig}/rows", "<u8")
        self._count = 0

    def add(self, rows: npt.NDArray[np.void]) -> None:
        allele = rows[ROW_ALLELE].astype(np.uint32)
        other = allele >= FIRST_COMPLEX
        codes = rows[ROW_CODE][other]
        allele[other] = FIRST_COMPLEX + np.arange(len(codes), dtype=np.uint32)
        self._exc_start.append(np.array([self._exc.count], np.uint64))
        self._long_start.append(np.array([self._long.count], np.uint64))
        self._exc.append(codes)
        self._long.append(rows[ROW_LONG][other][(codes & 1) == 1])
        self._first.append(rows[ROW_POS][:1])
        fields: list[U32] = [rows[ROW_POS].astype(np.uint32), allele]
        fields += [rows[f"c{index}"].astype(np.uint32) for index in range(self._fields - 2)]
        directory, bases = [], []
        for values in fields:
            base = int(values.min())
            width = (int(values.max()) - base).bit_length()
            directory.append((self._bits.count << 8) | width)
            bases.append(base)
            if width:
                self._bits.append(pack(values - np.uint32(base), width))
        self._dir.append(np.array(directory, np.uint64))
        self._base.append(np.array(bases, np.uint32))
        self._count += len(rows)

    def finish(self) -> None:
        self._exc_start.append(np.array([self._exc.count], np.uint64))
        self._long_start.append(np.array([self._long.count], np.uint64))
        # Rows are read eight bytes at a time, the last one too.
        self._bits.append(b"\0" * 8)
        self._rows.append(np.array([self._count], np.uint64))
