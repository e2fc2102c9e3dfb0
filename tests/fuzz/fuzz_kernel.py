"""Fuzz the kernel, built with the address and undefined-behaviour sanitizers.

    python -m tests.fuzz.fuzz_kernel --seconds 600

Mutated records are annotated against small references, sound ones and ones with flipped bytes.
Memory the kernel is given is exact and fresh, so that a read or write beyond it is seen.  The
sanitizer ends the process with a report; the input at fault is then in the folder printed first.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ann.anntools.kernel.builder import UNIT, library_name


def sanitized_library(folder: Path) -> tuple[Path, Path]:
    """The kernel with sanitizers, and the runtime that must be loaded before it."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise SystemExit("gcc with its sanitizer libraries is needed")
    target = folder / library_name()
    flags = ["-g", "-O1", "-w", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    subprocess.run([compiler, *flags, *sanitizers, "-o", str(target), str(UNIT)], check=True)
    found = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
    )
    return target, Path(found.stdout.strip()).resolve()


def main(arguments: list[str]) -> int:
    """Build, then fuzz in a process that has the sanitizer's runtime loaded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="anntools-fuzz-") as folder:
        library, runtime = sanitized_library(Path(folder))
        environment = dict(os.environ) | {  # noqa: TID251  # the child runs as this one does
            "LD_PRELOAD": str(runtime),
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
            "PYTHONMALLOC": "malloc",
        }
        numbers = [str(options.seconds), str(options.seed)]
        command = [sys.executable, "-m", "tests.fuzz.loop", str(library), folder, *numbers]
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode:
            kept = Path(tempfile.mkdtemp(prefix="anntools-fuzz-found-"))
            shutil.copy(Path(folder) / "input", kept / "input")
            sys.stderr.write(f"the input at fault: {kept / 'input'}\n")
        return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
