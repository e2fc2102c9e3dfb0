import gzip
import random
from pathlib import Path

import numpy as np
import pysam
import pytest

from ann.anntools.io.bgzf import BLOCK, EOF, compress, virtual_offsets
from ann.anntools.io.tabix import IndexBuilder, bin_keys, bin_numbers


def test_blocks_hold_a_fixed_number_of_bytes_and_read_back_as_gzip() -> None:
    data = random.Random(1).randbytes(3 * BLOCK + 5)  # noqa: S311  # repeatable, not secret
    blocks = compress(data)
    assert len(blocks) == 4
    assert max(map(len, blocks)) <= 1 << 16
    assert gzip.decompress(b"".join(blocks) + EOF) == data
    assert compress(b"") == []


def test_virtual_offsets_name_block_and_place_in_it() -> None:
    blocks = compress(b"A" * (2 * BLOCK))
    found = virtual_offsets(100, blocks, np.array([0, 5, BLOCK, BLOCK + 7, 2 * BLOCK]))
    first, second = 100 + len(blocks[0]), 100 + len(blocks[0]) + len(blocks[1])
    expected = [100 << 16, (100 << 16) + 5, first << 16, (first << 16) + 7, second << 16]
    assert found.tolist() == expected


def _reg2bin(begin: int, end: int) -> int:
    # The function of the SAM specification, section 5.3.
    end -= 1
    for shift, offset in ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)):
        if begin >> shift == end >> shift:
            return offset + (begin >> shift)
    return 0


def test_bins_are_those_of_the_specification() -> None:
    rng = random.Random(2)  # noqa: S311  # repeatable, not secret
    begins = [rng.randrange(1 << 29) for _ in range(2000)]
    sizes = (1, 2, 40_000, 1 << 21, 1 << 25)
    ends = [min(1 << 29, begin + rng.choice(sizes)) for begin in begins]
    found = bin_numbers(bin_keys(np.array(begins), np.array(ends)), 5).tolist()
    assert found == [_reg2bin(b, e) for b, e in zip(begins, ends, strict=True)]


@pytest.mark.parametrize("furthest", [1 << 20, 1 << 28, 1 << 31, 1 << 36])
def test_a_query_by_index_finds_every_record_that_overlaps(tmp_path: Path, furthest: int) -> None:
    rng = random.Random(furthest)  # noqa: S311  # repeatable, not secret
    path = tmp_path / "x.vcf.gz"
    head = b"##fileformat=VCFv4.2\n" + b"".join(
        b"##contig=<ID=%s,length=%d>\n" % (name, furthest + 10) for name in (b"1", b"2")
    )
    head += b'##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    head += b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    records: list[tuple[str, int, int]] = []
    index, out = IndexBuilder(), [b"".join(compress(head))]
    for name in ("1", "2"):
        places = sorted(rng.randrange(furthest) for _ in range(4000))
        lines, ends = [], []
        for begin in places:
            end = min(furthest, begin + rng.choice((1, 1, 1, 1, 5000, furthest // 50)))
            end = max(end, begin + 1)
            records.append((name, begin, end))
            ends.append(end)
            lines.append(b"%s\t%d\t.\tA\t<DEL>\t.\t.\tEND=%d\n" % (name.encode(), begin + 1, end))
        stops = np.cumsum([len(line) for line in lines])
        blocks = compress(b"".join(lines))
        place = sum(map(len, out))
        offsets = virtual_offsets(place, blocks, np.r_[0, stops])
        index.add(name.encode(), np.array(places), np.array(ends), offsets[:-1], offsets[1:])
        out += blocks
    path.write_bytes(b"".join(out) + EOF)
    Path(f"{path}{index.suffix}").write_bytes(index.data())
    assert index.suffix == (".tbi" if furthest <= 1 << 29 else ".csi")
    with pysam.TabixFile(str(path), index=f"{path}{index.suffix}") as file:
        for _ in range(150):
            name = rng.choice("12")
            begin = rng.randrange(furthest)
            end = begin + rng.choice((1, 10, 20_000, furthest // 10))
            found = sum(1 for _ in file.fetch(name, begin, end))
            assert found == sum(n == name and b < end and e > begin for n, b, e in records)
