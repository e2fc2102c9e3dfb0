"""A small VCF of well-known variants, to try the engine on and to see that it is right."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

EXAMPLE: Final = Path(__file__).parent / "example.vcf"
NOTES: Final = Path(__file__).parent / "notes.tsv"


@dataclass(frozen=True, slots=True)
class Note:
    """What one allele of the example is; None where there is nothing to say."""

    contig: str
    pos: int
    ref: str
    alt: str
    gene: str | None
    protein: str | None  # HGVS p. of the gene's MANE Select or mitochondrial transcript
    significance: str | None  # in the bundled ClinVar extract
    rs: str | None  # dbSNP number without rs
    variation_id: str | None  # ClinVar
    what: str
    source: str


def notes() -> list[Note]:
    """A note for every allele, in file order."""
    found = []
    for line in NOTES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        contig, pos, ref, alt, *facts, what, source = line.split("\t")
        gene, protein, significance, rs, variation = (
            None if fact == "." else fact for fact in facts
        )
        found.append(
            Note(
                contig,
                int(pos),
                ref,
                alt,
                gene,
                protein,
                significance,
                rs,
                variation,
                what,
                source,
            )
        )
    return found
