"""Allele sources: values found by contig, position, REF and ALT.

Rows are sorted by position within a contig and cut into chunks of 1,024.  Of each chunk every field
(position, allele, one per column) is packed with as many bits as its largest value needs after the
smallest is taken away, so that row i is read with one shift and one mask, and a chunk spans one or
two pages.  The directory (`first`, `dir`, `base`) is small enough to stay in memory: about 1 byte a
row of dbSNP at full size.  Allele field: 0-15 is a substitution (4 REF + ALT), 16 + k the k-th of
the chunk's other alleles, whose codes are in `exc`; hashed codes also have a place in `long`.
"""

import tempfile
from collections.abc import Sequence
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


class AlleleWriter:
    """Takes alleles in any order within a contig and any order of contigs; memory stays bounded."""

    def __init__(
        self, directory: Path, info: SourceInfo, columns: Sequence[Column], work: Path
    ) -> None:
        self._info = info
        self._columns = tuple(columns)
        self._file = f"{info.name}.ann"
        self._path = directory / self._file
        self._work = tempfile.TemporaryDirectory(dir=work)
        self._pools = [None if column.integer else Pool() for column in columns]
        self._rows: list[tuple[int, ...]] = []
        self._contig = ""
        self._runs: dict[str, list[Path]] = {}
        self._base_at: BaseAt | None = None
        self._long_path = Path(self._work.name) / "long"
        self._long = self._long_path.open("wb")
        self._long_size = 0
        self._records = 0
        fields = [ROW_POS, ROW_ALLELE, ROW_CODE, *(f"c{i}" for i in range(len(columns)))]
        self._dtype = np.dtype([(name, "<u4") for name in fields] + [(ROW_LONG, "<u8")])

    def start_contig(self, contig: str, base_at: BaseAt | None = None) -> None:
        """What follows lies on this canonical contig; base_at lets alleles be left-aligned."""
        self._spill()
        self._contig = contig
        self._base_at = base_at

    def add(self, pos: int, ref: str, alt: str, values: Sequence[str | int | None]) -> None:
        """Add one allele (1-based pos, one ALT) with a value, or None, of each column."""
        if len(values) != len(self._columns):
            raise AnnToolsError(f"{self._info.name}: {len(values)} values for a row")
        place, first, second = normalise(pos, ref.encode(), alt.encode(), self._base_at)
        small, code, where = 0, 0, 0
        if len(first) == len(second) == 1 and (first[0], second[0]) in _SUBSTITUTION:
            small = _SUBSTITUTION[first[0], second[0]]
        else:
            small, code = FIRST_COMPLEX, allele_code(first, second)
            if code & 1:
                where = self._long_size
                text = first + b"\0" + second + b"\0"
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

    def _spill(self) -> None:
        if not self._rows:
            return
        run = np.array(self._rows, self._dtype)
        self._rows = []
        self.add_run(run)

    def add_run(self, run: npt.NDArray[np.void]) -> None:
        """Add rows prepared elsewhere, in this writer's row type."""
        run = run[np.argsort(run[ROW_POS], kind="stable")]
        paths = self._runs.setdefault(self._contig, [])
        path = Path(self._work.name) / f"{self._contig}.{len(paths)}.npy"
        np.save(path, run)
        paths.append(path)
        self._records += len(run)

    def finish(self) -> Source:
        """Merge what was added, write the file, and say what it is."""
        self._spill()
        self._long.close()
        with ContainerWriter(self._path) as out:
            for contig, paths in self._runs.items():
                self._write_contig(out, contig, [np.load(path, mmap_mode="r") for path in paths])
                for path in paths:
                    path.unlink()
            for index, pool in enumerate(self._pools):
                if pool is not None:
                    pool.write(out, f"pool{index}")
            out.array("long", "u1").append(self._long_path.read_bytes())
        self._work.cleanup()
        return Source(self._info, "allele", self._columns, self._records, self._file)

    def discard(self) -> None:
        """Give up: remove what was collected."""
        self._long.close()
        self._work.cleanup()

    def _write_contig(
        self, out: ContainerWriter, contig: str, runs: list[npt.NDArray[np.void]]
    ) -> None:
        chunks = _ChunkWriter(out, contig, len(self._columns))
        rest = np.empty(0, self._dtype)
        starts = [0] * len(runs)
        while any(start < len(run) for start, run in zip(starts, runs, strict=True)):
            share = max(1, _MERGE_ROWS // len(runs))
            heads = [
                int(run[min(start + share, len(run)) - 1][ROW_POS])
                for start, run in zip(starts, runs, strict=True)
                if start < len(run)
            ]
            limit = min(heads)
            pieces = [rest]
            for index, run in enumerate(runs):
                end = starts[index] + int(
                    np.searchsorted(run[ROW_POS][starts[index] :], limit, side="right")
                )
                pieces.append(run[starts[index] : end])
                starts[index] = end
            merged = np.concatenate(pieces)
            # Equal alleles keep the order in which they were added: the first one wins a look-up.
            merged = merged[np.argsort(merged[ROW_POS], kind="stable")]
            whole = len(merged) - len(merged) % CHUNK
            for start in range(0, whole, CHUNK):
                chunks.add(merged[start : start + CHUNK])
            rest = merged[whole:]
        if len(rest):
            chunks.add(rest)
        chunks.finish()


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
