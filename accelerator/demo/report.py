"""The demo's result: how long a commit took, prepared and promoted, and built at every stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from accelerator.demo.chart import draw
from accelerator.demo.screen import wrap_command
from accelerator.events import StepFinished
from accelerator.output.outcome import Outcome
from accelerator.output.parts import head, render_error
from accelerator.output.timings import render_timings
from accelerator.output.wording import render_seconds

if TYPE_CHECKING:
    from accelerator.demo.chart import Way
    from accelerator.output.parts import Document

WIDTH = 79
IDENT_LETTERS = 8


@dataclass(frozen=True, slots=True)
class Lap:
    """Seconds from the commit until tests are done, staging serves, production serves."""

    tests: float
    staging: float
    production: float


@dataclass(frozen=True, slots=True)
class Model:
    """What was made longer than it is, and whether both ways were gone at the same time."""

    build_seconds: float = 0.0
    test_seconds: float = 0.0
    at_once: bool = False


@dataclass
class DemoReport:
    """The documents of both deploys, and the laps of both ways."""

    commits: dict[str, str] = field(default_factory=dict)
    first: Document | None = None
    second: Document | None = None
    prepared: Lap | None = None
    built: Lap | None = None
    sites: dict[str, str] = field(default_factory=dict)
    model: Model = Model()
    command: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()


def demo_document(report: DemoReport, outcome: Outcome) -> Document:
    """Render the demo as ``accelerator.demo/1``; laps are seconds since the commit."""
    return {
        **head("demo", outcome),
        "commits": report.commits,
        "first": report.first,
        "second": report.second,
        "prepared_and_promoted": asdict(report.prepared) if report.prepared else None,
        "built_at_every_stage": asdict(report.built) if report.built else None,
        "build_seconds_added": report.model.build_seconds,
        "test_seconds_added": report.model.test_seconds,
        "ran_at_once": report.model.at_once,
        "sites": report.sites,
        "error": render_error(outcome.error),
    }


def render_demo(report: DemoReport, *, with_steps: bool = False) -> list[str]:
    """Render what a viewer should take away; `with_steps` adds the table of the steps."""
    lines = [*_first(report), *_second(report)]
    if with_steps and report.second:
        lines += ["Where the second commit's time went:", *_timings(report.second), ""]
    if report.prepared and report.built:
        lines += [row.text() for row in draw(report.ways, WIDTH)]
        lines += ["", *_comparison(report.prepared, report.built, report.model)]
    return lines


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return demo_document(DemoReport(), Outcome())


def describe_first(document: Document) -> str:
    """Say in one line how the commit went out that nobody had prepared."""
    if document["route"] != "build":
        return f"First commit: {document['route']} ({document['reason']})."
    took = sum(step["seconds"] for step in document["steps"] if step["name"] == "build")
    return f"First commit, not prepared: built once for both stages, in {render_seconds(took)}."


def _first(report: DemoReport) -> list[str]:
    return [describe_first(report.first), ""] if report.first else []


def _second(report: DemoReport) -> list[str]:
    if not report.second:
        return []
    how = "both ways at once" if report.model.at_once else "first one way, then the other"
    command = [f"  {line}" for line in wrap_command(report.command, WIDTH - 2)]
    return [f"Second commit, {how}:", *command, *_slugs(report.second), ""]


def _slugs(document: Document) -> list[str]:
    holders: dict[Any, list[str]] = {}
    prepared = document["prepared"]
    if prepared and prepared["artifact"]:
        holders.setdefault(prepared["artifact"]["id"], []).append(prepared["app"])
    for stage in document["stages"]:
        for target in stage["targets"]:
            holders.setdefault(target["artifact"]["id"], []).append(target["app"])
    return [f"  slug {ident[:IDENT_LETTERS]}: {', '.join(apps)}" for ident, apps in holders.items()]


def _timings(document: Document) -> list[str]:
    return render_timings(
        tuple(
            StepFinished(
                step["name"],
                step["outcome"],
                datetime.fromisoformat(step["started_at"]),
                step["seconds"],
                step["detail"] or "",
                step["app"],
            )
            for step in document["steps"]
        )
    )


def _comparison(prepared: Lap, built: Lap, model: Model) -> list[str]:
    ratio = built.production / prepared.production
    said = [
        f"From commit to production {ratio:.1f} times as fast."
        if round(ratio, 1) > 1
        else "It was no faster: builds and tests as short as these leave nothing to gain.",
        *_model(model),
        "On Heroku promotions and dynos take longer than here.",
    ]
    return wrap(" ".join(said), WIDTH, break_on_hyphens=False)


def _model(model: Model) -> list[str]:
    """Say by how much the times were made longer, and nothing where they were not."""
    longer = (
        ("build", "--build-seconds", model.build_seconds),
        ("test run", "--test-seconds", model.test_seconds),
    )
    made = [each for each in longer if each[2]]
    if not made:
        return []
    seconds = " and ".join(f"every {what} {added:g} s" for what, _, added in made)
    options = ", ".join(option for _, option, _ in made)
    return [f"The demo made {seconds} longer than this application needs ({options})."]
