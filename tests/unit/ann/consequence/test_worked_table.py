"""The worked table: every rule with the strings it must give and where it is stated.

`hgvs_cases.tsv`, one row a case: transcript of `table_world.py`, VCF POS REF ALT and END, whether
the genome is at hand, the terms, HGVS c. and p., and the page, term or decision that states it
(pages of hgvs-nomenclature.org, release 21).
"""

import csv
from pathlib import Path

import pytest

from ann.anntools.consequence.effect import annotate_allele
from ann.anntools.consequence.so import Term
from tests.unit.ann.consequence.table_world import TRANSCRIPTS, WORLD

TABLE = Path(__file__).parent / "hgvs_cases.tsv"


def cases() -> list[dict[str, str]]:
    with TABLE.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def name(case: dict[str, str]) -> str:
    return "-".join((case["transcript"], case["pos"], case["ref"][:12], case["alt"][:12]))


@pytest.mark.parametrize("case", cases(), ids=name)
def test_a_worked_case_has_its_stated_description(case: dict[str, str]) -> None:
    effect = annotate_allele(
        TRANSCRIPTS[case["transcript"]],
        int(case["pos"]),
        case["ref"].encode(),
        case["alt"].encode(),
        WORLD.genome if case["genome"] == "yes" else None,
        int(case["end"]) if case["end"] else None,
    )
    found = ("&".join(effect.terms), effect.hgvs_c, effect.hgvs_p)
    assert found == (case["terms"], case["hgvs_c"], case["hgvs_p"])


def test_the_table_covers_both_strands_every_term_and_names_its_sources() -> None:
    rows = cases()
    assert len(rows) >= 300
    assert sum(row["transcript"] == "BETA" for row in rows) >= 100
    assert all(row["stated"] for row in rows)
    assert {term for row in rows for term in row["terms"].split("&")} == {str(t) for t in Term}
