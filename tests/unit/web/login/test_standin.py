"""The stand-in itself: where it serves, and what it refuses."""

import subprocess
import sys
from urllib.parse import urlencode

import pytest

from gas.adapters.memory import MemoryClock
from gas.domain.errors import ConfigurationError
from tests.unit.web.login.conftest import Standin
from tests.unit.web.site import ENVIRONMENT, settings
from web.standin.app import create_standin
from web.standin.people import DEMO_PEOPLE, another

GOOD = {
    "client_id": "00000000-0000-4000-8000-000000000001",
    "redirect_uri": "http://127.0.0.1:8080/login/callback",
    "response_type": "code",
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
    "scope": "openid",
    "state": "s",
}

ELSEWHERE = [
    {"GAS_BASE_URL": "https://gas.example.org"},
    {"GAS_STORE_URL": "https://store.example.org"},
    {"GAS_GLOBUS_AUTH_URL": "https://auth.globus.org"},
    {"GAS_BACKEND": "aws"},
    {"GAS_BACKEND": "aws", "GAS_AWS_ENDPOINT": "https://s3.amazonaws.com"},
    {
        "GAS_BACKEND": "aws",
        "GAS_AWS_ENDPOINT": "http://127.0.0.1:5000",
        "GAS_S3_PUBLIC_ENDPOINT": "http://10.0.0.1:5000",
    },
]


@pytest.mark.parametrize("changes", ELSEWHERE)
def test_it_serves_only_where_everything_is_on_this_machine(changes: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        create_standin(settings(**changes), MemoryClock())


def test_its_process_refuses_to_start_elsewhere() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "web.standin"],
        env={**ENVIRONMENT, "GAS_BASE_URL": "https://gas.example.org", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "loopback" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_what_it_is(standin: Standin) -> None:
    page = standin.client.get(f"/v2/oauth2/authorize?{urlencode(GOOD)}")
    text = page.get_data(as_text=True)
    assert "This is not Globus" in text
    assert all(person.email in text for person in DEMO_PEOPLE)
    assert "style=" not in text
    assert "This is not Globus" in standin.client.get("/v2/web/logout").get_data(as_text=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"redirect_uri": "http://127.0.0.1:8080/login/callback/"},
        {"redirect_uri": "http://evil.test/login/callback"},
        {"response_type": "token"},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
    ],
)
def test_a_request_that_is_not_the_registered_one_is_refused(
    standin: Standin, changes: dict[str, str]
) -> None:
    query = urlencode({**GOOD, **changes})
    assert standin.client.get(f"/v2/oauth2/authorize?{query}").status_code == 400


def test_a_person_needs_an_address(standin: Standin) -> None:
    answer = standin.client.post(
        f"/v2/oauth2/authorize?{urlencode(GOOD)}", data={"email": "nobody"}
    )
    assert answer.status_code == 200
    assert "Type an e-mail address" in answer.get_data(as_text=True)
    assert another("x", "a b@c") is None
    assert another(" Eve  X ", "eve@example.org") is not None


@pytest.mark.parametrize("path", ["token", "token/introspect", "token/revoke"])
def test_only_the_registered_client_is_served(standin: Standin, path: str) -> None:
    for auth in (None, ("other", "made up"), (GOOD["client_id"], "wrong")):
        assert standin.client.post(f"/v2/oauth2/{path}", auth=auth).status_code == 401


def test_other_grants_are_not_served(standin: Standin) -> None:
    answer = standin.client.post(
        "/v2/oauth2/token",
        auth=(GOOD["client_id"], "made up"),
        data={"grant_type": "client_credentials"},
    )
    assert answer.status_code == 400


def test_userinfo_needs_a_live_token(standin: Standin) -> None:
    assert standin.client.get("/v2/oauth2/userinfo").status_code == 401
    visitor = standin.site.anonymous()
    standin.sign_in(visitor)
    (session,) = standin.site.world.sessions.rows.values()
    token = session.tokens["auth.globus.org"]
    answer = standin.client.get("/v2/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert answer.json is not None
    assert answer.json["sub"] == session.user_id
    assert answer.json["email"] == "ada@example.org"
