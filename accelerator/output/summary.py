"""The result on stdout for people: what is where now, and where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.output.console import render_seconds

if TYPE_CHECKING:
    from accelerator.events import StepFinished
    from accelerator.output.outcome import Outcome
    from accelerator.settings import Row
    from accelerator.steps.guard.marks import MarkReport
    from accelerator.steps.plan import Plan
    from accelerator.steps.report import PrepareReport, Report, ShipReport, TargetReport

BAR_WIDTH = 28


def render_deploy(report: Report, outcome: Outcome) -> str:
    """Render the result of a deploy: a line a target, then the timing table."""
    if report.plan is not None and outcome.error is None:
        return "\n".join([*_planned(report, report.plan), *_usage(outcome)])
    return "\n".join([*_targets(report), "", render_timings(outcome.steps), *_usage(outcome)])


def render_ship(report: ShipReport, outcome: Outcome) -> str:
    """Render the result of a ship, stage by stage."""
    lines = [f"Tests {report.tests.replace('_', ' ')}."]
    for stage, staged in report.stages:
        lines += [f"Stage {stage}:", *(f"  {line}" for line in _targets(staged))]
    return "\n".join([*lines, "", render_timings(outcome.steps), *_usage(outcome)])


def render_prepare(report: PrepareReport, outcome: Outcome) -> str:
    """Render the result of a preparation."""
    commit = report.commit.short if report.commit else "nothing"
    said = f"{commit} is prepared on {report.app}"
    if outcome.error is not None:
        said = f"{commit} is not prepared on {report.app or 'any app'}"
    held = f"v{report.release.version}" if report.release else "a build without a release"
    artifact = f", {report.artifact.kind} {report.artifact.id}" if report.artifact else ""
    return "\n".join(
        [
            f"{said}." if outcome.error else f"{said}: {held}{artifact}.",
            "",
            render_timings(outcome.steps),
            *_usage(outcome),
        ]
    )


def render_config(rows: tuple[Row, ...], api_url: str) -> str:
    """Render the settings as a table: name, value, source."""
    table = [("setting", "value", "from"), *((row.name, row.value, row.source) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(2)]
    lines = [
        f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}" for name, value, source in table
    ]
    return "\n".join([*lines, "", f"The platform is {api_url}."])


def render_mark(report: MarkReport) -> str:
    """Render what stands for a target now."""
    what = f"{report.commit[:8]} is {report.state} for" if report.commit else ""
    said = f"{what} {report.target}" if what else f"{report.target} is {report.state}"
    why = f" ({report.reason})" if report.reason else ""
    return f"{said}{why}{'' if report.changed else ', as before'}."


def render_timings(steps: tuple[StepFinished, ...]) -> str:
    """Render the steps as a table with bars on one time axis: overlap shows as overlap."""
    if not steps:
        return "No step was begun."
    ordered = sorted(steps, key=lambda step: step.started_at)
    begin = ordered[0].started_at
    starts = [(step.started_at - begin).total_seconds() for step in ordered]
    total = max(start + step.seconds for start, step in zip(starts, ordered, strict=True)) or 1e-9
    width = max(len(_label(step)) for step in ordered)
    lines = [
        f"{_label(step):<{width}}  {render_seconds(step.seconds):>10}  "
        f"{_bar(start, step.seconds, total)}"
        for start, step in zip(starts, ordered, strict=True)
    ]
    return "\n".join([*lines, f"{'in all':<{width}}  {render_seconds(total):>10}"])


def _label(step: StepFinished) -> str:
    return f"{step.name} {step.detail}".strip()[:48]


def _bar(start: float, seconds: float, total: float) -> str:
    first = min(int(start / total * BAR_WIDTH), BAR_WIDTH - 1)
    length = max(1, round(seconds / total * BAR_WIDTH))
    return "." * first + "#" * min(length, BAR_WIDTH - first)


def _planned(report: Report, plan: Plan) -> list[str]:
    commit = report.commit.short if report.commit else "?"
    lines = [f"Plan for {commit}: {report.route} ({report.reason}). Nothing was written."]
    for entry in report.targets:
        runs = f"v{entry.previous_release.version}" if entry.previous_release else "nothing"
        lines += ["", f"{entry.app}: {entry.route}; it runs {runs}"]
        mine = [check for app, check in plan.checks if app == entry.app]
        width = max((len(check.name) for check in mine), default=0)
        lines += [
            f"  {check.name:<{width}}  {check.outcome:<7}  {check.detail}".rstrip()
            for check in mine
        ]
    lines += ["", "These writes would follow:" if plan.calls else "No write would follow."]
    return [*lines, *(f"  {call.method} {call.path}: {call.does}" for call in plan.calls), ""]


def _targets(report: Report) -> list[str]:
    commit = report.commit.short if report.commit else "?"
    return [f"{entry.app}: {_target(entry, commit)}" for entry in report.targets]


def _target(entry: TargetReport, commit: str) -> str:
    version = f"v{entry.release.version}" if entry.release else "no release"
    if entry.rolled_back_to is not None:
        taken = "was taken back, as others failed"
        why = taken if entry.status == "compensated" else "failed verification"
        return f"{commit} {why}; back to the code of v{entry.rolled_back_to}"
    if entry.error is not None:
        return f"{'not known' if entry.status == 'pending' else 'failed'}: {entry.error}"
    if entry.status == "unchanged":
        return f"{commit} is live already as {version}, {_verified(entry)}"
    if entry.status == "succeeded":
        return f"{commit} is live as {version} by {entry.route}, {_verified(entry)}"
    return entry.status


def _verified(entry: TargetReport) -> str:
    return {"passed": "verified", "not_run": "not verified"}.get(
        entry.verified, f"verification {entry.verified}"
    )


def _usage(outcome: Outcome) -> list[str]:
    usage = outcome.usage
    if usage is None:
        return []
    return [f"API: {usage.requests} requests, {usage.round_trips} of them one after the other"]
