"""What the service needs from the outside world, in its own words.  Adapters supply these.

Every port may raise OutageError (the other side cannot be reached or is overloaded: try again
later); what else it raises stands at the method.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Protocol

from gas.domain.account import Account, Tier
from gas.domain.audit import AuditEvent
from gas.domain.job import Job, Progress, RetrievalTier, StoredObject
from gas.domain.message import Message, Queue
from gas.domain.upload import PendingUpload


class Clock(Protocol):
    """Time, so that a simulation can own it."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of a user's jobs, newest first; `next_token` is opaque, None on the last page."""

    jobs: Sequence[Job]
    next_token: str | None


class Jobs(Protocol):
    """The job table, and the outbox that commits with it."""

    def get(self, job_id: str) -> Job:
        """The job as last written; raises JobNotFoundError."""
        ...

    def add(self, job: Job, *messages: Message) -> None:
        """Write a new job and its messages in one transaction; raises AlreadyExistsError."""
        ...

    def move(self, before: Job, after: Job, *messages: Message) -> None:
        """Write `after` and its messages only if the table still holds `before`'s version.

        Raises StaleJobError otherwise, or JobNotFoundError where the job is gone.
        """
        ...

    def renew(self, job: Job, leased_until: datetime) -> None:
        """Move the lease of the run that `job` (owner and attempt) stands for.

        Leaves the version alone.  Raises LostLeaseError when another run owns the job, or none.
        """
        ...

    def report(self, job: Job, progress: Progress) -> None:
        """Record how far that run is; as `renew`."""
        ...

    def of_user(self, user_id: str, *, limit: int, token: str | None = None) -> Page:
        """One page of the user's jobs, newest first; raises RefusedError for a foreign token."""
        ...

    def unfinished(self) -> Iterator[Job]:
        """Every PENDING or RUNNING job, oldest first; may lag a moment behind `get`."""
        ...

    def count_unfinished(self, user_id: str, *, most: int) -> int:
        """How many of the user's jobs wait or run, counted up to `most`; may lag a moment."""
        ...

    def to_look_at(self, before: datetime) -> Iterator[Job]:
        """Every job whose `look_at` is before that moment, oldest first; may lag a moment."""
        ...

    def delete(self, job: Job) -> None:
        """Remove the record if its version is still the job's; raises StaleJobError."""
        ...


class Outbox(Protocol):
    """Messages committed with a job move and not yet known to be published."""

    def pending(self, *, before: datetime, limit: int) -> Sequence[Message]:
        """Messages written before that moment, oldest first."""
        ...

    def sent(self, message: Message) -> None:
        """Forget a message that has been published; forgetting twice is no error."""
        ...


