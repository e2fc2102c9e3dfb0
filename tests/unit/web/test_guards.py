"""Who may call what: every route, as nobody, as its owner, and as somebody else."""

from uuid import uuid4

import pytest
from flask import Flask

from gas.domain.job import ObjectKind
from tests.unit.web.addresses import METHODS, Things, paths_of, rules_of, things_of
from tests.unit.web.site import Site, Visitor
from web.guards import Guard, check_guards, guard_of, public

PUBLIC = {
    "static",
    "bootstrap.static",
    "home.index",
    "health.healthz",
    "health.readyz",
    "login.show",
    "login.start",
    "login.callback",
    "login.logout",
    "login.signed_out",
    "account.erased",
    "terms.show",
}
"""What anybody may see.  Adding to it is a decision; everything else needs a login."""


@pytest.fixture
def things(site: Site, ada: Visitor) -> Things:
    return things_of(site, ada)


def test_every_route_declares_its_guard(site: Site) -> None:
    found = {rule.endpoint: guard_of(site.app, rule.endpoint) for rule in rules_of(site.app)}
    assert None not in found.values()
    assert {name for name, guard in found.items() if guard is Guard.PUBLIC} == PUBLIC


def test_a_route_without_a_guard_is_never_served(site: Site) -> None:
    app = Flask("bare")
    app.add_url_rule("/open", "open", public(lambda: "for all"))
    check_guards(app)
    app.add_url_rule("/bare", "bare", lambda: "for whom?")
    with pytest.raises(RuntimeError, match="bare"):
        check_guards(app)


def test_nobody_gets_past_a_guard(site: Site, things: Things) -> None:
    nobody = site.anonymous()
    for rule in rules_of(site.app):
        for path in paths_of(rule, things):
            if rule.endpoint in PUBLIC:
                continue
            for method in METHODS:
                answer = nobody.open(method, path)
                allowed = method in (rule.methods or ())
                assert answer.status_code in ((302, 401) if allowed else (405,)), (method, path)
                if answer.status_code == 302:
                    assert answer.location.startswith("/login?next="), path
                assert b"secret" not in answer.data


def test_somebody_else_sees_nothing_of_anybody(site: Site, things: Things, bob: Visitor) -> None:
    token = bob.token()
    before = dict(site.world.jobs.rows)
    for rule in rules_of(site.app):
        for path in paths_of(rule, things):
            if not rule.arguments or rule.endpoint in PUBLIC:
                continue
            for method in METHODS:
                answer = bob.open(method, path, data={"csrf_token": token})
                allowed = method in (rule.methods or ())
                assert answer.status_code == (404 if allowed else 405), (method, path)
                absent = path.replace(things.job.job_id, str(uuid4()))
                if allowed and absent != path:
                    other = bob.open(method, absent)
                    assert other.status_code in {404, 400}
    assert site.world.sessions.of_user("ada")
    for path in ("/annotations", "/annotations/live", "/mailbox", "/annotate", "/"):
        assert b"secret" not in bob.get(path).data
        assert things.job.job_id.encode() not in bob.get(path).data
    assert site.world.jobs.rows == before


def test_the_owner_reaches_everything(site: Site, things: Things, ada: Visitor) -> None:
    for rule in rules_of(site.app):
        skipped = {"login.callback", "bootstrap.static"}
        if "GET" not in (rule.methods or ()) or rule.endpoint in skipped:
            continue
        for path in paths_of(rule, things):
            kind = path.rpartition("/")[2]
            job_has_it = kind not in set(ObjectKind) or things.job.object_of(ObjectKind(kind))
            expected = {200, 302} if job_has_it else {404}
            if rule.endpoint == "login.start":
                expected = {503}
            if guard_of(site.app, rule.endpoint) is Guard.OPERATOR:
                expected = {404}
            assert ada.get(path).status_code in expected, path


def test_a_get_changes_nothing(site: Site, things: Things, ada: Visitor) -> None:
    def state() -> object:
        world = site.world
        return (
            dict(world.jobs.rows),
            dict(world.uploads.rows),
            dict(world.inputs.objects),
            dict(world.results.objects),
            dict(world.accounts.rows),
            list(world.topics.published),
            set(world.sessions.rows),
        )

    before = state()
    for rule in rules_of(site.app):
        for path in paths_of(rule, things):
            ada.get(path)
            ada.open("HEAD", path)
            ada.open("OPTIONS", path)
    assert state() == before


def test_every_change_needs_the_token_of_the_form(site: Site, things: Things, ada: Visitor) -> None:
    posts = [rule for rule in rules_of(site.app) if "POST" in (rule.methods or ())]
    assert len(posts) >= 4
    session_before = set(site.world.sessions.rows)
    for rule in posts:
        for path in paths_of(rule, things):
            bare = ada.client.post(path, base_url=ada.base, data={})
            assert bare.status_code == 400, path
            forged = ada.client.post(path, base_url=ada.base, data={"csrf_token": "forged"})
            assert forged.status_code == 400, path
            as_json = ada.client.post(path, base_url=ada.base, json={"csrf_token": ada.token()})
            assert as_json.status_code == 400, path
            assert as_json.json is not None
            assert as_json.json["code"] == "stale-form"
    assert set(site.world.sessions.rows) == session_before
    assert len(site.world.jobs.rows) == 1


def test_the_token_of_somebody_else_opens_nothing(site: Site, ada: Visitor, bob: Visitor) -> None:
    answer = ada.client.post(
        "/annotate/example", base_url=ada.base, data={"csrf_token": bob.token()}
    )
    assert answer.status_code == 400
    assert not site.world.jobs.rows


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "http://127.0.0.1:9999"},
    ],
)
def test_a_change_asked_for_by_another_site_is_refused_even_with_a_token(
    site: Site, ada: Visitor, headers: dict[str, str]
) -> None:
    assert ada.post("/annotate/example", headers=headers).status_code == 403
    assert not site.world.jobs.rows


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8080"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_change_asked_for_by_our_own_page_is_made(
    site: Site, ada: Visitor, headers: dict[str, str]
) -> None:
    assert ada.post("/annotate/example", headers=headers).status_code == 303


def test_a_link_from_another_site_opens_a_page(ada: Visitor) -> None:
    answer = ada.get("/annotations", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200


def test_an_account_that_is_gone_is_signed_out(site: Site, ada: Visitor) -> None:
    del site.world.accounts.rows["ada"]
    assert ada.get("/annotations").status_code == 302


def test_a_script_without_session_is_told_so(site: Site) -> None:
    answer = site.anonymous().get("/annotations/live", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
