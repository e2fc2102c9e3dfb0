"""Write a BCF file as VCF text to standard output; run as a child process."""

import sys
from collections.abc import Iterator

import pysam


def vcf_text(path: str) -> Iterator[bytes]:
    """Header and records; raises OSError or ValueError on damaged data."""
    with pysam.VariantFile(path) as source:
        yield str(source.header).encode()
        for record in source:
            yield str(record).encode()


def main() -> int:
    """Copy header and records; the exit code is 0 only when every record was read."""
    for text in vcf_text(sys.argv[1]):
        sys.stdout.buffer.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
