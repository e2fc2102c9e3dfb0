"""AnnTools behind the annotator's engine port; runs in the fork server and its children."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from ann.anntools.build.bundled import ASSEMBLIES, ensure
from ann.anntools.engine import annotate as annotate_file
from ann.anntools.errors import InputError
from ann.anntools.example import EXAMPLE
from ann.anntools.locations import default_reference
from ann.engine import InputRefusedError, Summary, Written
from ann.forkserver import Request


def prepare(reference: Path | None) -> Path:
    """Compile what is not compiled yet, and load all of it; the reference every run reads.

    A child can neither compile nor, cheaply, import: the example goes through the whole engine
    here, so that every child starts with everything in its memory.
    """
    root = reference or default_reference()
    for assembly in ASSEMBLIES:
        ensure(root, assembly)
    with TemporaryDirectory() as folder:
        annotate_file(EXAMPLE, Path(folder, "example.annot.vcf.gz"), reference=root, threads=1)
    return root.resolve()


def annotate(request: Request, progress: Callable[[int, float], None]) -> Summary:
    """Annotate in this process; raises InputRefusedError for what is wrong with the file."""
    try:
        summary = annotate_file(
            Path(request.input),
            Path(request.output),
            assembly=request.assembly,
            reference=Path(request.reference),
            threads=request.threads,
            progress=progress,
        )
    except InputError as error:
        raise InputRefusedError(
            error.code, error.message, hint=error.hint, line=error.line
        ) from error
    return Summary(
        records_in=summary.records_in,
        records_out=summary.records_out,
        rejected=summary.rejected,
        assembly=summary.assembly,
        engine=f"AnnTools {summary.version}",
        reference=summary.release_id,
        outputs=tuple(
            Written(name=output.path.name, size=output.size, sha256=output.sha256)
            for output in summary.outputs
        ),
    )
