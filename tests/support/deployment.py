"""The whole service as real processes, on either backend, for journeys and chaos.

    with deployment("aws", home) as service:
        ada = service.visitor("Ada Example")

`aws` is moto's server behind a door that checks signed forms and links as S3 does; nothing of it
is ever killed.  `embedded` is the one-machine stack.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gas.adapters.embedded_mail import MailBox
from gas.config import Settings, environment
from gas.domain.job import Job
from gas.wiring import Outside, connect
from tests.support.moto_server import MotoServer, moto_server
from tests.support.post_policy import post_policy
from util.run import complete
from util.stack import Stack
from util.visitor import Visitor

BACKENDS = ("aws", "embedded")
EVERY = 1_000_000
EXAMPLE = Path(__file__).parents[2] / "ann/anntools/example/example.vcf"


@dataclass(frozen=True, kw_only=True)
class SentMail:
    """A mail as its receiver knows it."""

    mail_id: str
    to: str
    subject: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A running service, seen from outside and, to check on it, from inside."""

    stack: Stack
    settings: Settings
    outside: Outside
    moto: MotoServer | None

    @property
    def url(self) -> str:
        return self.stack.url

    def visitor(self, name: str = "Ada Example") -> Visitor:
        """Somebody who has signed in."""
        visitor = Visitor(self.url, name=name)
        visitor.sign_in()
        return visitor

    def job(self, job_id: str) -> Job:
        return self.outside.jobs.get(job_id)

    def mails(self) -> list[SentMail]:
        """Every mail that went out, oldest first."""
        if self.moto is not None:
            return [
                SentMail(mail_id=sent.mail_id, to=sent.to, subject=sent.subject, text=sent.text)
                for sent in self.moto.mails()
            ]
        box = MailBox(self.settings.home / "mail")
        return [
            SentMail(
                mail_id=row.mail.mail_id,
                to=row.mail.to,
                subject=row.mail.subject,
                text=row.mail.text,
            )
            for row in sorted(box.list(limit=EVERY), key=lambda row: row.sent_at)
        ]

    def result_keys(self) -> set[str]:
        """Every object in the results bucket."""
        return {info.key for info in self.outside.results.keys("")}


@contextmanager
def deployment(
    backend: str,
    home: Path,
    changes: Mapping[str, str] | None = None,
    moto_options: Sequence[str] = (),
) -> Iterator[Deployment]:
    """Start everything, give it, stop everything."""
    with ExitStack() as things:
        # Every process is on this machine, so there is one clock.
        one_clock = {"GAS_CLOCK_SKEW_SECONDS": "0.001"}
        env = {**environment(), "GAS_HOME": str(home), **one_clock, **(changes or {})}
        moto = None
        if backend == "aws":
            moto = things.enter_context(moto_server(*moto_options))
            env |= moto.environment
            env["GAS_S3_PUBLIC_ENDPOINT"] = things.enter_context(post_policy(moto.endpoint))
        stack = Stack(home, env)
        env = complete({**env, "GAS_PORT": str(stack.port)})
        settings = Settings.from_env(env)
        if moto is not None:
            subprocess.run(
                [sys.executable, "-m", "util.provision"],
                env=env,
                check=True,
                capture_output=True,
                timeout=120,
            )
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                things.enter_context(_variable(name, env[name]))
        things.enter_context(stack)
        yield Deployment(stack=stack, settings=settings, outside=connect(settings), moto=moto)


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    import os  # noqa: PLC0415 - the SDK reads its credentials from this process's environment

    before = os.environ.get(name)  # noqa: TID251 - as above
    os.environ[name] = value  # noqa: TID251 - as above
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]  # noqa: TID251 - as above
        else:
            os.environ[name] = before  # noqa: TID251 - as above
