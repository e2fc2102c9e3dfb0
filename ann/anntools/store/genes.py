"""Gene sources: transcripts, their exons and sequences, and which of them are near a place."""

from pathlib import Path

import numpy as np

from ann.anntools.consequence.transcript import Transcript
from ann.anntools.store.container import Container, ContainerWriter
from ann.anntools.store.intervals import SetPool, write_breakpoints
from ann.anntools.store.manifest import Source, SourceInfo
from ann.anntools.store.sequence import pack_sequence, unpack_sequence
from ann.anntools.store.text import Pool, read_pool

# A variant this near a transcript is up- or downstream of it: snpEff's and VEP's default.
FLANK = 5000

# Columns of the transcript table; positions 0-based half-open, `cds_*` on the genome, -1 for none.
FIELDS = (
    "start", "end", "strand", "exon_first", "exon_end", "cds_start", "cds_end", "cds_phase",
    "seq_place", "seq_length", "seq_is_cds", "genetic_code", "flags",
    "transcript_id", "gene_id", "gene_name", "biotype", "contig",
)  # fmt: skip
MANE_SELECT, MANE_PLUS_CLINICAL, CANONICAL, CDS_START_NF, CDS_END_NF = 1, 2, 4, 8, 16


class GeneWriter:
    """Takes transcripts in any order.

    Those of a place are listed MANE Select, MANE Plus Clinical and canonical ones first, then
    in the order they were added.
    """

    def __init__(self, directory: Path, info: SourceInfo) -> None:
        self._info = info
        self._file = f"{info.name}.ann"
        self._path = directory / self._file
        self._texts = Pool()
        self._contigs: dict[str, list[tuple[int, int, int]]] = {}
        self._table: list[tuple[int, ...]] = []
        self._exons: list[tuple[int, int]] = []
        self._sequences: list[bytes] = []
        self._bases = 0

    def add(self, transcript: Transcript) -> None:
        """Add a transcript on a canonical contig."""
        start, end = transcript.exons[0][0], transcript.exons[-1][1]
        sequence = transcript.sequence or transcript.cds_sequence
        place = self._bases if sequence else -1
        if sequence:
            # Every sequence starts on a whole byte of both its arrays.
            padded = sequence + b"N" * (-len(sequence) % 8)
            self._sequences.append(padded)
            self._bases += len(padded)
        first = len(self._exons)
        self._exons += transcript.exons
        flags = (
            (MANE_SELECT if transcript.mane_select else 0)
            | (MANE_PLUS_CLINICAL if transcript.mane_plus_clinical else 0)
            | (CANONICAL if transcript.canonical else 0)
            | (CDS_START_NF if transcript.cds_start_nf else 0)
            | (CDS_END_NF if transcript.cds_end_nf else 0)
        )
        texts = (
            transcript.transcript_id,
            transcript.gene_id,
            transcript.gene_name,
            transcript.biotype,
            transcript.contig,
        )
        number = len(self._table)
        self._table.append(
            (
                start,
                end,
                transcript.strand,
                first,
                len(self._exons),
                *(transcript.cds or (-1, -1)),
                transcript.cds_phase,
                place,
                len(sequence or b""),
                int(transcript.sequence is None),
                transcript.genetic_code,
                flags,
                *(self._texts.id_of(text.encode()) for text in texts),
            )
        )
        rows = self._contigs.setdefault(transcript.contig, [])
        rows.append((max(0, start - FLANK), end + FLANK, number))

    def _preference(self, number: int) -> tuple[int, int]:
        flags = self._table[number][FIELDS.index("flags")]
        for place, flag in enumerate((MANE_SELECT, MANE_PLUS_CLINICAL, CANONICAL)):
            if flags & flag:
                return place, number
        return len(FIELDS), number

    def finish(self) -> Source:
        """Write the file and say what it is; records are transcripts."""
        sets = SetPool()
        with ContainerWriter(self._path) as out:
            for contig, rows in self._contigs.items():
                write_breakpoints(out, contig, rows, sets, order=self._preference)
            sets.write(out)
            out.put("tx", np.array(self._table, np.int64).reshape(-1))
            exons = np.array(self._exons, np.uint32).reshape(-1, 2)
            out.put("exon/start", np.ascontiguousarray(exons[:, 0]))
            out.put("exon/end", np.ascontiguousarray(exons[:, 1]))
            bits, mask = pack_sequence(b"".join(self._sequences))
            out.array("seq/bits", "u1").append(bits)
            out.array("seq/mask", "u1").append(mask)
            self._texts.write(out, "text")
        return Source(self._info, "gene", (), len(self._table), self._file)


class GeneReader:
    """Reads transcripts back."""

    def __init__(self, path: Path) -> None:
        self.container = Container(path)
        self._table = self.container["tx"].reshape(-1, len(FIELDS))
        self._cache: dict[int, Transcript] = {}

    def __len__(self) -> int:
        return len(self._table)

    def near(self, contig: str, pos0: int) -> list[int]:
        """Numbers of the transcripts within 5 kb of a 0-based position."""
        if f"{contig}/brk" not in self.container:
            return []
        segment = int(np.searchsorted(self.container[f"{contig}/brk"], pos0, side="right")) - 1
        found = int(self.container[f"{contig}/set"][segment])
        offsets = self.container["set/off"]
        values = self.container["set/val"][int(offsets[found]) : int(offsets[found + 1])]
        return [int(value) for value in values]

    def transcript(self, number: int) -> Transcript:
        """Transcript by number."""
        if number not in self._cache:
            self._cache[number] = self._read(number)
        return self._cache[number]

    def _read(self, number: int) -> Transcript:
        row = dict(zip(FIELDS, map(int, self._table[number]), strict=True))
        between = slice(row["exon_first"], row["exon_end"])
        starts, ends = self.container["exon/start"][between], self.container["exon/end"][between]
        sequence = None
        if row["seq_place"] >= 0:
            sequence = unpack_sequence(
                self.container["seq/bits"],
                self.container["seq/mask"],
                row["seq_place"],
                row["seq_place"] + row["seq_length"],
            )
        flags = row["flags"]

        def text(name: str) -> str:
            return read_pool(self.container, "text", row[name]).decode()

        return Transcript(
            transcript_id=text("transcript_id"),
            gene_id=text("gene_id"),
            gene_name=text("gene_name"),
            biotype=text("biotype"),
            contig=text("contig"),
            strand=row["strand"],
            exons=tuple((int(a), int(b)) for a, b in zip(starts, ends, strict=True)),
            cds=(row["cds_start"], row["cds_end"]) if row["cds_start"] >= 0 else None,
            cds_phase=row["cds_phase"],
            sequence=None if row["seq_is_cds"] else sequence,
            cds_sequence=sequence if row["seq_is_cds"] else None,
            genetic_code=row["genetic_code"],
            mane_select=bool(flags & MANE_SELECT),
            mane_plus_clinical=bool(flags & MANE_PLUS_CLINICAL),
            canonical=bool(flags & CANONICAL),
            cds_start_nf=bool(flags & CDS_START_NF),
            cds_end_nf=bool(flags & CDS_END_NF),
        )
