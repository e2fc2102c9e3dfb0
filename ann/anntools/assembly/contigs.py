"""Names and lengths of the human chromosomes in the three assemblies.

Lengths and RefSeq accessions: NCBI Assembly reports of NCBI36, GRCh37 and GRCh38 (public domain).
"""

CANONICAL = (*(str(number) for number in range(1, 23)), "X", "Y", "MT")
RCRS_LENGTH = 16_569

_NUCLEAR = CANONICAL[:-1]
# fmt: off
LENGTHS: dict[str, dict[str, int]] = {
    "NCBI36": dict(zip(_NUCLEAR, (
        247249719, 242951149, 199501827, 191273063, 180857866, 170899992, 158821424, 146274826,
        140273252, 135374737, 134452384, 132349534, 114142980, 106368585, 100338915, 88827254,
        78774742, 76117153, 63811651, 62435964, 46944323, 49691432, 154913754, 57772954,
    ), strict=True)),
    "GRCh37": dict(zip(CANONICAL, (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022,
        141213431, 135534747, 135006516, 133851895, 115169878, 107349540, 102531392, 90354753,
        81195210, 78077248, 59128983, 63025520, 48129895, 51304566, 155270560, 59373566,
        RCRS_LENGTH,
    ), strict=True)),
    "GRCh38": dict(zip(CANONICAL, (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636,
        138394717, 133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345,
        83257441, 80373285, 58617616, 64444167, 46709983, 50818468, 156040895, 57227415,
        RCRS_LENGTH,
    ), strict=True)),
    "rCRS": {"MT": RCRS_LENGTH},
}
# The version of each chromosome's accession in GRCh38; GRCh37 has one less, NCBI36 two less.
_REFSEQ_38 = (11, 12, 12, 12, 10, 12, 14, 11, 12, 11, 10, 12, 11, 9, 10, 10, 11, 10, 10, 11, 9,
              11, 11, 10)
# fmt: on
_REFSEQ_STEP = {"GRCh38": 0, "GRCh37": 1, "NCBI36": 2}

REFSEQ: dict[str, tuple[str, str]] = {
    f"NC_{number:06d}.{version - step}": (name, assembly)
    for assembly, step in _REFSEQ_STEP.items()
    for number, (name, version) in enumerate(zip(_NUCLEAR, _REFSEQ_38, strict=True), 1)
}
_MITOCHONDRIAL = {"M", "MT", "NC_012920.1", "CHRM", "CHRMT"}
_BY_UPPER = {name: name for name in _NUCLEAR} | {f"CHR{name}": name for name in _NUCLEAR}
_BY_UPPER |= {"23": "X", "24": "Y", "CHR23": "X", "CHR24": "Y"}


def is_mitochondrial(name: str) -> bool:
    """Whether a contig's name says mitochondrion."""
    return name.upper() in _MITOCHONDRIAL


def canonical(name: str) -> str | None:
    """The canonical name (1..22, X, Y, MT) of a contig as files name it, or None."""
    if is_mitochondrial(name):
        return "MT"
    if name in REFSEQ:
        return REFSEQ[name][0]
    return _BY_UPPER.get(name.upper())