class Topics(Protocol):
    """Where messages are published."""

    def publish(self, message: Message) -> None:
        """Hand the message to every queue subscribed to its topic, at least once."""
        ...


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message as delivered.

    `receipt` means something only to the inbox it came from; `received` counts deliveries of
    this message, this one included.
    """

    body: str
    received: int
    receipt: str


class Inbox(Protocol):
    """A queue seen from the reading end."""

    @property
    def queue(self) -> Queue:
        """Which queue this is."""
        ...

    def receive(self) -> Sequence[Delivery]:
        """Wait up to the poll time for a message; empty where none came."""
        ...

    def done(self, delivery: Delivery) -> None:
        """Delete the message; deleting twice is no error."""
        ...

    def extend(self, delivery: Delivery, duration: timedelta) -> None:
        """Hide the message that much longer from now; raises LostLeaseError once it is not ours."""
        ...

    def release(self, delivery: Delivery, delay: timedelta = timedelta(0)) -> None:
        """Give the message back, to be delivered again after the delay; never an error."""
        ...

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Move the message to the dead-letter queue."""
        ...

    def depth(self) -> int:
        """About how many messages wait, in flight ones included."""
        ...


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """What a browser POSTs, as multipart/form-data with the file last, to upload one object."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """An object as the store knows it: `size` in bytes; `etag` changes with the bytes."""

    key: str
    size: int
    etag: str
    version_id: str | None
    modified_at: datetime


class Files(Protocol):
    """One bucket of an object store."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        ...

    def upload_form(
        self,
        key: str,
        *,
        max_bytes: int,
        content_type: str,
        expires_in: timedelta,
        redirect_to: str | None,
    ) -> UploadForm:
        """A signed form for this one key: 1..max_bytes bytes of that type, until it expires.

        After the upload the store sends a browser without script to `redirect_to`; with None it
        answers 2xx, because a script cannot follow a redirect from one origin to another.
        """
        ...

    def head(self, key: str, version_id: str | None = None) -> ObjectInfo:
        """What the store knows of the object; raises ObjectNotFoundError."""
        ...

    def download(self, info: ObjectInfo, to: Path) -> None:
        """Fetch exactly the object that `info` describes, streaming.

        Raises ObjectNotFoundError, or ObjectChangedError where other bytes lie there now.
        """
        ...

    def upload(self, source: Path, key: str, *, content_type: str, file_name: str) -> ObjectInfo:
        """Write the object, streaming; `file_name` is what a download of it will be called."""
        ...

    def copy(self, info: ObjectInfo, key: str) -> ObjectInfo:
        """Write exactly the bytes that `info` describes under another key too.

        Raises ObjectNotFoundError, or ObjectChangedError where other bytes lie there now.
        """
        ...

    def read(self, key: str, *, start: int = 0, length: int) -> bytes:
        """Up to `length` bytes from `start`; raises ObjectNotFoundError."""
        ...

    def link(self, key: str, *, file_name: str, expires_in: timedelta) -> str:
        """A signed URL that downloads the object under that name until it expires."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object, every version of it; removing what is not there is no error."""
        ...

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object below the prefix."""
        ...


class Uploads(Protocol):
    """Uploads that were allowed and not yet submitted."""

    def add(self, upload: PendingUpload) -> None:
        """Remember it."""
        ...

    def get(self, upload_id: str) -> PendingUpload:
        """The pending upload; raises NotFoundError."""
        ...

    def remove(self, upload_id: str) -> None:
        """Forget it; forgetting twice is no error."""
        ...

    def expired(self, before: datetime) -> Iterator[PendingUpload]:
        """Those that expired before that moment."""
        ...


class Accounts(Protocol):
    """The people, read fresh at every decision."""

    def get(self, user_id: str) -> Account:
        """The account; raises NotFoundError."""
        ...

    def save_login(self, user_id: str, *, name: str, email: str, institution: str) -> Account:
        """Create the account at the first login, else refresh what the identity provider says."""
        ...

    def set_tier(self, user_id: str, tier: Tier) -> Account:
        """Change the plan, and remember that the results have yet to follow.

        A downgrade is remembered with its moment; the tier the account has already is no change.
        """
        ...

    def settle_plan(self, account: Account) -> None:
        """Forget that change of the plan: the results have followed.  A later one stays."""
        ...

    def unsettled(self, before: datetime) -> Sequence[Account]:
        """Accounts whose plan changed before that moment and whose results have yet to follow."""
        ...

    def note_bounce(self, email: str) -> None:
        """Remember that mail to this address does not arrive."""
        ...

    def consent(self, user_id: str, terms_version: str) -> Account:
        """Remember that the person agreed to these terms now; raises NotFoundError."""
        ...

    def start_erasing(self, user_id: str) -> Account:
        """Close the account for good, to be erased; the first moment stands.  NotFoundError."""
        ...

    def erasing(self) -> Sequence[Account]:
        """The accounts that are being erased, the longest waiting first."""
        ...

    def unused(self, since: datetime) -> Sequence[Account]:
        """The accounts nobody has signed in to since that moment, being erased ones left out."""
        ...

    def delete(self, user_id: str) -> None:
        """Remove the account and its sessions; removing what is not there is no error."""
        ...

    def count(self) -> Mapping[Tier, int]:
        """How many accounts there are of each tier."""
        ...


class RetrievalState(Enum):
    """How far the archive has come with bringing an object back."""

    UNDER_WAY = "under way"
    READY = "ready"
    LOST = "lost"
    """Never started, expired, or failed: start it again."""


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """A retrieval that was started; of one that was under way already the tier is not known."""

    retrieval_id: str
    is_adopted: bool = False


@dataclass(frozen=True, kw_only=True)
class ArchivedObject:
    """Something that lies in the archive, as the archive itself tells it."""

    archive_id: str
    job_id: str


class ArchiveStore(Protocol):
    """Where results go that their owner may not download for now, and how they come back.

    An object is known by its record: key, size, sha256, and the handles given here.  Nothing is
    ever in zero places: `archive` copies and verifies, `drop_original` and `delete` remove, and
    whoever calls them records in between.  Every method may be repeated.
    """

    def archive(self, stored: StoredObject) -> str:
        """Copy the object to the archive, verify size and sha256 there, and give its handle.

        Whether its original can still be read afterwards is the store's affair.  Raises
        ObjectNotFoundError, or ObjectChangedError where the bytes are not the recorded ones.
        """
        ...

    def drop_original(self, stored: StoredObject) -> None:
        """Remove what was archived from outside the archive, once the handle is recorded.

        What has been restored to the same key since stays.
        """
        ...

    def start_retrieval(self, stored: StoredObject, tier: RetrievalTier) -> Retrieval:
        """Ask for the object back.  A retrieval under way, of whatever tier, is adopted.

        Raises CapacityError where an expedited one is refused, ObjectNotFoundError.
        """
        ...

    def status(self, stored: StoredObject) -> RetrievalState:
        """How far the retrieval is; raises ObjectNotFoundError."""
        ...

    def materialise(self, stored: StoredObject) -> None:
        """Put the retrieved bytes back at the object's key for good, streaming, and verify them.

        Raises ObjectChangedError where they are not the recorded ones; then nothing was replaced.
        """
        ...

    def delete(self, stored: StoredObject) -> None:
        """Remove the copy in the archive; removing what is not there is no error."""
        ...

    def listed(self, before: datetime) -> Iterator[ArchivedObject]:
        """What has lain in the archive since before that moment; may lag by a day."""
        ...

    def remove(self, archived: ArchivedObject) -> None:
        """Remove something listed that no record refers to; as `delete`."""
        ...

    def parse_event(self, body: str) -> Message | None:
        """The message that a body on the queue of retrievals stands for; None for none.

        Raises MalformedMessageError, or NewerMessageError.
        """
        ...


class PaymentProvider(Protocol):
    """Who takes the money for the Premium plan."""

    @property
    def is_simulated(self) -> bool:
        """Whether no money moves, which the pages then say."""
        ...

    def subscribe(self, account: Account, return_to: str) -> str | None:
        """Begin the subscription: where to send the person to pay; None where it is done.

        Raises RefusedError where it is turned down.
        """
        ...

    def cancel(self, account: Account) -> None:
        """End the subscription; ending one that is not there is no error."""
        ...


@dataclass(frozen=True, kw_only=True)
class Session:
    """A login as the server keeps it; `tokens` never leave the server."""

    session_id: str
    user_id: str
    created_at: datetime
    seen_at: datetime
    tokens: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    """A live session as its owner may see it listed; `handle` names it and opens nothing.

    `client` is what the browser called itself when it signed in.
    """

    handle: str
    created_at: datetime
    seen_at: datetime
    client: str
    tokens: Mapping[str, str]


class Sessions(Protocol):
    """Logins, in a store that every web process shares; kept under a hash of the session id."""

    def start(self, user_id: str, tokens: Mapping[str, str], *, client: str = "") -> Session:
        """Begin a session with a fresh, unguessable id."""
        ...

    def handle_of(self, session_id: str) -> str:
        """What the session is called in a list."""
        ...

    def of_user(self, user_id: str) -> Sequence[OpenSession]:
        """The user's live sessions, the last used first."""
        ...

    def revoke(self, user_id: str, handle: str) -> None:
        """End one of the user's sessions; raises NotFoundError where it is not theirs."""
        ...

    def get(self, session_id: str) -> Session:
        """The live session, marked as seen; raises NotFoundError once idle or over-age."""
        ...

    def end(self, session_id: str) -> None:
        """End it; ending twice is no error."""
        ...


