"""The structure of the client, read from its syntax trees: who reads and calls what."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import types
import typing
from collections.abc import Callable as AbstractCallable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import accelerator
from accelerator.models import Route
from accelerator.repository import HerokuGit, LockHost
from accelerator.steps.order import DeployOrder, Rules
from accelerator.steps.prepare import PrepareOrder
from accelerator.steps.report import PrepareReport, Report, ShipReport
from accelerator.steps.route.take import WAYS
from accelerator.steps.ship import ShipOrder

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "accelerator" / "steps"
STORIES = ("deploy", "ship", "prepare", "resume")
REPORTS = (Report, PrepareReport, ShipReport)
ENTRIES = {"TargetReport", "SourceReport"}
WRITERS = {
    name
    for kind in REPORTS
    for name, value in vars(kind).items()
    if isinstance(value, types.FunctionType) and not name.startswith("_")
}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def uses_of_a_report(tree: ast.AST) -> Iterator[str]:
    """Yield what is asked of anything named ``report``."""
    for node in ast.walk(tree):
        owner = node.value if isinstance(node, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id == "report":
            yield node.attr


def test_the_stories_write_the_report_and_never_read_it_back() -> None:
    asked = {
        (path.stem, name)
        for path in modules(STEPS)
        if path.name != "report.py"
        for name in uses_of_a_report(parse(path))
    }

    assert {name for _, name in asked} <= WRITERS
    assert {path for path, _ in asked} <= set(STORIES)


def test_no_room_and_no_helper_of_the_stories_knows_the_report() -> None:
    knowing = {
        path.stem
        for path in modules(STEPS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module == "accelerator.steps.report"
    }

    assert knowing == set(STORIES)


def test_entries_of_the_report_are_made_and_changed_in_its_own_file_alone() -> None:
    named = {
        path.name
        for path in modules(STEPS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Name) and node.id in ENTRIES
    }

    assert named == {"report.py"}


def value_types(kind: Any, seen: set[Any]) -> None:
    """Collect the types of a value's fields, and of theirs."""
    for inner in (kind, *typing.get_args(kind)):
        if inner in seen:
            continue
        seen.add(inner)
        if inner is not kind:
            value_types(inner, seen)
        elif dataclasses.is_dataclass(inner):
            for hint in hints_of(inner):
                value_types(hint, seen)


def hints_of(kind: Any) -> list[Any]:
    """Return the types of a dataclass's fields, also of those imported for checking only."""
    names = {**vars(typing), **everything()}
    return list(typing.get_type_hints(kind, names, names).values())


def everything() -> dict[str, Any]:
    """Return all names that the modules of the client define."""
    found: dict[str, Any] = {"Mapping": typing.Mapping}
    for module in pkgutil.walk_packages(accelerator.__path__, "accelerator."):
        if "localheroku" in module.name or "sample" in module.name or "__main__" in module.name:
            continue
        found |= {
            name: value
            for name, value in vars(importlib.import_module(module.name)).items()
            if isinstance(value, type)
        }
    return found


@pytest.mark.parametrize("order", [DeployOrder, Rules, PrepareOrder, ShipOrder])
def test_an_order_is_data_through_and_through(order: type) -> None:
    seen: set[Any] = set()

    value_types(order, seen)

    origins = {typing.get_origin(kind) or kind for kind in seen}
    services = {HerokuGit, LockHost}
    assert dataclasses.is_dataclass(order)
    assert AbstractCallable not in origins
    assert not services & origins
    assert all(
        kind.__dataclass_params__.frozen for kind in origins if dataclasses.is_dataclass(kind)
    )
    assert len(seen) > 3


def imports_of(path: Path) -> set[str]:
    nodes = ast.walk(parse(path))
    return {
        name
        for node in nodes
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }


@pytest.mark.parametrize("folder", ["heroku", "repository", "settings"])
def test_what_is_below_the_steps_imports_nothing_of_them(folder: str) -> None:
    paths = modules(ROOT / "accelerator" / folder)

    assert paths
    for path in paths:
        assert not [name for name in imports_of(path) if name.startswith("accelerator.steps")], path


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_no_function_of_the_deploy_takes_more_than_five_things_or_a_tuple_of_helpers() -> None:
    helpers = {"TargetLocks", "HeldLocks", "Report", "Run", "Guard", "Verifier"}
    for function in functions(STEPS / "deploy.py"):
        given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        assert len([each for each in given if each.arg != "self"]) <= 5, function.name
        for each in given:
            named = {n.id for n in ast.walk(each) if isinstance(n, ast.Name)}
            assert not ("tuple" in named and named & helpers), (function.name, each.arg)


def test_every_route_has_its_file_with_what_it_writes_and_how_it_is_taken() -> None:
    assert set(WAYS) == set(Route) - {Route.WAIT}
    for way in WAYS.values():
        assert way.writes.__module__ == way.take.__module__
        assert (way.writes.__name__, way.take.__name__) == ("writes", "take")
