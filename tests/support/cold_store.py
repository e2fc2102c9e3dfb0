"""What moto lacks of S3's archive classes and of Glacier's vaults.

    cold = ColdStore(expedited=1, standard=3, kept=60)
    cold.install()          # restores take time, are refused, adopted, expire, and tell of it
    app = cold.vaults       # Glacier as a WSGI application: ids are unique, jobs notify, expire

Moto completes a restore at once, knows no tiers and no refusals, and tells only whoever reads the
object; its vaults give equal bytes one id, and never notify.
"""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import xmltodict
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.exceptions import InvalidObjectState, MissingKey, S3ClientError
from moto.s3.models import FakeKey
from moto.s3.responses import S3Response
from moto.sns.models import sns_backends

from gas.adapters.tree_hash import leaves_of, tree_hash

COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
Environ = dict[str, Any]


class _RestoreRunsError(S3ClientError):
    code = 409

    def __init__(self) -> None:
        super().__init__("RestoreAlreadyInProgress", "Object restore is already in progress")


class _NoCapacityError(S3ClientError):
    code = 503

    def __init__(self) -> None:
        super().__init__(
            "GlacierExpeditedRetrievalNotAvailable",
            "Glacier expedited retrievals are currently not available, please try again later",
        )


@dataclass(kw_only=True)
class _Restore:
    ready_at: float
    expires_at: float


@dataclass(kw_only=True)
class ColdStore:
    """The pace, and the mood, of both archives; all in seconds."""

    expedited: float = 0.5
    standard: float = 1.5
    kept: float = 3600
    refuses_expedited: bool = False
    tells: bool = True
    _timers: list[threading.Timer] = field(default_factory=list)
    _installed: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vaults = Vaults(self)

    def duration(self, tier: str) -> float:
        return self.expedited if tier == "Expedited" else self.standard

    def install(self) -> None:
        """Take the place of moto's own restores."""
        cold, post, facts = self, S3Response._key_response_post, FakeKey.response_dict

        def answer(
            response: S3Response, request: Any, body: bytes, bucket: str, query: Any, key: str
        ) -> Any:
            if "restore" not in query:
                return post(response, request, body, bucket, query, key)
            return cold._restore(response, body, bucket, query, key)

        def described(key: FakeKey) -> dict[str, Any]:
            found = dict(facts.fget(key))  # type: ignore[attr-defined]
            if header := _header(key):
                found["x-amz-restore"] = header
            return found

        S3Response._key_response_post = answer  # type: ignore[method-assign]
        FakeKey.response_dict = property(described)  # type: ignore[assignment]

        def undo() -> None:
            S3Response._key_response_post = post  # type: ignore[method-assign]
            FakeKey.response_dict = facts  # type: ignore[method-assign]

        self._installed.append(undo)

    def quiet(self) -> None:
        """Tell of nothing any more, because there is soon nobody to tell."""
        self.tells = False
        for timer in self._timers:
            timer.cancel()
            timer.join()

    def remove(self) -> None:
        for undo in self._installed:
            undo()
        self._installed.clear()

    def _restore(
        self, response: S3Response, body: bytes, bucket: str, query: Any, name: str
    ) -> Any:
        version = query.get("versionId", [None])
        version = version[0] if isinstance(version, list) else version
        key = response.backend.get_object(bucket, name, version_id=version)
        if key is None:
            raise MissingKey(key=name)
        if key.storage_class not in COLD:
            raise InvalidObjectState(storage_class=key.storage_class)
        wanted = xmltodict.parse(body)["RestoreRequest"]
        tier = wanted.get("GlacierJobParameters", {}).get("Tier", "Standard")
        there: _Restore | None = getattr(key, "cold_restore", None)
        now = time.time()
        if there is not None and now < there.ready_at:
            raise _RestoreRunsError
        if tier == "Expedited" and self.refuses_expedited:
            raise _NoCapacityError
        seconds = self.duration(tier)
        key.cold_restore = _Restore(ready_at=now + seconds, expires_at=now + seconds + self.kept)
        self.later(seconds, lambda: self._tell_of_restore(response, bucket, key))
        return 202, {}, ""

    def _tell_of_restore(self, response: S3Response, bucket: str, key: FakeKey) -> None:
        configured = response.backend.get_bucket(bucket).notification_configuration
        event = {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "eventName": "ObjectRestore:Completed",
                    "s3": {"bucket": {"name": bucket}, "object": {"key": key.name}},
                }
            ]
        }
        for topic in configured.topic if configured else ():
            if "s3:ObjectRestore:Completed" in topic.events:
                self.publish(topic.arn, event)

    def later(self, seconds: float, tell: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, tell)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def publish(self, arn: str, notice: dict[str, Any]) -> None:
        if self.tells:
            region = arn.split(":")[3]
            sns_backends[DEFAULT_ACCOUNT_ID][region].publish(json.dumps(notice), arn=arn)


