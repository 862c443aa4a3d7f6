"""A scene for deploys: a prepare app, two targets, and an order to bring the commit to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.steps.compare.reading import Place
from accelerator.steps.deploy import deploy
from accelerator.steps.order import DeployOrder
from accelerator.steps.report import Report, TargetReport
from accelerator.steps.verify.smoke import SmokeCheck
from tests.unit.fakes import (
    COMMIT,
    OTHER,
    FakeApp,
    MemoryRefs,
    Source,
    Stage,
    make_app,
    make_build,
    make_stage,
    relate,
)

if TYPE_CHECKING:
    from accelerator.errors import AcceleratorError
    from accelerator.models import Commit
    from accelerator.steps.route.build import Source as SourceProtocol

BUILT = f"slug-of-{COMMIT.short}"
DEAD = SmokeCheck("http://127.0.0.1:9/")
"""Nothing listens on the discard port."""


@dataclass
class Scene:
    """A prepare app, two targets, and an order to bring the commit to them."""

    stage: Stage
    order: DeployOrder
    report: Report = field(default_factory=Report)
    refs: MemoryRefs = field(default_factory=MemoryRefs)

    def deploy(self, **changes: Any) -> Report:
        return deploy(self.stage.run, replace(self.order, **changes), self.report)

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


def opened() -> tuple[SourceProtocol, Commit]:
    return Source(), COMMIT


def scene(prepared: str | None = "good", *targets: FakeApp) -> Scene:
    """Set a scene: `prepared` is what the prepare app runs; "good" is the commit's slug."""
    shops = targets or (make_app("shop", "old"), make_app("shop-eu", "old"))
    builds = [make_build("shop-prepare", "good", COMMIT)] if prepared == "good" else []
    prepare = make_app("shop-prepare", prepared, builds=builds)
    stage = make_stage(prepare, *shops, dynos=5.0, smoke=1.0)
    stage.heroku.hold("good", COMMIT)
    stage.heroku.hold("old", OTHER)
    names = tuple(shop.name for shop in shops)
    order = DeployOrder(
        COMMIT, (Place("shop-prepare"),), names, opened, ancestry=relate(OTHER, COMMIT)
    )
    return Scene(stage, order)


PROMOTION = "promotions.create shop-prepare-v1 to shop shop-eu"
