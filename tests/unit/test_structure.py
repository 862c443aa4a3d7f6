"""The structure of the client: who reads and calls what, by its syntax trees and while it runs."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import sys
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import accelerator
from accelerator.errors import AcceleratorError
from accelerator.models import OnFailure, Route
from accelerator.steps import report as reports
from accelerator.steps.order import DeployOrder, Rules
from accelerator.steps.prepare import PrepareOrder
from accelerator.steps.report import PrepareReport, Report, ShipReport
from accelerator.steps.resume import ResumeOrder
from accelerator.steps.route.take import HANDLERS
from accelerator.steps.ship import ShipOrder, ship
from tests.unit.deployscene import scene
from tests.unit.fakes import COMMIT, make_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.deployscene import Scene

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "accelerator" / "steps"
STORIES = ("deploy", "ship", "prepare", "resume")


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def watched(kind: type[Any], reads: list[str]) -> type[Any]:
    """Make a report that notes who of the steps reads a field of it, under whatever name."""
    fields = {field.name for field in dataclasses.fields(kind)}

    class Watched(kind):  # type: ignore[misc]  # made for each kind
        def __getattribute__(self, name: str) -> Any:
            reader = Path(sys._getframe(1).f_code.co_filename)
            if name in fields and STEPS in reader.parents and reader.name != "report.py":
                reads.append(f"{reader.name} reads {kind.__name__}.{name}")
            return object.__getattribute__(self, name)

    return Watched


def ship_it(made: Scene, report: ShipReport) -> None:
    made.stage.clone.directory = ROOT
    stages = tuple((app, (app,)) for app in made.order.targets)
    order = ShipOrder(PrepareOrder(COMMIT, ("shop-prepare",)), stages, made.order.rules, "true")
    ship(made.stage.run, order, report)


RUNS: dict[str, Callable[[], Scene]] = {
    "a hit": scene,
    "a miss": lambda: scene(None),
    "live": lambda: scene("good", make_app("shop", "good")),
    "one that goes back": lambda: scene("good", make_app("shop", "old", crashing={"good"})),
    "one that fails": lambda: scene("good", make_app("shop", "old", failing={"good"})),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("story", ["deploy", "plan", "compensate", "ship"])
def test_nothing_in_steps_reads_a_report_back(
    name: str, story: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    for kind in (Report, PrepareReport, ShipReport):
        monkeypatch.setattr(reports, kind.__name__, watched(kind, reads))
    made = RUNS[name]()
    made.report = reports.Report()
    made.change(on_failure=OnFailure.COMPENSATE if story == "compensate" else OnFailure.STOP)

    try:
        if story == "ship":
            ship_it(made, reports.ShipReport())
        else:
            made.deploy(plan_only=story == "plan")
    except AcceleratorError:
        assert name.startswith("one that")

    assert reads == []
    assert made.stage.heroku.calls


def test_no_room_and_no_helper_of_the_stories_knows_the_report() -> None:
    knowing = {
        path.stem
        for path in modules(STEPS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module == "accelerator.steps.report"
    }

    assert knowing == set(STORIES)


LEAVES = (str, int, float, bool, types.NoneType, datetime)
HOLDERS = (tuple, Mapping, types.UnionType, typing.Union)


def everything() -> dict[str, Any]:
    """Return all names that the modules of the client define, for those imported in checks only."""
    found: dict[str, Any] = {"Mapping": Mapping, "datetime": datetime}
    for module in pkgutil.walk_packages(accelerator.__path__, "accelerator."):
        if any(part in module.name for part in ("localheroku", "sample", "__main__")):
            continue
        values = vars(importlib.import_module(module.name))
        found |= {name: value for name, value in values.items() if isinstance(value, type)}
    return found


def strangers(kind: Any, names: dict[str, Any], seen: set[Any]) -> Iterator[Any]:
    """Yield every type in a value that is no data: neither a leaf nor a frozen value of such."""
    if kind in seen or kind is Ellipsis or kind in LEAVES:
        return
    seen.add(kind)
    origin = typing.get_origin(kind) or kind
    if origin in HOLDERS:
        inner = typing.get_args(kind)
    elif dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        inner = tuple(typing.get_type_hints(kind, names, names).values())
    else:
        inner = ()
        if not (isinstance(kind, type) and issubclass(kind, StrEnum)):
            yield kind
    for each in inner:
        yield from strangers(each, names, seen)


@pytest.mark.parametrize("order", [DeployOrder, Rules, PrepareOrder, ShipOrder, ResumeOrder])
def test_an_order_is_data_through_and_through(order: type) -> None:
    seen: set[Any] = set()

    assert list(strangers(order, everything(), seen)) == []
    assert len(seen) > 2


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_no_function_of_the_deploy_takes_more_than_five_things_or_helpers_in_a_bag() -> None:
    helpers = {"TargetLocks", "HeldLocks", "Report", "Run", "Guard", "Verifier"}
    for function in functions(STEPS / "deploy.py"):
        given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        assert len([each for each in given if each.arg != "self"]) <= 5, function.name
        assert function.args.vararg is None
        assert function.args.kwarg is None
        for each in given:
            for node in ast.walk(each):
                held = ast.walk(node.slice) if isinstance(node, ast.Subscript) else ()
                named = {inner.id for inner in held if isinstance(inner, ast.Name)}
                assert not named & helpers, (function.name, each.arg)


def test_every_route_has_its_file_with_what_it_writes_and_how_it_is_taken() -> None:
    assert set(HANDLERS) == set(Route) - {Route.WAIT}
    for handler in HANDLERS.values():
        assert handler.writes.__module__ == handler.take.__module__
        assert (handler.writes.__name__, handler.take.__name__) == ("writes", "take")


def test_sessions_of_http_are_made_in_one_place_only() -> None:
    speaking = {"get", "post", "put", "request", "Session", "session", "PoolManager", "urlopen"}
    libraries = {"requests", "urllib3", "urllib"}
    client = ROOT / "accelerator"
    apart = {client / "localheroku", client / "demo" / "sample", client / "web"}

    def is_made(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            is_library = (node.module or "").partition(".")[0] in libraries
            return is_library and any(name.name in speaking for name in node.names)
        return (
            isinstance(node, ast.Attribute)
            and node.attr in speaking
            and isinstance(node.value, ast.Name)
            and node.value.id in {*libraries, "request"}
        )

    made = {
        f"{path.relative_to(client)}:{node.lineno}"
        for path in modules(client)
        if not apart & set(path.parents)
        for node in ast.walk(parse(path))
        if is_made(node)
    }

    assert made == set()
