"""Prove that a release serves: it is the compared artifact, its dynos are up, and it answers.

In that order, for each is worthless without the one before: a site that answers proves nothing
while dynos of the old release are up. Last of all the release must still be the one in effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from accelerator.errors import KeyRefused, NotFound, ReleaseFailed, Unreachable, WrongArtifact
from accelerator.models import StepName, Verified
from accelerator.steps.compare.lookups import find_optional
from accelerator.steps.follow.builds_and_releases import fetch_release, follow_release
from accelerator.steps.verify.dyno_log import show_dyno_logs
from accelerator.steps.verify.dynos import Look, Wanted, count, find_failing, wait_for_dynos
from accelerator.steps.verify.saw import Saw
from accelerator.steps.verify.smoke import Site, SmokeCheck, check_smoke, is_path
from accelerator.steps.verify.switch import Switch, find_preboot, seconds_left, switch_of
from accelerator.steps.verify.visit import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.events import Tell
    from accelerator.models import App, ArtifactRef, Commit, Dyno, Formation, Release
    from accelerator.steps.run import Run
    from accelerator.steps.verify.saw import Count

LOOK_SECONDS = 2.0  # a look at what is released that is older is taken again


@dataclass(frozen=True, slots=True)
class Proof:
    """``passed``, or ``failed`` with the flaw in words, and the release that was looked at.

    ``inconclusive`` when nothing was proved against the app: this machine could not ask, say. That
    is no reason to go back. ``cut_short`` where it was the run's own time that was over.
    ``switch_seconds`` is how long old code may answer after each release of this app. ``saw`` is
    all that was seen on the way, for reports.
    """

    outcome: Verified
    release: Release
    flaw: str | None = None
    cut_short: bool = False
    switch_seconds: float = 0.0
    saw: Saw = field(default_factory=Saw)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be proved: this release of the app carries the artifact, and serves.

    ``commit`` is what the artifact was built from, where that is known; ``checks`` are the smoke
    checks that must pass. ``had_web``: web dynos served visitors before it. ``is_heard``: the
    output of its release command was shown, where there is some.
    """

    app: str
    release_id: str
    artifact: ArtifactRef
    commit: Commit | None
    checks: tuple[SmokeCheck, ...] = ()
    had_web: bool = False
    is_heard: bool = True


@dataclass(frozen=True, slots=True)
class Scene:
    """What was read at once: the release, the dynos, the app; and for smoke checks its switch."""

    release: Release
    look: Look
    app: App | None = None
    switch: Switch = Switch.AT_ONCE


def verify(run: Run, claim: Claim) -> Proof:
    """Check that a release carries its artifact, that every dyno runs it, and that it serves.

    Raises `WrongArtifact` or `ReleaseFailed` when the release itself is not what it should be:
    rolling back would not be an answer to that.
    """
    app = claim.app
    limit = run.waits.dynos + (run.waits.smoke if claim.checks else 0.0)
    with run.events.step(StepName.VERIFY, f"Verify {app}", app, limit) as step:
        begun = run.events.clock.now()
        scene = _look(run, claim)
        # A read may lag behind, and show a release as pending whose end was read before.
        release = follow_release(run, scene.release, step.tell, is_new=not claim.is_heard)
        step.detail = f"v{release.version}"
        _demand(release, claim.artifact)
        seen, last = _wait(run, release, scene.look, step.tell)
        if seen.flaw is None and claim.had_web and not last.wanted.has_web:
            seen = _describe_dark(last.wanted)
        if seen.flaw is None and last.wanted.has_none:
            run.events.note(f"{app} runs no dynos: nothing serves there", "warning")
        if seen.flaw is None and claim.checks:
            seen = _ask(run, claim, replace(scene, release=release, look=last), step.tell)
        saw = replace(_saw(claim, count(last, release), seen), web_url=_address_of(scene.app))
        proof = replace(_proof_of(run, scene, release, seen), saw=saw)
        if proof.outcome is Verified.PASSED:
            step.detail = ", ".join(filter(None, (step.detail, saw.describe())))
            is_old = run.events.clock.now() - begun > LOOK_SECONDS
            _demand_current(run, release, last.dynos, is_old=is_old)
        else:
            step.outcome, step.detail = "failed", seen.flaw or ""
        return proof


def _wait(run: Run, release: Release, first: Look, tell: Tell) -> tuple[Seen, Look]:
    """Wait for the dynos; show why those do not come up that the release was tried on."""
    seen, last = wait_for_dynos(run, release, first, tell)
    if seen.flaw is not None:
        show_dyno_logs(run, release, find_failing(last, release))
    return seen, last


