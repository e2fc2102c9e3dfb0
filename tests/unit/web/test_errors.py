"""Each failure has its page, and its problem document."""

import pytest

import gas.domain.errors as domain
from tests.unit.web.site import Site, Visitor
from web.errors import EXPLANATIONS, STATUS_OF, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (domain.TooLargeError("c", "m"), 413),
        (domain.ForbiddenError("c", "m"), 403),
        (domain.RefusedError("c", "m"), 400),
        (domain.NotFoundError(), 404),
        (domain.JobNotFoundError(), 404),
        (domain.ObjectNotFoundError(), 404),
        (domain.AlreadyExistsError(), 409),
        (domain.ObjectChangedError(), 409),
        (domain.IllegalMoveError(), 409),
        (domain.OutageError(), 503),
        (domain.StaleJobError(), 503),
        (domain.ConfigurationError(), 500),
        (domain.MalformedMessageError(), 500),
    ],
)
def test_each_family_has_its_status(error: domain.GasError, status: int) -> None:
    assert status_of(error) == status
    assert status in EXPLANATIONS


def test_no_row_of_the_table_hides_a_later_one() -> None:
    for number, (kind, _) in enumerate(STATUS_OF):
        assert not any(issubclass(kind, earlier) for earlier, _ in STATUS_OF[:number])


def test_every_page_the_product_names_says_what_to_do_next() -> None:
    for status in (400, 403, 404, 405, 413, 429, 500, 503):
        assert EXPLANATIONS[status].hint


def test_a_page_that_is_not_there_is_a_page(site: Site) -> None:
    answer = site.anonymous().get("/nowhere/<script>alert(1)</script>")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 404
    assert EXPLANATIONS[404].title in text
    assert answer.headers["X-Request-Id"] in text
    assert "<script>alert" not in text


def test_a_script_is_answered_with_a_problem(ada: Visitor) -> None:
    answer = ada.get("/nowhere", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == 404
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert set(answer.json) == {
        "type",
        "title",
        "status",
        "detail",
        "hint",
        "code",
        "request_id",
    }


def test_a_wrong_verb_says_which_are_right(site: Site) -> None:
    answer = site.anonymous().client.delete("/login", base_url=site.settings.base_url)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_json_that_is_none_is_refused(ada: Visitor) -> None:
    answer = ada.client.post(
        "/annotate/uploads",
        base_url=ada.base,
        data=b"{not json",
        headers={"X-CSRFToken": ada.token(), "Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"


def test_every_request_has_an_id_of_its_own(site: Site) -> None:
    visitor = site.anonymous()
    ids = {visitor.get("/").headers["X-Request-Id"] for _ in range(5)}
    assert len(ids) == 5
