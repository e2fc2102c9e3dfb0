"""A copy of everything, and the end of everything."""

import json

from gas.domain.audit import Action
from gas.domain.job import ObjectKind
from tests.unit.web.site import BASE, Site, Visitor


def test_the_export_holds_everything_of_mine_and_nothing_of_others(
    site: Site, ada: Visitor, bob: Visitor
) -> None:
    jobs = [site.completed("ada", note=f"note {number}") for number in range(3)]
    theirs = site.completed("bob")
    bob.get(f"/annotations/{theirs.job_id}")
    ada.get(f"/annotations/{jobs[0].job_id}")
    answer = ada.get("/account/export.json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="gas-export.json"'
    text = answer.get_data(as_text=True)
    found = json.loads(text)
    assert found["account"]["email"] == "ada@example.org"
    assert {job["job_id"] for job in found["jobs"]} == {job.job_id for job in jobs}
    assert {job["note"] for job in found["jobs"]} == {"note 0", "note 1", "note 2"}
    assert len(found["sessions"]) == 1
    assert [line["action"] for line in found["activity"]] == ["data-exported", "job-viewed"]
    assert theirs.job_id not in text
    assert "bob" not in text
    for session in site.world.sessions.rows:
        assert session not in text


def test_every_address_in_the_export_opens(site: Site, ada: Visitor) -> None:
    site.completed("ada")
    (job,) = json.loads(ada.get("/account/export.json").get_data())["jobs"]
    assert {each["kind"] for each in job["files"]} >= {ObjectKind.ANNOTATED_VCF.value}
    for address in [job["input"], *(each["address"] for each in job["files"])]:
        assert ada.get(address.removeprefix(BASE)).status_code == 302


def test_an_export_of_nothing_is_still_json(ada: Visitor) -> None:
    assert json.loads(ada.get("/account/export.json").get_data())["jobs"] == []


def test_erasing_needs_the_words(site: Site, ada: Visitor) -> None:
    for said in ("", "yes", "erase"):
        assert ada.post("/account/erase", {"confirm": said}).status_code == 400
    assert site.world.accounts.get("ada").erasing_at is None
    assert ada.get("/annotations").status_code == 200


def test_a_closed_account_is_signed_out_everywhere_at_once(site: Site, ada: Visitor) -> None:
    other = site.signed_in("ada")
    job = site.completed("ada")
    answer = ada.post("/account/erase", {"confirm": "Erase my account"})
    assert (answer.status_code, answer.location) == (303, "/account/erased")
    assert "storage" in answer.headers["Clear-Site-Data"]
    assert site.world.accounts.get("ada").erasing_at == site.world.clock.now()
    assert not site.world.sessions.of_user("ada")
    for visitor in (ada, other):
        assert visitor.get(f"/annotations/{job.job_id}").status_code == 302
    assert ada.get("/account/erased").status_code == 200
    assert site.world.audit.rows[-1].action is Action.ERASURE_ASKED


def test_a_session_of_a_closed_account_opens_nothing(site: Site, ada: Visitor) -> None:
    site.world.accounts.start_erasing("ada")
    assert ada.get("/annotations").status_code == 302
    assert site.anonymous().get("/").status_code == 200