def _describe_dark(wanted: Wanted) -> Seen:
    """Say that nobody is served any more; it is the code's doing where that has no `web`."""
    if wanted.lost_web:
        return Seen("it has no process type web, and web dynos ran before: nobody is served")
    said = "web dynos ran before, and now there are to be none: `heroku ps:scale web=1` starts one"
    return Seen(said, conclusive=False)


def _proof_of(run: Run, scene: Scene, release: Release, seen: Seen) -> Proof:
    window = 0.0 if scene.switch is Switch.AT_ONCE else run.waits.switch
    if seen.flaw is None:
        return Proof(Verified.PASSED, release, switch_seconds=window)
    outcome = Verified.FAILED if seen.conclusive else Verified.INCONCLUSIVE
    return Proof(outcome, release, seen.flaw, seen.cut_short, window)


def _look(run: Run, claim: Claim) -> Scene:
    heroku, app = run.heroku, claim.app
    reads: list[Callable[[], Any]] = [
        lambda: fetch_release(run, app, claim.release_id),
        lambda: heroku.dynos.fetch(app),
        lambda: _find_formation(run, app),
    ]
    if claim.checks:
        reads += [lambda: heroku.apps.fetch(app), lambda: find_preboot(run, app)]
    else:
        reads.append(lambda: _find_app(run, app))  # for its address only
    release, dynos, formation, info, *rest = heroku.together(*reads)
    look = Look(dynos, Wanted.of(formation))
    if info is None or not rest:
        return Scene(release, look, info)
    return Scene(release, look, info, switch_of(info, rest[0]))


def _find_app(run: Run, app: str) -> App | None:
    try:
        return run.heroku.apps.fetch(app)
    except (KeyRefused, NotFound, Unreachable):
        return None


def _find_formation(run: Run, app: str) -> tuple[Formation, ...] | None:
    return find_optional(lambda: run.heroku.formation.fetch(app))


def _saw(claim: Claim, dynos: Mapping[str, Count], seen: Seen) -> Saw:
    is_named = any(each.passed and each.names_commit for each in seen.checked)
    named = claim.commit.sha if is_named and claim.commit is not None else None
    return Saw(dynos, seen.checked, named)


def _address_of(app: App | None) -> str | None:
    return app.web_url if app is not None else None


def _ask(run: Run, claim: Claim, scene: Scene, tell: Tell) -> Seen:
    """Make the smoke checks; in maintenance mode what fails says nothing of the app."""
    app, release, info = claim.app, scene.release, scene.app
    left = seconds_left(scene.switch, scene.look, run.heroku.moment(), run.waits.switch)
    is_away = info is not None and info.maintenance
    site = Site(
        app,
        _address_of(info),
        claim.commit,
        release.version,
        run.environment,
        scene.switch,
        left,
        is_away,
    )
    seen = check_smoke(run, claim.checks, site, tell)
    if seen.flaw is None or not seen.conclusive:
        return seen
    why = "is in maintenance mode" if is_away else _find_no_answer(run, claim)
    return replace(seen, flaw=f"{seen.flaw}, and {app} {why}", conclusive=False) if why else seen


def _find_no_answer(run: Run, claim: Claim) -> str | None:
    """Look whether Heroku's router may have answered in the place of the app, and why."""
    info, formation = run.heroku.together(
        lambda: run.heroku.apps.fetch(claim.app), lambda: _find_formation(run, claim.app)
    )
    if info.maintenance:
        return "is in maintenance mode"
    if not Wanted.of(formation).has_web and any(is_path(check) for check in claim.checks):
        return "is to have no web dynos"
    return None


def _demand(release: Release, artifact: ArtifactRef) -> None:
    if release.status != "succeeded":
        raise ReleaseFailed(release.app_name, release.version)
    if release.artifact != artifact:
        found = release.artifact.id if release.artifact else None
        raise WrongArtifact(release.app_name, f"artifact {artifact.id}", found)


def _demand_current(run: Run, release: Release, dynos: tuple[Dyno, ...], *, is_old: bool) -> None:
    """Raise `WrongArtifact` when somebody released other code over it: that is what serves then.

    Asked only when the look is old, as smoke checks took their time, or hints at it: the release is
    not current, or dynos run a later one (which may be a config change, with the same code).
    """
    is_later = any((dyno.release_version or 0) > release.version for dyno in dynos)
    if release.current and not is_later and not is_old:
        return
    page = run.heroku.releases.fetch_newest(release.app_name, 20)
    current = next((each for each in page if each.current), None)
    if current is None or current.version <= release.version:
        return
    if current.artifact != release.artifact:
        found = f"artifact {current.artifact.id}" if current.artifact else "no code"
        wanted = f"artifact {release.artifact.id}" if release.artifact else "no code"
        raise WrongArtifact(release.app_name, wanted, f"{found} since v{current.version}")
