"""Go back to the release recorded before the deploy: the code only, verified like a deploy.

Config vars stay as they are; Heroku's own rollback would set those back too. What somebody else has
released meanwhile over the release that is not wanted is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    KeyRefused,
    LockUnavailable,
    NotFound,
    Refused,
    ReleaseFailed,
    WrongArtifact,
)
from accelerator.models import Commit, StepName, Verified
from accelerator.steps.compare.descriptions import describe_rollback, find_alias_of
from accelerator.steps.compare.lookups import fetch_artifact
from accelerator.steps.compare.states import TargetState
from accelerator.steps.route.landing import is_open
from accelerator.steps.route.slug_release import release
from accelerator.steps.verify.serving import Claim, verify
from accelerator.steps.verify.visit import VISIT_SECONDS

if TYPE_CHECKING:
    from accelerator.events import Tell
    from accelerator.models import ArtifactRef, Release
    from accelerator.steps.route.landing import Fence
    from accelerator.steps.run import Run, Waits
    from accelerator.steps.verify.smoke import SmokeCheck

BOOT_SECONDS = 60.0  # what Heroku gives a web dyno to bind its port


@dataclass(frozen=True, slots=True)
class WayBack:
    """The way back of an app: from the release that is not wanted to the one before it.

    ``built`` is the commit that the one before it is known to hold, and says of itself; ``checks``
    are how it is verified. For ``switch_seconds`` after a release old code may still answer there.
    ``had_web``: web dynos served before the deploy; code without `web` takes their number away.
    """

    app: str
    unwanted: Release | None
    previous: Release | None
    built: str | None = None
    checks: tuple[SmokeCheck, ...] = ()
    switch_seconds: float = 0.0
    had_web: bool = False


class Hindrance(StrEnum):
    """Why an app did not go back; each reads on from "not rolled back", or "not returned"."""

    SWITCHED_OFF = ", as --no-rollback asks"
    NOTHING_RELEASED = ", as this run released nothing there"
    NO_CODE_BEFORE = ", as there was no release with code before it"
    OVERTAKEN = ", as v{version} was released there meanwhile"
    EXPIRED = ", as the code of the release before has expired"
    FAILED_TOO = ", as the rollback failed too: {said}"
    UNREADABLE = ", as the release before could not be looked at: {said}"
    NOT_ALL = ", as {apps} cannot be: it is all of them, or none"
    OTHERS_OPEN = ", as the outcome of {apps} is not known"
    LOCK_LOST = ", as {said}"
    NO_TIME = (
        ", as verifying that takes {needed} s at least, and {left} s are left of the run's own "
        "time (--timeout)"
    )
    UNVERIFIED = ": v{previous} was released again as v{version} but fails as well ({said})"
    UNPROVEN = (
        ": v{previous} was released again as v{version}, and whether that serves is not known "
        "({said})"
    )


@dataclass(frozen=True, slots=True)
class WentBack:
    """An app went back: the code of ``previous`` serves again, as the release ``made``."""

    previous: Release
    made: Release


@dataclass(frozen=True, slots=True)
class NotWentBack:
    """An app did not go back; ``is_open`` where nobody can tell yet whether it did after all."""

    why: Hindrance
    text: str
    is_open: bool = False

    @property
    def is_unproven(self) -> bool:
        """True when the old code is live again, and not shown to serve."""
        return self.why in {Hindrance.UNVERIFIED, Hindrance.UNPROVEN}

    @property
    def is_to_be_done(self) -> bool:
        """True when a run with more time would go back: this one has only not begun."""
        return self.why is Hindrance.NO_TIME

    @classmethod
    def as_of(cls, why: Hindrance, **details: object) -> NotWentBack:
        """Make one of the reason and what it names: versions, or another error's words."""
        return cls(why, why.format(**details))

    @classmethod
    def failed(cls, error: AcceleratorError) -> NotWentBack:
        """Make one of a way back that failed; a lost reply or connection leaves its end open."""
        said = Hindrance.FAILED_TOO.format(said=error.message)
        return cls(Hindrance.FAILED_TOO, said, is_open(error))


def roll_back(run: Run, way: WayBack, fence: Fence) -> WentBack | NotWentBack:
    """Release the previous artifact again and verify it; never raises an expected error."""
    app, previous = way.app, way.previous
    if previous is None or previous.artifact is None:
        return NotWentBack.as_of(Hindrance.NO_CODE_BEFORE)
    if late := _find_lack_of_time(run, way):
        return late
    title, limit = f"Roll {app} back to v{previous.version}", run.waits.release_phase
    with run.events.step(StepName.ROLLBACK, title, app, limit) as step:
        made = _release_again(run, way, previous, fence, step.tell)
        if isinstance(made, NotWentBack):
            step.outcome = "failed"
            return made
    return _prove(run, way, previous, made)


