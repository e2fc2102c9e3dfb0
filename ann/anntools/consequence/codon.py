"""Genetic codes, translation and the spelling of amino acids.

The codes are NCBI's tables 1 (standard) and 2 (vertebrate mitochondrial), `gc.prt` version 4.6,
public domain: 64 letters in the order TTT, TTC, TTA, TTG, TCT, ... GGG. Table 2 differs from the
standard one in AGA and AGG (stop), ATA (Met) and TGA (Trp), and starts at ATN and GTG.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

STOP = "*"
UNKNOWN = "X"
SELENOCYSTEINE = "U"

THREE_LETTERS = MappingProxyType(
    {
        "A": "Ala",
        "C": "Cys",
        "D": "Asp",
        "E": "Glu",
        "F": "Phe",
        "G": "Gly",
        "H": "His",
        "I": "Ile",
        "K": "Lys",
        "L": "Leu",
        "M": "Met",
        "N": "Asn",
        "P": "Pro",
        "Q": "Gln",
        "R": "Arg",
        "S": "Ser",
        "T": "Thr",
        "U": "Sec",
        "V": "Val",
        "W": "Trp",
        "Y": "Tyr",
        "X": "Xaa",
        "*": "Ter",
    }
)

_AMINO_ACIDS = {
    1: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    2: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG",
}
# Of the standard table's starts only ATG is taken: TTG and CTG are too rare for an annotated first
# codon to be believed on their strength, whereas ATT, ATC and GTG are plain in mitochondria.
_STARTS = {
    1: (b"ATG",),
    2: (b"ATG", b"ATA", b"ATT", b"ATC", b"GTG"),
}
_CODONS = tuple(bytes(letters) for letters in product(b"TCAG", repeat=3))
_CODON = 3
_DIGITS = bytes(b"ACGT".find(byte) if byte in b"ACGT" else 4 for byte in range(256))
# Most frames that are not read meet a stop soon.
_FIRST_LOOK = 300
# Below this many bases a look-up per codon is faster than an array.
_FEW = 90
_COMPLEMENT = bytes.maketrans(b"ACGTNacgtn", b"TGCANTGCAN")


@dataclass(frozen=True, slots=True)
class GeneticCode:
    """One NCBI translation table: `amino_acid[codon]` is a letter, `*` for stop."""

    table: int
    amino_acid: MappingProxyType[bytes, str]
    starts: frozenset[bytes]


@lru_cache(maxsize=8)
def genetic_code(table: int) -> GeneticCode:
    """The NCBI table of that number; ValueError for one that is not carried."""
    if table not in _AMINO_ACIDS:
        known = ", ".join(str(number) for number in _AMINO_ACIDS)
        raise ValueError(f"genetic code {table} is not carried: use one of {known}")
    return GeneticCode(
        table=table,
        amino_acid=MappingProxyType(dict(zip(_CODONS, _AMINO_ACIDS[table], strict=True))),
        starts=frozenset(_STARTS[table]),
    )


def reverse_complement(bases: bytes) -> bytes:
    """The other strand, read 5' to 3', in capitals."""
    return bases.translate(_COMPLEMENT)[::-1]


@lru_cache(maxsize=8)
def _letters(table: int) -> npt.NDArray[np.uint8]:
    """The letter of each codon by its bases as digits in base 5: A, C, G, T, other."""
    code = genetic_code(table)
    codons = (bytes(codon) for codon in product(b"ACGTN", repeat=_CODON))
    return np.frombuffer(
        "".join(code.amino_acid.get(codon, UNKNOWN) for codon in codons).encode(), np.uint8
    )


def translate(bases: bytes, code: GeneticCode) -> str:
    """One letter per complete codon; X where a base is not A, C, G or T."""
    whole = len(bases) - len(bases) % _CODON
    if whole <= _FEW:
        letter = code.amino_acid.get
        return "".join([letter(bases[i : i + _CODON], UNKNOWN) for i in range(0, whole, _CODON)])
    digits = np.frombuffer(bases.translate(_DIGITS), np.uint8, whole).astype(np.intp)
    places = (digits[0::3] * 5 + digits[1::3]) * 5 + digits[2::3]
    return str(_letters(code.table)[places].tobytes(), "ascii")


def translate_to_stop(bases: bytes, code: GeneticCode) -> str:
    """As `translate`, ending with the first stop (kept) if there is one."""
    protein = translate(bases[:_FIRST_LOOK], code)
    if STOP not in protein and len(bases) > _FIRST_LOOK:
        protein = translate(bases, code)
    end = protein.find(STOP)
    return protein if end < 0 else protein[: end + 1]


def spell(residues: str) -> str:
    """Three-letter codes joined: `MK*` is `MetLysTer`."""
    return "".join([THREE_LETTERS[residue] for residue in residues])
