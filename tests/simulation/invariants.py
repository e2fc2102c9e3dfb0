"""What must be true of a history once it has come to rest."""

import hashlib
from datetime import timedelta

from gas.domain.account import Tier
from gas.domain.job import Job, ObjectKind, Status
from gas.domain.message import Queue
from tests.simulation.engine import BAD, POISON, files_of
from tests.simulation.people import Deeds
from tests.simulation.scheduler import SECOND
from tests.simulation.stores import Sending
from tests.simulation.world import World
from util.letters import REPEAT_NOTE

SAME_BYTES = {
    ObjectKind.ANNOTATED_VCF: "result.annot.vcf.gz",
    ObjectKind.INDEX: "result.annot.vcf.gz.tbi",
    ObjectKind.TSV: "result.annot.tsv.gz",
}
"""Objects of a result that are the engine's bytes and nothing else."""

START_LIMIT = timedelta(minutes=50)
"""Age at which a job that never started may be given up, less what a clock may be wrong by."""

EVENTS = {Status.COMPLETED: "completed", Status.FAILED: "failed"}


def check_jobs(world: World, deeds: Deeds) -> None:
    """I1: every accepted job is there, over, and ended as it had to."""
    added = {write.job_id for write in world.jobs.writes}
    for job_id in (added | deeds.accepted) - world.deleted:
        world.checked["I1"] += 1
        job = world.jobs.rows.get(job_id)
        if job is None:
            world.violated("I1", f"{job_id} was accepted and is gone")
        elif not job.is_terminal:
            world.violated("I1", f"{job_id} is {job.status} for ever")
        else:
            fault = _why_not(world, deeds, job)
            if fault:
                world.violated("I1", f"{job_id}: {fault}")


def _why_not(world: World, deeds: Deeds, job: Job) -> str:
    """Why this end is not the one the job had to come to; empty where it is."""
    text = world.inputs.versions[job.input.version_id or ""]
    limit = world.settings.free_input_bytes
    meddled = job.job_id in deeds.meddled
    code = job.failure.code if job.failure else ""
    is_free = world.accounts.get(job.user_id).tier is Tier.FREE
    explained = {
        "not-a-vcf": text.startswith(BAD),
        "input-changed": meddled,
        "engine-crashed": text.startswith(POISON),
        "engine-hung": job.attempt > 1,
        "out-of-memory": True,
        "too-large": len(text) > limit and (is_free or job.user_id in deeds.changed_tier),
        "service": job.attempt >= world.settings.max_attempts
        or (
            job.attempt == 0
            and job.completed_at is not None
            and job.completed_at - job.submitted_at > START_LIMIT
        ),
    }
    if job.status is Status.CANCELLED:
        return "" if job.job_id in deeds.cancelled else "nobody cancelled it"
    if job.status is Status.FAILED:
        return "" if explained.get(code) else f"failed as {code} without a cause"
    if text.startswith((BAD, POISON)):
        return "a file that cannot be annotated was completed"
    return ""


def check_results(world: World) -> None:
    """I2 and I4: what a completed job shows is there, of its attempt, and the right bytes."""
    recorded: set[str] = set()
    for job in world.jobs.rows.values():
        recorded |= job.keys
        if job.job_id not in world.deleted:  # Else its erasure was begun and not asked for again.
            _check_objects(world, job)
    for key in set(world.results.objects) - recorded:
        world.violated("I2", f"{key} is left over")


def _check_objects(world: World, job: Job) -> None:
    world.checked["I4"] += 1
    for stored in job.objects:
        held = world.results.objects.get(stored.key)
        if held is None:
            world.violated("I4", f"{stored.key} is recorded and not there")
        elif hashlib.sha256(held.body).hexdigest() != stored.sha256:
            world.violated("I2", f"{stored.key} holds other bytes than were recorded")
        if f"{job.job_id}~{job.attempt}~" not in stored.key:
            world.violated("I2", f"{stored.key} is not of attempt {job.attempt}")
    if job.outcome is None:
        return
    world.checked["I2"] += 1
    text = world.inputs.versions[job.input.version_id or ""]
    for kind, name in SAME_BYTES.items():
        told = job.object_of(kind)
        if told is None or told.sha256 != hashlib.sha256(files_of(text)[name]).hexdigest():
            world.violated("I2", f"{job.job_id}: {kind} is not what its input makes")


