"""Nothing personal is taken in before its owner has agreed."""

import pytest

from gas.domain.audit import Action
from tests.unit.web.site import Site
from web.consent import TERMS_VERSION


def test_before_the_first_upload_the_terms_are_asked_for(site: Site) -> None:
    eve = site.signed_in("eve", consented=False)
    page = eve.get("/annotate").get_data(as_text=True)
    assert "Before your first upload" in page
    assert 'type="file"' not in page
    answer = eve.post("/account/consent", {"agree": "yes", "terms_version": TERMS_VERSION})
    assert answer.status_code == 303
    assert answer.location == "/annotate"
    account = site.world.accounts.get("eve")
    assert (account.terms_version, account.consented_at) == (TERMS_VERSION, site.world.clock.now())
    assert 'type="file"' in eve.get("/annotate").get_data(as_text=True)
    assert site.world.audit.rows[-1].action is Action.CONSENTED
    assert site.world.audit.rows[-1].detail == TERMS_VERSION


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/annotate/uploads", {"file_name": "a.vcf", "size": 5}),
        ("/annotate/jobs", {"upload_id": "00000000-0000-4000-8000-00000000abcd"}),
        ("/annotate/example", {}),
    ],
)
def test_without_consent_nothing_is_taken(site: Site, path: str, body: dict[str, object]) -> None:
    eve = site.signed_in("eve", consented=False)
    answer = eve.send(path, body)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["code"] == "consent-needed"
    assert not site.world.uploads.rows
    assert not site.world.jobs.rows
    assert not site.world.inputs.objects


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"agree": "yes"},
        {"agree": "no", "terms_version": TERMS_VERSION},
        {"agree": "yes", "terms_version": "1999"},
        {"agree": "yes", "terms_version": "\u4f60"},
    ],
)
def test_only_a_ticked_box_under_these_terms_is_consent(site: Site, form: dict[str, str]) -> None:
    eve = site.signed_in("eve", consented=False)
    assert eve.post("/account/consent", form).status_code == 400
    assert site.world.accounts.get("eve").consented_at is None


def test_new_terms_are_asked_for_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = site.signed_in("ada")
    monkeypatch.setattr("web.consent.TERMS_VERSION", "2099-01")
    assert "Before your first upload" in ada.get("/annotate").get_data(as_text=True)
    assert ada.send("/annotate/example", {}).status_code == 403


def test_the_terms_are_for_all_to_read(site: Site) -> None:
    page = site.anonymous().get("/terms").get_data(as_text=True)
    assert TERMS_VERSION in page
    assert "controlled access" in page
    assert "730 days" in page
