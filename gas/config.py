"""Settings: the only file that reads the environment.  A bad value stops the process at start.

Every setting is a GAS_* variable (DATABASE_URL and the AWS SDK's own names excepted) and stands
in docs/settings.md; a test compares the two.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from gas.domain.account import Plan
from gas.domain.errors import ConfigurationError

T = TypeVar("T")

DAYS_A_YEAR = 365
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class ArchiveKind(StrEnum):
    """Where results go on AWS when they are archived."""

    S3 = "s3"
    VAULT = "vault"


class ArchiveClass(StrEnum):
    """The S3 storage class of an archived result."""

    GLACIER = "GLACIER"
    DEEP_ARCHIVE = "DEEP_ARCHIVE"
    GLACIER_IR = "GLACIER_IR"


class Payment(StrEnum):
    """Who takes the money for the Premium plan."""

    SIMULATED = "simulated"


class Backend(StrEnum):
    """Which family of adapters stands behind the ports."""

    AWS = "aws"
    EMBEDDED = "embedded"


def seconds(text: str) -> timedelta:
    """A duration in seconds, greater than nought."""
    value = float(text)
    if value <= 0:
        raise ValueError("must be greater than 0 seconds")
    return timedelta(seconds=value)


def positive(text: str) -> int:
    """A whole number greater than nought."""
    value = int(text)
    if value <= 0:
        raise ValueError("must be a whole number greater than 0")
    return value


def count(text: str) -> int:
    """A whole number, nought included."""
    value = int(text)
    if value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def host_and_port(text: str) -> str:
    """Where a server listens, such as 127.0.0.1:8080."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or not parts.port or parts.path:
        raise ValueError("must be a host and a port such as 127.0.0.1:8080")
    return text


