"""Glacier's tree hash: SHA-256 of every MiB, combined in pairs until one is left.

Source: Amazon S3 Glacier Developer Guide, "Computing Checksums".
"""

from collections.abc import Sequence
from hashlib import sha256

LEAF = 1024 * 1024


def leaves_of(block: bytes) -> list[bytes]:
    """The hashes of a block's MiBs; a block begins at a whole MiB of its archive."""
    view = memoryview(block)
    return [
        sha256(view[start : start + LEAF]).digest() for start in range(0, max(len(block), 1), LEAF)
    ]


def tree_hash(leaves: Sequence[bytes]) -> str:
    """The root over these leaves, in hex; an odd one at the end rises as it is."""
    level = list(leaves)
    while len(level) > 1:
        level = [
            sha256(level[index] + level[index + 1]).digest()
            if index + 1 < len(level)
            else level[index]
            for index in range(0, len(level), 2)
        ]
    return level[0].hex()
