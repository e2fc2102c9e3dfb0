"""`example`: hands out the example file."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ann.anntools.example import EXAMPLE


def main(argv: Sequence[str]) -> int:
    """Write the example VCF to a file or to standard output; an existing file stays."""
    parser = argparse.ArgumentParser(prog="anntools example", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="default: standard output")
    options = parser.parse_args(argv)
    text = EXAMPLE.read_text(encoding="utf-8")
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        with options.output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        sys.stderr.write(f"{options.output} exists already; choose another name\n")
        return 2
    return 0
