"""Which dynos have to be up on a release, and whether they are.

The formation says how many dynos of each process type there have to be. Everything else that is
listed is somebody's one-off dyno (of Heroku Scheduler, of `heroku run`, under any type's name): a
release does not restart those, so they say nothing of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.events import say_nothing
from accelerator.steps.verify.saw import Count, describe_dynos
from accelerator.steps.verify.visit import Seen
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.events import Tell
    from accelerator.models import Dyno, Formation, Release
    from accelerator.steps.run import Run

CRASH_SECONDS = 20.0  # crashed dynos that do not come back in this time are taken for lost
RELEASE_TYPE = "release"  # of release commands: one-off dynos, whatever a formation says
ONE_OFF = frozenset({RELEASE_TYPE, "run"})  # where the formation is not known
_NUMBERED = re.compile(r"\.([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many dynos of each process type there have to be; None where it cannot be read.

    ``lost_web``: the code that runs now has no process type `web` at all.
    """

    quantities: Mapping[str, int] | None
    lost_web: bool = False

    @classmethod
    def of(cls, formation: Iterable[Formation] | None) -> Wanted:
        """Return what a formation wants."""
        if formation is None:
            return cls(None)
        rows = tuple(row for row in formation if row.type != RELEASE_TYPE)
        lost_web = all(row.type != "web" for row in rows)
        return cls({row.type: row.quantity for row in rows if row.quantity > 0}, lost_web)

    @property
    def has_web(self) -> bool:
        """True when visitors are served, or nobody knows."""
        return self.quantities is None or "web" in self.quantities

    @property
    def has_none(self) -> bool:
        """True when there need not be any dyno."""
        return self.quantities is not None and not self.quantities

    def takes(self, dyno: Dyno) -> bool:
        """Return whether a dyno may be one that the formation wants.

        On Cedar those have the numbers from 1 to the quantity: `worker.7301` is a one-off dyno,
        and a `web.3` of two is about to go. The names of Fir's dynos do not tell.
        """
        if self.quantities is None:
            return dyno.type not in ONE_OFF
        number = _NUMBERED.fullmatch(dyno.name.removeprefix(dyno.type))
        quantity = self.quantities.get(dyno.type, 0)
        return quantity > 0 and (number is None or 1 <= int(number[1]) <= quantity)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the dynos of an app stand towards a release.

    ``late`` are those that do not serve it; ``missing`` says of each type how many are not listed
    at all, and ``lacking`` of which types there are too few that serve.
    """

    late: tuple[Dyno, ...]
    missing: Mapping[str, int]
    lacking: frozenset[str]

    @property
    def is_up(self) -> bool:
        """True when as many dynos of each type serve as there have to be."""
        return not self.lacking

    def flaw(self, release: Release, wanted: Wanted) -> Seen:
        """Return what is wrong with it.

        It is conclusive only when the release was given a dyno that is not up: of dynos that the
        platform has not started, or restarted, the code knows nothing.
        """
        names = [f"{dyno.name} {_state(dyno, release)}" for dyno in self.late]
        quantities = wanted.quantities or {}
        names += [f"{n} of {quantities[kind]} {kind} not there" for kind, n in self.missing.items()]
        tried = (dyno for dyno in self.late if _is_tried(dyno, release))
        is_known = wanted.quantities is not None and any(tried)
        said = ", ".join(names) or "none is listed, and the formation cannot be read"
        return Seen(f"not every dyno is up on v{release.version}: {said}", is_known)


def stand(dynos: Iterable[Dyno], wanted: Wanted, release: Release) -> Standing:
    """Return how the dynos that the formation wants stand towards a release."""
    taken = [dyno for dyno in dynos if wanted.takes(dyno)]
    late = tuple(dyno for dyno in taken if not is_serving(dyno, release))
    if wanted.quantities is None:
        # None at all may be late, or be what is wanted: nobody can tell.
        lacking = frozenset(dyno.type for dyno in late) if taken else frozenset({"web"})
        return Standing(late, {}, lacking)
    listed, serving = dict[str, int](), dict[str, int]()
    for dyno in taken:
        listed[dyno.type] = listed.get(dyno.type, 0) + 1
        serving[dyno.type] = serving.get(dyno.type, 0) + is_serving(dyno, release)
    items = wanted.quantities.items()
    missing = {kind: n - listed.get(kind, 0) for kind, n in items if listed.get(kind, 0) < n}
    lacking = frozenset(kind for kind, n in items if serving.get(kind, 0) < n)
    return Standing(tuple(dyno for dyno in late if dyno.type in lacking), missing, lacking)


def count(look: Look, release: Release) -> dict[str, Count]:
    """Count the dynos of each type that serve a release, of those that there have to be."""
    taken = [dyno for dyno in look.dynos if look.wanted.takes(dyno)]
    quantities = look.wanted.quantities
    kinds = sorted({dyno.type for dyno in taken}) if quantities is None else sorted(quantities)
    counts = {}
    for kind in sorted(kinds, key=lambda kind: kind != "web"):  # what visitors need comes first
        mine = [dyno for dyno in taken if dyno.type == kind]
        wanted = len(mine) if quantities is None else quantities[kind]
        up = min(wanted, sum(is_serving(dyno, release) for dyno in mine))
        crashed = sum(dyno.state == "crashed" and _is_of(dyno, release) for dyno in mine)
        counts[kind] = Count(up, wanted, crashed)
    return counts


def find_failing(look: Look, release: Release) -> tuple[Dyno, ...]:
    """Find the dynos that a release was tried on and that did not come up: one of each type."""
    late = stand(look.dynos, look.wanted, release).late
    tried = sorted(
        (dyno for dyno in late if _is_tried(dyno, release)), key=lambda dyno: dyno.state
    )  # crashed before starting
    return tuple({dyno.type: dyno for dyno in reversed(tried)}.values())


def is_serving(dyno: Dyno, release: Release) -> bool:
    """Return whether a dyno is up on this release or, after a config change, a later one.

    An idle one sleeps until a visitor comes, and starts on this release then.
    """
    return dyno.state in {"up", "idle"} and _is_of(dyno, release)


class CrashLoops:
    """Tells a crash loop from a slow start: a dyno stays crashed, or crashes again and again.

    Heroku restarts a crashed dyno at once, later with growing pauses; a start that works out is
    up within seconds.
    """

    def __init__(self, release: Release) -> None:
        self.found: list[str] = []
        self._release = release
        self._since: dict[str, float] = {}

    def see(self, dynos: Iterable[Dyno], now: float) -> None:
        """Take one look at the dynos into account; `now` in monotonic seconds."""
        for dyno in dynos:
            if dyno.state == "up":
                self._since.pop(dyno.name, None)
            elif dyno.state == "crashed" and _is_of(dyno, self._release):
                begun = self._since.setdefault(dyno.name, now)
                if now - begun >= CRASH_SECONDS and dyno.name not in self.found:
                    self.found.append(dyno.name)


@dataclass(frozen=True, slots=True)
class Look:
    """The dynos of an app as they are listed, and what its formation wants."""

    dynos: tuple[Dyno, ...]
    wanted: Wanted


def wait_for_dynos(
    run: Run, release: Release, first: Look, tell: Tell = say_nothing
) -> tuple[Seen, Look]:
    """Wait until every dyno that the formation wants is up on the release.

    The formation is read again where fewer are listed than it wants: somebody, or an autoscaler,
    may have changed it meanwhile. `first` was part of a parallel read. Returns the last look too.
    """
    app, looks, loops = release.app_name, [first], CrashLoops(release)

    def look() -> Look:
        last, now = looks[-1], run.events.clock.now
        seen = first if len(looks) == 1 else Look(run.heroku.dynos.fetch(app), last.wanted)
        if len(looks) > 1 and stand(seen.dynos, seen.wanted, release).missing:
            seen = Look(seen.dynos, Wanted.of(run.heroku.formation.fetch(app)))
        looks.append(seen)
        tell(describe_dynos(count(seen, release)))
        loops.see(filter(seen.wanted.takes, seen.dynos), now())
        return seen

    def is_over(seen: Look) -> bool:
        return stand(seen.dynos, seen.wanted, release).is_up or bool(loops.found)

    limit = run.deadline.within(run.waits.dynos)
    try:
        seen = wait_for(look, is_over, limit, run.heroku.pace)
    except StillPending:
        seen = looks[-1]
        flaw = stand(seen.dynos, seen.wanted, release).flaw(release, seen.wanted)
        return flaw.cut() if limit.cut_short else flaw, seen
    if stand(seen.dynos, seen.wanted, release).is_up:
        return Seen(None), seen
    names = ", ".join(loops.found)
    is_known = seen.wanted.quantities is not None
    return Seen(f"{names} crashed again and again on v{release.version}", is_known), seen


def _state(dyno: Dyno, release: Release) -> str:
    if _is_of(dyno, release):
        return dyno.state
    on = "no release" if dyno.release_version is None else f"v{dyno.release_version}"
    return f"{dyno.state} on {on}"


def _is_tried(dyno: Dyno, release: Release) -> bool:
    return _is_of(dyno, release) and dyno.state in {"crashed", "starting"}


def _is_of(dyno: Dyno, release: Release) -> bool:
    return (dyno.release_version or 0) >= release.version
