"""Annotate a file: the one function behind the command line and the service."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ann.anntools.io.outputs import OutputNames, OutputSet
from ann.anntools.io.summary import Summary
from ann.anntools.limits import DEFAULT, Limits
from ann.anntools.locations import default_reference
from ann.anntools.run import Options, Run

Progress = Callable[[int, float], None]


def annotate(  # noqa: PLR0913  # each is an option of the command line
    input: Path,  # noqa: A002  # the name callers know
    output: Path,
    *,
    assembly: str = "detect",
    reference: Path | None = None,
    threads: int = 0,
    progress: Progress | None = None,
    tables: bool = True,
    log: Path | None = None,
    limits: Limits = DEFAULT,
) -> Summary:
    """Annotate `input` into `output` and the files that go with it.

    `output` ending in .gz is BGZF with an index beside it; `tables` adds the .tsv.gz; `log` names
    the count log.  `assembly` is "detect" or a name; `threads` 0 means one a core; `progress` is
    called with records done and the fraction of the input read.  The result does not depend on
    `threads`.  Raises InputError for what is wrong with the file, ReferenceUnusableError for what
    is wrong with the reference; then nothing is left behind.
    """
    names = OutputNames.of(output, log)
    options = Options(assembly, reference or default_reference(), threads, tables, limits)
    with OutputSet(names.annotated.parent) as outputs:
        summary = Run(input, names, outputs, options, progress).annotate()
        return replace(summary, outputs=outputs.publish())
