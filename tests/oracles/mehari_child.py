"""Run by an interpreter that has mehari (Python >= 3.12): a folder in, answers.json out.

The folder holds genome.fa with its index, genes.gff3, transcripts.fa and variants.tsv (contig, POS,
REF, ALT). Nothing of this project is imported: that interpreter is not ours.
"""

import json
import sys
from pathlib import Path

import mehari


def main(folder: Path) -> None:
    database = folder / "transcripts.bin.zst"
    mehari.build_transcript_db(
        "GRCh38",
        [folder / "genes.gff3"],
        database,
        "Ensembl",
        assembly_version="GRCh38.p14",
        transcript_source_version="112",
        transcript_sequences=folder / "transcripts.fa",
        disable_filters=True,
        compression_level=1,
    )
    annotator = mehari.SeqvarsAnnotator(str(database), str(folder / "genome.fa"))
    answers = []
    for line in (folder / "variants.tsv").read_text().splitlines():
        contig, pos, ref, alt = line.split("\t")
        told = annotator.annotate(
            chromosome=contig, position=int(pos), reference=ref, alternative=alt
        )
        answers.append(
            [
                (one["feature_id"], one["hgvs_c"] or one["hgvs_n"] or "", one["hgvs_p"] or "")
                for one in told["annotation"]
            ]
        )
    (folder / "answers.json").write_text(json.dumps(answers))


main(Path(sys.argv[1]))
