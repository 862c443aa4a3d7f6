"""The demo's result: where the time went, beside building at every stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from accelerator.events import StepFinished
from accelerator.output.outcome import Outcome
from accelerator.output.parts import head, render_error
from accelerator.output.timings import render_timings
from accelerator.output.wording import render_seconds

if TYPE_CHECKING:
    from accelerator.output.parts import Document

BAR_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Lap:
    """Seconds from the commit until tests are done, staging serves, production serves."""

    tests: float
    staging: float
    production: float


@dataclass
class DemoReport:
    """The documents of both deploys, and the laps of both ways."""

    commits: dict[str, str] = field(default_factory=dict)
    first: Document | None = None
    second: Document | None = None
    prepared: Lap | None = None
    built: Lap | None = None
    sites: dict[str, str] = field(default_factory=dict)
    build_seconds: float = 0.0


def demo_document(report: DemoReport, outcome: Outcome) -> Document:
    """Render the demo as ``accelerator.demo/1``; laps are seconds since the commit."""
    return {
        **head("demo", outcome),
        "commits": report.commits,
        "first": report.first,
        "second": report.second,
        "prepared_and_promoted": asdict(report.prepared) if report.prepared else None,
        "built_at_every_stage": asdict(report.built) if report.built else None,
        "build_seconds_added": report.build_seconds,
        "sites": report.sites,
        "error": render_error(outcome.error),
    }


def render_demo(report: DemoReport) -> list[str]:
    """Render what a viewer should take away."""
    lines = [*_commit_lines(report), ""]
    if report.second:
        lines += ["Where the second commit's time went:", *_timings(report.second), ""]
    if report.prepared and report.built:
        lines += _comparison(report.prepared, report.built, report.build_seconds)
    return lines + [f"{app}: {url}" for app, url in report.sites.items()]


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return demo_document(DemoReport(), Outcome())


def _commit_lines(report: DemoReport) -> list[str]:
    lines = []
    if report.first:
        lines.append(
            f"First commit:  {report.first['route']} ({report.first['reason']}): "
            "built once on staging, the same slug released on production"
        )
    if report.second:
        routes = ", ".join(
            f"{stage['stage']} {stage['route']} ({stage['reason']})"
            for stage in report.second["stages"]
        )
        lines.append(f"Second commit: {routes}")
        lines += [f"               {line}" for line in _slugs(report.second)]
    return lines


def _slugs(document: Document) -> list[str]:
    holders: dict[Any, list[str]] = {}
    prepared = document["prepared"]
    if prepared and prepared["artifact"]:
        holders.setdefault(prepared["artifact"]["id"], []).append(prepared["app"])
    for stage in document["stages"]:
        for target in stage["targets"]:
            holders.setdefault(target["artifact"]["id"], []).append(target["app"])
    return [f"slug {ident}: {', '.join(apps)}" for ident, apps in holders.items()]


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


def _comparison(prepared: Lap, built: Lap, added: float) -> list[str]:
    longest = max(prepared.production, built.production)
    ratio = built.production / prepared.production
    return [
        "Seconds since the commit (T tests and build, S staging serves, P production serves)",
        f"  prepared and promoted   {render_seconds(prepared.production):>8}  "
        f"{_bar(prepared, longest)}",
        f"  built at every stage    {render_seconds(built.production):>8}  {_bar(built, longest)}",
        f"Commit to production was {ratio:.1f} times as fast. Every build here was made "
        f"{added:g} s longer (--build-seconds),",
        "as builds with dependencies are; without that the builds of this application take "
        "well under a second.",
        "",
    ]


def _bar(lap: Lap, longest: float) -> str:
    """Draw a lap on a common axis: T, S and P fill the time up to their end."""
    drawn = ""
    for letter, end in (("T", lap.tests), ("S", lap.staging), ("P", lap.production)):
        drawn += letter * max(1, round(end / longest * BAR_WIDTH) - len(drawn))
    return drawn
