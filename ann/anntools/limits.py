"""How much of anything the engine takes in before it refuses."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps that keep memory bounded whatever the input."""

    line_bytes: int = 64 * MIB
    header_bytes: int = 64 * MIB
    header_lines: int = 1_000_000
    # Deflate cannot do better than 1,032:1; real files of 10,000 samples stay below 300:1.
    ratio: int = 500
    # Small files may be as repetitive as they like.
    ratio_from_bytes: int = 64 * MIB
    rejects: int = 100_000


DEFAULT = Limits()
