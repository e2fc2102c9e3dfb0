"""The envelope: read back as written, and never believed beyond what it says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas.domain.errors import MalformedMessageError, NewerMessageError
from gas.domain.message import ABOUT_ACCOUNTS, FIRST_KINDS, VERSION, Kind, Message
from tests.builders import a_message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(Kind), st.text(max_size=40), st.text(max_size=40), st.integers(min_value=0))
def test_an_envelope_is_read_back_as_written(
    kind: Kind, job_id: str, user_id: str, number: int
) -> None:
    about = "" if kind in ABOUT_ACCOUNTS else job_id
    message = Message(kind=kind, job_id=about, user_id=user_id, number=number)
    assert Message.from_json(message.to_json()) == message
    assert message.to_json().isascii()


@given(JSON)
def test_other_json_is_malformed_or_newer_and_nothing_else(value: object) -> None:
    with pytest.raises((MalformedMessageError, NewerMessageError)):
        Message.from_json(json.dumps(value))


@pytest.mark.parametrize("field", ["v", "kind", "job_id", "user_id"])
def test_an_envelope_that_lacks_a_field_is_malformed(field: str) -> None:
    envelope = json.loads(a_message().to_json())
    del envelope[field]
    with pytest.raises(MalformedMessageError):
        Message.from_json(json.dumps(envelope))


@pytest.mark.parametrize("value", [7, None, ["job-1"], {"job": 1}])
@pytest.mark.parametrize("field", ["job_id", "user_id"])
def test_an_id_that_is_no_word_is_malformed(field: str, value: object) -> None:
    envelope = json.loads(a_message().to_json()) | {field: value}
    with pytest.raises(MalformedMessageError):
        Message.from_json(json.dumps(envelope))


def test_a_newer_version_is_left_to_newer_workers_whatever_its_kind() -> None:
    envelope = {"v": VERSION + 1, "kind": "job.teleported"}
    with pytest.raises(NewerMessageError):
        Message.from_json(json.dumps(envelope))


def test_the_same_message_has_the_same_id_and_different_ones_differ() -> None:
    assert a_message().message_id == a_message().message_id
    kinds = set(Kind) - ABOUT_ACCOUNTS
    ids = {a_message(job, kind).message_id for job in ("job-1", "job-2") for kind in kinds}
    assert len(ids) == 2 * len(kinds)
    numbered = Message(kind=Kind.JOB_ARCHIVED, job_id="job-1", user_id="ada", number=7)
    assert numbered.message_id not in ids


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_of_the_first_version_is_written_as_older_releases_read_it(kind: Kind) -> None:
    version = json.loads(a_message(kind=kind).to_json())["v"]
    assert version == (1 if kind in FIRST_KINDS else 2)


@pytest.mark.parametrize("kind", sorted(ABOUT_ACCOUNTS))
def test_a_message_about_an_account_names_no_job(kind: Kind) -> None:
    message = Message(kind=kind, user_id="ada")
    assert "job_id" not in json.loads(message.to_json())
    assert Message.from_json(message.to_json()) == message
    assert message.message_id != Message(kind=kind, user_id="bob").message_id


@pytest.mark.parametrize("number", ["1", -1, 1.5, None])
def test_a_number_that_is_none_is_malformed(number: object) -> None:
    envelope = json.loads(a_message().to_json()) | {"number": number}
    with pytest.raises(MalformedMessageError):
        Message.from_json(json.dumps(envelope))
