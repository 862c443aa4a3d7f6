"""Prove that a release serves: it is the compared artifact, its dynos are up, and it answers.

In that order, for each is worthless without the one before: a site that answers proves nothing
while dynos of the old release are up. Last of all the release must still be the one in effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelerator.errors import ReleaseFailed, WrongArtifact
from accelerator.models import StepName, Verified
from accelerator.steps.follow.builds_and_releases import fetch_release
from accelerator.steps.verify.smoke import Site, SmokeCheck, check_smoke
from accelerator.steps.verify.visit import Seen
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import App, ArtifactRef, Commit, Dyno, Release
    from accelerator.steps.run import Run

CRASH_SECONDS = 20.0  # crashed dynos that do not come back in this time are taken for lost
ONE_OFF = frozenset({"release", "run"})


@dataclass(frozen=True, slots=True)
class Proof:
    """``passed``, or ``failed`` with the flaw in words, and the release that was looked at.

    ``inconclusive`` when this machine could not ask: that is no reason to go back.
    """

    outcome: Verified
    release: Release
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be proved: this release of the app carries the artifact, and serves.

    ``commit`` is what the artifact was built from, where that is known; ``checks`` are the smoke
    checks that must pass.
    """

    app: str
    release_id: str
    artifact: ArtifactRef
    commit: Commit | None
    checks: tuple[SmokeCheck, ...] = ()


def verify(run: Run, claim: Claim) -> Proof:
    """Check that a release carries its artifact, that every dyno runs it, and that it seens.

    Raises `WrongArtifact` or `ReleaseFailed` when the release itself is not what it should be:
    rolling back would not be an answer to that.
    """
    app, checks = claim.app, claim.checks
    with run.events.step(StepName.VERIFY, f"Verify {app}", app) as step:
        release, dynos, web_url = _look(run, claim)
        step.detail = f"v{release.version}"
        _demand(release, claim.artifact)
        seen = Seen(_flaw_of_dynos(run, release, dynos))
        if seen.flaw is None and checks:
            site = Site(app, web_url, claim.commit, release.version, run.environment)
            seen = check_smoke(run, checks, site)
        if seen.flaw is None:
            _demand_current(run, release, dynos)
            return Proof(Verified.PASSED, release)
        step.outcome, step.detail = "failed", seen.flaw
        outcome = Verified.FAILED if seen.conclusive else Verified.INCONCLUSIVE
        return Proof(outcome, release, seen.flaw)


class CrashLoops:
    """Tells a crash loop from a slow start: a dyno stays crashed, or crashes again and again.

    Heroku restarts a crashed dyno at once, later with growing pauses; a start that works out is
    up within seconds.
    """

    def __init__(self, release: Release) -> None:
        self.found: list[str] = []
        self._release = release
        self._since: dict[str, float] = {}

    def see(self, dynos: tuple[Dyno, ...], now: float) -> None:
        """Take one look at the dynos into account; `now` in monotonic seconds."""
        for dyno in dynos:
            if dyno.state == "up":
                self._since.pop(dyno.name, None)
            elif dyno.state == "crashed" and (dyno.release_version or 0) >= self._release.version:
                begun = self._since.setdefault(dyno.name, now)
                if now - begun >= CRASH_SECONDS and dyno.name not in self.found:
                    self.found.append(dyno.name)


def is_serving(dyno: Dyno, release: Release) -> bool:
    """Return whether a dyno is up on this release or, after a config change, a later one.

    An idle one sleeps until a visitor comes, and starts on this release then.
    """
    return dyno.state in {"up", "idle"} and (dyno.release_version or 0) >= release.version


def _look(run: Run, claim: Claim) -> tuple[Release, tuple[Dyno, ...], str | None]:
    heroku, app = run.heroku, claim.app
    reads: list[Callable[[], Any]] = [
        lambda: fetch_release(run, app, claim.release_id),
        lambda: heroku.dynos.fetch(app),
    ]
    if claim.checks:
        reads.append(lambda: heroku.apps.fetch(app))
    release, dynos, *rest = heroku.together(*reads)
    seen: App | None = rest[0] if rest else None
    return release, dynos, seen.web_url if seen else None


def _demand(release: Release, artifact: ArtifactRef) -> None:
    if release.status != "succeeded":
        raise ReleaseFailed(release.app_name, release.version)
    if release.artifact != artifact:
        found = release.artifact.id if release.artifact else None
        raise WrongArtifact(release.app_name, f"artifact {artifact.id}", found)


def _demand_current(run: Run, release: Release, dynos: tuple[Dyno, ...]) -> None:
    """Raise `WrongArtifact` when somebody released other code over it: that is what serves then.

    Asked only when the first look hints at it: the release is not current, or dynos run a later
    one (which may be a config change, with the same code).
    """
    is_later = any((dyno.release_version or 0) > release.version for dyno in dynos)
    if release.current and not is_later:
        return
    page = run.heroku.releases.fetch_newest(release.app_name, 20)
    current = next((each for each in page if each.current), None)
    if current is None or current.version <= release.version:
        return
    if current.artifact != release.artifact:
        found = f"artifact {current.artifact.id}" if current.artifact else "no code"
        wanted = f"artifact {release.artifact.id}" if release.artifact else "no code"
        raise WrongArtifact(release.app_name, wanted, f"{found} since v{current.version}")


def _flaw_of_dynos(run: Run, release: Release, first: tuple[Dyno, ...]) -> str | None:
    """Wait until every dyno runs the release; no dynos at all is said aloud, and fine."""
    app = release.app_name
    looks = [first]  # the first look was part of a parallel read; later ones ask again
    loops = CrashLoops(release)

    def look() -> tuple[Dyno, ...]:
        seen = _relevant(looks.pop() if looks else run.heroku.dynos.fetch(app))
        loops.see(seen, run.events.clock.now())
        return seen

    try:
        dynos = wait_for(
            look,
            lambda seen: bool(loops.found) or all(is_serving(dyno, release) for dyno in seen),
            run.deadline.within(run.waits.dynos),
            run.heroku.pace,
        )
    except StillPending as pending:
        late = pending.seen if isinstance(pending.seen, tuple) else ()
        names = ", ".join(f"{d.name} {d.state}" for d in late if not is_serving(d, release))
        return f"not every dyno is up on v{release.version}: {names}"
    if loops.found:
        return f"{', '.join(loops.found)} crashed again and again on v{release.version}"
    if not dynos:
        run.events.note(f"{app} runs no dynos: nothing serves there", "warning")
    return None


def _relevant(dynos: tuple[Dyno, ...]) -> tuple[Dyno, ...]:
    return tuple(dyno for dyno in dynos if dyno.type not in ONE_OFF)
