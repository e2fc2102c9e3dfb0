"""The consequences of alleles on transcripts that the kernel leaves to the routine."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ann.anntools.consequence.ann import ann_text, intergenic_text
from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.so import SEVERITY, Term
from ann.anntools.kernel.gene_tables import GeneTables
from ann.anntools.store.container import Array
from ann.anntools.store.genes import GeneReader
from ann.anntools.store.sequence import SequenceReader

TERMS = tuple(SEVERITY)

Genome = Callable[[int, int], bytes | None]


@dataclass(frozen=True, slots=True)
class Answers:
    """ANN texts one after the other, where each starts, and the rank of its worst term."""

    offsets: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]
    text: bytes


class Consequences:
    """Asks the routine about pairs of allele and transcript."""

    def __init__(self, path: Path, sequences: SequenceReader | None) -> None:
        self.genes = GeneReader(path)
        self.tables = GeneTables(self.genes.container)
        self._sequences = sequences
        self.intergenic = intergenic_text("").encode()
        self.intergenic_rank = SEVERITY[Term.INTERGENIC]

    def answer(
        self, text: bytes, records: Array, alleles: Array, pairs: npt.NDArray[np.int64]
    ) -> Answers:
        """Answers to (allele, transcript) pairs in their order."""
        texts: list[bytes] = []
        ranks: list[int] = []
        last, pos, ref, alt = -1, 0, b"", b""
        end: int | None = None
        for number, transcript_number in pairs.tolist():
            if number != last:
                last = number
                allele = alleles[number]
                record = records[int(allele["record"])]
                tab = record["tab"]
                pos = int(text[int(tab[0]) + 1 : int(tab[1])]) + int(record["delta"])
                ref = text[int(tab[2]) + 1 : int(tab[3])]
                alt = text[int(allele["alt_start"]) : int(allele["alt_end"])]
                # END is that of a symbolic allele; a breakend is where the record is.
                stop = int(record["stop"]) + int(record["delta"])
                end = stop if alt.startswith(b"<") else None
            transcript = self.genes.transcript(transcript_number)
            effect = annotate_allele(
                transcript, pos, ref, alt, self._genome(transcript.contig), end
            )
            texts.append(ann_text(alt.decode(), effect).encode())
            ranks.append(SEVERITY[effect.terms[0]])
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(item) for item in texts], out=offsets[1:])
        return Answers(offsets, np.array(ranks, np.int64), b"".join(texts))

    def _genome(self, contig: str) -> Genome | None:
        if self._sequences is None or not self._sequences.length(contig):
            return None
        return partial(self._sequences.fetch, contig)
