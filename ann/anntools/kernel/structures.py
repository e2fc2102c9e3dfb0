"""The kernel's structs as Python sees them; the order and types are those of kernel.h."""

import ctypes
from ctypes import POINTER, c_int64, c_uint32, c_void_p

import numpy as np

from ann.anntools.store.container import Array

# By the numbers of kernel.h's reasons.
REASONS = (
    "",
    "control characters in the line",
    "the number of columns is not that of the header",
    "no contig name, or one with blanks",
    "POS is not a whole number from 0 to 17592186044414",
    "REF is empty",
    "ALT is empty",
)

RECORD = np.dtype(
    [
        ("start", "<u4"),
        ("end", "<u4"),
        ("tab", "<u4", 8),
        ("line", "<u4"),
        ("reason", "<u4"),
        ("alleles", "<u4"),
        ("contig", "<i4"),
        ("begin", "<i8"),
        ("stop", "<i8"),
        ("delta", "<i8"),
    ]
)
ALLELE = np.dtype(
    [
        ("record", "<u4"),
        ("alt_start", "<u4"),
        ("alt_end", "<u4"),
        ("kind", "<u4"),
        ("best", "<i8"),
        ("best_len", "<i8"),
    ]
)
ENTRY_BYTES = 40
MAX_RANKS = 64


class Sequence(ctypes.Structure):
    """A contig's sequence."""

    _fields_ = (("bits", c_void_p), ("mask", c_void_p), ("length", c_int64))


class Column(ctypes.Structure):
    """A key and its pool of texts."""

    _fields_ = (
        ("name", c_void_p),
        ("name_len", c_int64),
        ("number", c_int64),
        ("integer", c_int64),
        ("prefix", c_void_p),
        ("prefix_len", c_int64),
        ("off", c_void_p),
        ("texts", c_int64),
        ("text", c_void_p),
        ("text_len", c_int64),
    )


class AlleleContig(ctypes.Structure):
    """An allele source on one contig."""

    _fields_ = (
        ("first", c_void_p),
        ("dir", c_void_p),
        ("base", c_void_p),
        ("bits", c_void_p),
        ("exc", c_void_p),
        ("exc_start", c_void_p),
        ("longs", c_void_p),
        ("long_start", c_void_p),
        ("chunks", c_int64),
        ("rows", c_int64),
        ("bits_len", c_int64),
        ("exc_len", c_int64),
        ("longs_len", c_int64),
    )


class IntervalContig(ctypes.Structure):
    """Breakpoints of one contig."""

    _fields_ = (("breaks", c_void_p), ("sets", c_void_p), ("segments", c_int64))


class Sets(ctypes.Structure):
    """Members of sets."""

    _fields_ = (
        ("off", c_void_p),
        ("values", c_void_p),
        ("sets", c_int64),
        ("values_len", c_int64),
        ("distinct", c_int64),
    )


ALLELE_SOURCE, INTERVAL_SOURCE, GENE_SOURCE = range(3)


class Source(ctypes.Structure):
    """A source with all its contigs."""

    _fields_ = (
        ("kind", c_int64),
        ("columns", c_int64),
        ("column", POINTER(Column)),
        ("alleles", POINTER(AlleleContig)),
        ("long_text", c_void_p),
        ("long_len", c_int64),
        ("intervals", POINTER(IntervalContig)),
        ("sets", Sets),
    )


class Hint(ctypes.Structure):
    """Where the last look-up ended."""

    _fields_ = (
        ("contig", c_int64),
        ("chunk", c_int64),
        ("row", c_int64),
        ("stamps", c_void_p),
        ("near", c_void_p),
        ("epoch", c_uint32),
        ("unused", c_uint32),
    )


class Terms(ctypes.Structure):
    """SO terms with their impact."""

    _fields_ = (("text", c_void_p), ("length", c_int64), ("rank", c_int64))


class Genes(ctypes.Structure):
    """Transcripts and what ANN is written with."""

    _fields_ = (
        ("transcripts", c_void_p),
        ("count", c_int64),
        ("exon_start", c_void_p),
        ("exon_end", c_void_p),
        ("exon_offset", c_void_p),
        ("exons", c_int64),
        ("bits", c_void_p),
        ("mask", c_void_p),
        ("bases", c_int64),
        ("protein", c_void_p),
        ("protein_len", c_int64),
        ("texts", Column),
        ("terms", POINTER(Terms)),
        ("amino_acids", c_void_p),
        ("three", c_void_p),
        ("mismatch", c_void_p),
        ("realigned", c_void_p),
        ("mismatch_len", c_int64),
        ("realigned_len", c_int64),
    )


class Job(ctypes.Structure):
    """One batch."""

    _fields_ = (
        ("text", c_void_p),
        ("text_len", c_int64),
        ("records", c_void_p),
        ("record_count", c_int64),
        ("alleles", c_void_p),
        ("allele_count", c_int64),
        ("values", c_void_p),
        ("sources", POINTER(Source)),
        ("source_count", c_int64),
        ("value_count", c_int64),
        ("sequences", POINTER(Sequence)),
        ("lengths", c_void_p),
        ("ref_checked", c_int64),
        ("ref_wrong", c_int64),
        ("taken", c_int64),
        ("contigs", c_int64),
        ("hints", POINTER(Hint)),
        ("genes", POINTER(Genes)),
        ("pairs", c_void_p),
        ("pair_room", c_int64),
        ("pair_count", c_int64),
        ("answer_off", c_void_p),
        ("answer_rank", c_void_p),
        ("answer_text", c_void_p),
        ("intergenic", c_void_p),
        ("intergenic_len", c_int64),
        ("intergenic_rank", c_int64),
        ("out", c_void_p),
        ("out_room", c_int64),
        ("stops", c_void_p),
        ("table", c_void_p),
        ("table_room", c_int64),
        ("slots", c_void_p),
        ("slot_count", c_int64),
        ("scratch", c_void_p),
        ("scratch_room", c_int64),
        ("entries", c_void_p),
        ("sorted", c_void_p),
        ("entry_room", c_int64),
        ("hits", c_void_p),
        ("rank", c_int64),
        ("annotated", c_void_p),
        ("by_rank", c_void_p),
        ("ranks", c_int64),
        ("next_record", c_int64),
        ("next_allele", c_int64),
        ("next_pair", c_int64),
        ("out_used", c_int64),
        ("table_used", c_int64),
    )


def address(array: Array) -> int:
    """Where the array's data are; the caller keeps the array alive."""
    return int(array.ctypes.data)
