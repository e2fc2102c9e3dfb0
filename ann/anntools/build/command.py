"""`build`: make a reference from the sources of the catalogue."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ann.anntools.build.catalogue import (
    ASSEMBLIES,
    CATALOGUE,
    CatalogueError,
    SourceSpec,
    read_catalogue,
)
from ann.anntools.build.download import Downloader, DownloadError
from ann.anntools.build.parse.lines import SourceError
from ann.anntools.build.progress import megabytes
from ann.anntools.build.release import DOWNLOADS, Built, build_release
from ann.anntools.errors import AnnToolsError
from ann.anntools.locations import default_reference
from ann.anntools.store.reference import CURRENT

_OK, _USAGE, _SOURCE_FAULT, _OUR_FAULT = 0, 2, 3, 4
_LIFTED: Final = "NCBI36"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anntools build", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--assembly", choices=ASSEMBLIES, help="what to build")
    what.add_argument("--chain", choices=[_LIFTED], help="only the chain that lifts this assembly")
    parser.add_argument("--reference", type=Path, help="reference directory")
    parser.add_argument(
        "--with",
        dest="wanted",
        default="",
        metavar="NAMES",
        help="also these, such as dbsnp,genome",
    )
    parser.add_argument("--without", default="", metavar="NAMES", help="not these")
    parser.add_argument("--only", default="", metavar="NAMES", help="these and nothing else")
    parser.add_argument(
        "--catalogue",
        type=Path,
        action="append",
        default=[],
        help="a catalogue of your own besides; all its sources of the assembly are built",
    )
    parser.add_argument("--mirror", help="URL that takes the place of https:// in every source's")
    parser.add_argument("--refresh", action="store_true", help="ask whether downloads have changed")
    parser.add_argument("--offline", action="store_true", help="use what has been downloaded")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="list the sources and end")
    return parser


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}


def choose(
    assembly: str, own: Sequence[Path], wanted: set[str], without: set[str], only: set[str]
) -> list[SourceSpec]:
    """The sources to build, the catalogue's first; raises CatalogueError for unknown names.

    A source of one's own takes the place of the catalogue's of the same name.
    """
    known = {
        spec.name: (spec, spec.default)
        for spec in read_catalogue(CATALOGUE)
        if spec.assembly == assembly
    }
    for path in own:
        for spec in read_catalogue(path):
            if spec.assembly == assembly:
                known[spec.name] = (spec, True)
    for name in sorted((wanted | without | only) - set(known)):
        raise CatalogueError(
            f"there is no source {name} of {assembly}; there are {', '.join(known)}"
        )
    return [
        spec
        for name, (spec, default) in known.items()
        if name not in without and (name in only or (not only and (default or name in wanted)))
    ]


def _list(specs: Sequence[SourceSpec]) -> None:
    for spec in specs:
        size = megabytes(spec.megabytes * 1_000_000) if spec.megabytes else "size unknown"
        sys.stdout.write(f"{spec.name}: {spec.title}, {spec.release}, {size}. {spec.licence}\n")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _build(options: argparse.Namespace, assembly: str, specs: Sequence[SourceSpec]) -> Built:
    root: Path = options.reference or default_reference()
    downloader = Downloader(
        root / DOWNLOADS,
        mirror=options.mirror,
        refresh=options.refresh,
        offline=options.offline,
    )
    return build_release(root, assembly, specs, downloader, _say, threads=max(1, options.threads))


def _also_chain(options: argparse.Namespace, without: set[str]) -> None:
    """Fetch the small chain of NCBI36 with any other build; it may fail."""
    root: Path = options.reference or default_reference()
    if (root / _LIFTED / CURRENT).exists() or "lift" in without or options.offline:
        return
    try:
        _build(options, _LIFTED, choose(_LIFTED, [], set(), set(), set()))
    except AnnToolsError as error:
        _say(f"The chain for NCBI36 could not be had: {error}")
        _say("Files on NCBI36 are refused until `build --chain NCBI36` has fetched it.")


def main(argv: Sequence[str]) -> int:
    """Build and switch; 2 for the catalogue's fault, 3 for a source's or a server's, 4 for ours."""
    options = _parser().parse_args(argv)
    assembly: str = options.chain or options.assembly
    without, only = _names(options.without), _names(options.only)
    # Any build fetches the chain besides; leaving it out is no mistake there.
    besides = {"lift"} if assembly != _LIFTED else set()
    try:
        specs = choose(assembly, options.catalogue, _names(options.wanted), without - besides, only)
        if options.list:
            _list(specs)
            return _OK
        if not specs:
            raise CatalogueError("nothing is left to build")  # noqa: TRY301  # told as the others
        built = _build(options, assembly, specs)
        if assembly != _LIFTED and not only:
            _also_chain(options, without)
    except CatalogueError as error:
        _say(str(error))
        return _USAGE
    except (SourceError, DownloadError) as error:
        _say(str(error))
        _say("Nothing was switched: the reference in use, if there is one, still serves.")
        return _SOURCE_FAULT
    except (AnnToolsError, OSError) as error:
        _say(str(error))
        return _OUR_FAULT
    state = "in use now" if built.changed else "in use already, nothing has changed"
    counts = f"{built.sources} sources, {built.records} records"
    sys.stdout.write(f"{assembly} {built.release_id}: {counts}, {state}\n")
    return _OK
