"""Which contig a source's row lies on, and whether it can lie there at all."""

from typing import Final

from ann.anntools.assembly.contigs import LENGTHS, RCRS_LENGTH, REFSEQ, canonical
from ann.anntools.build.parse.lines import SourceError


class Places:
    """Canonical contigs of one assembly; counts what lies elsewhere (patches, other species)."""

    def __init__(self, file: str, assembly: str) -> None:
        self._file = file
        self._assembly = assembly
        self._lengths = LENGTHS[assembly]
        self._names: dict[str, str | None] = {}
        self.known = 0
        self.elsewhere = 0

    def name(self, text: str, line: int) -> str | None:
        """The canonical name of a contig, None for one that is not annotated."""
        if text not in self._names:
            self._names[text] = self._resolve(text, line)
        found = self._names[text]
        if found is None:
            self.elsewhere += 1
        else:
            self.known += 1
        return found

    def _resolve(self, text: str, line: int) -> str | None:
        if text in REFSEQ and REFSEQ[text][1] != self._assembly:
            raise SourceError(
                self._file,
                f"{text} is a contig of {REFSEQ[text][1]}, the source is built for "
                f"{self._assembly}",
                line=line,
                column=1,
            )
        found = canonical(text)
        # UCSC's chrM of hg19 is another sequence than the rCRS; its tables say chrM.
        if found == "MT" and self._assembly == "GRCh37" and text == "chrM":
            return None
        return found if found in self._lengths else None

    def check(self, contig: str, end: int, line: int) -> None:
        """Raise SourceError where a row ends beyond its contig."""
        length = self._lengths[contig]
        if end > length:
            hint = ""
            if contig != "MT" or length == RCRS_LENGTH:
                hint = f"; is the source on another assembly than {self._assembly}?"
            raise SourceError(
                self._file,
                f"position {end} lies beyond contig {contig}, which has {length} bases{hint}",
                line=line,
            )

    def finish(self) -> None:
        """Raise SourceError if no row at all lay on a known contig."""
        if not self.known:
            names = ", ".join(list(self._names)[:_SHOWN]) or "none"
            raise SourceError(
                self._file, f"no row on a chromosome of {self._assembly} (contigs: {names})"
            )


_SHOWN: Final = 5
