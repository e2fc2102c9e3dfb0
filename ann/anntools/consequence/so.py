"""Sequence Ontology terms, their impact and their order of severity.

Impact follows the ANN standard (Cingolani et al., "Variant annotations in VCF format", 1.0,
January 2015) and, for terms younger than it, Ensembl's table of calculated consequences, which
also gives the order of severity. In-frame changes carry the finer SO terms (`conservative_`,
`disruptive_`) of the ANN standard; `intergenic_region` is its word for "in no gene".

Splice terms: the first and last two bases of an intron are donor and acceptor; bases 3-8 of the
intron and the three exonic bases beside it are `splice_region_variant` (SO:0001630). The finer
terms stand beside it, not in its stead, so that a filter on `splice_region_variant` keeps finding
what it always found: base +5 is `splice_donor_5th_base_variant`, +3, +4 and +6 are
`splice_donor_region_variant`, -3 to -17 are `splice_polypyrimidine_tract_variant`.
"""

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType


class Impact(StrEnum):
    """The four putative impacts of the ANN standard."""

    HIGH = "HIGH"
    MODERATE = "MODERATE"
    LOW = "LOW"
    MODIFIER = "MODIFIER"


class Term(StrEnum):
    """Sequence Ontology terms in use, the most severe first."""

    TRANSCRIPT_ABLATION = "transcript_ablation"
    EXON_LOSS = "exon_loss_variant"
    SPLICE_ACCEPTOR = "splice_acceptor_variant"
    SPLICE_DONOR = "splice_donor_variant"
    STOP_GAINED = "stop_gained"
    FRAMESHIFT = "frameshift_variant"
    STOP_LOST = "stop_lost"
    START_LOST = "start_lost"
    TRANSCRIPT_AMPLIFICATION = "transcript_amplification"
    FEATURE_ELONGATION = "feature_elongation"
    DISRUPTIVE_INSERTION = "disruptive_inframe_insertion"
    DISRUPTIVE_DELETION = "disruptive_inframe_deletion"
    CONSERVATIVE_INSERTION = "conservative_inframe_insertion"
    CONSERVATIVE_DELETION = "conservative_inframe_deletion"
    MISSENSE = "missense_variant"
    SPLICE_DONOR_5TH_BASE = "splice_donor_5th_base_variant"
    SPLICE_REGION = "splice_region_variant"
    SPLICE_DONOR_REGION = "splice_donor_region_variant"
    SPLICE_POLYPYRIMIDINE_TRACT = "splice_polypyrimidine_tract_variant"
    INCOMPLETE_TERMINAL_CODON = "incomplete_terminal_codon_variant"
    START_RETAINED = "start_retained_variant"
    STOP_RETAINED = "stop_retained_variant"
    SYNONYMOUS = "synonymous_variant"
    CODING_SEQUENCE = "coding_sequence_variant"
    FIVE_PRIME_UTR = "5_prime_UTR_variant"
    THREE_PRIME_UTR = "3_prime_UTR_variant"
    NON_CODING_EXON = "non_coding_transcript_exon_variant"
    INTRON = "intron_variant"
    UPSTREAM = "upstream_gene_variant"
    DOWNSTREAM = "downstream_gene_variant"
    INTERGENIC = "intergenic_region"
    SEQUENCE = "sequence_variant"


ACCESSION = MappingProxyType(
    {
        Term.TRANSCRIPT_ABLATION: "SO:0001893",
        Term.EXON_LOSS: "SO:0001572",
        Term.SPLICE_ACCEPTOR: "SO:0001574",
        Term.SPLICE_DONOR: "SO:0001575",
        Term.STOP_GAINED: "SO:0001587",
        Term.FRAMESHIFT: "SO:0001589",
        Term.STOP_LOST: "SO:0001578",
        Term.START_LOST: "SO:0002012",
        Term.TRANSCRIPT_AMPLIFICATION: "SO:0001889",
        Term.FEATURE_ELONGATION: "SO:0001907",
        Term.DISRUPTIVE_INSERTION: "SO:0001824",
        Term.DISRUPTIVE_DELETION: "SO:0001826",
        Term.CONSERVATIVE_INSERTION: "SO:0001823",
        Term.CONSERVATIVE_DELETION: "SO:0001825",
        Term.MISSENSE: "SO:0001583",
        Term.SPLICE_DONOR_5TH_BASE: "SO:0001787",
        Term.SPLICE_REGION: "SO:0001630",
        Term.SPLICE_DONOR_REGION: "SO:0002170",
        Term.SPLICE_POLYPYRIMIDINE_TRACT: "SO:0002169",
        Term.INCOMPLETE_TERMINAL_CODON: "SO:0001626",
        Term.START_RETAINED: "SO:0002019",
        Term.STOP_RETAINED: "SO:0001567",
        Term.SYNONYMOUS: "SO:0001819",
        Term.CODING_SEQUENCE: "SO:0001580",
        Term.FIVE_PRIME_UTR: "SO:0001623",
        Term.THREE_PRIME_UTR: "SO:0001624",
        Term.NON_CODING_EXON: "SO:0001792",
        Term.INTRON: "SO:0001627",
        Term.UPSTREAM: "SO:0001631",
        Term.DOWNSTREAM: "SO:0001632",
        Term.INTERGENIC: "SO:0000605",
        Term.SEQUENCE: "SO:0001060",
    }
)

SEVERITY = MappingProxyType({term: rank for rank, term in enumerate(Term)})

_LAST_OF = (
    (Term.FEATURE_ELONGATION, Impact.HIGH),
    (Term.MISSENSE, Impact.MODERATE),
    (Term.SYNONYMOUS, Impact.LOW),
    (Term.SEQUENCE, Impact.MODIFIER),
)
IMPACT = MappingProxyType(
    {
        term: next(impact for last, impact in _LAST_OF if rank <= SEVERITY[last])
        for term, rank in SEVERITY.items()
    }
)


def by_severity(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Each term once, the most severe first."""
    return tuple(sorted(set(terms), key=SEVERITY.__getitem__))


def impact_of(terms: tuple[Term, ...]) -> Impact:
    """The impact of the most severe term of a sorted tuple."""
    return IMPACT[terms[0]]
