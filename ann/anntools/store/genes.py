"""Gene sources: transcripts, their exons and sequences, and which of them are near a place."""

from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ann.anntools.consequence.transcript import Transcript
from ann.anntools.store.container import Container, ContainerWriter
from ann.anntools.store.intervals import SetPool, write_breakpoints
from ann.anntools.store.manifest import Source, SourceInfo
from ann.anntools.store.sequence import pack_sequence, unpack_sequence
from ann.anntools.store.text import Pool

# A variant this near a transcript is up- or downstream of it: snpEff's and VEP's default.
FLANK = 5000
_KEPT = 4096
# Sequences are packed many at a time: a call costs more than a short one.
_BLOCK = 1 << 20
_SEQUENCES_AT_ONCE = 1000
_ARRAYS = {
    "tx": "<i8",
    "exon/start": "<u4",
    "exon/end": "<u4",
    "exon/offset": "<u4",
    "protein": "u1",
    "seq/bits": "u1",
    "seq/mask": "u1",
}


class _Row(NamedTuple):
    """A row of the transcript table; kernel/genes.h lists the same in the same order.

    Positions are 0-based half-open, -1 for none.  `cds_*` are on the genome; `coding_*`,
    `frame_start`, `length` on the spliced transcript; `protein_*` the reference translation;
    `names` the fields of ANN that are the same for every allele.
    """

    start: int
    end: int
    strand: int
    exon_first: int
    exon_end: int
    cds_start: int
    cds_end: int
    cds_phase: int
    seq_place: int
    seq_length: int
    seq_is_cds: int
    genetic_code: int
    flags: int
    transcript_id: int
    gene_id: int
    gene_name: int
    biotype: int
    contig: int
    length: int
    coding_start: int
    coding_end: int
    frame_start: int
    has_start: int
    aa_length: int
    protein_place: int
    protein_length: int
    names: int
    warnings: int


FIELDS = _Row._fields
MANE_SELECT, MANE_PLUS_CLINICAL, CANONICAL, CDS_START_NF, CDS_END_NF = 1, 2, 4, 8, 16


