"""`python -m ann.anntools.kernel build`: compile the kernel at set-up."""

import sys

from ann.anntools.errors import KernelUnavailableError
from ann.anntools.kernel.builder import build, find_library

OK, USAGE, FAILED = 0, 2, 4


def main(arguments: list[str]) -> int:
    """Build unless there is one; the exit code is 0 when there is a library."""
    if arguments != ["build"]:
        sys.stderr.write("usage: python -m ann.anntools.kernel build\n")
        return USAGE
    try:
        path = find_library() or build()
    except KernelUnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    sys.stdout.write(f"{path.name}\n")
    return OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
