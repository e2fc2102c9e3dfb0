"""The whole matrix: every route x every kind of caller x every verb, against one table."""

from dataclasses import dataclass

import pytest
from flask import Flask
from werkzeug.routing import Rule

from gas.domain.account import Tier
from tests.unit.web.addresses import Things, paths_of, rules_of, things_of
from tests.unit.web.site import Site, Visitor, settings
from web.guards import Guard, guard_of

VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
CALLERS = ("anonymous", "free", "premium", "other", "operator")
ABSENT = 404
NOT_ALLOWED = 405
TOLD_TO_SIGN_IN = {"GET": 302, "HEAD": 302, "OPTIONS": 302}
SIGN_IN_FIRST = 401
UNEXPLAINED = {401, 403, 405, 500}


@dataclass
class Scene:
    site: Site
    callers: dict[str, Visitor]
    things: Things


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Ada owns everything, once on the Free plan and once as Premium; the others own nothing."""
    site = Site(settings=settings(GAS_OPERATORS="root"))
    ada = site.signed_in("ada")
    callers = {
        "anonymous": site.anonymous(),
        "free": ada,
        "premium": ada,
        "other": site.signed_in("bob"),
        "operator": site.signed_in("root"),
    }
    return Scene(site=site, callers=callers, things=things_of(site, ada))


@pytest.mark.parametrize("caller", CALLERS)
def test_every_route_answers_every_caller_and_verb_as_its_guard_says(
    scene: Scene, caller: str
) -> None:
    tier = Tier.PREMIUM if caller == "premium" else Tier.FREE
    scene.site.world.accounts.set_tier("ada", tier)
    visitor = scene.callers[caller]
    token = visitor.token() if caller in {"other", "operator"} else ""
    asked = 0
    for rule in rules_of(scene.site.app):
        for path in paths_of(rule, scene.things):
            for verb in VERBS:
                # Ada's own forms are sent without their token: past the guard, and no further.
                form = {} if rule.endpoint == "login.logout" else {"csrf_token": token}
                answer = visitor.open(verb, path, data=form)
                expected = _expected(scene.site.app, rule, caller, verb)
                asked += 1
                if expected is None:
                    assert answer.status_code not in UNEXPLAINED, (caller, verb, path)
                else:
                    assert answer.status_code == expected, (caller, verb, path)
                if caller not in {"free", "premium"}:
                    assert b"secret" not in answer.data, (caller, verb, path)
    assert asked > 150
    assert scene.things.job.job_id in scene.site.world.jobs.rows


def _expected(app: Flask, rule: Rule, caller: str, verb: str) -> int | None:
    """The one status the guard allows; None where the route itself decides."""
    guard = guard_of(app, rule.endpoint)
    if verb not in (rule.methods or ()):
        return NOT_ALLOWED
    if guard is Guard.PUBLIC:
        return None
    if caller == "anonymous":
        return TOLD_TO_SIGN_IN.get(verb, SIGN_IN_FIRST)
    if guard is Guard.OPERATOR:
        return None if caller == "operator" else ABSENT
    if verb != "OPTIONS" and caller in {"other", "operator"} and rule.arguments:
        return ABSENT
    return None
