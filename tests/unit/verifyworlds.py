"""Random worlds for the verification: what a platform does after a release, moment by moment.

Written from what Heroku is known to do, and asks nothing of `dynos`, `switch` or `smoke`: a mistake
there is not repeated here. Seconds count from the release.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from accelerator.errors import KeyRefused
from accelerator.models import Dyno
from accelerator.steps.verify.visit import Seen
from tests.unit.fakes import BEGIN, COMMIT, Stage, make_app, make_stage

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from accelerator.steps.verify.visit import Expected
    from accelerator.waiting import Deadline

NEW, OLD = 2, 1
LONG = 10_000.0
MOST_SWITCH_SECONDS = 170.0  # of the 180 that are allowed for
SITE = "https://shop.example/"


@dataclass(frozen=True)
class Slot:
    """A dyno that the formation wants: when it is listed, how long it boots, whether it crashes."""

    name: str
    appears: float
    boots: float
    crashes: bool

    @property
    def is_web(self) -> bool:
        return self.name.startswith("web.")

    @property
    def up_at(self) -> float:
        return LONG * 2 if self.crashes else self.appears + self.boots


@dataclass(frozen=True)
class ServingWorld:
    """An app after a release.

    ``kind``: dynos are replaced at once, by preboot, or rolling; then old code answers for
    ``switch_seconds`` after the new web dynos are up. New code answers well from ``warm_at`` on.
    """

    slots: tuple[Slot, ...]
    others: tuple[Dyno, ...]
    kind: str
    switch_seconds: float
    may_read_preboot: bool
    old_is_well: bool
    warm_at: float
    maintenance_from: float
    checks: tuple[str, ...]
    run_seconds: float

    @property
    def web(self) -> tuple[Slot, ...]:
        return tuple(slot for slot in self.slots if slot.is_web)

    @property
    def all_up_at(self) -> float:
        return max((slot.up_at for slot in self.slots), default=0.0)

    @property
    def switched_at(self) -> float:
        """From when on only new code answers."""
        last = max((slot.up_at for slot in self.web), default=0.0)
        return last + (0.0 if self.kind == "at once" else self.switch_seconds)

    def dynos(self, now: float) -> list[Dyno]:
        return [*self.others, *(d for slot in self.slots if (d := self._dyno(slot, now)))]

    def _dyno(self, slot: Slot, now: float) -> Dyno | None:
        kind = slot.name.partition(".")[0]

        def since(seconds: float, state: str, version: int) -> Dyno:
            return Dyno(slot.name, kind, state, version, BEGIN + timedelta(seconds=seconds))

        if now < slot.appears:
            return since(-LONG, "up", OLD) if self.kind == "rolling" else None
        if now < slot.appears + slot.boots:
            return since(slot.appears, "starting", NEW)
        return since(slot.appears + slot.boots, "crashed" if slot.crashes else "up", NEW)

    def answer(self, now: float) -> tuple[str, bool]:
        """Return who answers a visitor, and whether well."""
        if now >= self.maintenance_from:
            return "router", False
        if not self.web:
            return "router", False
        is_old = now < self.switched_at and (self.kind != "rolling" or int(now) % 2 == 0)
        return ("old", self.old_is_well) if is_old else ("new", now >= self.warm_at)


@dataclass
class Visited:
    """A stage on which a world runs, and who answered each visit, for which check, how."""

    world: ServingWorld
    stage: Stage
    visits: list[tuple[str, str, bool]] = field(default_factory=list)

    @property
    def now(self) -> float:
        return self.stage.clock.now() - 1000.0

    def visit(self, url: str, expected: Expected, deadline: Deadline) -> Seen:
        """Answer as the world does; the old code names another commit."""
        assert deadline.clock is self.stage.clock
        who, is_well = self.world.answer(self.now)
        is_told = expected.text is None or (who == "new" and expected.text == COMMIT.sha)
        self.visits.append((url, who, is_well and is_told))
        self.stage.clock.pass_seconds(0.1)
        if not is_well:
            return Seen("answered 500")
        return Seen(None if is_told else "answered 200 without the text")


def play(world: ServingWorld) -> Visited:
    """Set the stage for a world."""
    app = make_app("shop", "old", web_url=SITE, in_space=world.kind == "rolling")
    app.land("good")
    is_on = world.kind == "preboot"
    app.preboot = is_on if world.may_read_preboot else KeyRefused("no")
    kinds = [slot.name.partition(".")[0] for slot in world.slots]
    app.formation = {kind: kinds.count(kind) for kind in ("web", "worker")}
    stage = make_stage(app, seconds=world.run_seconds)
    visited = Visited(world, stage)

    def pass_on() -> None:
        app.dynos = world.dynos(visited.now)
        app.maintenance = visited.now >= world.maintenance_from

    for call in ("dynos.fetch shop", "apps.fetch shop"):
        stage.heroku.always[call] = pass_on
    stage.heroku.call_seconds = 0.02
    return visited


@st.composite
def slots(draw: DrawFn) -> tuple[Slot, ...]:
    names = [f"web.{n + 1}" for n in range(draw(st.integers(0, 3)))]
    names += [f"worker.{n + 1}" for n in range(draw(st.integers(0, 2)))]
    appears = st.sampled_from((0.0, 0.0, 1.0, 20.0, 200.0, LONG))
    boots = st.sampled_from((0.0, 2.0, 8.0, 40.0, LONG))
    crashes = st.sampled_from((False,) * 7 + (True,))
    return tuple(Slot(name, draw(appears), draw(boots), draw(crashes)) for name in names)


@st.composite
def one_offs(draw: DrawFn) -> tuple[Dyno, ...]:
    """Make dynos that are nobody's business: one-off ones, of before and of now."""
    kinds = draw(st.lists(st.sampled_from(("scheduler", "run", "release", "worker", "web"))))
    states = st.sampled_from(("up", "starting", "crashed", "down"))
    versions = st.sampled_from((OLD, NEW, None))
    return tuple(
        Dyno(f"{kind}.{7000 + at}", kind, draw(states), draw(versions))
        for at, kind in enumerate(kinds)
    )


@st.composite
def serving_worlds(draw: DrawFn, *, is_plain: bool = False) -> ServingWorld:
    """Make a world; a plain one has the time, and nobody in the way, for a clear verdict."""
    maintenance = st.sampled_from((LONG, LONG, LONG, 0.0, 100.0, 300.0))
    times = st.sampled_from((LONG, LONG, 3.0, 30.0, 150.0, 350.0))
    checks = st.sampled_from(("/health", "2x /up", "/proof {commit}", "2x /proof2 {commit}"))
    return ServingWorld(
        slots=draw(slots()),
        others=draw(one_offs()),
        kind=draw(st.sampled_from(("at once", "preboot", "rolling"))),
        switch_seconds=draw(st.floats(0, MOST_SWITCH_SECONDS)),
        may_read_preboot=draw(st.booleans()),
        old_is_well=draw(st.booleans()),
        warm_at=draw(st.sampled_from((0.0, 0.0, 60.0, 400.0, LONG))),
        maintenance_from=LONG if is_plain else draw(maintenance),
        checks=tuple(draw(st.lists(checks, max_size=3, unique=True))),
        run_seconds=LONG if is_plain else draw(times),
    )
