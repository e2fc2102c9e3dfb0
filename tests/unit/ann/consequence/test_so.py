import re
from pathlib import Path

from ann.anntools.consequence.so import ACCESSION, IMPACT, Impact, Term, by_severity, impact_of


def test_every_term_has_an_accession_and_an_impact() -> None:
    assert set(ACCESSION) == set(Term) == set(IMPACT)
    assert len(set(ACCESSION.values())) == len(Term)


def test_impacts_never_rise_down_the_order_of_severity() -> None:
    order = list(Impact)
    ranks = [order.index(IMPACT[term]) for term in Term]
    assert ranks == sorted(ranks)


def test_impacts_are_those_of_the_ann_standard() -> None:
    expected = {
        Term.SPLICE_DONOR: Impact.HIGH,
        Term.FRAMESHIFT: Impact.HIGH,
        Term.START_LOST: Impact.HIGH,
        Term.EXON_LOSS: Impact.HIGH,
        Term.MISSENSE: Impact.MODERATE,
        Term.DISRUPTIVE_DELETION: Impact.MODERATE,
        Term.SPLICE_REGION: Impact.LOW,
        Term.SYNONYMOUS: Impact.LOW,
        Term.STOP_RETAINED: Impact.LOW,
        Term.INTRON: Impact.MODIFIER,
        Term.CODING_SEQUENCE: Impact.MODIFIER,
        Term.INTERGENIC: Impact.MODIFIER,
    }
    assert {term: IMPACT[term] for term in expected} == expected


def test_terms_are_given_once_with_the_worst_first() -> None:
    terms = by_severity([Term.INTRON, Term.SPLICE_DONOR, Term.INTRON])
    assert terms == (Term.SPLICE_DONOR, Term.INTRON)
    assert impact_of(terms) is Impact.HIGH


def test_the_page_of_terms_says_what_the_code_says() -> None:
    page = Path(__file__).parents[4] / "docs" / "consequences.md"
    rows = re.findall(r"^\| `(\w+)` \| (SO:\d+) \| (\w+) \|", page.read_text(), re.MULTILINE)
    assert rows == [(str(term), ACCESSION[term], str(IMPACT[term])) for term in Term]
