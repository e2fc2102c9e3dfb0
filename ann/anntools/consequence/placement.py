"""Where an insertion or deletion can lie without changing the altered sequence.

An indel in a repeat has a range of equal placements. HGVS wants the one nearest the 3' end of the
transcript (recommendations/general, "3' rule"), which may cross an exon/intron border
(DNA/deletion: c.1704+1del, not c.1704del; c.1813del, not c.1813-1del) but never goes from one exon
into the next (same page, the exception for exon/exon junctions). Both follow from shifting along
the genome, never along the spliced transcript.

The bases come from the genome where it is at hand, else from the transcript's own sequence, which
ends the shift at the exon's border, else from the record's REF.
"""

from collections.abc import Callable
from typing import NamedTuple

from ann.anntools.consequence.allele import Change
from ann.anntools.consequence.codon import reverse_complement
from ann.anntools.consequence.runs import common_prefix, common_suffix
from ann.anntools.consequence.transcript import Model

Genome = Callable[[int, int], bytes | None]

# No shift is looked for beyond this many bases: no human repeat of one unit runs further unbroken.
_FURTHEST = 65_536
_FIRST_LOOK = 32


class Span(NamedTuple):
    """How far a change can go: `left` towards lower, `right` towards higher coordinates."""

    left: int
    right: int


class Reference:
    """The bases around a transcript on the forward strand of the genome."""

    __slots__ = ("_genome", "_model", "_ref", "_ref_start")

    def __init__(self, model: Model, genome: Genome | None, ref_start: int, ref: bytes) -> None:
        self._model = model
        self._genome = genome
        self._ref_start = ref_start
        self._ref = ref

    def bases(self, start: int, end: int) -> bytes | None:
        """Genomic bases [start, end) in capitals; None where any is unknown."""
        if start < 0 or start > end:
            return None
        if self._genome is not None:
            found = self._genome(start, end)
            if found is not None and len(found) == end - start:
                return found.upper()
        exonic = self.exonic(start, end)
        if exonic is not None:
            return exonic
        first, last = start - self._ref_start, end - self._ref_start
        return self._ref[first:last].upper() if first >= 0 and last <= len(self._ref) else None

    def after(self, start: int, count: int) -> bytes:
        """Up to `count` known bases from `start` on."""
        return self._as_many(start, count, forward=True)

    def before(self, end: int, count: int) -> bytes:
        """Up to `count` known bases that end before `end`."""
        return self._as_many(end, count, forward=False)

    def _as_many(self, border: int, count: int, *, forward: bool) -> bytes:
        if count == 0:
            return b""
        start = border if forward else border - count
        found = self.bases(start, start + count)
        if found is not None:
            return found
        in_exon = self._exon_reach(border, forward=forward)
        in_ref = border - self._ref_start
        if forward:
            in_ref = len(self._ref) - in_ref
        for reach in (in_exon, in_ref):
            length = min(count, reach)
            start = border if forward else border - length
            found = self.bases(start, start + length) if length > 0 else None
            if found is not None:
                return found
        return b""

    def _exon_reach(self, border: int, *, forward: bool) -> int:
        """How many bases of the exon at hand lie on that side of `border`."""
        model = self._model
        at = border if forward else border - 1
        if not model.exon_starts[0] <= at < model.exon_ends[-1]:
            return 0
        place = model.exon_at(at)
        if not place.exonic:
            return 0
        if forward:
            return model.exon_ends[place.nth] - border
        return border - model.exon_starts[place.nth]

    def exonic(self, start: int, end: int) -> bytes | None:
        """Genomic bases [start, end) from the transcript, when they are contiguous in it."""
        model = self._model
        if start == end:
            return b""
        first = model.to_transcript(start)
        last = model.to_transcript(end - 1)
        if first is None or last is None or abs(last - first) != end - 1 - start:
            return None
        known = model.bases(min(first, last), max(first, last) + 1)
        if known is None or model.forward:
            return known
        return reverse_complement(known)


def shifts(change: Change, unit: bytes, reference: Reference, bounds: tuple[int, int]) -> Span:
    """How far the deletion or insertion of `unit` can move inside `bounds` (both inclusive ends).

    A unit followed by bases F can move right by the longest k for which F[:k] == (unit + F)[:k].
    """
    room_left = max(0, change.start - bounds[0])
    room_right = max(0, bounds[1] - change.end)
    right = _reach(
        unit,
        lambda count: reference.after(change.end, count),
        min(room_right, _FURTHEST),
    )
    left = _reach_left(
        unit,
        lambda count: reference.before(change.start, count),
        min(room_left, _FURTHEST),
    )
    return Span(left, right)


def rotate(unit: bytes, shift: int) -> bytes:
    """The unit as it reads after moving right by `shift` (left where negative)."""
    turn = shift % len(unit)
    return unit[turn:] + unit[:turn]


def _reach(unit: bytes, look: Callable[[int], bytes], room: int) -> int:
    count = _FIRST_LOOK
    while True:
        asked = min(count, room)
        flank = look(asked)
        same = common_prefix(flank, unit + flank)
        if same < len(flank) or len(flank) < asked or asked >= room:
            return same
        count *= 4


def _reach_left(unit: bytes, look: Callable[[int], bytes], room: int) -> int:
    count = _FIRST_LOOK
    while True:
        asked = min(count, room)
        flank = look(asked)
        same = common_suffix(flank, flank + unit)
        if same < len(flank) or len(flank) < asked or asked >= room:
            return same
        count *= 4