def _header(key: FakeKey) -> str:
    there: _Restore | None = getattr(key, "cold_restore", None)
    now = time.time()
    if there is None or now >= there.expires_at:
        return ""
    if now < there.ready_at:
        return 'ongoing-request="true"'
    until = datetime.fromtimestamp(there.expires_at, UTC)
    return f'ongoing-request="false", expiry-date="{until:%a, %d %b %Y %H:%M:%S GMT}"'


@dataclass(kw_only=True)
class _Archive:
    body: bytes
    description: str
    created_at: float


@dataclass(kw_only=True)
class _Job:
    action: str
    archive_id: str
    description: str
    tier: str
    ready_at: float
    expires_at: float


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Vaults:
    """Glacier's REST interface, as far as an archive of this service uses it."""

    def __init__(self, cold: ColdStore) -> None:
        self._cold = cold
        self._lock = threading.Lock()
        self.vaults: set[str] = set()
        self.archives: dict[str, _Archive] = {}
        self.jobs: dict[str, _Job] = {}
        self.uploads: dict[str, tuple[str, dict[int, bytes]]] = {}

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        try:
            with self._lock:
                status, headers, answer = self._answer(environ, body)
        except _RefusedError as error:
            status, headers = error.status, {}
            text = {"code": error.code, "message": error.code, "type": "Client"}
            answer = json.dumps(text).encode()
            headers["Content-Type"] = "application/json"
            headers["x-amzn-ErrorType"] = error.code
        headers["Content-Length"] = str(len(answer))
        start(f"{status} answer", list(headers.items()))
        return [answer]

    def _answer(self, environ: Environ, body: bytes) -> tuple[int, dict[str, str], bytes]:
        method = environ["REQUEST_METHOD"]
        parts = environ["PATH_INFO"].strip("/").split("/")[1:]  # behind the account
        _, vault, *rest = parts
        if not rest:
            if method == "PUT":
                self.vaults.add(vault)
                return 201, {"Location": environ["PATH_INFO"]}, b""
            self._known(vault)
            return 200, {}, json.dumps({"VaultName": vault}).encode()
        self._known(vault)
        kind, *ids = rest
        handle = {
            "archives": self._archives,
            "multipart-uploads": self._uploads,
            "jobs": self._jobs,
        }[kind]
        return handle(method, ids, environ, body)

    def _known(self, vault: str) -> None:
        if vault not in self.vaults:
            raise _RefusedError(404, "ResourceNotFoundException")

    def _archives(
        self, method: str, ids: list[str], environ: Environ, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if method == "DELETE":
            if self.archives.pop(ids[0], None) is None:
                raise _RefusedError(404, "ResourceNotFoundException")
            return 204, {}, b""
        self._check_tree(environ, body)
        return self._keep(body, environ.get("HTTP_X_AMZ_ARCHIVE_DESCRIPTION", ""))

    def _keep(self, body: bytes, description: str) -> tuple[int, dict[str, str], bytes]:
        archive_id = secrets.token_urlsafe(60)
        self.archives[archive_id] = _Archive(
            body=body, description=description, created_at=time.time()
        )
        tree = tree_hash(leaves_of(body))
        return 201, {"x-amz-archive-id": archive_id, "x-amz-sha256-tree-hash": tree}, b""

    def _uploads(
        self, method: str, ids: list[str], environ: Environ, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if not ids:
            upload_id = secrets.token_urlsafe(20)
            self.uploads[upload_id] = (environ.get("HTTP_X_AMZ_ARCHIVE_DESCRIPTION", ""), {})
            return 201, {"x-amz-multipart-upload-id": upload_id}, b""
        description, parts = self.uploads[ids[0]]
        if method == "PUT":
            self._check_tree(environ, body)
            begin = int(environ["HTTP_CONTENT_RANGE"].split(" ")[1].split("-")[0])
            parts[begin] = body
            return 204, {"x-amz-sha256-tree-hash": tree_hash(leaves_of(body))}, b""
        del self.uploads[ids[0]]
        if method == "DELETE":
            return 204, {}, b""
        whole = b"".join(parts[begin] for begin in sorted(parts))
        if len(whole) != int(environ["HTTP_X_AMZ_ARCHIVE_SIZE"]):
            raise _RefusedError(400, "InvalidParameterValueException")
        self._check_tree(environ, whole)
        return self._keep(whole, description)

    def _check_tree(self, environ: Environ, body: bytes) -> None:
        if environ.get("HTTP_X_AMZ_SHA256_TREE_HASH") != tree_hash(leaves_of(body)):
            raise _RefusedError(400, "InvalidParameterValueException")

    def _jobs(
        self, method: str, ids: list[str], _environ: Environ, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        now = time.time()
        self.jobs = {name: job for name, job in self.jobs.items() if now < job.expires_at}
        if method == "POST":
            return self._start(json.loads(body))
        if not ids:
            rows = [self._described(name, job) for name, job in self.jobs.items()]
            return 200, {}, json.dumps({"JobList": rows}).encode()
        job = self.jobs.get(ids[0])
        if job is None:
            raise _RefusedError(404, "ResourceNotFoundException")
        if len(ids) == 1:
            return 200, {}, json.dumps(self._described(ids[0], job)).encode()
        if now < job.ready_at:
            raise _RefusedError(400, "InvalidParameterValueException")
        if job.action == "InventoryRetrieval":
            return 200, {}, json.dumps(self._inventory()).encode()
        return 200, {}, self.archives[job.archive_id].body

    def _start(self, wanted: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        is_archive = wanted["Type"] == "archive-retrieval"
        if is_archive and wanted["ArchiveId"] not in self.archives:
            raise _RefusedError(404, "ResourceNotFoundException")
        tier = wanted.get("Tier", "Standard")
        if tier == "Expedited" and self._cold.refuses_expedited:
            raise _RefusedError(503, "InsufficientCapacityException")
        job_id, now = secrets.token_urlsafe(60), time.time()
        seconds = self._cold.duration(tier)
        job = _Job(
            action="ArchiveRetrieval" if is_archive else "InventoryRetrieval",
            archive_id=wanted.get("ArchiveId", ""),
            description=wanted.get("Description", ""),
            tier=tier,
            ready_at=now + seconds,
            expires_at=now + seconds + self._cold.kept,
        )
        self.jobs[job_id] = job
        if topic := wanted.get("SNSTopic"):
            notice = self._described(job_id, job) | {"Completed": True, "StatusCode": "Succeeded"}
            self._cold.later(seconds, lambda: self._cold.publish(topic, notice))
        return 202, {"x-amz-job-id": job_id}, b""

    def _described(self, job_id: str, job: _Job) -> dict[str, Any]:
        done = time.time() >= job.ready_at
        return {
            "Action": job.action,
            "ArchiveId": job.archive_id or None,
            "Completed": done,
            "JobDescription": job.description,
            "JobId": job_id,
            "StatusCode": "Succeeded" if done else "InProgress",
            "Tier": job.tier,
        }

    def _inventory(self) -> dict[str, Any]:
        rows = [
            {
                "ArchiveId": archive_id,
                "ArchiveDescription": row.description,
                "CreationDate": datetime.fromtimestamp(row.created_at, UTC).isoformat(),
                "Size": len(row.body),
                "SHA256TreeHash": hashlib.sha256(row.body).hexdigest(),
            }
            for archive_id, row in self.archives.items()
        ]
        return {"VaultARN": "arn", "InventoryDate": "", "ArchiveList": rows}
