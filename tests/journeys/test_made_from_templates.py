"""The main job on an environment that the stack templates made, nothing else."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from gas.config import environment
from tests.support.deployment import EXAMPLE
from tests.support.from_templates import Environment, build, settings_of
from tests.support.moto_server import MotoServer, moto_server
from tests.support.post_policy import post_policy
from util.stack import Stack
from util.visitor import Visitor

pytestmark = pytest.mark.full


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoServer]:
    with moto_server() as moto:
        for name, value in moto.environment.items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        yield moto


@pytest.fixture
def stack(moto: MotoServer, tmp_path: Path) -> Iterator[Stack]:
    with ExitStack() as things:
        public = things.enter_context(post_policy(moto.endpoint))
        told = settings_of(Environment(account_id=DEFAULT_ACCOUNT_ID))
        # Where the service is found is known once its port is.
        del told["GAS_BASE_URL"]
        home = {"GAS_HOME": str(tmp_path), "GAS_S3_PUBLIC_ENDPOINT": public}
        stack = Stack(tmp_path, {**environment(), **moto.environment, **told, **home})
        made = Environment(base_url=stack.url, account_id=DEFAULT_ACCOUNT_ID)
        build(made, moto.endpoint)
        # Mail addresses are verified by a person, not by a template.
        ses = boto3.client("sesv2", region_name=made.region, endpoint_url=moto.endpoint)
        ses.create_email_identity(EmailIdentity=made.mail_from)
        things.enter_context(stack)
        yield stack


def test_an_upload_comes_back_annotated_and_a_mail_says_so(stack: Stack, moto: MotoServer) -> None:
    ada = Visitor(stack.url, name="Ada Example")
    ada.sign_in()
    job_id = ada.submit(EXAMPLE)
    assert ada.wait(job_id) == "COMPLETED"
    assert ada.fetch(job_id, "annotated_vcf")
    end = time.monotonic() + 60
    while not any(job_id in mail.text for mail in moto.mails()):
        assert time.monotonic() < end, "no mail came"
        time.sleep(0.1)
