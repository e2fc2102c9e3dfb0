"""Transcripts as the kernel reads them, and the words it shares with the routine."""

import ctypes
from itertools import product

import numpy as np

from ann.anntools.consequence.codon import THREE_LETTERS, genetic_code
from ann.anntools.consequence.effect import REALIGNED
from ann.anntools.consequence.region import intron_base_terms
from ann.anntools.consequence.snv import REF_MISMATCH
from ann.anntools.consequence.so import IMPACT, SEVERITY, Term, by_severity
from ann.anntools.errors import ReferenceUnusableError
from ann.anntools.kernel import structures as c
from ann.anntools.store.container import Array, Container
from ann.anntools.store.genes import FIELDS

# In the order of genes.h.
_PLAIN: tuple[tuple[Term, ...], ...] = (
    (Term.UPSTREAM,),
    (Term.DOWNSTREAM,),
    (Term.NON_CODING_EXON,),
    (Term.FIVE_PRIME_UTR,),
    (Term.THREE_PRIME_UTR,),
    (Term.CODING_SEQUENCE,),
    (Term.INCOMPLETE_TERMINAL_CODON, Term.CODING_SEQUENCE),
    (Term.START_RETAINED,),
    (Term.START_LOST,),
    (Term.STOP_RETAINED,),
    (Term.SYNONYMOUS,),
    (Term.STOP_GAINED,),
    (Term.MISSENSE,),
)
_DEEP = 18
_CODES = 34
_CARRIED = (1, 2)
# No position, length or number of a real table is larger.
_MOST = 1 << 40


def _all_terms() -> list[tuple[Term, ...]]:
    near = [by_severity((*terms, Term.SPLICE_REGION)) for terms in _PLAIN]
    distances = range(1, _DEEP + 1)
    introns = [
        intron_base_terms(donor, acceptor) for donor, acceptor in product(distances, repeat=2)
    ]
    return [*_PLAIN, *near, *introns]


class GeneTables:
    """The kernel's Genes struct over a gene source; keeps alive what it points to."""

    def __init__(self, store: Container) -> None:
        self._kept: list[object] = []
        table = store["tx"].reshape(-1, len(FIELDS))
        exons = store["exon/start"]
        _check(store, table, len(exons))
        self.struct = c.Genes(
            transcripts=self._keep(table),
            count=len(table),
            exon_start=self._keep(exons),
            exon_end=self._keep(store["exon/end"]),
            exon_offset=self._keep(store["exon/offset"]),
            exons=len(exons),
            bits=self._keep(store["seq/bits"]),
            mask=self._keep(store["seq/mask"]),
            bases=min(4 * len(store["seq/bits"]), 8 * len(store["seq/mask"])),
            protein=self._keep(store["protein"]),
            protein_len=len(store["protein"]),
            texts=self._texts(store),
            terms=self._terms(),
            amino_acids=self._keep(_amino_acids()),
            three=self._keep(_three_letters()),
            mismatch=self._text(REF_MISMATCH.encode()),
            mismatch_len=len(REF_MISMATCH),
            realigned=self._text(REALIGNED.encode()),
            realigned_len=len(REALIGNED),
        )

    def _keep(self, array: Array) -> int:
        self._kept.append(array)
        return c.address(array)

    def _text(self, text: bytes) -> int:
        buffer = ctypes.create_string_buffer(text, len(text))
        self._kept.append(buffer)
        return ctypes.addressof(buffer)

    def _texts(self, store: Container) -> c.Column:
        offsets, text = store["text/off"], store["text/text"]
        return c.Column(
            off=self._keep(offsets),
            texts=len(offsets) - 1,
            text=self._keep(text),
            text_len=len(text),
        )

    def _terms(self) -> "ctypes.Array[c.Terms]":
        known = _all_terms()
        structs = (c.Terms * len(known))()
        for struct, terms in zip(structs, known, strict=True):
            text = f"{'&'.join(terms)}|{IMPACT[terms[0]].value}".encode()
            struct.text, struct.length = self._text(text), len(text)
            struct.rank = SEVERITY[terms[0]]
        self._kept.append(structs)
        return structs


def _check(store: Container, table: Array, exons: int) -> None:
    """Refuse a table whose exons or transcripts lie outside their arrays."""
    first, end = (table[:, FIELDS.index(name)] for name in ("exon_first", "exon_end"))
    lengths = {len(store[f"exon/{name}"]) for name in ("start", "end", "offset")}
    sound = lengths == {exons}
    if sound and len(table):
        sound = int(table.min()) >= -1 and int(table.max()) <= _MOST
        sound = sound and int(first.min()) >= 0 and int(end.max()) <= exons
        sound = sound and bool((first < end).all())
    if not sound:
        raise ReferenceUnusableError(f"{store.path.name}: the transcript table is damaged")


def _amino_acids() -> Array:
    letters = np.zeros((_CODES, 64), np.uint8)
    for number in _CARRIED:
        code = genetic_code(number)
        for index, codon in enumerate(product(b"ACGT", repeat=3)):
            letters[number, index] = ord(code.amino_acid[bytes(codon)])
    return letters


def _three_letters() -> Array:
    letters = np.full(3 * 256, ord("?"), np.uint8)
    for one, three in THREE_LETTERS.items():
        letters[3 * ord(one) : 3 * ord(one) + 3] = list(three.encode())
    return letters