def web_address(text: str) -> str:
    """An absolute http(s) address, without a slash at its end."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://gas.example.org")
    return text.rstrip("/")


def switch(text: str) -> bool:
    """On or off, as 1 or 0."""
    if text not in {"0", "1"}:
        raise ValueError("must be 1 or 0")
    return text == "1"


def word(text: str) -> str:
    """Any text that is not empty."""
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def at_least_a_year(text: str) -> int:
    """A whole number of days, 365 or more."""
    value = int(text)
    if value < DAYS_A_YEAR:
        raise ValueError("must be 365 days or more")
    return value


def words(text: str) -> frozenset[str]:
    """Words divided by commas; none at all is allowed."""
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _setting(name: str, read: Callable[[str], Any], default: str | None = None) -> Any:
    return field(metadata={"name": name, "read": read, "default": default})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between one deployment and another."""

    backend: Backend = _setting("GAS_BACKEND", Backend, "embedded")
    home: Path = _setting("GAS_HOME", Path, ".gas")
    base_url: str = _setting("GAS_BASE_URL", web_address)
    secret_key: str = _setting("GAS_SECRET_KEY", word)
    database_url: str = _setting("DATABASE_URL", word)

    store_url: str = _setting("GAS_STORE_URL", web_address, "http://127.0.0.1:8081")
    """Address of the embedded object store as a browser reaches it."""

    store_bind: str = _setting("GAS_STORE_BIND", str, "")
    """Where the embedded object store listens; empty where that is GAS_STORE_URL itself."""

    aws_region: str = _setting("GAS_AWS_REGION", word, "us-east-1")
    aws_endpoint: str = _setting("GAS_AWS_ENDPOINT", str, "")
    """Address of an emulator for every AWS service; empty for AWS itself."""

    s3_public_endpoint: str = _setting("GAS_S3_PUBLIC_ENDPOINT", str, "")
    """Address of S3 as a browser reaches it, where that differs from GAS_AWS_ENDPOINT."""

    inputs_bucket: str = _setting("GAS_INPUTS_BUCKET", word, "gas-inputs")
    results_bucket: str = _setting("GAS_RESULTS_BUCKET", word, "gas-results")
    key_prefix: str = _setting("GAS_KEY_PREFIX", word, "gas")
    resource_prefix: str = _setting("GAS_RESOURCE_PREFIX", word, "gas")
    """First part of the name of every table, topic and queue."""

    aws_account_id: str = _setting("GAS_AWS_ACCOUNT_ID", word, "000000000000")
    mail_from: str = _setting("GAS_MAIL_FROM", word, "gas@localhost")

    globus_client_id: str = _setting("GAS_GLOBUS_CLIENT_ID", word)
    globus_client_secret: str = _setting("GAS_GLOBUS_CLIENT_SECRET", word)
    globus_auth_url: str = _setting("GAS_GLOBUS_AUTH_URL", web_address, "https://auth.globus.org")

    bind: str = _setting("GAS_BIND", host_and_port, "127.0.0.1:8080")
    """Where the web server listens."""

    web_workers: int = _setting("GAS_WEB_WORKERS", positive, "2")
    web_threads: int = _setting("GAS_WEB_THREADS", positive, "8")
    trusted_proxies: int = _setting("GAS_TRUSTED_PROXIES", count, "0")
    """Load balancers in front whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    example_vcf: Path = _setting("GAS_EXAMPLE_VCF", Path, "ann/anntools/example/example.vcf")
    """The input behind the "use our example" button; no button where the file is absent."""

    free_input_bytes: int = _setting("GAS_FREE_INPUT_BYTES", positive, "153600")
    premium_post_bytes: int = _setting("GAS_PREMIUM_POST_BYTES", positive, "5368709120")
    """Largest single signed POST (S3's own limit is 5 GB)."""

    free_window: timedelta = _setting("GAS_FREE_WINDOW_SECONDS", seconds, "600")
    upload_window: timedelta = _setting("GAS_UPLOAD_WINDOW_SECONDS", seconds, "600")
    link_window: timedelta = _setting("GAS_LINK_SECONDS", seconds, "300")
    session_idle: timedelta = _setting("GAS_SESSION_IDLE_SECONDS", seconds, "43200")
    session_age: timedelta = _setting("GAS_SESSION_AGE_SECONDS", seconds, "604800")

    operators: frozenset[str] = _setting("GAS_OPERATORS", words, "")
    """User ids (the `sub` of a Globus identity) that may see the operator's page."""

    logins_a_minute: int = _setting("GAS_LOGINS_A_MINUTE", positive, "60")
    """Sign-ins begun from one address."""

    uploads_a_minute: int = _setting("GAS_UPLOADS_A_MINUTE", positive, "300")
    """Upload forms signed for one person; from one address four times as many."""

    submits_a_minute: int = _setting("GAS_SUBMITS_A_MINUTE", positive, "300")
    """Jobs submitted by one person; from one address four times as many."""

    plan_changes_a_day: int = _setting("GAS_PLAN_CHANGES_A_DAY", positive, "20")
    """Upgrades and downgrades of one person."""

    free_stored_bytes: int = _setting("GAS_FREE_STORED_BYTES", positive, "10737418240")
    """What a Free person's inputs and results may take up before nothing more is submitted."""

    audit_days: int = _setting("GAS_AUDIT_DAYS", at_least_a_year, "730")
    """How long the audit trail is kept, in days; the database itself keeps it for a year."""

    keep_days: int = _setting("GAS_KEEP_DAYS", count, "0")
    """Days without a sign-in after which an account is erased with everything; 0 keeps it."""

    lease: timedelta = _setting("GAS_LEASE_SECONDS", seconds, "120")
    heartbeat: timedelta = _setting("GAS_HEARTBEAT_SECONDS", seconds, "60")
    clock_skew: timedelta = _setting("GAS_CLOCK_SKEW_SECONDS", seconds, "600")
    """How far the clocks of two machines may be apart."""

    poll: timedelta = _setting("GAS_POLL_SECONDS", seconds, "20")
    job_time_limit: timedelta = _setting("GAS_JOB_SECONDS", seconds, "39600")
    max_receives: int = _setting("GAS_MAX_RECEIVES", positive, "5")
    max_attempts: int = _setting("GAS_MAX_ATTEMPTS", positive, "8")
    """Runs a job may begin; the last one's failure, whatever it was, is final."""

    drain: timedelta = _setting("GAS_DRAIN_SECONDS", seconds, "20")
    """How long a stopping annotator lets a run go on before it hands the job back."""

    stall: timedelta = _setting("GAS_STALL_SECONDS", seconds, "600")
    """How long an engine may say nothing before it counts as hung."""

    outage_patience: timedelta = _setting("GAS_OUTAGE_SECONDS", seconds, "300")
    """How long a run rides out an outage before it hands the job back."""

    engine_memory_bytes: int = _setting("GAS_ENGINE_MEMORY_BYTES", positive, "4294967296")
    """Largest data segment of one engine process."""

    scratch_dir: str = _setting("GAS_SCRATCH", str, "")
    """Folder for the files of running jobs; empty for one under GAS_HOME."""

    reference_dir: str = _setting("GAS_REFERENCE", str, "")
    """Folder of the compiled reference; empty for the bundled one."""

    slots: int = _setting("GAS_ANNOTATOR_SLOTS", positive, "2")
    """Jobs one annotator runs side by side."""

    user_jobs: int = _setting("GAS_USER_JOBS", positive, "1000")
    """Jobs of one user that may wait or run at a time."""

    sweep_every: timedelta = _setting("GAS_SWEEP_SECONDS", seconds, "30")

    archive_store: ArchiveKind = _setting("GAS_ARCHIVE_STORE", ArchiveKind, "s3")
    archive_class: ArchiveClass = _setting("GAS_ARCHIVE_CLASS", ArchiveClass, "GLACIER")
    vault: str = _setting("GAS_VAULT", word, "gas-archive")
    restored_days: int = _setting("GAS_RESTORED_DAYS", positive, "3")
    """Days that S3 keeps what it has retrieved; it is copied back long before."""

    archive_lease: timedelta = _setting("GAS_ARCHIVE_LEASE_SECONDS", seconds, "900")
    """How long a daemon may be at archiving a result before another takes over."""

    retrieval_poll: timedelta = _setting("GAS_RETRIEVAL_POLL_SECONDS", seconds, "300")
    """How often a retrieval under way is looked at, should its notice be lost."""

    expedited: timedelta = _setting("GAS_EXPEDITED_SECONDS", seconds, "60")
    standard: timedelta = _setting("GAS_STANDARD_SECONDS", seconds, "600")
    retrieval_kept: timedelta = _setting("GAS_RETRIEVAL_KEPT_SECONDS", seconds, "86400")
    expedited_refused: bool = _setting("GAS_EXPEDITED_REFUSED", switch, "0")
    """The pace of the embedded archive, and whether it refuses expedited retrievals."""

    payment: Payment = _setting("GAS_PAYMENT_PROVIDER", Payment, "simulated")

    scale_pool: str = _setting("GAS_SCALE_POOL", str, "")
    """Auto Scaling group of the annotators; empty where nothing scales."""

    scale_least: int = _setting("GAS_SCALE_LEAST", positive, "2")
    scale_most: int = _setting("GAS_SCALE_MOST", positive, "20")
    scale_every: timedelta = _setting("GAS_SCALE_SECONDS", seconds, "30")
    scale_wait: timedelta = _setting("GAS_SCALE_WAIT_SECONDS", seconds, "120")
    """How long a job may wait for its slot; fewer seconds ask for more machines."""

    scale_hold: timedelta = _setting("GAS_SCALE_HOLD_SECONDS", seconds, "600")
    """A machine goes when nothing in this time asked for it."""

    mean_job: timedelta = _setting("GAS_MEAN_JOB_SECONDS", seconds, "60")
    """Mean running time of a job, as the scaler reckons."""

    @property
    def plan(self) -> Plan:
        """What the tiers allow."""
        return Plan(free_input_bytes=self.free_input_bytes, free_window=self.free_window)

    @property
    def scratch(self) -> Path:
        """Folder for the files of running jobs."""
        return (
            Path(self.scratch_dir).resolve()
            if self.scratch_dir
            else self.home.resolve() / "scratch"
        )

    @property
    def is_local(self) -> bool:
        """Whether every configured service endpoint is on this machine's loopback."""
        endpoints = [self.base_url, self.globus_auth_url]
        if self.backend is Backend.AWS:
            endpoints += [self.aws_endpoint, self.s3_public_endpoint or self.aws_endpoint]
        else:
            endpoints.append(self.store_url)
        return all(urlsplit(endpoint).hostname in LOOPBACK_HOSTS for endpoint in endpoints)

    @classmethod
    def from_env(
        cls,
        env: Mapping[str, str] = os.environ,  # noqa: TID251 - this is the one reader
    ) -> "Settings":
        """Read every setting at once; raises ConfigurationError naming all that are wrong."""
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for setting in fields(cls):
            name, default = setting.metadata["name"], setting.metadata["default"]
            text = env.get(name, default)
            if text is None:
                wrong.append(f"{name} is not set")
                continue
            try:
                values[setting.name] = setting.metadata["read"](text)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
        if wrong:
            raise ConfigurationError("; ".join(wrong))
        settings = cls(**values)
        if settings.heartbeat * 2 > settings.lease:
            raise ConfigurationError("GAS_HEARTBEAT_SECONDS must be at most half GAS_LEASE_SECONDS")
        return settings


def environment() -> dict[str, str]:
    """A copy of this process's environment, to hand on to child processes."""
    return dict(os.environ)  # noqa: TID251 - as above


def setting_names() -> tuple[str, ...]:
    """Every environment variable the service reads, in the order of the class."""
    return tuple(setting.metadata["name"] for setting in fields(Settings))
