"""BGZF as SAM specification 1.6, section 4.1, defines it: gzip members of at most 64 KiB."""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

BLOCK = 65_280
EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
LEVEL = 1
_HEAD = bytes.fromhex("1f8b08040000000000ff060042430200")
_OVERHEAD = 26
_MAX_BLOCK = 1 << 16

Buffer = bytes | memoryview
I64 = npt.NDArray[np.int64]


def compress(data: Buffer) -> list[bytes]:
    """The data as blocks; all but the last hold exactly BLOCK bytes."""
    blocks = []
    view = memoryview(data)
    for start in range(0, len(view), BLOCK):
        piece = view[start : start + BLOCK]
        packed: bytes = isal_zlib.compress(piece, LEVEL, -15)
        if len(packed) + _OVERHEAD > _MAX_BLOCK:
            # Data that do not shrink are stored: a final stored deflate block has 5 bytes before.
            size = len(piece)
            packed = struct.pack("<BHH", 1, size, size ^ 0xFFFF) + bytes(piece)
        blocks.append(
            b"".join(
                (
                    _HEAD,
                    struct.pack("<H", len(packed) + _OVERHEAD - 1),
                    packed,
                    struct.pack("<II", isal_zlib.crc32(piece), len(piece)),
                )
            )
        )
    return blocks


def virtual_offsets(start: int, blocks: Sequence[bytes], places: I64) -> npt.NDArray[np.uint64]:
    """BGZF virtual offsets of places in data that were compressed to these blocks."""
    sizes = np.fromiter(map(len, blocks), np.int64, len(blocks))
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    found: npt.NDArray[np.uint64] = (
        ((start + starts[places // BLOCK]) << 16) | (places % BLOCK)
    ).astype(np.uint64)
    return found
