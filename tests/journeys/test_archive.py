"""The archive's whole cycle, every process a real process, in fast time.

On S3's storage classes and on a Glacier vault, both through boto3 on moto's server with what moto
lacks filled in, and embedded.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from gas.domain.errors import ObjectNotFoundError
from gas.domain.job import Job, ObjectKind, RetrievalTier, Storage
from gas.domain.message import Queue
from tests.support.deployment import EXAMPLE, Deployment, deployment
from util.visitor import Visitor

WINDOW = 4
STORES = {
    "s3": ("aws", {"GAS_ARCHIVE_STORE": "s3"}),
    "vault": ("aws", {"GAS_ARCHIVE_STORE": "vault"}),
    "embedded": ("embedded", {}),
}
FAST = {
    "GAS_FREE_WINDOW_SECONDS": str(WINDOW),
    "GAS_LEASE_SECONDS": "4",
    "GAS_HEARTBEAT_SECONDS": "1",
    "GAS_SWEEP_SECONDS": "1",
    "GAS_POLL_SECONDS": "1",
    "GAS_RETRIEVAL_POLL_SECONDS": "2",
    "GAS_ARCHIVE_LEASE_SECONDS": "5",
    "GAS_EXPEDITED_SECONDS": "3",
    "GAS_STANDARD_SECONDS": "5",
}


@pytest.fixture(
    scope="module", params=["s3", "embedded", pytest.param("vault", marks=pytest.mark.full)]
)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    backend, changes = STORES[request.param]
    home = tmp_path_factory.mktemp(request.param)
    slow = ("--expedited", "3", "--standard", "5")
    with deployment(backend, home, FAST | changes, slow) as service:
        yield service


def eventually(service: Deployment, look: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"it did not happen\n{service.stack.logs(12)}"
        time.sleep(0.1)


def until(service: Deployment, job_id: str, storage: Storage) -> Job:
    eventually(service, lambda: service.job(job_id).storage is storage)
    return service.job(job_id)


def asked(visitor: Visitor, job_id: str, kind: str) -> requests.Response:
    path = f"{visitor.url}/annotations/{job_id}/files/{kind}"
    return visitor.http.get(path, timeout=60, allow_redirects=False)


def digest(visitor: Visitor, job_id: str, kind: str) -> str:
    return hashlib.sha256(visitor.fetch(job_id, kind)).hexdigest()


def test_a_result_goes_to_the_archive_and_back_with_its_owners_plan(
    service: Deployment,
) -> None:
    ada = service.visitor("Ada Example")
    job_id = ada.submit(EXAMPLE)
    assert ada.wait(job_id) == "COMPLETED"
    job = service.job(job_id)
    kinds = {stored.kind.value: stored.sha256 for stored in job.annotated}
    assert len(kinds) == 3
    early = asked(ada, job_id, "annotated_vcf").headers["Location"]
    assert {kind: digest(ada, job_id, kind) for kind in kinds} == kinds
    assert "left" in ada.get(f"/annotations/{job_id}").text

    # The window closes with nobody visiting.
    archived = until(service, job_id, Storage.ARCHIVED)
    assert archived.completed_at is not None
    assert all(stored.archive_id for stored in archived.annotated)
    for kind in kinds:
        assert asked(ada, job_id, kind).status_code == 403
    eventually(service, lambda: service.job(job_id).look_at is None)
    assert not requests.get(early, timeout=60).ok, "an old link is locked out too"
    page = ada.get(f"/annotations/{job_id}").text
    assert "This result is archived. Nothing is lost." in page
    assert "Upgrade to get it back" in page
    assert "archived" in ada.get("/annotations").text
    assert "Total:" in ada.log(job_id)
    eventually(service, lambda: mailed(service, job_id, "was archived"))

    ada.change_plan("upgrade")
    until(service, job_id, Storage.RETRIEVING)
    page = ada.get(f"/annotations/{job_id}").text
    assert "The results file is being restored" in page
    assert "1 to 5 minutes" in page
    assert asked(ada, job_id, "annotated_vcf").status_code == 403
    restored = until(service, job_id, Storage.RESTORED)
    assert restored.retrieval_tier is RetrievalTier.EXPEDITED
    assert {kind: digest(ada, job_id, kind) for kind in kinds} == kinds
    eventually(service, lambda: mailed(service, job_id, "is back"))

    ada.change_plan("downgrade")
    assert {kind: digest(ada, job_id, kind) for kind in kinds} == kinds
    until(service, job_id, Storage.ARCHIVED)
    assert asked(ada, job_id, "annotated_vcf").status_code == 403
    ada.change_plan("upgrade")
    until(service, job_id, Storage.RESTORED)
    assert {kind: digest(ada, job_id, kind) for kind in kinds} == kinds
    # Premium keeps everything: nothing happens once more than the window has passed.
    time.sleep(WINDOW + 3)
    assert service.job(job_id).storage is Storage.RESTORED
    eventually(service, lambda: service.job(job_id).look_at is None)
    assert not any(stored.archive_id for stored in service.job(job_id).objects)
    assert not any(service.outside.dead_inbox(queue).depth() for queue in Queue)

    ada.change_plan("downgrade")
    assert_erased(service, ada, until(service, job_id, Storage.ARCHIVED))


def assert_erased(service: Deployment, ada: Visitor, archived: Job) -> None:
    """Delete the archived job; nothing of it is left anywhere."""
    job_id = archived.job_id
    ada.delete(job_id)
    assert not [key for key in service.result_keys() if job_id in key]
    with pytest.raises(ObjectNotFoundError):
        service.outside.inputs.head(archived.input.key)
    for stored in archived.annotated:
        with pytest.raises(ObjectNotFoundError):
            service.outside.archives.start_retrieval(stored, RetrievalTier.STANDARD)
    assert ada.http.get(f"{ada.url}/annotations/{job_id}", timeout=60).status_code == 404


def mailed(service: Deployment, job_id: str, words: str) -> bool:
    return any(job_id in mail.text and words in mail.subject for mail in service.mails())


def test_a_premium_result_is_never_archived(service: Deployment) -> None:
    eve = service.visitor("Eve Premium")
    eve.change_plan("upgrade")
    job_id = eve.submit(EXAMPLE)
    assert eve.wait(job_id) == "COMPLETED"
    time.sleep(WINDOW + 3)
    assert service.job(job_id).storage is Storage.AVAILABLE
    assert digest(eve, job_id, ObjectKind.ANNOTATED_VCF.value)


@pytest.mark.full
@pytest.mark.parametrize("name", STORES)
def test_a_refused_expedited_retrieval_of_the_archive_becomes_a_standard_one(
    name: str, tmp_path: Path
) -> None:
    backend, changes = STORES[name]
    options = ("--expedited", "1", "--standard", "4", "--refuse-expedited")
    env = FAST | changes | {"GAS_EXPEDITED_REFUSED": "1"}
    with deployment(backend, tmp_path / "home", env, options) as service:
        ada = service.visitor("Ada Example")
        job_id = ada.submit(EXAMPLE)
        until(service, job_id, Storage.ARCHIVED)
        ada.change_plan("upgrade")
        job = until(service, job_id, Storage.RETRIEVING)
        assert job.retrieval_tier is RetrievalTier.STANDARD
        assert "usually 3 to 5" in ada.get(f"/annotations/{job_id}").text
        until(service, job_id, Storage.RESTORED)
        wanted = job.object_of(ObjectKind.ANNOTATED_VCF)
        assert wanted is not None
        assert digest(ada, job_id, "annotated_vcf") == wanted.sha256
