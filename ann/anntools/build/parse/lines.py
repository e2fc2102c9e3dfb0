"""Lines of a source file, plain or gzip'd, and what is wrong with one of them."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from isal import igzip, igzip_lib

from ann.anntools.errors import AnnToolsError

MAX_LINE: Final = 1 << 26
_BLOCK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"


class SourceError(AnnToolsError):
    """A source file that cannot be used: file, line (1-based), column (1-based or a name)."""

    def __init__(
        self, file: str, message: str, *, line: int | None = None, column: int | str | None = None
    ) -> None:
        where = [file]
        if line is not None:
            where.append(f"line {line}")
        if column is not None:
            where.append(f"column {column}")
        super().__init__(f"{', '.join(where)}: {message}")
        self.file = file
        self.message = message
        self.line = line
        self.column = column

    def __reduce__(self) -> tuple[object, ...]:
        return _remade, (self.file, self.message, self.line, self.column)


def _remade(file: str, message: str, line: int | None, column: int | str | None) -> "SourceError":
    """A SourceError that has come from another process."""
    return SourceError(file, message, line=line, column=column)


def blocks(path: Path) -> Iterator[bytes]:
    """The inflated bytes of a file; raises SourceError where it is cut short or damaged."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        if not packed:
            while block := raw.read(_BLOCK):
                yield block
            return
        try:
            # isal annotates only a part of itself.
            with igzip.IGzipFile(fileobj=raw) as stream:  # type: ignore[no-untyped-call]
                while block := stream.read(_BLOCK):
                    yield block
        except (EOFError, OSError, zlib.error, igzip_lib.IsalError) as error:  # type: ignore[misc]
            raise SourceError(
                path.name, f"cut short or damaged ({error}); remove it and build again"
            ) from error


def line_blocks(path: Path, size: int = _BLOCK) -> Iterator[tuple[int, bytes]]:
    """Runs of whole lines of about `size` bytes, each with the 1-based number of its first line."""
    number, waiting, held = 1, [], 0
    for block in blocks(path):
        waiting.append(block)
        held += len(block)
        if held < size:
            continue
        text = b"".join(waiting)
        cut = text.rfind(b"\n") + 1
        if cut == 0 and held > MAX_LINE:
            raise SourceError(path.name, f"longer than {MAX_LINE} bytes", line=number)
        if cut:
            yield number, text[:cut]
            number += text.count(b"\n", 0, cut)
        waiting, held = [text[cut:]], len(text) - cut
    rest = b"".join(waiting)
    if rest:
        yield number, rest


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Every line with its 1-based number, without its line end."""
    for first, text in line_blocks(path):
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as error:
            bad = first + text.count(b"\n", 0, error.start)
            raise SourceError(path.name, "not UTF-8 text", line=bad) from error
        parts = decoded.split("\n")
        if parts and not parts[-1]:
            parts.pop()
        for offset, line in enumerate(parts):
            yield first + offset, line.removesuffix("\r")


def whole_number(text: str, file: str, line: int, column: int | str, *, low: int = 0) -> int:
    """A decimal number of at least `low`, or a SourceError that says where."""
    if text.isascii() and text.isdigit():
        value = int(text)
        if value >= low:
            return value
    raise SourceError(
        file, f"{text[:40]!r} is no number of at least {low}", line=line, column=column
    )
