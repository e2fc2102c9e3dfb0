"""Pools of text values and how a value is made safe inside an INFO field."""

import re

import numpy as np

from ann.anntools.store.container import Container, ContainerWriter

# VCF 4.3, section 1.2: these characters mean something in INFO; blanks never belong there.
_UNSAFE = re.compile(rb"[%;=,\s\x00-\x1f\x7f]")


def encode(value: str) -> bytes:
    """The value as UTF-8 with every character that INFO reserves percent-encoded."""
    return _UNSAFE.sub(lambda match: b"%%%02X" % ord(match[0]), value.encode())


class Pool:
    """Distinct texts, numbered from 1 in the order first seen; 0 stands for no value."""

    def __init__(self) -> None:
        self._ids: dict[bytes, int] = {}

    def id_of(self, text: bytes) -> int:
        """The number of this text."""
        return self._ids.setdefault(text, len(self._ids) + 1)

    def write(self, writer: ContainerWriter, name: str) -> None:
        """Store as `name/off` (uint64, one more than texts plus the empty one) and `name/text`."""
        lengths = np.fromiter(map(len, self._ids), np.uint64, len(self._ids))
        offsets = np.zeros(len(lengths) + 2, np.uint64)
        np.cumsum(lengths, out=offsets[2:])
        writer.put(f"{name}/off", offsets)
        text = writer.array(f"{name}/text", "u1")
        text.append(b"".join(self._ids))


def read_pool(container: Container, name: str, number: int) -> bytes:
    """Text number `number` of a stored pool."""
    offsets = container[f"{name}/off"]
    return container[f"{name}/text"][int(offsets[number]) : int(offsets[number + 1])].tobytes()
