"""A scene for deploys: a prepare app, two targets, and an order to bring the commit to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from accelerator.models import LockMode
from accelerator.steps.compare.wanted import SourceApp
from accelerator.steps.deploy import deploy
from accelerator.steps.guard.policy import LockPolicy
from accelerator.steps.order import DeployOrder, Rules
from accelerator.steps.report import Report, TargetReport
from accelerator.steps.verify.settled import Verification
from accelerator.steps.verify.smoke import SmokeCheck
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    FakeApp,
    FakeHost,
    MemoryRefs,
    Stage,
    make_app,
    make_build,
    make_stage,
    relate,
)

if TYPE_CHECKING:
    from accelerator.errors import AcceleratorError
    from accelerator.repository import LockHost

BUILT = f"slug-of-{COMMIT.short}"
DEAD = Verification((SmokeCheck("http://127.0.0.1:9/"),))
"""Nothing listens on the discard port."""

SHOP = "promotions.create shop-prepare-v1 to shop"
THIRD = replace(OTHER, sha="3" * 40)

ORDER = {"commit", "waves", "on_failure", "plan_only"}


@dataclass
class Scene:
    """A prepare app, two targets, and an order to bring the commit to them."""

    stage: Stage
    order: DeployOrder
    report: Report = field(default_factory=Report)
    refs: MemoryRefs = field(default_factory=MemoryRefs)

    def change(self, **changes: Any) -> None:
        """Change the order, and the rules in it."""
        if "ancestry" in changes:
            self.stage.clone.ask = changes.pop("ancestry")
        own = {name: changes.pop(name) for name in ORDER & changes.keys()}
        self.order = replace(self.order, rules=replace(self.order.rules, **changes), **own)

    def deploy(self, **changes: Any) -> Report:
        before = self.order
        self.change(**changes)
        try:
            deploy(self.stage.run, self.order, self.report)
        finally:
            self.order = before
        return self.report

    def lock(self, mode: LockMode = LockMode.AUTO, wait_seconds: float = 30.0) -> None:
        """Lock targets in the scene's remote from now on."""
        self.stage.run = replace(self.stage.run, marks=cast("LockHost", FakeHost(self.refs)))
        self.change(lock=LockPolicy(mode, wait_seconds, "us", "https://ci.example/1"))

    def fail(self, kind: type[AcceleratorError], **changes: Any) -> AcceleratorError:
        with pytest.raises(kind) as caught:
            self.deploy(**changes)
        assert type(caught.value) is kind
        return caught.value

    def app(self, name: str) -> FakeApp:
        return self.stage.app(name)

    def held(self, name: str) -> str | None:
        current = self.app(name).current
        return current.artifact.id if current and current.artifact else None

    def entry(self, name: str) -> TargetReport:
        return next(entry for entry in self.report.targets if entry.app == name)

    def writes(self) -> list[str]:
        return self.stage.heroku.writes()


def scene(prepared: str | None = "good", *targets: FakeApp) -> Scene:
    """Set a scene: `prepared` is what the prepare app runs; "good" is the commit's slug."""
    shops = targets or (make_app("shop", "old"), make_app("shop-eu", "old"))
    builds = [make_build("shop-prepare", "good", COMMIT)] if prepared == "good" else []
    prepare = make_app("shop-prepare", prepared, builds=builds)
    stage = make_stage(prepare, *shops, dynos=5.0, smoke=1.0)
    stage.heroku.hold("good", COMMIT)
    stage.heroku.hold("old", OTHER)
    names = tuple(shop.name for shop in shops)
    stage.clone.ask, stage.clone.known = relate(OTHER, COMMIT), COMMIT
    order = DeployOrder(COMMIT, (names,), Rules((SourceApp("shop-prepare"),)))
    return Scene(stage, order)


PROMOTION = "promotions.create shop-prepare-v1 to shop shop-eu"


def locked(*targets: Any, prepared: str | None = "good", mode: LockMode = LockMode.AUTO) -> Scene:
    """Set a scene with a lock remote, at `scene.refs`."""
    made = scene(prepared, *targets)
    made.lock(mode)
    return made


def one(**changes: Any) -> Scene:
    return locked(make_app("shop", "old", **changes))
