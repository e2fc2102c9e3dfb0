"""The envelope: read back as written, and never believed beyond what it says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas.domain.errors import MalformedMessageError, NewerMessageError
from gas.domain.message import VERSION, Kind, Message
from tests.builders import a_message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(Kind), st.text(max_size=40), st.text(max_size=40))
def test_an_envelope_is_read_back_as_written(kind: Kind, job_id: str, user_id: str) -> None:
    message = Message(kind=kind, job_id=job_id, user_id=user_id)
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
    ids = {a_message(job, kind).message_id for job in ("job-1", "job-2") for kind in Kind}
    assert len(ids) == 2 * len(Kind)
