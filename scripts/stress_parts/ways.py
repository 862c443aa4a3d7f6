"""The ways from a commit to production: accelerator, and the bash function with the Heroku CLI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench_parts.bash import FUNCTION, BashFunction
from bench_parts.processes import environment, find_accelerator, run_well

from stress_parts.attempts import Attempt, Work
from stress_parts.site import POOL, PRODUCTION, STAGING

if TYPE_CHECKING:
    from stress_parts.plan import Change
    from stress_parts.site import Site

LOCK_WAIT_SECONDS = 4
MOST_TRIES = 4
PARTS = Path(__file__).parent
_SERVER_URL, _PROJECT_PATH = "https://ci.example.com", "shop/site"
_PROJECT_URL = f"{_SERVER_URL}/{_PROJECT_PATH}"
# Where the trouble is not the commit's, CI tries a job again: unknown, unreachable, half done.
WORTH_REPEATING = frozenset({5, 6, 7, 8, 9, 10, 11, 14})


@dataclass(frozen=True)
class Job:
    """One attempt at a job of CI, as GitLab tells of it: another `number` each time.

    `pipeline` is the same for all jobs of a change, and all attempts at them.
    """

    site: Site
    change: Change
    clone: Path
    pipeline: int
    number: int

    @property
    def link(self) -> str:
        """Give its address."""
        return f"{_PROJECT_URL}/-/jobs/{self.number}"

    @property
    def sha(self) -> str:
        """Give the commit."""
        return self.site.history.shas[self.change.number]


class Way(Protocol):
    """How jobs of one way are made, and which of them CI starts again."""

    @property
    def name(self) -> str:
        """Say how it is called in the table."""

    @property
    def waits_for_prepare(self) -> bool:
        """Say whether the deploy job starts after the prepare job too, not only after the tests."""

    @property
    def is_disturbed(self) -> bool:
        """Say whether calls fail and runners die."""

    @property
    def is_judged(self) -> bool:
        """Say whether what must never be is a failure of the run."""

    @property
    def has_locks(self) -> bool:
        """Say whether its locks hold: without them less is promised."""

    def prepare(self, job: Job) -> Work:
        """Make the job beside the tests."""

    def deploy(self, job: Job) -> Work:
        """Make the job after the tests."""

    def clone(self, job: Job) -> None:
        """Fetch what a runner of this way needs of the repository."""

    def tries_again(self, attempts: list[Attempt]) -> bool:
        """Say whether CI starts the job once more."""


@dataclass(frozen=True)
class Accelerator:
    """`accelerator prepare` and `accelerator deploy`, each in a clone of its own."""

    home: Path
    name: str = "accelerator"
    is_disturbed: bool = False
    waits_for_prepare: bool = False
    is_judged: bool = True
    has_locks: bool = True

    def prepare(self, job: Job) -> Work:
        """Build on a free app of the pool."""
        command = [find_accelerator(), "prepare", "--json", *(f"--app={app}" for app in POOL)]
        env = self._environment(job, "prepare")
        return Work(command, job.clone, env, self._dies(job.change.prepare_dies))

    def deploy(self, job: Job) -> Work:
        """Ship to staging, and when that serves to production."""
        command = [find_accelerator(), "deploy", "--json", "--to", STAGING, "--then", PRODUCTION]
        command += [
            f"--on-superseded={job.change.on_superseded}",
            f"--lock-remote={job.site.locks.as_uri() if self.has_locks else 'heroku'}",
        ]
        if self.is_disturbed or not self.has_locks:
            # The next attempt at a dead holder's job needs a runner: who waits gives up its own.
            command.append(f"--lock-wait={LOCK_WAIT_SECONDS}s")
        env = self._environment(job, "deploy")
        return Work(command, job.clone, env, self._dies(job.change.deploy_dies))

    def clone(self, job: Job) -> None:
        """Fetch the commit, with as much history as the CI system of this job does."""
        to, site, depth = job.clone, job.site, job.change.depth
        limit = [] if depth is None else [f"--depth={depth}"]
        run_well(["git", "init", "--quiet", str(to)], to.parent, site.env)
        run_well(["git", "remote", "add", "origin", f"file://{site.origin}"], to, site.env)
        run_well(["git", "fetch", "--quiet", *limit, "origin", job.sha], to, site.env)

    def tries_again(self, attempts: list[Attempt]) -> bool:
        """Repeat what was killed, what waited for a lock, and trouble with the platform."""
        last = attempts[-1]
        if last.was_killed:
            return not last.has_hung
        if last.reason == "locked":
            return True  # bounded by the end of the whole stream
        tries = sum(not each.was_killed and each.reason != "locked" for each in attempts)
        return self.is_disturbed and last.status in WORTH_REPEATING and tries < MOST_TRIES

    def _dies(self, after: float | None) -> float | None:
        return after if self.is_disturbed else None

    def _environment(self, job: Job, name: str) -> dict[str, str]:
        return environment(
            self.home,
            HEROKU_HOST=job.site.platform.url,
            HEROKU_API_KEY=job.site.platform.key,
            GITLAB_CI="true",
            CI_SERVER_URL=_SERVER_URL,
            CI_PROJECT_ID="1",
            CI_PROJECT_PATH=_PROJECT_PATH,
            CI_PROJECT_URL=_PROJECT_URL,
            CI_COMMIT_SHA=job.sha,
            CI_COMMIT_REF_NAME="main",
            CI_PIPELINE_ID=str(job.pipeline),
            CI_PIPELINE_URL=f"{_PROJECT_URL}/-/pipelines/{job.pipeline}",
            CI_JOB_NAME=name,
            CI_JOB_ID=str(job.number),
            CI_JOB_URL=job.link,
            ACCELERATOR_PREPARE_APPS="\n".join(POOL),
            # What a lost write leaves shows within a second here.
            ACCELERATOR_DEADLINES_TRACES="5s",
        )


@dataclass(frozen=True)
class Bash:
    """The function this project starts from; its job comes after the push to the prepare app."""

    function: BashFunction
    name: str = "bash function"
    is_disturbed: bool = False
    waits_for_prepare: bool = True
    is_judged: bool = False
    has_locks: bool = False

    def prepare(self, job: Job) -> Work:
        """Push to the one prepare app it knows."""
        return self._work(job, "prepare.sh")

    def deploy(self, job: Job) -> Work:
        """Promote what is prepared, else push to the target: staging, then production."""
        return self._work(job, "deploy.sh")

    def clone(self, job: Job) -> None:
        """Clone everything: Heroku takes no push from a shallow clone."""
        command = ["git", "clone", "--quiet", "--no-checkout", f"file://{job.site.origin}"]
        run_well([*command, str(job.clone)], job.clone.parent, job.site.env)

    def tries_again(self, attempts: list[Attempt]) -> bool:
        """Never: nothing disturbs it, so it fails for a reason that stays."""
        return not attempts

    def _work(self, job: Job, script: str) -> Work:
        env = self.function.environment_for(job.site.platform, job.sha, (POOL[0], STAGING))
        env |= {"FUNCTION": str(FUNCTION), "TARGET_APPS": f"{STAGING} {PRODUCTION}"}
        return Work(["bash", str(PARTS / script)], job.clone, env)


def disturbed(way: Accelerator) -> Accelerator:
    """Give the same way with its runners' deaths."""
    return replace(way, name="accelerator, disturbed", is_disturbed=True)


def in_herokus_git(way: Accelerator) -> Accelerator:
    """Give the same way with its locks in the prepare app's git, which cannot hold them."""
    return replace(
        way,
        name="accelerator, locks in Heroku's git",
        has_locks=False,
    )
