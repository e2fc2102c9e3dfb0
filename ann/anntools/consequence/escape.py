"""Percent-encoding inside VCF's INFO (VCF 4.3, section 1.2) and ANN's own separators."""

_ENCODED = str.maketrans({c: f"%{ord(c):02X}" for c in "%;=,|& \t\r\n"})


def encode(text: str) -> str:
    """Text that holds none of the characters INFO or ANN keep for themselves."""
    return text.translate(_ENCODED)
