"""FASTA files: one sequence at a time, never a whole file."""

from collections.abc import Iterator
from pathlib import Path

from ann.anntools.build.parse.lines import SourceError, line_blocks


def sequences(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Name (the first word of the header) and pieces of each sequence, in file order.

    The pieces must be used up before the next sequence is asked for.
    """
    reader = _Reader(path)
    while (name := reader.next_name()) is not None:
        yield name, reader.pieces()


class _Reader:
    def __init__(self, path: Path) -> None:
        self._file = path.name
        self._blocks = line_blocks(path)
        self._text = b""
        self._line = 1
        self._begun = False

    def _more(self) -> bool:
        for line, text in self._blocks:
            self._line, self._text = line, text
            return True
        return False

    def next_name(self) -> str | None:
        """The name of the sequence that comes next."""
        while not self._text:
            if not self._more():
                if not self._begun:
                    raise SourceError(self._file, "holds no sequence")
                return None
        if not self._text.startswith(b">"):
            raise SourceError(self._file, "a header line begins with >", line=self._line)
        self._begun = True
        header, _, self._text = self._text.partition(b"\n")
        words = header[1:].split(None, 1)
        if not words:
            raise SourceError(self._file, "a header without a name", line=self._line)
        return words[0].decode("utf-8", "replace")

    def pieces(self) -> Iterator[bytes]:
        """The letters up to the next header."""
        while True:
            if self._text.startswith(b">"):
                return
            at = self._text.find(b"\n>")
            if at >= 0:
                piece, self._text = self._text[:at], self._text[at + 1 :]
            else:
                piece, self._text = self._text, b""
            letters = piece.translate(None, b"\r\n \t")
            if letters:
                if not letters.isalpha() and letters.strip(b"*-").isalpha() is False:
                    raise SourceError(self._file, "something other than letters", line=self._line)
                yield letters
            if at >= 0:
                return
            if not self._text and not self._more():
                return