def _release_again(
    run: Run, way: WayBack, previous: Release, fence: Fence, tell: Tell
) -> Release | NotWentBack:
    """Release the code of `previous` once more, keeping what its release said of the commit."""
    if previous.artifact is None:
        return NotWentBack.as_of(Hindrance.NO_CODE_BEFORE)
    page = _look(run, way, previous.artifact)
    if isinstance(page, NotWentBack):
        return page
    description = describe_rollback(previous, find_alias_of(previous, page), way.built)
    target = TargetState(way.app, "", page)
    try:
        return release(run, target, previous.artifact, description, fence, tell)
    except (LockUnavailable, Refused) as lost:
        return NotWentBack.as_of(Hindrance.LOCK_LOST, said=lost.message)
    except AcceleratorError as error:
        return NotWentBack.failed(error)


def find_hindrance(run: Run, way: WayBack) -> NotWentBack | None:
    """Look whether there is a way back, as `roll_back` would before it writes."""
    if way.previous is None or way.previous.artifact is None:
        return NotWentBack.as_of(Hindrance.NO_CODE_BEFORE)
    if late := _find_lack_of_time(run, way):
        return late
    found = _look(run, way, way.previous.artifact)
    return found if isinstance(found, NotWentBack) else None


def least_seconds(waits: Waits, way: WayBack) -> float:
    """Return what a verification may take although all is well: a boot, the switch, one visit."""
    boot = min(waits.dynos, BOOT_SECONDS)
    checks = min(waits.smoke, VISIT_SECONDS) if way.checks else 0.0
    return boot + way.switch_seconds + checks


def _find_lack_of_time(run: Run, way: WayBack) -> NotWentBack | None:
    """Look whether the run has the time to see a way back to its end; half of one is worse."""
    needed, left = least_seconds(run.waits, way), run.deadline.remaining
    if left >= needed:
        return None
    return NotWentBack.as_of(Hindrance.NO_TIME, needed=round(needed), left=round(left))


def _prove(run: Run, way: WayBack, previous: Release, made: Release) -> WentBack | NotWentBack:
    if made.artifact is None:
        raise ValueError("a release of an artifact has one")
    told = {"previous": previous.version, "version": made.version}
    try:
        built = Commit(way.built) if way.built else None
        claim = Claim(way.app, made.id, made.artifact, built, way.checks, way.had_web)
        proof = verify(run, claim)
        run.refuse_if_stopping()  # what was cut short proves nothing
    except (ReleaseFailed, WrongArtifact) as error:  # other code is live
        return NotWentBack.failed(error)
    except AcceleratorError as error:
        unproven = NotWentBack.as_of(Hindrance.UNPROVEN, **told, said=error.message)
        return replace(unproven, is_open=is_open(error))
    if proof.outcome is Verified.INCONCLUSIVE:
        return NotWentBack.as_of(Hindrance.UNPROVEN, **told, said=proof.flaw)
    if proof.outcome is not Verified.PASSED:
        return NotWentBack.as_of(Hindrance.UNVERIFIED, **told, said=proof.flaw)
    return WentBack(previous, made)


def _look(run: Run, way: WayBack, artifact: ArtifactRef) -> tuple[Release, ...] | NotWentBack:
    """Return the newest releases, or what stands against going back; nothing is written."""
    try:
        page = run.heroku.releases.fetch_newest(way.app)
        if later := _find_overtaking(way, page):
            return NotWentBack.as_of(Hindrance.OVERTAKEN, version=later.version)
        is_gone = _is_gone(run, way.app, artifact)
    except AcceleratorError as error:
        return NotWentBack.as_of(Hindrance.UNREADABLE, said=error.message)
    return NotWentBack.as_of(Hindrance.EXPIRED) if is_gone else page


def _find_overtaking(way: WayBack, page: tuple[Release, ...]) -> Release | None:
    """Find other code that somebody released over the release that is not wanted."""
    current, unwanted = next((each for each in page if each.current), None), way.unwanted
    if current is None or unwanted is None:
        return None
    # An older release may still be shown as the current one right after the deploy.
    is_later = current.version > unwanted.version
    return current if is_later and current.artifact != unwanted.artifact else None


def _is_gone(run: Run, app: str, artifact: ArtifactRef) -> bool:
    try:
        return fetch_artifact(run.heroku, app, artifact).deleted_at is not None
    except NotFound:
        return True
    except KeyRefused:  # Heroku knows whether it is still there
        return False
