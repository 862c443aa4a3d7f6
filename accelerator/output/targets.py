"""What became of each target, in one to three lines; and the command that comes next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from accelerator.foreign import one_line
from accelerator.models import ArtifactKind, Route, TargetStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.models import Commit
    from accelerator.output.outcome import Outcome
    from accelerator.steps.report import Report, TargetReport

SUBJECT_LETTERS = 32
FAILURES = {TargetStatus.PENDING: "not known", TargetStatus.REFUSED: "refused"}
FIRST_STAGE, LAST_STAGE = "staging", "production"


def target_lines(report: Report, *, is_quiet: bool = False, told: str = "") -> list[str]:
    """Return what became of each target: the end, then how it got there, then its address.

    Why one failed is left out where that is `told` beside it.
    """
    commit = report.commit.short if report.commit else "?"
    lines = []
    for entry in report.targets:
        said = f"{entry.app}: {_end(entry, commit, told)}"
        how = ", ".join(_how(report, entry))
        if is_quiet:
            lines.append(one_line(f"{said}, {how}" if how else said))
            continue
        subject = quote_subject(report.commit)
        more = ", ".join(filter(None, (subject, how)))
        lines += [one_line(said), *([f"  {one_line(more)}"] if more else [])]
        lines += [f"  {one_line(entry.web_url)}"] if entry.web_url and _is_live(entry) else []
    return lines


def next_lines(report: Report, outcome: Outcome) -> list[str]:
    """Return the command that comes next, where there is an obvious one.

    What no prepare app has is shipped from where it runs, not built again. After a failure the hint
    of the error says what to do.
    """
    commit, targets, sources = report.commit, report.targets, outcome.look.sources
    if commit is None or not targets or outcome.error is not None:
        return []
    if not all(each.stage == FIRST_STAGE and _is_live(each) for each in targets):
        return []
    sources = sources if report.source else (targets[0].app,)
    return _next("deploy", ("--to", LAST_STAGE), sources, commit)


def after_prepare(commit: Commit, app: str, outcome: Outcome) -> list[str]:
    """Return the command that ships what was prepared."""
    return _next("deploy", ("--to", FIRST_STAGE), (app,) if outcome.look.sources else (), commit)


def quote_subject(commit: Commit | None) -> str:
    """Return the subject of a commit in quotes; nothing where it is not known.

    Quotes inside of it are single ones, so that it is seen where it ends.
    """
    if commit is None or not commit.subject:
        return ""
    subject = one_line(commit.subject, SUBJECT_LETTERS).replace('"', "'")
    return f'"{subject}"'


def _next(command: str, words: Sequence[str], sources: Sequence[str], commit: Commit) -> list[str]:
    parts = ["accelerator", command, *words]
    for app in sources:
        parts += ["--from", app]
    # An abbreviated commit is looked for in the clone; without a subject none was opened.
    parts += ["--commit", commit.short if commit.subject else commit.sha]
    return ["", f"next: `{shlex.join(parts)}`"]


def _end(entry: TargetReport, commit: str, told: str) -> str:
    if entry.rolled_back_to is not None:
        taken = "was taken back, as others failed"
        why = taken if entry.status is TargetStatus.COMPENSATED else "failed verification"
        return f"{commit} {why}; back to the code of v{entry.rolled_back_to}"
    if _is_live(entry):
        version = f"v{entry.release.version}" if entry.release else "no release"
        already = " already" if entry.status is TargetStatus.UNCHANGED else ""
        left = f"; {entry.error}" if entry.error else ""  # it was to go back, as others failed
        return f"{commit} is live{already} as {version}, {_verified(entry)}{left}"
    if entry.status is TargetStatus.SKIPPED:
        return _skipped(entry, commit)
    if entry.error is not None:
        failed = FAILURES.get(entry.status, "failed")
        return failed if entry.error in told else f"{failed}: {entry.error}"
    return "not attempted" if entry.status is TargetStatus.PENDING else entry.status


def _skipped(entry: TargetReport, commit: str) -> str:
    serving = entry.serving
    if serving is None or serving.release is None:
        return f"{commit} is skipped: newer code runs there"
    held = f" ({serving.commit[:8]})" if serving.commit else ""
    return f"{commit} is skipped: v{serving.release}{held} runs there, which contains it"


def _is_live(entry: TargetReport) -> bool:
    is_done = entry.status in {TargetStatus.SUCCEEDED, TargetStatus.UNCHANGED}
    return is_done and entry.rolled_back_to is None


def _verified(entry: TargetReport) -> str:
    return {"passed": "verified", "not_run": "not verified"}.get(
        entry.verified, f"verification {entry.verified}"
    )


def _how(report: Report, entry: TargetReport) -> list[str]:
    """Return how the commit got there, and what it is in place of."""
    if entry.status != TargetStatus.SUCCEEDED:
        return []
    before = entry.previous_release
    commit = f" ({entry.previous_commit[:8]})" if entry.previous_commit else ""
    replaced = [f"in place of v{before.version}{commit}"] if before else []
    return [*_route(report, entry), *replaced]


def _route(report: Report, entry: TargetReport) -> list[str]:
    """Return the route in words: where the artifact came from."""
    source, built = report.source, _find_built(report)
    held = f" v{source.release.version}" if source and source.release else ""
    origin = f"{source.app}{held}" if source else built
    is_image = entry.artifact is not None and entry.artifact.kind is ArtifactKind.OCI_IMAGE
    what = "image" if is_image else "slug"
    if entry.route is Route.PROMOTE:
        return [f"promoted from {origin}" if origin else "promoted"]
    if entry.route is Route.RELEASE:
        return [f"{what} of {origin} released" if origin else f"{what} released"]
    return ["built here"] if entry.route is Route.BUILD else []


def _find_built(report: Report) -> str | None:
    return next((each.app for each in report.targets if each.route is Route.BUILD), None)
