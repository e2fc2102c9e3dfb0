"""The people: they upload, press twice, change their minds, and try what is not theirs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar, cast

from gas.domain.account import Tier
from gas.domain.errors import (
    GasError,
    IllegalMoveError,
    NotFoundError,
    PermanentError,
    StaleJobError,
)
from gas.domain.job import Job
from gas.domain.upload import PendingUpload
from gas.erase import Eraser
from gas.wiring import Outside
from tests.simulation.engine import BAD, POISON
from tests.simulation.scheduler import SECOND, Process
from tests.simulation.world import World
from web.annotate.rerun import rerun
from web.annotate.submit import Wish, permit_upload, submit_example, submit_upload

T = TypeVar("T")

TIMEOUT = 30 * SECOND


class NoAnswerError(Exception):
    """The web server said nothing: it died, hung, or answered that something is away."""


@dataclass
class Deeds:
    """What people did that explains what became of their jobs."""

    accepted: set[str] = field(default_factory=set)
    """Jobs that somebody was shown."""
    meddled: set[str] = field(default_factory=set)
    """Inputs that were replaced or deleted after their upload."""
    cancelled: set[str] = field(default_factory=set)
    changed_tier: set[str] = field(default_factory=set)
    over: int = 0
    """People who have done all they wanted."""


@dataclass
class Person:
    """One user and their browser."""

    world: World
    process: Process
    servers: list[Process]
    user_id: str
    deeds: Deeds
    example: Path
    submit: Callable[..., Job] = submit_upload
    seen: list[str] = field(default_factory=list)
    """Ids of uploads anybody made, for those who try other people's."""

    @property
    def rng(self) -> Random:
        """The history's own chance."""
        return self.world.rng

    def live(self) -> None:
        """Annotate a few files."""
        for _ in range(self.rng.randint(1, 3)):
            self._wait(0, 150)
            try:
                if self.rng.random() < 0.15:
                    self._use_example()
                else:
                    self._use_file()
                self._look_at_list()
            except NoAnswerError:
                continue
        self.deeds.over += 1

    def _ask(self, work: Callable[[Outside], T], *, tries: int = 4) -> T:
        """What a web server answers; raises NoAnswerError, or what it refuses with."""
        for _ in range(tries):
            living = [server for server in self.servers if server.is_alive]
            if living:
                server = self.rng.choice(living)
                outside = self.world.outside(server)
                task = server.spawn(lambda outside=outside: work(outside), f"for-{self.user_id}")  # type: ignore[misc]  # bound early on purpose
                is_over = self.world.scheduler.join(task, TIMEOUT)
                if is_over and task.error is None:
                    return cast(T, task.answer)
                if is_over and isinstance(task.error, PermanentError):
                    raise task.error
                if is_over and not isinstance(task.error, GasError):
                    self.world.scheduler.falls.append(f"{server.name}: {task.error!r}")
            self._wait(1, 20)
        raise NoAnswerError

    def _use_file(self) -> None:
        rng, world = self.rng, self.world
        upload, _form = self._ask(
            lambda outside: permit_upload(
                outside.accounts.get(self.user_id),
                file_name="sample.vcf",
                size=None,
                redirect_base=None,
                settings=world.settings,
                outside=outside,
            )
        )
        self.seen.append(upload.upload_id)
        if rng.random() > 0.03:
            self._wait(0, 5)
            world.inputs.put(upload.key, self._file())
        if rng.random() < 0.05:
            return  # They close the page.
        others = [
            self.process.spawn(lambda: self._submit(upload.upload_id), "again")
            for _ in range(rng.choice((0, 0, 0, 1, 2)))
        ]
        self._submit(upload.upload_id)
        for other in others:
            world.scheduler.join(other)
        self._change_mind(upload)

    def _change_mind(self, upload: PendingUpload) -> None:
        rng, world = self.rng, self.world
        if rng.random() < 0.1:
            self.deeds.meddled.add(upload.upload_id)
            self._wait(0, 60)
            if rng.random() < 0.5:
                world.inputs.put(upload.key, self._file())
            else:
                world.inputs.delete(upload.key)
        if rng.random() < 0.12:
            self._wait(0, 200)
            self._cancel(upload.upload_id)
        if rng.random() < 0.2:
            self._wait(0, 300)
            self._submit(upload.upload_id)
        if rng.random() < 0.1:
            self.deeds.changed_tier.add(self.user_id)
            world.accounts.set_tier(self.user_id, rng.choice(list(Tier)))
        if rng.random() < 0.1:
            self._wait(0, 300)
            self._rerun(upload.upload_id)
        if rng.random() < 0.1:
            self._wait(0, 300)
            self._delete(upload.upload_id)
        if rng.random() < 0.2:
            self._try_somebody_elses()

    def _use_example(self) -> None:
        job = self._ask(
            lambda outside: submit_example(
                self.example,
                outside.accounts.get(self.user_id),
                Wish(note="Our example"),
                settings=self.world.settings,
                outside=outside,
            ),
            tries=1,
        )
        self.deeds.accepted.add(job.job_id)

    def _submit(self, upload_id: str) -> None:
        submit = self.submit
        try:
            job = self._ask(
                lambda outside: submit(
                    upload_id,
                    outside.accounts.get(self.user_id),
                    Wish(),
                    settings=self.world.settings,
                    outside=outside,
                )
            )
        except (NoAnswerError, PermanentError):
            return
        self._check_mine(job)
        self.deeds.accepted.add(job.job_id)

    def _cancel(self, job_id: str) -> None:
        self.deeds.cancelled.add(job_id)

        def cancel(outside: Outside) -> None:
            job = outside.jobs.get(job_id)
            after = job.cancel(outside.clock.now())
            if after is not job:
                outside.jobs.move(job, after)

        try:
            self._ask(cancel)
        except (NoAnswerError, IllegalMoveError, NotFoundError, StaleJobError):
            return

    def _rerun(self, job_id: str) -> None:
        wish_id = f"{self.rng.getrandbits(64):x}"

        def again(outside: Outside) -> Job:
            account = outside.accounts.get(self.user_id)
            job = outside.jobs.get(job_id)
            return rerun(job, wish_id, account, settings=self.world.settings, outside=outside)

        try:
            job = self._ask(again)
        except (NoAnswerError, PermanentError):
            return
        self._check_mine(job)
        self.deeds.accepted.add(job.job_id)

    def _delete(self, job_id: str) -> None:
        self.world.deleted.add(job_id)

        def erase(outside: Outside) -> None:
            Eraser(
                jobs=outside.jobs,
                inputs=outside.inputs,
                results=outside.results,
                archives=outside.archives,
                clock=outside.clock,
                key_prefix=self.world.settings.key_prefix,
            ).erase(outside.jobs.get(job_id))

        try:
            self._ask(erase)
        except (NoAnswerError, NotFoundError):
            return

    def _look_at_list(self) -> None:
        def look(outside: Outside) -> list[Job]:
            token, jobs = None, []
            while True:
                page = outside.jobs.of_user(self.user_id, limit=2, token=token)
                jobs += page.jobs
                token = page.next_token
                if token is None:
                    return jobs

        try:
            jobs = self._ask(look, tries=1)
        except (NoAnswerError, PermanentError):
            return
        for job in jobs:
            self._check_mine(job)

    def _try_somebody_elses(self) -> None:
        upload_id = self.rng.choice(self.seen)
        key = next((key for key in self.world.inputs.objects if upload_id in key), "")
        if not key or f"/{self.user_id}/" in key:
            return
        self.world.checked["I9"] += 1
        try:
            self._ask(
                lambda outside: self.submit(
                    upload_id,
                    outside.accounts.get(self.user_id),
                    Wish(),
                    settings=self.world.settings,
                    outside=outside,
                )
            )
        except NotFoundError:
            return
        except NoAnswerError:
            return
        self.world.violated("I9", f"{self.user_id} was shown somebody else's job {upload_id}")

    def _check_mine(self, job: Job) -> None:
        self.world.checked["I9"] += 1
        if job.user_id != self.user_id:
            self.world.violated("I9", f"{self.user_id} was shown {job.job_id} of {job.user_id}")

    def _file(self) -> bytes:
        draw, mark = self.rng.random(), b"%d" % self.rng.getrandbits(40)
        if draw < 0.06:
            return BAD + mark
        if draw < 0.1:
            return POISON + mark
        if draw < 0.13:
            return b"#" * (self.world.settings.free_input_bytes + 1)
        if draw < 0.15:
            return b""
        return b"##fileformat=VCFv4.2\n" + mark

    def _wait(self, least: float, most: float) -> None:
        self.world.scheduler.sleep(round(self.rng.uniform(least, most) * SECOND))
