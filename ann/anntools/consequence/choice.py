"""Which of the equal placements of an indel its terms are read at.

The altered sequence is the same wherever in a repeat an indel is written, so one order of places
decides (decision 120): (1) inside an exon, (2) inside an intron beyond the splice region of eight
bases, (3) clear of the two bases of the splice site, (4) for an insertion, on an exon's border, (5)
elsewhere in an intron, (6) across a border. Among equals the most 3' one along the transcript.
"""

from bisect import bisect_right
from typing import NamedTuple

from ann.anntools.consequence.placement import Span
from ann.anntools.consequence.region import INTRON_REGION, SPLICE_SITE
from ann.anntools.consequence.transcript import Model, Place


class Where(NamedTuple):
    """The shift to the chosen placement, and the exon or intron there; None across a border."""

    shift: int
    place: Place | None


def choose(model: Model, start: int, end: int, span: Span) -> Where:
    """The placement of [start, end) for its terms, at most `span` away.

    The change lies inside the transcript; an insertion (start == end) strictly.
    """
    low, high = start - span.left, start + span.right
    size = end - start
    most = span.right if model.forward else -span.left
    place = _whole_room(model, low, high + size, border=size == 0)
    if place is not None:
        return Where(most, place)
    rooms = _rooms(model, low, high + max(size, 1))
    for room in (_in_exon, _beyond_regions, _clear_of_sites, _on_border, _in_intron):
        best = _furthest(model, [room(model, place, size) for place in rooms], rooms, low, high)
        if best is not None:
            return Where(best[0] - start, best[1])
    return Where(most, None)


def _whole_room(model: Model, low: int, high: int, *, border: bool) -> Place | None:
    """The exon, or the intron beyond its splice regions, that holds every placement."""
    nth = bisect_right(model.exon_starts, low) - 1
    end = model.exon_ends[nth]
    if nth >= 0 and low >= model.exon_starts[nth] + border and high <= end - border:
        return Place(exonic=True, nth=nth)
    inside = nth >= 0 and low >= end + INTRON_REGION and nth + 1 < len(model.exon_starts)
    if inside and high <= model.exon_starts[nth + 1] - INTRON_REGION:
        return Place(exonic=False, nth=nth)
    return None


def _rooms(model: Model, low: int, high: int) -> list[Place]:
    """Exons and introns that bases [low - 1, high) meet, in genomic order."""
    found = []
    nth = max(0, bisect_right(model.exon_starts, low - 1) - 1)
    count = len(model.exon_starts)
    while nth < count and model.exon_starts[nth] < high:
        if model.exon_ends[nth] >= low:
            found.append(Place(exonic=True, nth=nth))
        if nth + 1 < count and model.exon_ends[nth] < high:
            found.append(Place(exonic=False, nth=nth))
        nth += 1
    return found


def _beyond_regions(model: Model, place: Place, size: int) -> tuple[int, int]:
    return _inside_intron(model, place, size, INTRON_REGION)


def _clear_of_sites(model: Model, place: Place, size: int) -> tuple[int, int]:
    return _inside_intron(model, place, size, SPLICE_SITE)


def _inside_intron(model: Model, place: Place, size: int, margin: int) -> tuple[int, int]:
    if place.exonic:
        return 0, -1
    start, end = model.exon_ends[place.nth], model.exon_starts[place.nth + 1]
    return start + margin, end - margin - size


def _in_exon(model: Model, place: Place, size: int) -> tuple[int, int]:
    if not place.exonic:
        return 0, -1
    start, end = model.exon_starts[place.nth], model.exon_ends[place.nth]
    return start + (size == 0), end - size - (size == 0)


def _on_border(model: Model, place: Place, size: int) -> tuple[int, int]:
    if size or not place.exonic:
        return 0, -1
    return model.exon_starts[place.nth], model.exon_ends[place.nth]


def _in_intron(model: Model, place: Place, size: int) -> tuple[int, int]:
    return _inside_intron(model, place, size, int(size == 0))


def _furthest(
    model: Model, ranges: list[tuple[int, int]], rooms: list[Place], low: int, high: int
) -> tuple[int, Place] | None:
    """The most 3' start that [low, high] shares with one of the ranges."""
    best = None
    for room, place in zip(ranges, rooms, strict=True):
        first, last = max(room[0], low), min(room[1], high)
        if first <= last:
            at = last if model.forward else first
            if best is None or (at > best[0]) == model.forward:
                best = (at, place)
    return best