class AuditTrail(Protocol):
    """What people did, written once and never changed."""

    def add(self, event: AuditEvent) -> None:
        """Write one line."""
        ...

    def of_user(self, user_id: str, *, limit: int) -> Sequence[AuditEvent]:
        """The person's newest lines, newest first."""
        ...

    def forget(self, before: datetime) -> int:
        """Remove lines older than that moment, which must be a year ago or more; how many."""
        ...


class Limits(Protocol):
    """How often a caller may do something, counted where every web process sees it."""

    def take(self, key: str, *, most: int, per: timedelta) -> timedelta | None:
        """Count one more for this key: None where it may go on, else how long to wait.

        At most `most` at once, and no more than that in any `per` from then on.
        """
        ...

    def tidy(self) -> None:
        """Forget the keys whose allowance is whole again."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One e-mail; `mail_id` names the event, so that a provider that can may drop a repeat."""

    mail_id: str
    to: str
    subject: str
    text: str
    html: str


class Mailer(Protocol):
    """The way out for e-mail."""

    def send(self, mail: Mail) -> None:
        """Send it; raises RefusedError where the address can never receive it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How many messages of a queue wait to be delivered, and how many are being worked on."""

    waiting: int
    running: int


class Pool(Protocol):
    """The machines that work a queue off, and the queue as it is at this moment."""

    def backlog(self) -> Backlog:
        """What the pool has to do."""
        ...

    def size(self) -> int:
        """How many machines the pool is asked to have."""
        ...

    def resize(self, machines: int) -> None:
        """Ask for that many; a machine that goes finishes its jobs first."""
        ...


class Gauges(Protocol):
    """Where an operator watches figures over time."""

    def show(self, figures: Mapping[str, float]) -> None:
        """Write one point of each figure, by name."""
        ...
