"""The mails the service writes: text and HTML from the templates in util/mails/.

They say what happened and where to look, and never anything out of the file itself: a failure is
told in our own words by its code, because the engine's words may quote the input.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from gas.domain import names
from gas.domain.account import Account, Plan
from gas.domain.failures import reason_of
from gas.domain.job import Failure, Fault, Job
from gas.ports import Mail

REPEAT_NOTE = "You may have had this mail before: the first one was not confirmed as sent."


@dataclass(frozen=True, kw_only=True)
class Letters:
    """Writes mails for one deployment."""

    base_url: str
    plan: Plan

    def completed(self, job: Job, account: Account, *, repeat: bool = False) -> Mail:
        """The job is done; a Free owner reads until when the results can be fetched."""
        until = self.plan.download_until(job, account)
        return self._mail(
            "completed",
            f"Your annotation is ready: {names.display_name(job.input_file_name)}",
            job,
            account,
            repeat=repeat,
            until=moment(until) if until else "",
        )

    def failed(self, job: Job, account: Account, *, repeat: bool = False) -> Mail:
        """There is no result, and why."""
        failure = job.failure or Failure(code="", text="", fault=Fault.SERVICE)
        return self._mail(
            "failed",
            f"Your annotation failed: {names.display_name(job.input_file_name)}",
            job,
            account,
            repeat=repeat,
            reason=reason_of(failure.code, failure.fault).text,
            line=failure.line,
            ours=failure.fault is Fault.SERVICE,
        )

    def archived(self, job: Job, account: Account, *, repeat: bool = False) -> Mail:
        """The window has closed; nothing is lost, and how to get it back."""
        subject = f"Your result was archived: {names.display_name(job.input_file_name)}"
        return self._mail("archived", subject, job, account, repeat=repeat)

    def restored(self, job: Job, account: Account, *, repeat: bool = False) -> Mail:
        """The result is back; an owner who is Free again reads until when."""
        until = self.plan.download_until(job, account)
        return self._mail(
            "restored",
            f"Your result is back: {names.display_name(job.input_file_name)}",
            job,
            account,
            repeat=repeat,
            until=moment(until) if until else "",
        )

    def write(self, event: str, job: Job, account: Account, *, repeat: bool) -> Mail:
        """The mail of that event."""
        writers = {
            "completed": self.completed,
            "failed": self.failed,
            "archived": self.archived,
            "restored": self.restored,
        }
        return writers[event](job, account, repeat=repeat)

    def _mail(
        self,
        event: str,
        subject: str,
        job: Job,
        account: Account,
        *,
        repeat: bool,
        **facts: object,
    ) -> Mail:
        values: dict[str, object] = {
            "subject": subject,
            "name": account.name or account.email,
            "job_id": job.job_id,
            "file_name": names.display_name(job.input_file_name),
            "submitted_at": moment(job.submitted_at),
            "base_url": self.base_url,
            "link": f"{self.base_url}/annotations/{job.job_id}",
            "repeat": repeat,
            "repeat_note": REPEAT_NOTE,
            **facts,
        }
        return Mail(
            mail_id=f"{job.job_id}.{event}",
            to=account.email,
            subject=subject,
            text=TEMPLATES.get_template(f"{event}.txt").render(values),
            html=TEMPLATES.get_template(f"{event}.html").render(values),
        )


def moment(when: datetime) -> str:
    """A moment as people read it, with its time zone: `1 January 2026, 00:10:00 UTC`."""
    return f"{when.astimezone(UTC):%-d %B %Y, %H:%M:%S} UTC"


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("mails")),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)
