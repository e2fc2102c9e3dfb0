"""`make demo`: the main job, once, with every process a real process.

Starts the stack on free ports in a temporary home, signs in, submits the example VCF through the
HTTP door as a browser would, waits, shows the job, the mail, the first annotated records and
where the files are, and stops everything.
"""

import gzip
import io
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from gas.adapters.embedded_mail import MailBox
from gas.config import Settings, environment
from gas.domain.job import Job
from gas.wiring import connect
from util.run import complete
from util.stack import Stack
from util.visitor import Visitor

RECORDS = 8
WIDTH = 160
MAIL_SECONDS = 60
EXAMPLE = Path("ann/anntools/example/example.vcf")


def main() -> None:
    """Walk the main job, and say at each step what happens."""
    with tempfile.TemporaryDirectory(prefix="gas-demo-") as folder:
        home = Path(folder)
        say("Starting the service: object store, login stand-in, web, annotator, notify, sweep ...")
        with Stack(home) as stack:
            walk(stack, home)
        say("Stopped every process and removed the temporary home.")


def walk(stack: Stack, home: Path) -> None:
    """The journey itself."""
    say(f"It answers at {stack.url}. Signing in as Ada Example ...")
    ada = Visitor(stack.url)
    ada.sign_in()
    say(f"Submitting {EXAMPLE} ({EXAMPLE.stat().st_size} bytes) ...")
    job_id = ada.submit(EXAMPLE, note="from make demo")
    status = ada.wait(job_id)
    job = connect(Settings.from_env(complete({**environment(), "GAS_HOME": str(home)}))).jobs.get(
        job_id
    )
    show_job(job, stack.url)
    if status != "COMPLETED":
        sys.exit(f"the job ended {status}\n{stack.logs()}")
    show_mail(home)
    say(f"The first annotated records (cut at {WIDTH} characters):")
    show_records(ada.fetch(job_id, "annotated_vcf"))
    say("The log:")
    print(ada.log(job_id).rstrip())  # noqa: T201 - said to a person


def show_job(job: Job, url: str) -> None:
    """The job record as a person reads it."""
    say(f"Job {job.job_id}: {job.status.value}   {url}/annotations/{job.job_id}")
    if job.outcome is None:
        return
    took = (job.completed_at or job.submitted_at) - job.submitted_at
    lines = [
        (
            f"  {job.outcome.records} records, {job.outcome.rejected} rejected, "
            f"assembly {job.outcome.assembly}, {job.outcome.engine}, {took.total_seconds():.3f} s "
            "from submit to COMPLETED"
        ),
        *(
            f"  {stored.file_name:34} {stored.size:>8} bytes  sha256 {stored.sha256}"
            for stored in job.outcome.objects
        ),
    ]
    print("\n".join(lines))  # noqa: T201 - said to a person


def show_mail(home: Path) -> None:
    """The mail that went out."""
    box = MailBox(home / "mail")
    end = time.monotonic() + MAIL_SECONDS
    while not (written := box.list()) and time.monotonic() < end:
        time.sleep(0.05)
    if not written:
        sys.exit("no mail was sent")
    for row in written:
        say(f"Mail to {row.mail.to}: {row.mail.subject}")
        print("\n".join(f"  {line}" for line in row.mail.text.splitlines()))  # noqa: T201 - as above


def show_records(body: bytes) -> None:
    """The first records of an annotated VCF."""
    with gzip.open(io.BytesIO(body), "rt", encoding="utf-8") as lines:
        records = (line for line in lines if not line.startswith("#"))
        for record in islice(records, RECORDS):
            print("  " + record.rstrip("\n").replace("\t", " ")[:WIDTH])  # noqa: T201 - as above


def say(text: str) -> None:
    """A step, to the person who watches."""
    print(f"\n{text}", flush=True)  # noqa: T201 - said to a person


if __name__ == "__main__":
    main()