def check_inputs(world: World) -> None:
    """I4 from the other side: no input that neither a job nor an upload knows is kept for ever."""
    wanted = {job.input.key for job in world.jobs.rows.values()}
    for key in world.inputs.objects:
        if key not in wanted:
            world.violated("I4", f"{key} is left over")


def check_mails(world: World) -> None:
    """I3: one mail an event, and a second only where the first one's answer did not come."""
    sendings: dict[str, list[Sending]] = {}
    owners = {write.job_id: write.job.user_id for write in world.jobs.writes if write.job}
    for sending in world.mailer.sent:
        sendings.setdefault(sending.mail.mail_id, []).append(sending)
        owner = world.accounts.get(owners[sending.mail.mail_id.partition(".")[0]])
        if sending.mail.to != owner.email:
            world.violated("I9", f"{sending.mail.mail_id} went to {sending.mail.to}")
    for job in world.jobs.rows.values():
        if job.job_id in world.deleted:
            continue
        event = EVENTS.get(job.status)
        sent = sendings.pop(f"{job.job_id}.{event}", [])
        if event is None:
            continue
        world.checked["I3"] += 1
        bounced = world.accounts.get(job.user_id).email in world.mailer.bouncing
        if not sent and not bounced:
            world.violated("I3", f"{job.job_id}: nobody was told that it {event}")
        if len(sent) > 1:
            _check_repeats(world, job, event, sent)
    for mail_id in sendings:
        if mail_id.partition(".")[0] in world.deleted:
            continue  # It was told of before it was removed.
        world.violated("I3", f"{mail_id} tells what is not so")


def _check_repeats(world: World, job: Job, event: str, sent: list[Sending]) -> None:
    lease = round(world.settings.lease.total_seconds() * SECOND)
    begun: list[tuple[int, str]] = []
    answered = 1 << 62
    known: frozenset[str] = frozenset()
    for write in world.jobs.writes:
        if write.job is None or write.job_id != job.job_id:
            continue
        for mark in write.job.mails - known:
            if mark.startswith(f"{event}:sending@"):
                begun.append((write.at, write.actor))
            if mark == f"{event}:sent":
                answered = write.at
        known = write.job.mails
    for number, sending in enumerate(sent[1:], start=1):
        mine = max((at for at, actor in begun if actor == sending.actor), default=sending.at)
        was_slow = sending.at - mine >= lease
        is_marked = REPEAT_NOTE in sending.mail.text
        first = sent[number - 1]
        earlier = (at for at, actor in begun if actor == first.actor and at <= first.at)
        began = max(earlier, default=first.at)
        was_lost = first.at in world.lost_mails or mine - began >= lease
        if not (is_marked or was_slow):
            world.violated("I3", f"{sending.mail.mail_id} was repeated and does not say so")
        elif not (was_lost or was_slow or mine < first.at):
            world.violated("I3", f"{sending.mail.mail_id} was repeated without a cause")
        if answered < mine:
            world.violated("I3", f"{sending.mail.mail_id} was repeated after its answer")


def check_scratch(world: World) -> None:
    """I8: no machine keeps anything of a job."""
    for machine in world.folder.glob("annotator-*"):
        world.checked["I8"] += 1
        for part in machine.glob("*/"):
            for left in part.iterdir():
                world.violated("I8", f"{machine.name} keeps {left.name}")


def is_quiet(world: World) -> bool:
    """Whether nothing is left to do."""
    if any(not job.is_terminal for job in world.jobs.rows.values()) or world.jobs.outbox:
        return False
    dead_mails = world.dead_inboxes[Queue.NOTIFY]
    inboxes = (world.inboxes[Queue.ANNOTATE], world.inboxes[Queue.NOTIFY], dead_mails)
    return not any(inbox.waiting for inbox in inboxes)
