"""Another annotator in the engine's place, by a command template.

The template is split like a shell command, and `{input}`, `{output}` and `{log}` in its words are
replaced; no shell reads it.  What the command writes is checked (a VCF with the input's records in
their order), compressed and indexed where a .gz is wanted, and its provenance written, as for the
engine's own.
"""

import hashlib
import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ann.anntools.errors import AnnToolsError, InputError
from ann.anntools.io.batches import Lines, line_batches
from ann.anntools.io.bgzf import EOF, compress, virtual_offsets
from ann.anntools.io.header import Header, HeaderReader, parse_header
from ann.anntools.io.outputs import OutputFile, OutputNames, OutputSet
from ann.anntools.io.reading import Meter, form_of, text_of
from ann.anntools.io.tabix import IndexBuilder
from ann.anntools.kernel.records import contig_runs, scan
from ann.anntools.kernel.rooms import Rooms
from ann.anntools.limits import DEFAULT, Limits
from ann.anntools.version import VERSION

_VERSION_SECONDS = 60
_SHOWN = 2000
_READ = 1 << 20


class ExternalError(AnnToolsError):
    """The command failed, or what it wrote is not the annotated input."""


@dataclass(frozen=True, slots=True)
class ExternalAnnotator:
    """A command template and the command that tells its version."""

    name: str
    command: str
    version_command: str
    timeout_seconds: float

    def version(self) -> str:
        """The first line that the version command prints; raises ExternalError."""
        done = _run(shlex.split(self.version_command), None, _VERSION_SECONDS)
        lines = (done.stdout or done.stderr).decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in lines if line.strip()), "unknown")

    def words(self, source: Path, output: Path, log: Path) -> list[str]:
        """The command with its files; raises ExternalError for a template without them."""
        if "{input}" not in self.command or "{output}" not in self.command:
            raise ExternalError(f"{self.name}: the command needs {{input}} and {{output}}")
        places = {"{input}": source, "{output}": output, "{log}": log}
        words = shlex.split(self.command)
        for place, path in places.items():
            words = [word.replace(place, str(path)) for word in words]
        return words


@dataclass(frozen=True, slots=True)
class ExternalSummary:
    """What another annotator did."""

    name: str
    version: str
    records_in: int
    records_out: int
    outputs: tuple[OutputFile, ...]


def annotate_externally(
    annotator: ExternalAnnotator, source: Path, output: Path, *, limits: Limits = DEFAULT
) -> ExternalSummary:
    """Run the annotator on `source`; `output` and its companions appear when all is well.

    Raises InputError for a file that is no VCF, ExternalError for what the command did.
    """
    names = OutputNames.of(output)
    version = annotator.version()
    wanted = _places(source, limits)
    with OutputSet(output.parent) as outputs:
        raw = outputs.work / "annotated.vcf"
        log = outputs.path(names.log)
        log.touch()
        words = annotator.words(source.resolve(), raw, log)
        done = _run(words, outputs.work, annotator.timeout_seconds)
        with log.open("ab") as file:
            file.write(done.stderr)
        if not raw.exists():
            # Annotators that print their result are given it by redirection.
            raw.write_bytes(done.stdout)
        try:
            found = _places(raw, limits)
        except InputError as error:
            raise ExternalError(f"{annotator.name}: its output is no VCF: {error}") from error
        if found != wanted:
            raise ExternalError(
                f"{annotator.name}: the output does not have the input's records in their order"
            )
        _keep(raw, outputs, names, limits)
        facts = _provenance(annotator, version, source, wanted[1])
        outputs.path(names.provenance).write_text(facts, encoding="utf-8")
        published = outputs.publish()
    return ExternalSummary(annotator.name, version, wanted[1], found[1], published)


def _run(
    words: Sequence[str], folder: Path | None, seconds: float
) -> "subprocess.CompletedProcess[bytes]":
    try:
        # The operator's own command from the settings, its files given as whole words.
        done = subprocess.run(  # noqa: S603
            words, cwd=folder, capture_output=True, check=False, timeout=seconds,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ExternalError(f"{words[0]}: did not end within {seconds:g} s") from error
    except OSError as error:
        raise ExternalError(f"{words[0]}: cannot be started ({error.strerror})") from error
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip()[-_SHOWN:]
        raise ExternalError(f"{words[0]}: exit code {done.returncode}: {told}")
    return done


def _batches(path: Path, limits: Limits) -> tuple[Header, Iterator[Lines]]:
    pieces = text_of(path, form_of(path), limits, Meter(path))
    reader = HeaderReader(limits)
    found = None
    for piece in pieces:
        found = reader.feed(piece)
        if found:
            break
    raw, rest = found or reader.end()
    return parse_header(raw), line_batches(pieces, rest, reader.line + 1, limits)


def _places(path: Path, limits: Limits) -> tuple[str, int]:
    """A digest of CHROM, POS, REF and ALT of all records in order, and how many there are."""
    header, batches = _batches(path, limits)
    rooms = Rooms()
    digest = hashlib.sha256()
    count = 0
    for lines in batches:
        records = scan(lines, header.columns, rooms).records
        count += len(records)
        for record in records:
            tab = record["tab"]
            digest.update(lines.text[record["start"] : tab[1]])
            digest.update(lines.text[tab[2] : tab[4]])
    return digest.hexdigest(), count


def _keep(raw: Path, outputs: OutputSet, names: OutputNames, limits: Limits) -> None:
    """Put the result in its place: compressed and, where its order allows, indexed."""
    target = outputs.path(names.annotated)
    if not names.compressed:
        raw.replace(target)
        return
    header, batches = _batches(raw, limits)
    index = IndexBuilder()
    rooms = Rooms()
    text = "\n".join([*header.lines, ""]).encode("utf-8", "surrogateescape")
    ordered = True
    seen: list[bytes] = []
    last = 0
    with target.open("wb") as out:
        out.writelines(compress(text))
        for lines in batches:
            records = scan(lines, header.columns, rooms).records
            place = out.tell()
            blocks = compress(lines.text)
            out.writelines(blocks)
            starts = virtual_offsets(place, blocks, records["start"].astype("i8"))
            stops = virtual_offsets(place, blocks, records["end"].astype("i8") + 1)
            for name, first, stop in contig_runs(lines.text, records, rooms):
                begins, ends = records["begin"][first:stop].copy(), records["stop"][first:stop]
                if not seen or seen[-1] != name:
                    ordered &= name not in seen
                    seen.append(name)
                    last = 0
                ordered &= bool(begins[0] >= last and (begins[1:] >= begins[:-1]).all())
                last = int(begins[-1])
                index.add(name, begins, ends.copy(), starts[first:stop], stops[first:stop])
        out.write(EOF)
    with suppress(FileNotFoundError):
        raw.unlink()
    if ordered:
        path = names.annotated.with_name(names.annotated.name + index.suffix)
        outputs.path(path).write_bytes(index.data())


def _provenance(annotator: ExternalAnnotator, version: str, source: Path, records: int) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while piece := file.read(_READ):
            digest.update(piece)
    facts = {
        "tool": annotator.name,
        "version": version,
        "command": annotator.command,
        "run_by": f"AnnTools {VERSION}",
        "input": {"name": source.name, "sha256": digest.hexdigest()},
        "counts": {"records_in": records, "records_out": records},
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
