"""Let the stream happen: commits arrive, runners work side by side, few deploy jobs at once."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any

from stress_parts.attempts import Attempt, Processes, Work
from stress_parts.locks import Gate, TimePassing
from stress_parts.site import TARGETS
from stress_parts.watching import Watching
from stress_parts.ways import Job

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from stress_parts.plan import Change, Size
    from stress_parts.site import Site
    from stress_parts.watching import Sight
    from stress_parts.ways import Way

Make = Callable[[Job], Work]
MOST_SECONDS = 900.0  # for a whole stream; nothing may hang
FIRST_JOB, AFTERWARDS = 1001, 1000  # ids of jobs, and of the pipeline after all others


@dataclass
class Record:
    """What happened, as the outside saw it."""

    arrived: dict[int, float] = field(default_factory=dict)
    tested: dict[int, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    seconds: float = 0.0
    skipped: float = 0.0
    abandoned: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_cut_short: bool = False

    def of(self, kind: str, number: int) -> list[Attempt]:
        """Give the attempts at one job, oldest first."""
        return [each for each in self.attempts if (each.kind, each.number) == (kind, number)]


class Stream:
    """One run of the stream, by one way."""

    def __init__(self, site: Site, way: Way, size: Size, directory: Path) -> None:
        self.record = Record()
        self._site, self._way, self._directory = site, way, directory
        self._processes = Processes()
        self._gate = Gate()
        self._jobs = BoundedSemaphore(size.jobs)
        self._numbers = itertools.count(FIRST_JOB)
        self._guard = Lock()
        self._running: set[str] = set()
        self._coming: set[str] = set()

    def run(self, changes: tuple[Change, ...]) -> Record:
        """Let all changes arrive and follow each to its end, or to the end of all patience."""
        begun = time.monotonic()
        directory = self._directory / "jobs"
        directory.mkdir()
        lines = 2 * len(changes)
        passing = TimePassing(self._site, self._gate, self._is_running, self._is_coming)
        with Watching(self._site, self.record.sights), ThreadPoolExecutor(lines) as pool, passing:
            try:
                self._arrive(changes, pool)
            finally:
                self._processes.close()
        self.record.seconds = time.monotonic() - begun
        self.record.abandoned = passing.left
        self.record.skipped = self._site.clock.skipped
        return self.record

    def finish(self, change: Change) -> Attempt:
        """Deploy once more, alone and undisturbed, in a pipeline of its own."""
        self._processes = Processes()
        return self._try(_immortal(change), "deploy", self._way.deploy, AFTERWARDS)

    def _try(self, change: Change, kind: str, make: Make, pipeline: int | None = None) -> Attempt:
        """Run one job once, on a runner of its own with a fresh clone."""
        number = next(self._numbers)
        place = self._directory / "jobs" / f"{kind}-{change.number}-{number}"
        place.mkdir()
        job = Job(self._site, change, place / "clone", pipeline or change.number, number)
        self._way.clone(job)
        attempt = self._run(job, kind, make(job), place / "logs")
        with self._guard:
            self.record.attempts.append(attempt)
        shutil.rmtree(place, ignore_errors=True)
        return attempt

    def _arrive(self, changes: tuple[Change, ...], pool: ThreadPoolExecutor) -> None:
        futures: list[Future[None]] = []
        begun = time.monotonic()
        for change in changes:
            time.sleep(max(0.0, begun + change.arrives - time.monotonic()))
            self._site.push(change.number)
            self.record.arrived[change.number] = self._site.clock.now()
            prepared = pool.submit(self._repeat, change, "prepare", self._way.prepare)
            futures += [prepared, pool.submit(self._follow, change, prepared)]
        done, late = wait(futures, MOST_SECONDS - (time.monotonic() - begun))
        self.record.is_cut_short = bool(late)
        for future in done:
            future.result()  # a mistake of ours is none of the platform's

    def _follow(self, change: Change, prepared: Future[None]) -> None:
        time.sleep(change.tests)
        with self._guard:
            self.record.tested[change.number] = self._site.read_moment()
        if self._way.waits_for_prepare:
            prepared.result()
        self._repeat(change, "deploy", self._way.deploy)

    def _repeat(self, change: Change, kind: str, make: Make) -> None:
        """Run a job, and again as CI does. Only the first runner is one that dies."""
        attempts: list[Attempt] = []
        try:
            while not attempts or self._comes_again(attempts):
                if attempts:
                    time.sleep(change.pause)
                attempts.append(self._take_turn(change, kind, make, is_first=not attempts))
        except InterruptedError:
            return

    def _comes_again(self, attempts: list[Attempt]) -> bool:
        """Say whether CI starts the job once more; if so the attempts' locks are not lost."""
        comes = self._way.tries_again(attempts)
        with self._guard:
            for each in attempts:
                (self._coming.add if comes else self._coming.discard)(each.link)
        return comes

    def _take_turn(self, change: Change, kind: str, make: Make, *, is_first: bool) -> Attempt:
        mortal = change if is_first else _immortal(change)
        if kind == "prepare":
            return self._try(mortal, kind, make)
        with self._jobs, self._gate.passing():
            return self._try(mortal, kind, make)

    def _run(self, job: Job, kind: str, work: Work, logs: Path) -> Attempt:
        with self._guard:
            self._running.add(job.link)
            self._coming.add(job.link)
        try:
            began = self._site.clock.now()
            ended = self._processes.run(work, logs)
            is_done = kind == "deploy" and ended.status == 0
            serves = {app: self._site.ask(app) for app in TARGETS} if is_done else {}
            return Attempt(
                link=job.link,
                kind=kind,
                number=job.change.number,
                began=began,
                ended=self._site.clock.now(),
                moment=self._site.read_moment(),
                serves=serves,
                **vars(ended),
            )
        finally:
            with self._guard:
                self._running.discard(job.link)

    def _is_running(self, link: str | None) -> bool:
        with self._guard:
            return link in self._running

    def _is_coming(self, link: str | None) -> bool:
        with self._guard:
            return link in self._coming


def _immortal(change: Change) -> Change:
    return replace(change, prepare_dies=None, deploy_dies=None)
