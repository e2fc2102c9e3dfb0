"""The operator's page: for operators; to everybody else it is not there."""

from datetime import timedelta

from gas.domain.message import Queue
from tests.builders import LEASE, a_job
from tests.unit.web.site import Site, settings


def _site() -> Site:
    return Site(settings=settings(GAS_OPERATORS="root-1, root-2"))


def test_only_a_configured_operator_finds_it() -> None:
    site = _site()
    assert site.anonymous().get("/operator").status_code == 302
    assert site.signed_in("ada").get("/operator").status_code == 404
    for name in ("root-1", "root-2"):
        assert site.signed_in(name).get("/operator").status_code == 200


def test_without_configuration_nobody_is_an_operator(site: Site) -> None:
    assert site.signed_in("").get("/operator").status_code == 404


def test_it_shows_queues_dead_letters_workers_and_counts_and_nobodys_data() -> None:
    site = _site()
    world = site.world
    root, _ = site.signed_in("root-1"), site.signed_in("ada")
    now = world.clock.now()
    world.jobs.add(a_job("job-1", "ada", input_file_name="secret.vcf"))
    world.jobs.add(a_job("job-2", "ada").claim(now, LEASE, "worker-7"))
    world.jobs.add(a_job("job-3", "ada").claim(now - 2 * LEASE, LEASE, "worker-dead"))
    world.inbox(Queue.ANNOTATE).put("{}")
    for _ in range(3):
        world.dead_inbox(Queue.NOTIFY).put("{}", timedelta(0))
    page = " ".join(root.get("/operator").get_data(as_text=True).split())
    assert "1 waiting, 2 running" in page
    assert "1 with a lease that has run out" in page
    assert "<td>annotate</td><td>1</td><td>0</td>" in page
    assert "<td>notify</td><td>0</td><td>3</td>" in page
    assert "worker-7" in page
    assert "worker-dead" not in page
    assert "2 Free, 0 Premium" in page
    assert "secret.vcf" not in page
    assert "ada@" not in page
