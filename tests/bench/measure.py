"""A measured figure, and the file that keeps them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure: a ratio is between things measured in the same run."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]


def merge(path: Path, measures: Iterable[Measure]) -> None:
    """Write the figures into the list at `path`, replacing those of the same name."""
    known = {row["name"]: row for row in json.loads(path.read_text())} if path.exists() else {}
    known.update({measure.name: asdict(measure) for measure in measures})
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [known[name] for name in sorted(known)]
    path.write_text(json.dumps(rows, indent=1) + "\n")


def table(measures: Iterable[Measure]) -> str:
    """The figures as lines of aligned columns."""
    rows = [
        (measure.name, f"{measure.value:.4g}", measure.unit, f"{measure.better} is better")
        for measure in measures
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
