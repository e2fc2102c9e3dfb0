"""BGZF read in parallel: its blocks are independent of each other."""

import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, Protocol, TypeVar

from isal import isal_zlib

from ann.anntools.errors import InputError
from ann.anntools.io.reading import TRUNCATED_HINT, InflateError, Meter, RatioWatch
from ann.anntools.limits import Limits

_READ = 1 << 20
_HEAD = struct.Struct("<4s8xBBHH")
_HEAD_BYTES = 18
_TAIL = struct.Struct("<II")
_MAGIC = b"\x1f\x8b\x08\x04"
_GROUP = 16
_MAX_BLOCK = 1 << 16

T_co = TypeVar("T_co", covariant=True)


class Future(Protocol[T_co]):
    """What a pool's submit gives."""

    def result(self) -> T_co:
        """The value, when it is there."""


Submit = Callable[[Callable[..., bytes], list[bytes]], "Future[bytes]"]


def inflated_blocks(
    file: IO[bytes], limits: Limits, meter: Meter, submit: Submit, ahead: int
) -> Iterator[bytes]:
    """Decompressed pieces in order; `ahead` groups of blocks are decompressed beforehand."""
    watch = RatioWatch(limits)
    waiting: deque[tuple[int, Future[bytes]]] = deque()

    def taken() -> bytes:
        size, future = waiting.popleft()
        piece = future.result()
        watch.count(size, len(piece))
        return piece

    for group in _groups(file, meter):
        waiting.append((sum(map(len, group)), submit(inflate_group, group)))
        if len(waiting) > ahead:
            yield taken()
    while waiting:
        yield taken()


def _groups(file: IO[bytes], meter: Meter) -> Iterator[list[bytes]]:
    rest = b""
    while data := file.read(_READ):
        meter.read += len(data)
        data = rest + data
        at, blocks = 0, []
        while len(data) - at >= _HEAD_BYTES:
            magic, first, second, length, size = _HEAD.unpack_from(data, at)
            if magic == b"\0" * 4 and not data[at:].strip(b"\0"):
                # Padding after the end is no data.
                at = len(data)
                break
            if magic != _MAGIC or (first, second, length) != (ord("B"), ord("C"), 2):
                raise InputError("corrupt-gzip", "a block of the BGZF file has no proper head")
            if len(data) - at < size + 1:
                break
            blocks.append(data[at : at + size + 1])
            at += size + 1
            if len(blocks) == _GROUP:
                yield blocks
                blocks = []
        if blocks:
            yield blocks
        rest = data[at:]
    if rest:
        raise InputError(
            "truncated-gzip", "the last BGZF block ends too early", hint=TRUNCATED_HINT
        )


def inflate_group(blocks: list[bytes]) -> bytes:
    """The data of some blocks, checked against their checksums."""
    pieces = []
    for block in blocks:
        try:
            piece: bytes = isal_zlib.decompress(memoryview(block)[_HEAD_BYTES:-8], -15, _MAX_BLOCK)
        except InflateError as error:
            raise InputError(
                "corrupt-gzip", f"a BGZF block is damaged ({error})", hint=TRUNCATED_HINT
            ) from error
        crc, size = _TAIL.unpack_from(block, len(block) - _TAIL.size)
        if size != len(piece) or crc != isal_zlib.crc32(piece):
            raise InputError(
                "corrupt-gzip", "a BGZF block does not match its checksum", hint=TRUNCATED_HINT
            )
        pieces.append(piece)
    return b"".join(pieces)
