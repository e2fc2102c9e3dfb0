"""What the kernel must write, record by record, in plain Python: slow and simple."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ann.anntools.consequence.ann import ann_text, intergenic_text
from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.so import SEVERITY, Term
from ann.anntools.sources.resolved import ID_KEY, Resolved
from ann.anntools.store.genes import GeneReader
from ann.anntools.store.keys import normalise
from ann.anntools.store.sequence import SequenceReader
from tests.model.lookup import AlleleLookup, IntervalLookup

MAX_POS = (1 << 44) - 2
MAX_LOOKUP = (1 << 31) - 2
MAX_LISTED = 1000
MAX_EVENT_TRANSCRIPTS = 200
# No contig of a small world reaches so far, flanks included.
CONTIG_END = 50_000
_BASES = re.compile(rb"[ACGTNacgtn]+\Z")
_SYMBOLIC = re.compile(rb"<(?!NON_REF>|X>)[A-Za-z0-9:_<>-]+>\Z")
_BREAKEND = re.compile(rb"(?=.*[\[\]])(?!<.*>\Z)[A-Za-z0-9:_<>\[\].*-]{4,}\Z")
_END = re.compile(rb"(?:^|;)END=([^;]*)")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f]")
_NUMBER = re.compile(rb"[0-9]{1,14}\Z")
_FIXED = 8

Form = tuple[int, bytes, bytes]


@dataclass
class Expected:
    """Records as they must come out, lines that must be rejected, and places for the index."""

    lines: list[bytes] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    pairs: int = 0


class PlainAnnotator:
    """The model of ann.anntools.annotator.Annotator."""

    def __init__(
        self,
        sources: Sequence[Resolved],
        sequences: SequenceReader | None,
        columns: int,
        contig_of: Callable[[bytes], str | None],
    ) -> None:
        self._sources = sources
        self._sequences = sequences
        self._columns = columns
        self._contig_of = contig_of
        self._readers: dict[str, AlleleLookup | IntervalLookup | GeneReader] = {}
        for resolved in sources:
            reader: AlleleLookup | IntervalLookup | GeneReader
            if resolved.source.kind == "allele":
                reader = AlleleLookup(resolved.path, resolved.columns)
            elif resolved.source.kind == "interval":
                reader = IntervalLookup(resolved.path)
            else:
                reader = GeneReader(resolved.path)
            self._readers[resolved.source.info.name] = reader

    def annotate(self, text: bytes, first_line: int = 1) -> Expected:
        out = Expected()
        for number, raw in enumerate(text.split(b"\n")[:-1], first_line):
            line = raw.removesuffix(b"\r")
            if not line.strip(b" "):
                continue
            fields = line.split(b"\t", _FIXED)
            if self._is_bad(line, fields):
                out.rejected.append(number)
            else:
                out.lines.append(self._record(fields, out))
        return out

    def _is_bad(self, line: bytes, fields: list[bytes]) -> bool:
        return (
            _CONTROL.search(line) is not None
            or line.count(b"\t") + 1 != self._columns
            or not fields[0]
            or b" " in fields[0]
            or not _NUMBER.match(fields[1])
            or int(fields[1]) > MAX_POS
            or not fields[3]
            or not fields[4]
        )

    def _record(self, fields: list[bytes], out: Expected) -> bytes:
        pos, ref, alts = int(fields[1]), fields[3], fields[4].split(b",")
        begin, end = max(0, pos - 1), pos - 1 + len(ref)
        told = _END.search(fields[7])
        if told and _NUMBER.match(told[1]) and pos < int(told[1]) <= MAX_POS:
            end = max(end, int(told[1]))
        end = max(end, begin + 1)
        out.places.append((begin, end))
        contig = self._contig_of(fields[0])
        if contig is not None and begin <= MAX_LOOKUP:
            ids, info = self._values(contig, pos, ref, alts, end)
            known = [] if fields[2] in {b".", b""} else fields[2].split(b";")
            added = [value for value in dict.fromkeys(ids) if value not in known]
            fields[2] = b";".join([*([fields[2]] if known else []), *added]) or b"."
            kept = [] if fields[7] in {b".", b""} else [fields[7]]
            fields[7] = b";".join([*kept, *info]) or b"."
        fields[2], fields[7] = fields[2] or b".", fields[7] or b"."
        return b"\t".join(fields) + b"\n"

    def _values(
        self, contig: str, pos: int, ref: bytes, alts: list[bytes], end: int
    ) -> tuple[list[bytes], list[bytes]]:
        sequences = self._sequences

        def base_at(place: int) -> int:
            found = sequences.fetch(contig, place, place + 1) if sequences else None
            return found[0] if found and found != b"N" else 0

        forms: list[Form | None] = [
            normalise(pos, ref, alt, base_at) if _BASES.match(ref) and _BASES.match(alt) else None
            for alt in alts
        ]
        ids: list[bytes] = []
        info: list[bytes] = []
        begin = max(0, pos - 1)
        for resolved in self._sources:
            reader = self._readers[resolved.source.info.name]
            if isinstance(reader, AlleleLookup):
                self._by_allele(resolved, reader, contig, forms, ids, info)
            elif isinstance(reader, IntervalLookup):
                found = reader.find(contig, begin, end)
                for index, name in enumerate(resolved.names if found else ()):
                    texts = [reader.value(number, index) for number in found]
                    if len(texts) > MAX_LISTED:
                        texts[MAX_LISTED:] = [b"+%d" % (len(texts) - MAX_LISTED)]
                    info.append(name.encode() + b"=" + b",".join(texts))
            else:
                entries = self._entries(reader, contig, (pos, ref, end), alts)
                if entries:
                    info.append(resolved.names[0].encode() + b"=" + b",".join(entries))
        return ids, info

    @staticmethod
    def _by_allele(
        resolved: Resolved,
        reader: AlleleLookup,
        contig: str,
        forms: list[Form | None],
        ids: list[bytes],
        info: list[bytes],
    ) -> None:
        rows = [-1 if form is None else reader.find(contig, *form) for form in forms]
        for index, (name, column) in enumerate(zip(resolved.names, resolved.columns, strict=True)):
            values = [None if r < 0 else reader.value(contig, r, index) for r in rows]
            present = [value for value in values if value is not None]
            if column.key == ID_KEY:
                ids += present
            elif present and column.number == "0":
                info.append(name.encode())
            elif present and column.number == "A":
                info.append(name.encode() + b"=" + b",".join(v or b"." for v in values))
            elif present:
                info.append(name.encode() + b"=" + b",".join(present))

    def _entries(
        self, genes: GeneReader, contig: str, place: tuple[int, bytes, int], alts: list[bytes]
    ) -> list[bytes]:
        if f"{contig}/brk" not in genes.container:
            return []
        pos, ref, end = place
        begin = max(0, pos - 1)
        entries: list[tuple[int, bytes]] = []
        for alt in alts:
            event = _SYMBOLIC.match(alt) is not None
            if (
                not event
                and not _BREAKEND.match(alt)
                and not (_BASES.match(alt) and _BASES.match(ref))
            ):
                continue
            near: dict[int, None] = {}
            last = end if event else begin + len(ref)
            for base in range(begin, min(last, CONTIG_END)):
                near.update(dict.fromkeys(genes.near(contig, base)))
            if event and len(near) > MAX_EVENT_TRANSCRIPTS:
                continue
            found = []
            for number in near:
                transcript = genes.transcript(number)
                effect = annotate_allele(
                    transcript, pos, ref, alt, self._genome(contig), end if event else None
                )
                if effect.terms[0] is not Term.INTERGENIC:
                    text = ann_text(alt.decode(), effect)
                    found.append((SEVERITY[effect.terms[0]], text.encode()))
            entries += found or [
                (SEVERITY[Term.INTERGENIC], intergenic_text(alt.decode()).encode())
            ]
        return [text for _, text in sorted(entries, key=lambda entry: entry[0])]

    def _genome(self, contig: str) -> Callable[[int, int], bytes | None] | None:
        if self._sequences is None or not self._sequences.length(contig):
            return None
        return partial(self._sequences.fetch, contig)
