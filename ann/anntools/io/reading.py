"""Reading a file of variants as text, whatever it is wrapped in; recognised by its first bytes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from isal import isal_zlib
from isal.igzip_lib import IsalError as _IsalError

from ann.anntools.errors import InputError
from ann.anntools.limits import Limits

# Its stub declares the class as an instance of Exception.
InflateError: type[Exception] = _IsalError  # type: ignore[assignment]

Form = Literal["plain", "gzip", "bgzf", "bcf"]

_READ = 1 << 20
_GZIP_AND_HEADER = 31
_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_EXTRA = b"BC\x02\x00"
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive", "Unpack it and send the VCF inside."),
    (b"BZh", "bzip2-compressed", "Unpack it, or compress it with bgzip."),
    (b"\xfd7zXZ", "xz-compressed", "Unpack it, or compress it with bgzip."),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", "Unpack it, or compress it with bgzip."),
    (b"BAM\x01", "a BAM file of alignments", "Call variants first."),
    (b"CRAM", "a CRAM file of alignments", "Call variants first."),
    (b"%PDF", "a PDF document", "Send the VCF itself."),
    (b"\xff\xfe", "UTF-16 text", "Save it as UTF-8."),
    (b"\xfe\xff", "UTF-16 text", "Save it as UTF-8."),
)
TRUNCATED_HINT = "The transfer may have been cut short: compare sizes and send it again."


def _refuse_foreign(head: bytes) -> None:
    for magic, what, hint in _FOREIGN:
        if head.startswith(magic):
            raise InputError("not-a-vcf", f"the file is {what}, not a VCF", hint=hint)


def form_of(path: Path) -> Form:
    """Which of the forms the file has; raises InputError for empty and foreign files."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        raise InputError("empty", "the file is empty", hint="Send a VCF file.")
    if not head.startswith(_GZIP_MAGIC):
        if head.startswith(b"BCF"):
            return "bcf"
        _refuse_foreign(head)
        return "plain"
    try:
        inner = isal_zlib.decompressobj(_GZIP_AND_HEADER).decompress(head, 64)
    except InflateError as error:
        raise InputError("corrupt-gzip", f"the gzip data are damaged ({error})") from error
    if inner.startswith(b"BCF\x02"):
        return "bcf"
    _refuse_foreign(inner)
    return "bgzf" if head[3] & 4 and head[12:16] == _BGZF_EXTRA else "gzip"


class Meter:
    """How far reading has come."""

    def __init__(self, path: Path) -> None:
        self._size = max(1, path.stat().st_size)
        self.read = 0

    @property
    def fraction(self) -> float:
        """Share of the file's bytes that were taken in."""
        return min(1.0, self.read / self._size)


def text_of(path: Path, form: Form, limits: Limits, meter: Meter) -> Iterator[bytes]:
    """The decompressed bytes in pieces of bounded size, read by this thread alone."""
    if form == "bcf":
        yield from _bcf_text(path)
        return
    with path.open("rb") as file:
        if form == "plain":
            while piece := file.read(_READ):
                meter.read += len(piece)
                yield piece
        else:
            yield from _inflated(file, limits, meter)


class RatioWatch:
    """Refuses data that grow beyond all measure when decompressed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken = 0
        self._given = 0

    def count(self, taken: int, given: int) -> None:
        """Add compressed and decompressed bytes; raises InputError above the cap."""
        self._taken += taken
        self._given += given
        if (
            self._given > self._limits.ratio_from_bytes
            and self._given > self._taken * self._limits.ratio
        ):
            raise InputError(
                "compression-bomb",
                f"the file grows more than {self._limits.ratio} times when decompressed",
                hint="Send it uncompressed if it is genuine.",
            )


def _inflated(file: IO[bytes], limits: Limits, meter: Meter) -> Iterator[bytes]:
    watch = RatioWatch(limits)
    inflater = isal_zlib.decompressobj(_GZIP_AND_HEADER)
    empty = True
    while data := inflater.unused_data or file.read(_READ):
        meter.read = file.tell()
        if inflater.eof:
            if not data.startswith(_GZIP_MAGIC[: len(data)]):
                if data.strip(b"\0"):
                    raise InputError("corrupt-gzip", "something else follows the gzip data")
                break
            inflater = isal_zlib.decompressobj(_GZIP_AND_HEADER)
        watch.count(len(data), 0)
        while data and not inflater.eof:
            try:
                piece = inflater.decompress(data, _READ)
            except InflateError as error:
                raise InputError(
                    "corrupt-gzip", f"the gzip data are damaged ({error})", hint=TRUNCATED_HINT
                ) from error
            data = inflater.unconsumed_tail
            if piece:
                empty = False
                watch.count(0, len(piece))
                yield piece
    if not inflater.eof:
        raise InputError("truncated-gzip", "the gzip data end too early", hint=TRUNCATED_HINT)
    if empty:
        raise InputError("empty", "the file is empty", hint="Send a VCF file.")


def _bcf_text(path: Path) -> Iterator[bytes]:
    """BCF as VCF text, written by a child: the library may take the process down on bad input."""
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "ann.anntools.io.bcf", str(path)]
    try:
        # The command is this interpreter and a module of this package.
        child = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
        )
    except OSError:
        # A sandbox that lets no program start is what a child is wanted for.
        yield from _bcf_here(path)
        return
    with child:
        if child.stdout is None:  # pragma: no cover
            raise AssertionError
        while piece := child.stdout.read(_READ):
            yield piece
    if child.returncode:
        raise _damaged_bcf()


def _bcf_here(path: Path) -> Iterator[bytes]:
    from ann.anntools.io.bcf import vcf_text  # noqa: PLC0415  # a large library, for BCF alone

    try:
        yield from vcf_text(str(path))
    except (OSError, ValueError) as error:
        raise _damaged_bcf() from error


def _damaged_bcf() -> InputError:
    return InputError(
        "corrupt-bcf", "the BCF data are damaged or end too early", hint=TRUNCATED_HINT
    )
