"""A made-up dbSNP of any size: sorted, of the real file's shape, the same for the same seed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from isal import igzip

_HEAD = (
    "##fileformat=VCFv4.2\n##dbSNP_BUILD_ID=0\n"
    '##INFO=<ID=RS,Number=1,Type=Integer,Description="dbSNP ID">\n'
    '##INFO=<ID=VC,Number=1,Type=String,Description="Variation class">\n'
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">\n'
    '##INFO=<ID=COMMON,Number=0,Type=Flag,Description="common">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
_LINE = "%s\t%d\trs%d\t%s\t%s\t.\t.\tRS=%d;VC=%s;AF=%s\n"
_CHUNK = 200_000
_INSERTED = ("A", "CA", "GTC", "TTAG", "ACGTA", "GGATCC", "TAGACAT")
# Of a hundred records five are deletions, five insertions and five have two alleles.
_DELETION, _INSERTION, _TWO = 0.05, 0.10, 0.15


def _lines(rng: np.random.Generator, contig: str, places: list[int], first_rs: int) -> str:
    count = len(places)
    ref = rng.integers(0, 4, count)
    shift = rng.integers(1, 4, count)
    kinds = rng.random(count).tolist()
    sizes = rng.integers(0, len(_INSERTED), count).tolist()
    shares = [f"{share:.5g}" for share in rng.beta(0.15, 3, count).tolist()]
    cells: list[object] = []
    for index, place in enumerate(places):
        kind, share = kinds[index], shares[index]
        number = first_rs + 3 * index
        base = "ACGT"[ref[index]]
        other = "ACGT"[(ref[index] + shift[index]) % 4]
        a, b, name = base, other, "SNV"
        if kind < _DELETION:
            a, b, name = base + _INSERTED[sizes[index]], base, "DEL"
        elif kind < _INSERTION:
            b, name = base + _INSERTED[sizes[index]], "INS"
        elif kind < _TWO:
            third = "ACGT"[(ref[index] + shift[index] % 3 + 1) % 4]
            b, share = f"{other},{third}", f"{share},0.001"
        cells += (contig, place, number, a, b, number, name, share)
    return (_LINE * count) % tuple(cells)


def write_known_variants(
    path: Path, contigs: Mapping[str, int], records: int, seed: int = 20260101
) -> None:
    """Write about `records` records, spread evenly over the contigs, as a gzip'd VCF."""
    with igzip.open(path, "wb", compresslevel=1) as out:
        out.write(_HEAD.encode())
        for text in _texts(contigs, records, seed):
            out.write(text.encode())


def _texts(contigs: Mapping[str, int], records: int, seed: int) -> Iterator[str]:
    rng = np.random.default_rng(seed)
    total = sum(contigs.values())
    number = 1000
    for contig, length in contigs.items():
        # Even steps with a random part: sorted without holding a contig's positions at once.
        count = records * length // total
        step = length / (count + 1)
        for start in range(0, count, _CHUNK):
            size = min(_CHUNK, count - start)
            steps = (np.arange(start, start + size) + rng.random(size) + 0.5) * step
            places = np.sort(steps).astype(np.int64) + 1
            yield _lines(rng, contig, places.tolist(), number)
            number += 3 * size
