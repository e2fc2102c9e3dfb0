"""Write a BCF file as VCF text to standard output; run as a child process."""

import sys

import pysam


def main() -> int:
    """Copy header and records; the exit code is 0 only when every record was read."""
    with pysam.VariantFile(sys.argv[1]) as source:
        out = sys.stdout
        out.write(str(source.header))
        for record in source:
            out.write(str(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
