"""Signing in and out, through the real globus-sdk."""

import logging
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gas.domain.account import Tier
from gas.domain.errors import RefusedError
from tests.unit.web.login.conftest import LooseClock, Standin, query_of
from tests.unit.web.site import Site, Visitor, settings
from web.login.globus import Globus


def _callback(visitor: Visitor, **query: str) -> int:
    return visitor.get(f"/login/callback?{urlencode(query)}").status_code


def test_a_first_login_makes_an_account_and_leads_where_one_wanted(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    wanted = visitor.get("/annotations")
    assert wanted.status_code == 302
    assert wanted.location == "/login?next=/annotations"
    assert standin.sign_in(visitor) == "/annotations"
    page = visitor.get("/annotations").get_data(as_text=True)
    assert "Ada Demo" in page
    (account,) = standin.site.world.accounts.rows.values()
    assert (account.name, account.email, account.tier) == (
        "Ada Demo",
        "ada@example.org",
        Tier.FREE,
    )


def test_the_same_person_is_the_same_account(standin: Standin) -> None:
    standin.sign_in(standin.site.anonymous(), name="Ada One", email="ada@example.org")
    standin.sign_in(standin.site.anonymous(), name="Ada Two", email="ADA@example.org")
    standin.sign_in(standin.site.anonymous(), name="Zoe", email="zoe@example.org")
    names = {account.name for account in standin.site.world.accounts.rows.values()}
    assert names == {"Ada Two", "Zoe"}


def test_the_request_to_globus_carries_state_nonce_and_challenge(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    first = query_of(visitor.get("/login/start").location)
    second = query_of(visitor.get("/login/start").location)
    assert first["redirect_uri"] == "http://127.0.0.1:8080/login/callback"
    assert first["code_challenge_method"] == "S256"
    assert first["scope"] == "openid email profile"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


def test_tokens_stay_on_the_server(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    standin.sign_in(visitor)
    (session,) = standin.site.world.sessions.rows.values()
    token = session.tokens["auth.globus.org"]
    page = visitor.get("/annotations")
    assert token not in page.get_data(as_text=True)
    for cookie in ("gas_session", "gas_form"):
        kept = visitor.client.get_cookie(cookie, domain="127.0.0.1")
        assert kept is None or token not in kept.value


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    standin.sign_in(visitor)
    cookie = visitor.client.get_cookie("gas_session", domain="127.0.0.1")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert cookie.path == "/"
    assert not cookie.secure


def test_over_https_the_cookies_are_secure_and_tied_to_the_host(standin: Standin) -> None:
    site = Site(settings=settings(GAS_GLOBUS_AUTH_URL=standin.url, GAS_BASE_URL="https://gas.test"))
    visitor = site.anonymous()
    answer = visitor.get("/login/start")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-gas_form=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    site.signed_in("ada")
    ada = site.signed_in("ada")
    assert ada.get("/annotations").status_code == 200
    answer = ada.post("/logout")
    cleared = next(
        value for value in answer.headers.getlist("Set-Cookie") if "gas_session" in value
    )
    assert cleared.startswith("__Host-gas_session=;")
    assert "Secure" in cleared


def test_signing_in_ends_the_session_that_was_there(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    standin.sign_in(visitor)
    first = set(standin.site.world.sessions.rows)
    standin.sign_in(visitor)
    second = set(standin.site.world.sessions.rows)
    assert len(first) == len(second) == 1
    assert first != second


def test_a_cookie_planted_before_the_login_opens_nothing(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    visitor.client.set_cookie("gas_session", "planted", domain="127.0.0.1")
    standin.sign_in(visitor)
    cookie = visitor.client.get_cookie("gas_session", domain="127.0.0.1")
    assert cookie is not None
    assert cookie.value != "planted"
    thief = standin.site.anonymous()
    thief.client.set_cookie("gas_session", "planted", domain="127.0.0.1")
    assert thief.get("/annotations").status_code == 302


def test_signing_out_ends_the_session_and_its_tokens(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    standin.sign_in(visitor)
    (session,) = standin.site.world.sessions.rows.values()
    cookie = visitor.client.get_cookie("gas_session", domain="127.0.0.1")
    assert cookie is not None
    token = session.tokens["auth.globus.org"]
    assert _is_active(standin, token)
    answer = visitor.post("/logout")
    assert answer.location == "/login/ended"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not standin.site.world.sessions.rows
    assert not _is_active(standin, token)
    assert visitor.get("/annotations").status_code == 302
    stolen = standin.site.anonymous()
    stolen.client.set_cookie("gas_session", cookie.value, domain="127.0.0.1")
    assert stolen.get("/annotations").status_code == 302
    assert visitor.get("/login/ended").status_code == 200


def test_signing_out_works_while_globus_is_down(standin: Standin) -> None:
    site = Site()
    ada = site.signed_in("ada")
    (session_id,) = site.world.sessions.rows
    token = ada.token()
    session = site.world.sessions.rows[session_id]
    object.__setattr__(session, "tokens", {"auth.globus.org": "unreachable"})
    answer = ada.client.post("/logout", base_url=ada.base, data={"csrf_token": token})
    assert answer.status_code == 302
    assert not site.world.sessions.rows


def test_an_answer_to_no_question_is_refused(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    assert _callback(visitor, code="x", state="y") == 400
    assert _callback(visitor) == 400
    visitor.get("/login/start")
    assert _callback(visitor, code="x", state="wrong") == 400
    assert not standin.site.world.sessions.rows


def test_the_state_of_another_browser_is_refused(standin: Standin) -> None:
    attacker, victim = standin.site.anonymous(), standin.site.anonymous()
    back = standin.choose(attacker.get("/login/start").location)
    victim.get("/login/start")
    assert _callback(victim, **query_of(back)) == 400
    assert not standin.site.world.sessions.rows


def test_a_code_and_its_state_serve_once(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    back = standin.choose(visitor.get("/login/start").location)
    assert _callback(visitor, **query_of(back)) == 302
    assert _callback(visitor, **query_of(back)) == 400
    assert len(standin.site.world.sessions.rows) == 1


def test_a_login_begun_too_long_ago_is_refused(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    back = standin.choose(visitor.get("/login/start").location)
    standin.site.pass_time(minutes=11)
    assert _callback(visitor, **query_of(back)) == 400


def test_a_code_that_is_too_old_is_refused(standin: Standin, standin_clock: LooseClock) -> None:
    visitor = standin.site.anonymous()
    back = standin.choose(visitor.get("/login/start").location)
    standin_clock.offset = timedelta(seconds=61)
    assert _callback(visitor, **query_of(back)) == 400
    assert not standin.site.world.sessions.rows


def test_a_code_stolen_on_the_way_is_useless_without_its_verifier(standin: Standin) -> None:
    victim, thief = standin.site.anonymous(), standin.site.anonymous()
    stolen = query_of(standin.choose(victim.get("/login/start").location))["code"]
    state = query_of(thief.get("/login/start").location)["state"]
    assert _callback(thief, code=stolen, state=state) == 400
    assert not standin.site.world.sessions.rows


def test_refusing_at_globus_is_answered_with_a_way_back(standin: Standin) -> None:
    visitor = standin.site.anonymous()
    start = visitor.get("/login/start").location
    parts = urlsplit(start)
    answer = standin.client.post(
        f"{parts.path}?{parts.query}", data={"deny": "1"}, base_url=standin.url
    )
    back = urlsplit(answer.location)
    page = visitor.get(f"{back.path}?{back.query}")
    assert page.status_code == 400
    assert "/login/start" in page.get_data(as_text=True)


def test_while_globus_is_down_the_login_page_says_so_and_sessions_go_on() -> None:
    site = Site()
    answer = site.anonymous().get("/login/start?next=/annotate")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "/login/start?next=/annotate" in answer.get_data(as_text=True)
    assert site.signed_in().get("/annotations").status_code == 200


def test_a_provider_that_does_not_answer_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise people who want to sign in keep every thread waiting, five seconds each."""
    site = Site()
    asked: list[int] = []
    real = Globus._client

    def client(globus: Globus) -> object:
        asked.append(1)
        return real(globus)

    monkeypatch.setattr(Globus, "_client", client)
    visitor = site.anonymous()
    assert [visitor.get("/login/start").status_code for _ in range(5)] == [503] * 5
    assert len(asked) == 1
    site.pass_time(seconds=6)
    visitor.get("/login/start")
    assert len(asked) == 2


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "https:evil.test",
        "%2f%2fevil.test",
        "/%2fevil.test",
        "/%252fevil.test",
        "/%5cevil.test",
        "javascript:alert(1)",
        "/\tevil",
        "/x\r\nSet-Cookie: a=b",
        "/ /evil",
        "evil",
        "",
        "/login",
        "/logout",
        "/" + "a" * 2000,
    ],
)
def test_after_the_login_one_stays_on_this_site(standin: Standin, target: str) -> None:
    assert standin.sign_in(standin.site.anonymous(), target) == "/"
    page = standin.site.anonymous().get("/login", query_string={"next": target})
    assert "evil" not in page.get_data(as_text=True)


@pytest.mark.parametrize(
    "target", ["/annotate", "/annotations?page=abc_-%3D", "/annotations/1/log"]
)
def test_after_the_login_one_lands_where_one_wanted(standin: Standin, target: str) -> None:
    assert standin.sign_in(standin.site.anonymous(), target) == target


@pytest.mark.parametrize(
    ("name", "email", "shown", "kept"),
    [
        ("Eve\r\nBcc: all@x", "eve@example.org", "Eve Bcc: all@x", "eve@example.org"),
        ("<b>Eve</b>", "eve@example.org", "<b>Eve</b>", "eve@example.org"),
        ("Eve \u202egro", "eve@ex ample.org", "Eve gro", ""),
        ("\x00", "eve@example.org\nBcc:a@b.c", "Unnamed", ""),
        ("n" * 500, "e@" + "x" * 300 + ".org", "n" * 200, ""),
    ],
)
def test_what_the_provider_says_of_a_person_is_made_fit(
    standin: Standin, monkeypatch: pytest.MonkeyPatch, name: str, email: str, shown: str, kept: str
) -> None:
    visitor = standin.site.anonymous()
    _forge(monkeypatch, standin, name=name, email=email)
    standin.sign_in(visitor)
    (account,) = standin.site.world.accounts.rows.values()
    assert (account.name, account.email) == (shown, kept)
    assert "<b>Eve" not in visitor.get("/annotations").get_data(as_text=True)


@pytest.mark.parametrize(
    "forged",
    [
        {"iss": "https://evil.test"},
        {"aud": "another-client"},
        {"aud": ["00000000-0000-4000-8000-000000000001", "another-client"]},
        {"nonce": "another-login"},
        {"nonce": None},
        {"sub": None},
        {"sub": " "},
        {"exp": 1_000_000_000},
        {"iss": None},
        {"exp": None},
    ],
)
def test_a_token_that_says_something_else_is_refused(
    standin: Standin, monkeypatch: pytest.MonkeyPatch, forged: dict[str, object]
) -> None:
    _forge(monkeypatch, standin, **forged)
    visitor = standin.site.anonymous()
    back = standin.choose(visitor.get("/login/start").location)
    assert _callback(visitor, **query_of(back)) == 400
    assert not standin.site.world.sessions.rows


@pytest.mark.parametrize("algorithm", ["another key", "none", "HS512"])
def test_a_token_somebody_else_signed_is_refused(
    standin: Standin, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    real = jwt.encode

    def encode(claims: dict[str, object], *_: object, **__: object) -> str:
        if algorithm == "another key":
            other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return real(claims, other, "RS512")
        if algorithm == "none":
            return real(claims, "", "none")
        return real(claims, "x" * 64, "HS512")

    monkeypatch.setattr("web.standin.grants.jwt.encode", encode)
    visitor = standin.site.anonymous()
    back = standin.choose(visitor.get("/login/start").location)
    assert _callback(visitor, **query_of(back)) == 400
    assert not standin.site.world.sessions.rows


def test_a_provider_that_changed_its_key_is_asked_again(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.sign_in(standin.site.anonymous())
    grants = _standin_of(standin)
    monkeypatch.setattr(
        grants, "key", rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    standin.sign_in(standin.site.anonymous())
    assert len(standin.site.world.sessions.rows) == 2


def test_no_token_code_or_state_is_logged(
    standin: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    visitor = standin.site.anonymous()
    back = standin.choose(visitor.get("/login/start").location)
    assert _callback(visitor, **query_of(back)) == 302
    (session,) = standin.site.world.sessions.rows.values()
    secrets = [*query_of(back).values(), session.session_id, *session.tokens.values()]
    visitor.post("/logout")
    said = "\n".join(repr(vars(record)) for record in caplog.records if record.name != "werkzeug")
    assert "a person signed in" in said
    assert not [secret for secret in secrets if secret in said]


def test_a_code_that_is_nonsense_is_refused(standin: Standin) -> None:
    globus = Globus(standin.site.settings, standin.site.world.clock)
    with pytest.raises(RefusedError):
        globus.sign_in("\u4f60\x00" * 100, "state")


def _is_active(standin: Standin, token: str) -> bool:
    known = standin.site.settings
    answer = standin.client.post(
        "/v2/oauth2/token/introspect",
        data={"token": token},
        auth=(known.globus_client_id, known.globus_client_secret),
        base_url=standin.url,
    )
    assert answer.json is not None
    return bool(answer.json["active"])


def _standin_of(standin: Standin) -> object:
    return standin.client.application.extensions["standin"]


def _forge(monkeypatch: pytest.MonkeyPatch, standin: Standin, **claims: object) -> None:
    """Let the stand-in sign these claims instead of its own; None leaves one out."""
    real = jwt.encode

    def encode(said: dict[str, object], *rest: object, **named: object) -> str:
        forged = {**said, **claims}
        told = {name: value for name, value in forged.items() if value is not None}
        return real(told, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("web.standin.grants.jwt.encode", encode)
