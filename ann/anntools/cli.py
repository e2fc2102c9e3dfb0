"""The command line: `python -m ann.anntools annotate|build|verify|sources|example`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ann.anntools.engine import annotate
from ann.anntools.errors import AnnToolsError, InputError
from ann.anntools.version import VERSION

OK, USAGE, INPUT_FAULT, OUR_FAULT = 0, 2, 3, 4
_VCF_SUFFIXES = (".vcf.gz", ".vcf.bgz", ".vcf", ".bcf", ".gz", ".txt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the result is the exit code: 0, 2 usage, 3 the file's fault, 4 ours."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _annotate(options)
    except InputError as error:
        _report(options.json_errors, error)
        return INPUT_FAULT
    except (AnnToolsError, OSError) as error:
        _report(options.json_errors, error)
        return OUR_FAULT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anntools", description="Annotate variants.")
    parser.add_argument("--version", action="version", version=f"AnnTools {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("annotate", help="annotate a VCF")
    command.add_argument("input", type=Path)
    command.add_argument("-o", "--output", type=Path, help="default: X.vcf -> X.annot.vcf")
    command.add_argument(
        "--assembly", default="detect", choices=["detect", "NCBI36", "GRCh37", "GRCh38", "rCRS"]
    )
    command.add_argument("--reference", type=Path, help="folder of compiled references")
    command.add_argument("--threads", type=int, default=0, help="default: one a core")
    command.add_argument("--no-table", action="store_true", help="leave out the .tsv.gz")
    command.add_argument("--json-errors", action="store_true", help="errors as a JSON object")
    return parser


def _annotate(options: argparse.Namespace) -> int:
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
        tables=not options.no_table,
        log=log,
    )
    sys.stdout.write(
        f"{output}: {summary.records_out} of {summary.records_in} records written, "
        f"{summary.rejected} rejected, assembly {summary.assembly}\n"
    )
    return OK


def _report(as_json: bool, error: Exception) -> None:  # noqa: FBT001  # a private switch
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