class GeneWriter:
    """Takes transcripts in any order.

    Those of a place are listed MANE Select, MANE Plus Clinical and canonical ones first, then
    in the order they were added.
    """

    def __init__(self, directory: Path, info: SourceInfo) -> None:
        self._info = info
        self._file = f"{info.name}.ann"
        self._out = ContainerWriter(directory / self._file)
        self._texts = Pool()
        # Start, end and number of each row, side by side.
        self._contigs: dict[str, array[int]] = {}
        self._flags = bytearray()
        self._exons = 0
        self._bases = 0
        self._residues = 0
        self._unpacked: list[bytes] = []

    def add(self, transcript: Transcript) -> None:
        """Add a transcript on a canonical contig; ValueError if it contradicts itself."""
        model = transcript.model
        start, end = transcript.exons[0][0], transcript.exons[-1][1]
        sequence = transcript.sequence or transcript.cds_sequence
        place = self._bases if sequence else -1
        if sequence:
            # Every sequence starts on a whole byte of both its arrays.
            padded = sequence + b"N" * (-len(sequence) % 8)
            self._unpacked.append(padded)
            self._bases += len(padded)
            if self._bases - place > _BLOCK or len(self._unpacked) > _SEQUENCES_AT_ONCE:
                self._pack()
        first = self._exons
        self._exons += len(transcript.exons)
        exons = np.array(transcript.exons, np.uint32)
        self._out.array("exon/start", "<u4").append(exons[:, 0])
        self._out.array("exon/end", "<u4").append(exons[:, 1])
        self._out.array("exon/offset", "<u4").append(np.array(model.exon_offsets, np.uint32))
        protein = (model.protein or "").encode()
        self._out.array("protein", "u1").append(protein)
        flags = (
            (MANE_SELECT if transcript.mane_select else 0)
            | (MANE_PLUS_CLINICAL if transcript.mane_plus_clinical else 0)
            | (CANONICAL if transcript.canonical else 0)
            | (CDS_START_NF if transcript.cds_start_nf else 0)
            | (CDS_END_NF if transcript.cds_end_nf else 0)
        )
        number = len(self._flags)
        self._flags.append(flags)
        low, high = transcript.cds or (-1, -1)
        self._write(
            _Row(
                start=start,
                end=end,
                strand=transcript.strand,
                exon_first=first,
                exon_end=self._exons,
                cds_start=low,
                cds_end=high,
                cds_phase=transcript.cds_phase,
                seq_place=place,
                seq_length=len(sequence or b""),
                seq_is_cds=int(transcript.sequence is None),
                genetic_code=transcript.genetic_code,
                flags=flags,
                transcript_id=self._text(transcript.transcript_id),
                gene_id=self._text(transcript.gene_id),
                gene_name=self._text(transcript.gene_name),
                biotype=self._text(transcript.biotype),
                contig=self._text(transcript.contig),
                length=model.length,
                coding_start=model.coding_start,
                coding_end=model.coding_end,
                frame_start=model.frame_start,
                has_start=int(model.has_start),
                aa_length=model.aa_length,
                protein_place=-1 if model.protein is None else self._residues,
                protein_length=len(protein),
                names=self._text(model.ann_names),
                warnings=self._text("&".join(model.warnings)),
            )
        )
        self._residues += len(protein)
        if transcript.contig not in self._contigs:
            self._contigs[transcript.contig] = array("I")
        self._contigs[transcript.contig].extend((max(0, start - FLANK), end + FLANK, number))

    def _write(self, row: _Row) -> None:
        self._out.array("tx", "<i8").append(np.array(row, np.int64))

    def _pack(self) -> None:
        bits, mask = pack_sequence(b"".join(self._unpacked))
        self._unpacked = []
        self._out.array("seq/bits", "u1").append(bits)
        self._out.array("seq/mask", "u1").append(mask)

    def _text(self, text: str) -> int:
        return self._texts.id_of(text.encode())

    def _preference(self, number: int) -> tuple[int, int]:
        flags = self._flags[number]
        for place, flag in enumerate((MANE_SELECT, MANE_PLUS_CLINICAL, CANONICAL)):
            if flags & flag:
                return place, number
        return len(FIELDS), number

    def finish(self) -> Source:
        """Write the file and say what it is; records are transcripts."""
        sets = SetPool()
        self._pack()
        with self._out as out:
            # Arrays that no transcript has added to are there all the same.
            for name, dtype in _ARRAYS.items():
                out.array(name, dtype)
            for contig, rows in self._contigs.items():
                table = np.frombuffer(rows, np.uint32).reshape(-1, 3)
                write_breakpoints(out, contig, table, sets, order=self._preference)
            sets.write(out)
            self._texts.write(out, "text")
        return Source(self._info, "gene", (), len(self._flags), self._file)

    def discard(self) -> None:
        """Give up: remove what was collected."""
        self._out.discard()


class GeneReader:
    """Reads transcripts back."""

    def __init__(self, path: Path) -> None:
        store = self.container = Container(path)
        self._table = store["tx"].reshape(-1, len(FIELDS))
        self._exons = store["exon/start"], store["exon/end"]
        self._sequence = store["seq/bits"], store["seq/mask"]
        self._text = store["text/text"].data
        self._text_starts = store["text/off"]
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
            if len(self._cache) >= _KEPT:
                # Files are sorted: what was read long ago is not asked for again.
                self._cache.clear()
            self._cache[number] = self._read(_Row._make(self._table[number].tolist()))
        return self._cache[number]

    def _string(self, number: int) -> str:
        start, end = self._text_starts[number : number + 2].tolist()
        return bytes(self._text[start:end]).decode()

    def _read(self, row: "_Row") -> Transcript:
        starts, ends = (array[row.exon_first : row.exon_end].tolist() for array in self._exons)
        sequence = None
        if row.seq_place >= 0:
            end = row.seq_place + row.seq_length
            sequence = unpack_sequence(*self._sequence, row.seq_place, end)
        return Transcript(
            transcript_id=self._string(row.transcript_id),
            gene_id=self._string(row.gene_id),
            gene_name=self._string(row.gene_name),
            biotype=self._string(row.biotype),
            contig=self._string(row.contig),
            strand=row.strand,
            exons=tuple(zip(starts, ends, strict=True)),
            cds=(row.cds_start, row.cds_end) if row.cds_start >= 0 else None,
            cds_phase=row.cds_phase,
            sequence=None if row.seq_is_cds else sequence,
            cds_sequence=sequence if row.seq_is_cds else None,
            genetic_code=row.genetic_code,
            mane_select=bool(row.flags & MANE_SELECT),
            mane_plus_clinical=bool(row.flags & MANE_PLUS_CLINICAL),
            canonical=bool(row.flags & CANONICAL),
            cds_start_nf=bool(row.flags & CDS_START_NF),
            cds_end_nf=bool(row.flags & CDS_END_NF),
        )
