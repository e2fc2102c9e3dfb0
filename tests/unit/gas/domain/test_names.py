"""File names: what is shown, what a key carries, what a header says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas.domain import names

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "a\"b';rm -rf `x`.vcf",
    "a\r\nX-Evil: 1.vcf",
    "\u202egpj.vcf",
    "x" * 300 + ".vcf",
    "\U0001f9ec.vcf",
    "",
    "...",
    "a\x00b.vcf",
    "=cmd|' /C calc'!A0.vcf",
    "\ud800.vcf",
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_a_hostile_name_is_harmless_everywhere(raw: str) -> None:
    shown = names.display_name(raw)
    assert 0 < len(shown) <= names.DISPLAY_LIMIT
    assert not set(shown) & set("/\\\r\n\0\u202e")
    key = names.input_key("gas", "ada", "job-1", shown)
    assert key.startswith("gas/ada/job-1~")
    assert key.count("/") == 2
    header = names.attachment(raw)
    assert header.isascii()
    assert "\n" not in header
    assert header.count('"') == 2


@given(st.text(max_size=400))
def test_any_text_makes_a_key_of_plain_characters(raw: str) -> None:
    name = names.key_name(names.display_name(raw))
    assert name
    assert len(name) <= names.KEY_LIMIT
    assert name.isascii()
    assert not set(name) & set("/\\~ ")


@given(st.text(max_size=400))
def test_showing_a_name_twice_changes_nothing(raw: str) -> None:
    shown = names.display_name(raw)
    assert names.display_name(shown) == shown


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("sample.vcf", "sample"),
        ("sample.VCF.GZ", "sample"),
        ("sample.vcf.bgz", "sample"),
        ("my.sample.bcf", "my.sample"),
        ("sample.txt", "sample.txt"),
        (".vcf", ".vcf"),
    ],
)
def test_the_stem_is_the_name_without_its_vcf_ending(name: str, stem: str) -> None:
    assert names.stem(name) == stem


def test_two_runs_of_a_job_never_share_a_key() -> None:
    keys = {names.result_key("gas", "ada", "job-1", attempt, "a.vcf") for attempt in range(1, 12)}
    assert len(keys) == 11
    assert all(names.job_id_of(key) == "job-1" for key in keys)


def test_a_long_name_keeps_its_ending_in_the_key() -> None:
    assert names.result_key("gas", "ada", "j", 1, "x" * 255 + ".annot.vcf.gz").endswith(
        ".annot.vcf.gz"
    )


def test_a_plain_name_needs_no_second_form_in_the_header() -> None:
    assert names.attachment("a b.vcf") == 'attachment; filename="a b.vcf"'
    assert names.attachment("pere.vcf") == 'attachment; filename="pere.vcf"'
    assert names.attachment("p\u00e8re.vcf") == (
        "attachment; filename=\"p_re.vcf\"; filename*=UTF-8''p%C3%A8re.vcf"
    )
