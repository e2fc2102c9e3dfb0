"""One whole site over memory, and people who visit it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gas.adapters.memory import MemoryWorld
from gas.config import Settings
from gas.domain.account import Tier
from gas.domain.errors import NotFoundError
from gas.domain.job import Job
from gas.ports import Mail, Session
from gas.wiring import Outside
from tests.builders import NOW, a_completed_job
from web.app import create_app

BASE = "http://127.0.0.1:8080"
EXAMPLE = Path(__file__).parent / "example.vcf"

ENVIRONMENT = {
    "GAS_BASE_URL": BASE,
    "GAS_SECRET_KEY": "a key for tests",
    "DATABASE_URL": "sqlite:///never-opened.db",
    "GAS_GLOBUS_CLIENT_ID": "00000000-0000-4000-8000-000000000001",
    "GAS_GLOBUS_CLIENT_SECRET": "made up",
    "GAS_GLOBUS_AUTH_URL": "http://127.0.0.1:9",
    "GAS_EXAMPLE_VCF": str(EXAMPLE),
}


def settings(**changes: str) -> Settings:
    return Settings.from_env({**ENVIRONMENT, **changes})


@dataclass(frozen=True, kw_only=True)
class KeptMail:
    box_id: str
    mail: Mail
    sent_at: datetime = NOW


class MemoryMailbox:
    def __init__(self) -> None:
        self.rows: list[KeptMail] = []

    def put(self, to: str, subject: str, text: str) -> None:
        mail = Mail(mail_id=subject, to=to, subject=subject, text=text, html="<p>")
        self.rows.append(KeptMail(box_id=f"{len(self.rows):032x}", mail=mail))

    def list(self, *, limit: int = 100) -> list[KeptMail]:
        return self.rows[::-1][:limit]

    def get(self, box_id: str) -> KeptMail:
        try:
            return self.rows[int(box_id, 16)]
        except (IndexError, ValueError):
            raise NotFoundError("no such mail") from None

    def eml(self, box_id: str) -> bytes:
        return f"Subject: {self.get(box_id).mail.subject}".encode()


def outside(world: MemoryWorld) -> Outside:
    return Outside(
        clock=world.clock,
        jobs=world.jobs,
        outbox=world.outbox,
        topics=world.topics,
        uploads=world.uploads,
        inputs=world.inputs,
        results=world.results,
        archives=world.archives,
        payments=world.payments,
        accounts=world.accounts,
        sessions=world.sessions,
        audit=world.audit,
        limits=world.limits,
        mailer=world.mailer,
        inbox=world.inbox,
        dead_inbox=world.dead_inbox,
    )


@dataclass
class Site:
    """The site, its world, and its visitors."""

    settings: Settings = field(default_factory=settings)
    world: MemoryWorld = field(default_factory=MemoryWorld)
    mailbox: MemoryMailbox = field(default_factory=MemoryMailbox)

    def __post_init__(self) -> None:
        self.app: Flask = create_app(self.settings, outside(self.world), self.mailbox)

    def anonymous(self) -> "Visitor":
        return Visitor(self, self.app.test_client())

    def signed_in(self, user_id: str = "ada", tier: Tier = Tier.FREE) -> "Visitor":
        self.world.accounts.save_login(
            user_id,
            name=f"{user_id.title()} Example",
            email=f"{user_id}@example.org",
            institution="",
        )
        self.world.accounts.set_tier(user_id, tier)
        session = self.world.sessions.start(user_id, {})
        visitor = self.anonymous()
        visitor.wear(session)
        return visitor

    def completed(self, user_id: str = "ada", **changes: Any) -> Job:
        """A finished job whose files are in the store."""
        job = a_completed_job(str(uuid4()), user_id, **changes)
        assert job.outcome is not None
        for stored in job.outcome.objects:
            self.world.results.put(stored.key, b"0123456789")
        self.world.inputs.put(job.input.key, b"x" * job.input.size)
        self.world.jobs.add(job)
        return job

    def pass_time(self, **duration: float) -> None:
        self.world.clock.advance(timedelta(**duration))


@dataclass
class Visitor:
    """A browser: cookies, and the token of the forms it was shown."""

    site: Site
    client: FlaskClient

    @property
    def base(self) -> str:
        return self.site.settings.base_url

    @property
    def cookie_name(self) -> str:
        return "__Host-gas_session" if self.base.startswith("https") else "gas_session"

    def wear(self, session: Session) -> None:
        host = self.base.split("://")[1].split(":")[0]
        secure = self.base.startswith("https")
        self.client.set_cookie(
            self.cookie_name, session.session_id, domain=host, secure=secure, httponly=True
        )

    def get(self, path: str, **changes: Any) -> TestResponse:
        return self.open("GET", path, **changes)

    def open(self, method: str, path: str, **changes: Any) -> TestResponse:
        return self.client.open(path, method=method, base_url=self.base, buffered=True, **changes)

    def token(self) -> str:
        """What the form of a page holds; any page made in this session would do."""
        page = self.get("/annotate").get_data(as_text=True)
        return page.split('name="csrf_token" value="')[1].split('"')[0]

    def post(self, path: str, data: dict[str, Any] | None = None, **changes: Any) -> TestResponse:
        fields = {"csrf_token": self.token(), **(data or {})}
        return self.client.post(path, base_url=self.base, data=fields, **changes)

    def send(self, path: str, body: object, **changes: Any) -> TestResponse:
        headers = {"X-CSRFToken": self.token(), "Accept": "application/json"}
        headers |= changes.pop("headers", {})
        return self.client.post(path, base_url=self.base, json=body, headers=headers, **changes)
