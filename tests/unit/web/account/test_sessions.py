"""Where a person is signed in, and the way to end it."""

from gas.domain.audit import Action
from tests.unit.web.site import Site, Visitor


def _handles(site: Site, user_id: str) -> list[str]:
    return [each.handle for each in site.world.sessions.of_user(user_id)]


def test_the_page_lists_my_sessions_and_what_i_did(site: Site, ada: Visitor) -> None:
    site.signed_in("bob").get("/annotations")
    site.world.sessions.start("ada", {}, client="<img onerror=x> Firefox")
    job = site.completed("ada")
    ada.get(f"/annotations/{job.job_id}")
    page = ada.get("/account/sessions").get_data(as_text=True)
    assert page.count("this one") == 1
    assert "&lt;img onerror=x&gt; Firefox" in page
    assert "job viewed" in page
    assert job.job_id in page
    for handle in _handles(site, "ada"):
        assert handle in page
    for handle in _handles(site, "bob"):
        assert handle not in page


def test_an_ended_session_is_signed_out(site: Site, ada: Visitor) -> None:
    other = site.signed_in("ada")
    cookie = ada.client.get_cookie("gas_session", domain="127.0.0.1")
    assert cookie is not None
    mine = site.world.sessions.handle_of(cookie.value)
    (handle,) = [each for each in _handles(site, "ada") if each != mine]
    assert ada.post(f"/account/sessions/{handle}/end").status_code == 303
    assert other.get("/annotations").status_code == 302
    assert ada.get("/annotations").status_code == 200
    assert site.world.audit.rows[-1].action is Action.SESSION_REVOKED


def test_all_other_sessions_end_at_once(site: Site, ada: Visitor, bob: Visitor) -> None:
    others = [site.signed_in("ada") for _ in range(3)]
    assert ada.post("/account/sessions/end-others").status_code == 303
    assert [each.get("/annotations").status_code for each in others] == [302] * 3
    assert ada.get("/annotations").status_code == 200
    assert bob.get("/annotations").status_code == 200


def test_somebody_elses_session_cannot_be_ended(site: Site, ada: Visitor, bob: Visitor) -> None:
    (handle,) = _handles(site, "bob")
    assert ada.post(f"/account/sessions/{handle}/end").status_code == 404
    assert bob.get("/annotations").status_code == 200
