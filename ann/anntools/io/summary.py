"""What a run did, and the count log and provenance that tell it."""

import json
from dataclasses import asdict, dataclass, field

from ann.anntools.io.outputs import OutputFile
from ann.anntools.store.manifest import Source


@dataclass(slots=True)
class Counts:
    """Numbers of records; dictionaries keep the order in which they are written."""

    records_in: int = 0
    records_out: int = 0
    rejected: int = 0
    unannotated: int = 0
    ref_checked: int = 0
    ref_differs: int = 0
    annotated: dict[str, int] = field(default_factory=dict)
    consequences: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a run."""

    version: str
    assembly: str
    evidence: str
    lifted: bool
    sorted_here: bool
    release_id: str
    counts: Counts
    sources: tuple[Source, ...]
    notes: tuple[str, ...]
    options: dict[str, str]
    outputs: tuple[OutputFile, ...] = ()

    @property
    def records_in(self) -> int:
        """Lines after the header that were not blank."""
        return self.counts.records_in

    @property
    def records_out(self) -> int:
        """Records written."""
        return self.counts.records_out

    @property
    def rejected(self) -> int:
        """Lines that could not be understood."""
        return self.counts.rejected


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.2f}%)" if whole else f"{part}"


def count_log(summary: Summary) -> str:
    """The count log: always the same lines in the same order for the same sources."""
    counts = summary.counts
    total = counts.records_out
    lines = [
        f"AnnTools {summary.version}",
        f"Assembly: {summary.assembly} (told by: {summary.evidence})",
        f"Reference: {summary.release_id}",
    ]
    if summary.lifted:
        lines.append("Look-up: positions lifted from NCBI36 to GRCh37; the records keep their own.")
    lines += [f"Note: {note}" for note in summary.notes]
    lines += [
        "",
        f"Total: {counts.records_in}",
        f"Written: {counts.records_out}",
        f"Rejected: {counts.rejected}",
        f"Not on the reference: {counts.unannotated}",
        f"REF compared with the reference: {counts.ref_checked}",
        f"REF differs: {counts.ref_differs}",
        "",
        "Records annotated, by source:",
    ]
    lines += [f"  {name}: {_share(count, total)}" for name, count in counts.annotated.items()]
    lines += ["", "Records by their most severe consequence:"]
    lines += [f"  {name}: {_share(count, total)}" for name, count in counts.consequences.items()]
    return "\n".join(lines) + "\n"


def provenance(summary: Summary, input_name: str, input_sha256: str) -> str:
    """provenance.json: everything that made the result, nothing that changes from run to run."""
    data = {
        "tool": "AnnTools",
        "version": summary.version,
        "options": summary.options,
        "input": {"name": input_name, "sha256": input_sha256},
        "assembly": {
            "name": summary.assembly,
            "evidence": summary.evidence,
            "lifted_to": "GRCh37" if summary.lifted else None,
        },
        "reference": {
            "release_id": summary.release_id,
            "sources": [
                asdict(source.info) | {"kind": source.kind, "records": source.records}
                for source in summary.sources
            ],
        },
        "sorted": summary.sorted_here,
        "notes": list(summary.notes),
        "counts": asdict(summary.counts),
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
