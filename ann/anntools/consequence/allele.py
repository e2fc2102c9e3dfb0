"""One VCF allele as a change of the genome: what is taken out, what is put in.

A sequence allele is made parsimonious by dropping the common prefix (VCF pads on the left), then
the common suffix. For a pure insertion or deletion the result is one of several equal placements
(see placement.py), the one the record writes; for any other change it is the only one.

Symbolic alleles follow VCF 4.5, section 1.4.5: POS is the base before the event, END its last base.
An ALT is a sequence only if every base is one of ACGTN; `*`, `.`, `<*>`, `<NON_REF>`, `<CNV>` and
breakends are an interval about which only its place is said.
"""

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ann.anntools.consequence.runs import common_prefix, common_suffix

_SPANNING = (b"*", b".", b"<*>", b"<NON_REF>", b"<X>")


class Kind(Enum):
    """What happens to the genomic interval of a change."""

    SEQUENCE = "sequence"  # [start, end) is replaced by `inserted`
    DELETION = "deletion"  # a symbolic deletion
    DUPLICATION = "duplication"
    INVERSION = "inversion"
    INSERTION = "insertion"  # of unknown bases, at `start`
    PLACE = "place"  # something about which only the place is known


class Change(NamedTuple):
    """Genomic interval [start, end), 0-based; `removed` is empty where it is not spelled out."""

    kind: Kind
    start: int
    end: int
    removed: bytes = b""
    inserted: bytes = b""

    @property
    def is_snv(self) -> bool:
        """One base replaced by one other."""
        return (
            self.kind is Kind.SEQUENCE
            and len(self.inserted) == 1
            and self.end - self.start == 1
            and self.inserted != self.removed
        )


def is_sequence(alt: bytes) -> bool:
    """Whether an ALT spells bases out."""
    return bool(alt) and not alt.translate(None, b"ACGTNacgtn")


# One allele is read against every transcript there; more is not kept, alleles can be long.
@lru_cache(maxsize=64)
def read_allele(pos: int, ref: bytes, alt: bytes, end: int | None = None) -> Change:
    """The change that `ref` -> `alt` at 1-based `pos` makes; `end` is INFO/END of a symbolic one.

    An ALT equal to REF gives a change whose removed and inserted bases are the same.
    """
    start = pos - 1
    if is_sequence(alt) and is_sequence(ref):
        return _parsimonious(start, ref.upper(), alt.upper())
    reach = start + len(ref) if end is None else max(end, start + 1)
    kind = _symbolic_kind(alt)
    if kind is Kind.INSERTION:
        return Change(kind, pos, pos)
    if kind is Kind.PLACE or reach <= pos:
        # Without END the event has no known extent: only its base is.
        return Change(Kind.PLACE, start, max(reach, pos))
    return Change(kind, pos, reach)


def _symbolic_kind(alt: bytes) -> Kind:
    if alt in _SPANNING or not alt.startswith(b"<"):
        return Kind.PLACE
    family = alt[1:4].upper()
    return {
        b"DEL": Kind.DELETION,
        b"DUP": Kind.DUPLICATION,
        b"INV": Kind.INVERSION,
        b"INS": Kind.INSERTION,
    }.get(family, Kind.PLACE)


def _parsimonious(start: int, ref: bytes, alt: bytes) -> Change:
    if ref == alt:
        return Change(Kind.SEQUENCE, start, start + len(ref), ref, alt)
    shorter = min(len(ref), len(alt))
    head = common_prefix(ref, alt)
    tail = common_suffix(ref, alt, shorter - head)
    return Change(
        Kind.SEQUENCE,
        start + head,
        start + len(ref) - tail,
        ref[head : len(ref) - tail],
        alt[head : len(alt) - tail],
    )
