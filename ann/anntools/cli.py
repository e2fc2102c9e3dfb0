"""The command line: `python -m ann.anntools annotate|build|verify|sources|example`."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ann.anntools.errors import AnnToolsError, InputError
from ann.anntools.version import VERSION

OK, USAGE, INPUT_FAULT, OUR_FAULT = 0, 2, 3, 4
_VCF_SUFFIXES = (".vcf.gz", ".vcf.bgz", ".vcf", ".bcf", ".gz", ".txt")
# Each command is loaded when it is called: starting up is most of the time of a small file.
_COMMANDS = {
    "annotate": ("ann.anntools.cli", "annotate_command", "annotate a VCF"),
    "build": ("ann.anntools.build.command", "main", "make a reference from its sources"),
    "verify": ("ann.anntools.build.verify", "main", "check the compiled references"),
    "sources": ("ann.anntools.build.sources", "main", "list the sources of the references"),
    "example": ("ann.anntools.example.command", "main", "write a small VCF to try"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the result is the exit code: 0, 2 usage, 3 the file's fault, 4 ours."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in _COMMANDS:
        return _overview(given)
    module, function, _ = _COMMANDS[given[0]]
    run: Callable[[Sequence[str]], int] = getattr(importlib.import_module(module), function)
    return run(given[1:])


def _overview(given: list[str]) -> int:
    commands = "".join(f"\n  {name:10}{text}" for name, (_, _, text) in _COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="anntools",
        description="Annotate variants.",
        epilog=f"commands:{commands}\n\n`anntools COMMAND --help` tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"AnnTools {VERSION}")
    parser.add_argument("command", choices=list(_COMMANDS))
    parser.parse_args(given)
    return USAGE


def annotate_command(arguments: Sequence[str]) -> int:
    """`annotate`: annotate one file."""
    options = _annotate_parser().parse_args(arguments)
    try:
        return _annotate(options)
    except InputError as error:
        _report(error, as_json=options.json_errors)
        return INPUT_FAULT
    except (AnnToolsError, OSError) as error:
        _report(error, as_json=options.json_errors)
        return OUR_FAULT


def _annotate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anntools annotate", description="Annotate a VCF.")
    parser.add_argument("input", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="default: X.vcf -> X.annot.vcf")
    parser.add_argument(
        "--assembly", default="detect", choices=["detect", "NCBI36", "GRCh37", "GRCh38", "rCRS"]
    )
    parser.add_argument("--reference", type=Path, help="folder of compiled references")
    parser.add_argument("--threads", type=int, default=0, help="default: one a core")
    parser.add_argument("--no-table", action="store_true", help="leave out the .tsv.gz")
    parser.add_argument("--progress", action="store_true", help="tell how far it is")
    parser.add_argument("--json-errors", action="store_true", help="errors as a JSON object")
    return parser


def _annotate(options: argparse.Namespace) -> int:
    # Loaded here so that `--help` and the other commands need not wait for it.
    from ann.anntools.engine import annotate  # noqa: PLC0415

    source: Path = options.input
    output: Path | None = options.output
    log = None
    if output is None:
        stem = source.name
        for suffix in _VCF_SUFFIXES:
            if stem.endswith(suffix):
                stem = stem.removesuffix(suffix)
                break
        output = source.with_name(f"{stem}.annot.vcf")
        log = source.with_name(f"{source.name}.count.log")
    summary = annotate(
        source,
        output,
        assembly=options.assembly,
        reference=options.reference,
        threads=options.threads,
        progress=_tell_progress if options.progress else None,
        tables=not options.no_table,
        log=log,
    )
    sys.stdout.write(
        f"{output}: {summary.records_out} of {summary.records_in} records written, "
        f"{summary.rejected} rejected, assembly {summary.assembly}\n"
    )
    return OK


def _tell_progress(records: int, fraction: float) -> None:
    sys.stderr.write(f"\r{records:,} records, {fraction:.0%}" + ("\n" if fraction == 1 else ""))


def _report(error: Exception, *, as_json: bool) -> None:
    if not as_json:
        sys.stderr.write(f"{error}\n")
        return
    if isinstance(error, InputError):
        facts = {
            "code": error.code,
            "message": error.message,
            "line": error.line,
            "hint": error.hint,
        }
    else:
        facts = {"code": "engine-fault", "message": str(error), "line": None, "hint": ""}
    sys.stderr.write(json.dumps(facts) + "\n")
