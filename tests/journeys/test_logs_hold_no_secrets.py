"""What every process logged in a whole journey, read for what must never stand there."""

import json
import re
from pathlib import Path

import pytest

from gas.config import environment
from tests.support.deployment import BACKENDS, EXAMPLE, Deployment, deployment
from util.run import complete
from util.visitor import Visitor

NAME = "a-very-private-name.vcf"
PATTERNS = {
    "a signature of a link or a form": r"X-Amz-Signature|x-amz-signature|[?&](signature|policy)=",
    "a bearer token": r"(?i)bearer [a-z0-9._-]{8,}",
    "a signed token": r"eyJ[A-Za-z0-9_-]{10,}\.",
    "a cookie": r"(?i)set-cookie|gas_session=|gas_form=",
    "a code of a login": r"[?&](code|state)=",
    "an e-mail address": r"[a-z]+@example\.org",
    "a base of the genome in a record": r"\\t[ACGT]+\\t[ACGT]+\\t",
}


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_log_of_a_whole_journey_holds_a_secret_or_a_variant(
    backend: str, tmp_path: Path
) -> None:
    with deployment(backend, tmp_path) as service:
        secrets = _journey(service, tmp_path)
        service.stack.stop()
        text = "\n".join(
            path.read_text(errors="replace") for path in sorted((tmp_path / "log").glob("*.log*"))
        )
    lines = text.splitlines()
    assert any("a job was submitted" in line for line in lines)
    assert any('"annotator"' in line or "job_id" in line for line in lines)
    for what, secret in secrets.items():
        assert secret not in text, what
    for what, pattern in PATTERNS.items():
        found = re.search(pattern, text)
        assert found is None, f"{what}: {found and text[found.start() - 80 : found.end() + 20]}"
    for record in _records():
        assert record not in text


def _journey(service: Deployment, folder: Path) -> dict[str, str]:
    """Everything a person does, and every secret that was in play meanwhile."""
    settings = service.settings
    ada = Visitor(service.url, name="Ada Example")
    ada.sign_in()
    secrets = {
        "the key of the service": settings.secret_key,
        "the secret at Globus": settings.globus_client_secret,
        "the name of a file": NAME.removesuffix(".vcf"),
        "the note of a job": "a very private note",
    }
    for cookie in ada.http.cookies:
        secrets[f"the cookie {cookie.name}"] = str(cookie.value)
        if cookie.name == "gas_session":
            session = service.outside.sessions.get(str(cookie.value))
            secrets |= {f"the token of {name}": text for name, text in session.tokens.items()}
    named = folder / NAME
    named.write_bytes(EXAMPLE.read_bytes())
    job_id = ada.submit(named, note="a very private note")
    assert ada.wait(job_id) == "COMPLETED"
    for kind in ("annotated_vcf", "index", "tsv", "provenance"):
        ada.fetch(job_id, kind)
    link = ada.http.get(
        f"{service.url}/annotations/{job_id}/files/tsv", allow_redirects=False, timeout=60
    ).headers["Location"]
    secrets["a link"] = link.rpartition("=")[2]
    assert ada.log(job_id)
    bad = folder / "broken.vcf"
    bad.write_bytes(EXAMPLE.read_bytes()[:200] + b"\n1\tprivate-position\t.\tA\tG\n")
    ada.wait(ada.submit(bad))
    ada.http.get(f"{service.url}/annotations/{job_id}?token=in-the-address", timeout=60)
    secrets["a query"] = "in-the-address"
    ada.get("/account/export.json")
    ada.post("/logout", {})
    if service.moto is not None:
        secrets["the secret of AWS"] = service.moto.environment["AWS_SECRET_ACCESS_KEY"]
    kept = json.loads((folder / "local.json").read_text())
    assert complete({**environment(), "GAS_HOME": str(folder)})["GAS_SECRET_KEY"] in kept.values()
    return secrets


def _records() -> list[str]:
    """Each record of the example as it stands in the file, and as JSON would write it."""
    records = [
        "\t".join(line.split("\t")[:5])
        for line in EXAMPLE.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return records + [json.dumps(record)[1:-1] for record in records]
