"""The result of `deploy` and `resume`: document, text, blank document, and the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.output.outcome import Outcome
from accelerator.output.parts import (
    Document,
    commit_head,
    render_artifact,
    render_same,
    run_tail,
    usage_lines,
    with_timings,
)
from accelerator.output.targets import next_lines, target_lines
from accelerator.steps.report import Report

if TYPE_CHECKING:
    from accelerator.steps.plan import Plan
    from accelerator.steps.report import TargetReport
    from accelerator.steps.source_report import SourceReport
    from accelerator.steps.verify.saw import Checked, Saw


def deploy_document(report: Report, outcome: Outcome, command: str = "deploy") -> Document:
    """Render the result of `deploy` as ``accelerator.deploy/1``; `resume` has the same keys."""
    return {
        **commit_head(command, report.commit, outcome),
        **deployed_keys(report),
        "plan": _plan(report.plan),
        **run_tail(outcome),
    }


def render_deploy(report: Report, outcome: Outcome) -> list[str]:
    """Render the result of a deploy: some lines per target, the timing table, what comes next."""
    if report.plan is not None and outcome.error is None:
        return [*_planned(report, report.plan), *usage_lines(outcome)]
    is_quiet = outcome.look.is_quiet
    lines = with_timings(target_lines(report, is_quiet=is_quiet, told=outcome.told), outcome)
    return lines if is_quiet else [*lines, *next_lines(report, outcome)]


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return deploy_document(Report(), Outcome())


def deployed_keys(report: Report) -> Document:
    """Return how a commit got to its targets; `ship` tells it of each stage."""
    return {
        "route": report.route,
        "reason": report.reason,
        "source": _source(report.source),
        "targets": [_target(entry) for entry in report.targets],
        "passed_over": list(report.passed_over),
        "compensation": report.compensation,
        "lock": report.lock,
    }


def _source(source: SourceReport | None) -> Document | None:
    if source is None:
        return None
    release = source.release
    return {
        "app": source.app,
        "release": release.version if release else None,
        "release_id": release.id if release else None,
        "commit": source.commit,
        "artifact": render_artifact(source.artifact),
        "metadata": source.metadata,
        "verified": source.verified,
        "same": render_same(source.same),
    }


def _target(entry: TargetReport) -> Document:
    previous, serving = entry.previous_release, entry.serving
    return {
        "app": entry.app,
        "stage": entry.stage,
        "web_url": entry.web_url,
        "route": entry.route,
        "status": entry.status,
        "release": entry.release.version if entry.release else None,
        "previous_release": previous.version if previous else None,
        "previous_commit": entry.previous_commit,
        "artifact": render_artifact(entry.artifact),
        "verified": entry.verified,
        "rolled_back_to": entry.rolled_back_to,
        "rollback_release": entry.rollback_release,
        "rejection": entry.rejection,
        "error": entry.error,
        "refusal": entry.refusal,
        "serving": {"release": serving.release, "commit": serving.commit} if serving else None,
        "proof": _proof(entry.saw),
    }


def _proof(saw: Saw | None) -> Document | None:
    """Return what verification saw; `checks` in the order in which they were asked."""
    if saw is None:
        return None
    return {
        "dynos": {
            kind: {"up": count.up, "wanted": count.wanted, "crashed": count.crashed}
            for kind, count in saw.dynos.items()
        },
        "checks": [_checked(each) for each in saw.checks],
        "commit": saw.commit,
    }


def _checked(checked: Checked) -> Document:
    return {
        "check": checked.check,
        "passed": checked.passed,
        "status": checked.answer.status,
        "exit_status": checked.answer.exit_status,
        "tries": checked.tries,
        "seconds": round(checked.seconds, 3),
        "names_commit": checked.names_commit,
    }


def _plan(plan: Plan | None) -> Document | None:
    if plan is None:
        return None
    checks = [
        {
            "target": app,
            "name": check.name,
            "outcome": check.outcome,
            "detail": check.detail or None,
        }
        for app, check in plan.checks
    ]
    calls = [{"method": each.method, "path": each.path, "does": each.does} for each in plan.writes]
    return {"checks": checks, "calls": calls}


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
    lines += ["", "These writes would follow:" if plan.writes else "No write would follow."]
    return [*lines, *(f"  {each.method} {each.path}: {each.does}" for each in plan.writes), ""]
