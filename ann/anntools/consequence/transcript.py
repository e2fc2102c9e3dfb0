"""The gene model every part of the engine speaks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript on the genome; positions 0-based half-open, exons in ascending order."""

    transcript_id: str
    gene_id: str
    gene_name: str
    biotype: str
    contig: str
    strand: int
    exons: tuple[tuple[int, int], ...]
    cds: tuple[int, int] | None = None
    cds_phase: int = 0
    sequence: bytes | None = None
    cds_sequence: bytes | None = None
    genetic_code: int = 1
    mane_select: bool = False
    mane_plus_clinical: bool = False
    canonical: bool = False
    cds_start_nf: bool = False
    cds_end_nf: bool = False
