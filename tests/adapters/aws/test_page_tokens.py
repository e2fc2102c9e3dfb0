"""A page token is ours or it is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gas.adapters.dynamodb_pages import PageTokens, Position
from gas.domain.errors import RefusedError

TOKENS = PageTokens("a secret of the tests")
POSITION = Position(submit_time="1767225600.123456", job_id="job-1")


def test_a_position_comes_back_to_its_user() -> None:
    token = TOKENS.seal(POSITION, "ada")
    assert TOKENS.open(token, "ada") == POSITION
    assert "=" not in token


def test_a_token_is_worth_nothing_to_another_user() -> None:
    token = TOKENS.seal(POSITION, "ada")
    for user in ("bob", "", "adaX", "ad"):
        with pytest.raises(RefusedError) as refused:
            TOKENS.open(token, user)
        assert refused.value.code == "bad-page"


def test_a_token_of_another_deployment_is_refused() -> None:
    token = PageTokens("another secret").seal(POSITION, "ada")
    with pytest.raises(RefusedError):
        TOKENS.open(token, "ada")


def test_a_changed_byte_is_refused_wherever_it_is() -> None:
    raw = bytearray(base64.urlsafe_b64decode(TOKENS.seal(POSITION, "ada") + "=="))
    for place in range(len(raw)):
        forged = bytearray(raw)
        forged[place] ^= 1
        token = base64.urlsafe_b64encode(forged).decode().rstrip("=")
        with pytest.raises(RefusedError):
            TOKENS.open(token, "ada")


@given(st.text())
def test_no_text_opens_by_chance(token: str) -> None:
    with pytest.raises(RefusedError):
        TOKENS.open(token, "ada")


@given(st.text(), st.text(), st.text(st.characters(codec="utf-8")))
def test_any_position_comes_back(submit_time: str, job_id: str, user_id: str) -> None:
    position = Position(submit_time=submit_time, job_id=job_id)
    assert TOKENS.open(TOKENS.seal(position, user_id), user_id) == position
