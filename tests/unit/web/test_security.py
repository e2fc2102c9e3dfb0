"""Headers on every answer, hosts, proxies."""

import pytest
from werkzeug.test import TestResponse

from gas.domain.errors import OutageError
from tests.unit.web.site import BASE, Site, Visitor, settings
from web.security import content_policy, store_origins

PATHS = [
    "/",
    "/login",
    "/login/start",
    "/login/callback",
    "/login/ended",
    "/annotate",
    "/annotations",
    "/annotations/live",
    "/annotations/00000000-0000-4000-8000-00000000abcd",
    "/mailbox",
    "/nowhere",
    "/healthz",
    "/readyz",
    "/static/css/gas.css",
    "/static/js/live.js",
    "/bootstrap/static/css/bootstrap.min.css",
]


def _check(answer: TestResponse) -> None:
    headers = answer.headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Request-Id"]
    assert "X-Powered-By" not in headers


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_its_headers(site: Site, ada: Visitor, path: str) -> None:
    for visitor in (site.anonymous(), ada):
        answer = visitor.get(path)
        _check(answer)
        if "static" not in path:
            assert answer.headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
def test_over_https_every_answer_says_so_for_a_year(path: str) -> None:
    site = Site(settings=settings(GAS_BASE_URL="https://gas.test"))
    answer = site.signed_in().get(path)
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_bug_shows_nothing_but_a_request_id(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(site.world.jobs, "of_user", fail)
    answer = ada.get("/annotations")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "secret detail" not in text
    assert "Traceback" not in text
    assert answer.headers["X-Request-Id"] in text
    _check(answer)
    assert not site.app.debug


def test_no_page_has_inline_script_or_style(site: Site, ada: Visitor) -> None:
    job = site.completed()
    paths = [*PATHS, f"/annotations/{job.job_id}", f"/annotations/{job.job_id}/log"]
    for path in paths:
        answer = ada.get(path)
        if answer.mimetype != "text/html":
            continue
        text = answer.get_data(as_text=True)
        assert "style=" not in text, path
        assert "<style" not in text, path
        assert " on" + "click" not in text, path
        for script in text.split("<script")[1:]:
            assert script.split(">", 1)[1].startswith("</script>"), path
        assert "//cdn" not in text, path


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1:9999", "127.0.0.1", "127.0.0.1:8080.evil.test", "[::1"]
)
def test_another_host_is_refused(site: Site, host: str) -> None:
    client = site.app.test_client()
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.get_data(as_text=True)


def test_a_forwarded_host_is_not_believed(site: Site, ada: Visitor) -> None:
    answer = ada.get("/annotations", headers={"X-Forwarded-Host": "evil.test"})
    assert answer.status_code == 200
    assert "evil" not in answer.get_data(as_text=True)
    answer = site.anonymous().get("/annotations", headers={"X-Forwarded-Host": "evil.test"})
    assert answer.location == "/login?next=/annotations"


def test_localhost_leads_to_the_one_address_cookies_are_for(site: Site) -> None:
    answer = site.app.test_client().get("/annotations?page=x", headers={"Host": "localhost:8080"})
    assert answer.status_code == 302
    assert answer.location == f"{BASE}/annotations?page=x"
    answer = site.app.test_client().post("/logout", headers={"Host": "localhost:8080"})
    assert answer.status_code == 400


def test_a_deployed_site_has_no_aliases() -> None:
    site = Site(settings=settings(GAS_BASE_URL="https://gas.test"))
    for host in ("localhost", "127.0.0.1"):
        answer = site.app.test_client().get("/", headers={"Host": host})
        assert answer.status_code == 400


def test_the_health_check_answers_to_any_host(site: Site) -> None:
    answer = site.app.test_client().get("/healthz", headers={"Host": "10.0.0.7"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "origins"),
    [
        ({}, ("http://127.0.0.1:8081",)),
        (
            {"GAS_BACKEND": "aws", "GAS_AWS_ENDPOINT": "http://127.0.0.1:5000"},
            ("http://127.0.0.1:5000",),
        ),
        (
            {
                "GAS_BACKEND": "aws",
                "GAS_AWS_ENDPOINT": "http://127.0.0.1:5000",
                "GAS_S3_PUBLIC_ENDPOINT": "http://127.0.0.1:5001/",
            },
            ("http://127.0.0.1:5001",),
        ),
        (
            {"GAS_BACKEND": "aws", "GAS_AWS_REGION": "eu-west-1", "GAS_INPUTS_BUCKET": "my-in"},
            ("https://my-in.s3.amazonaws.com", "https://my-in.s3.eu-west-1.amazonaws.com"),
        ),
    ],
)
def test_a_page_may_reach_itself_and_the_object_store_alone(
    changes: dict[str, str], origins: tuple[str, ...]
) -> None:
    known = settings(**changes)
    assert store_origins(known) == origins
    rules = dict(rule.split(" ", 1) for rule in content_policy(known).split("; "))
    for name in ("connect-src", "form-action"):
        assert rules[name].split() == ["'self'", *origins]
    assert rules["script-src"] == rules["style-src"] == "'self'"


def test_a_proxy_is_believed_only_where_it_is_configured() -> None:
    seen: list[tuple[str | None, str]] = []

    def visit(trusted: str) -> None:
        site = Site(settings=settings(GAS_TRUSTED_PROXIES=trusted))

        @site.app.after_request
        def look(response: TestResponse) -> TestResponse:
            from flask import request  # noqa: PLC0415 - the request of this application

            seen.append((request.remote_addr, request.scheme))
            return response

        forwarded = {"X-Forwarded-For": "6.6.6.6, 7.7.7.7", "X-Forwarded-Proto": "https"}
        site.anonymous().get("/healthz", headers=forwarded)

    visit("0")
    visit("1")
    assert seen == [("127.0.0.1", "http"), ("7.7.7.7", "https")]


def test_a_body_larger_than_any_form_is_refused(ada: Visitor) -> None:
    answer = ada.post("/annotate/uploads", {"file_name": "x" * 70_000})
    assert answer.status_code == 413
    answer = ada.send("/annotate/uploads", {"file_name": "x" * 70_000})
    assert answer.status_code == 413


def test_an_unwanted_verb_is_refused(site: Site) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT"):
        answer = site.app.test_client().open("/", method=method, base_url=BASE)
        assert answer.status_code == 405
        _check(answer)


def test_an_outage_is_said_with_a_moment_to_come_back(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OutageError("the table is away at 10.0.0.7")

    token = ada.token()
    monkeypatch.setattr(site.world.jobs, "of_user", fail)
    monkeypatch.setattr(site.world.uploads, "add", fail)
    answer = ada.get("/annotations")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "10.0.0.7" not in answer.get_data(as_text=True)
    answer = ada.client.post(
        "/annotate/uploads", base_url=ada.base, data={"csrf_token": token, "file_name": "a.vcf"}
    )
    assert answer.status_code == 503


def test_while_accounts_are_away_public_pages_stand(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OutageError("away")

    monkeypatch.setattr(site.world.sessions, "get", fail)
    assert ada.get("/").status_code == 200
    assert ada.get("/login").status_code == 200
    assert ada.get("/annotations").status_code == 503
    assert ada.get("/healthz").status_code == 200
