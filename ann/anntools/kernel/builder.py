"""Making the kernel: with the machine's C compiler, or one borrowed for the occasion.

The library lies beside its source, or in the user's cache folder where the source cannot be
written to; its name holds a hash of the source, the flags and the machine.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ann.anntools.errors import KernelUnavailableError
from ann.anntools.locations import cache_folder

SOURCE = Path(__file__).parent
UNIT = SOURCE / "kernel.c"
ZIG_REQUIREMENTS = SOURCE / "zig-requirements.txt"
FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden")
_TIMEOUT_SECONDS = 600


def library_name() -> str:
    """The file name of the library for this source and machine."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for path in sorted([*SOURCE.glob("*.c"), *SOURCE.glob("*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    machine = f"{sys.platform}-{platform.machine()}"
    return f"kernel-{machine}-{digest.hexdigest()[:16]}.so"


def find_library() -> Path | None:
    """The library if it was built."""
    name = library_name()
    for folder in (SOURCE, cache_folder()):
        if (folder / name).exists():
            return folder / name
    return None


def build() -> Path:
    """Build the library and return where it is; raises KernelUnavailableError."""
    name = library_name()
    for folder in (SOURCE, cache_folder()):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            work = tempfile.TemporaryDirectory(dir=folder, prefix=".kernel-")
        except OSError:
            continue
        with work as path:
            made = Path(path) / name
            _compile(made)
            made.replace(folder / name)
        return folder / name
    raise KernelUnavailableError(
        "there is no folder to keep the compiled kernel in; "
        "run `python -m ann.anntools.kernel build` as a user who may write one"
    )


def library() -> Path:
    """The library, built on first use."""
    return find_library() or build()


def _compile(target: Path) -> None:
    compilers = [found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))]
    reasons = []
    for compiler in compilers[:1]:
        reason = _run([compiler], target)
        if reason is None:
            return
        reasons.append(f"{compiler}: {reason}")
    with tempfile.TemporaryDirectory(prefix="anntools-zig-") as folder:
        reason = _borrow(Path(folder)) or _run(
            [sys.executable, "-m", "ziglang", "cc"], target, Path(folder)
        )
        if reason is None:
            return
        reasons.append(f"ziglang: {reason}")
    raise KernelUnavailableError(
        "the kernel could not be compiled; install a C compiler (Debian: apt-get install gcc). "
        + "; ".join(reasons)
    )


def _borrow(folder: Path) -> str | None:
    """Install the wheel with a C compiler into a folder; a reason if that fails."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--target", str(folder), "-r", str(ZIG_REQUIREMENTS)),
    ]
    return _outcome(command, None)


def _run(compiler: list[str], target: Path, modules: Path | None = None) -> str | None:
    command = [*compiler, *FLAGS, "-o", str(target), str(UNIT)]
    return _outcome(command, modules)


def _outcome(command: list[str], modules: Path | None) -> str | None:
    # Compilers need PATH and HOME; the borrowed one is found, and keeps its cache, in its folder.
    environment = dict(os.environ)  # noqa: TID251
    if modules:
        environment |= {"PYTHONPATH": str(modules), "ZIG_GLOBAL_CACHE_DIR": str(modules / "cache")}
    try:
        # The command is a compiler found on PATH or this interpreter, with arguments of ours.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, check=False, timeout=_TIMEOUT_SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return done.stderr.decode("utf-8", "replace").strip()[-500:] or f"exit {done.returncode}"
