"""One form for every allele: trimmed, left-aligned where the sequence is known, and a 31-bit code.

The code is that of VariantKey (Asuni 2018): up to 11 bases of REF and ALT together are written out
(bit 0 clear), longer or ambiguous alleles are hashed (bit 0 set) and checked against stored text.
"""

from collections.abc import Callable

BASES = b"ACGT"
MAX_SPELLED = 11
# Longer alleles are matched as they stand: shifting them costs more than it can find.
MAX_NORMALISED = 1000
_CODE = {base: number for number, base in enumerate(BASES)}
_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK64 = (1 << 64) - 1

BaseAt = Callable[[int], int]
"""The base (ASCII, upper case) at a 0-based position, or 0 where it is not known."""


def normalise(pos: int, ref: bytes, alt: bytes, base_at: BaseAt | None) -> tuple[int, bytes, bytes]:
    """Trim shared ends and shift left (Tan 2015); upper case; pos is 1-based."""
    ref, alt = ref.upper(), alt.upper()
    if len(ref) + len(alt) > MAX_NORMALISED or ref == alt:
        return pos, ref, alt
    while True:
        if len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        elif base_at and 1 in (len(ref), len(alt)) and ref[-1] == alt[-1] and pos > 1:
            before = base_at(pos - 2)
            if not before:
                break
            ref, alt = bytes([before]) + ref[:-1], bytes([before]) + alt[:-1]
            pos -= 1
        else:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, pos = ref[1:], alt[1:], pos + 1
    return pos, ref, alt


def allele_code(ref: bytes, alt: bytes) -> int:
    """The 31-bit code of upper-case alleles."""
    if len(ref) + len(alt) <= MAX_SPELLED:
        code, shift = (len(ref) << 27) | (len(alt) << 23), 23
        for base in ref + alt:
            if base not in _CODE:
                break
            shift -= 2
            code |= _CODE[base] << shift
        else:
            return code
    digest = _FNV_OFFSET
    for byte in ref + b"\xff" + alt:
        digest = ((digest ^ byte) * _FNV_PRIME) & _MASK64
    return ((digest ^ (digest >> 32)) & 0x7FFFFFFF) | 1
