"""What the documents and texts share: head and tail, errors, artifacts, moments.

Keys may be added; changing or removing one raises the number in ``schema``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.models import Artifact
from accelerator.output.timings import render_timings, sum_up, took_a_while

if TYPE_CHECKING:
    from datetime import datetime

    from accelerator.errors import AcceleratorError
    from accelerator.events import StepFinished
    from accelerator.models import ArtifactRef, Commit
    from accelerator.output.outcome import Outcome
    from accelerator.steps.compare.same_source import SameSource

Document = dict[str, Any]


def head(command: str, outcome: Outcome) -> Document:
    """Return what every document begins with."""
    return {
        "schema": f"accelerator.{command}/1",
        "ok": outcome.error is None,
        "exit_code": int(outcome.exit_code),
    }


def commit_head(command: str, commit: Commit | None, outcome: Outcome) -> Document:
    """Return the beginning of a document about a commit."""
    return {
        **head(command, outcome),
        "commit": commit.sha if commit else None,
        "subject": commit.subject if commit else None,
    }


def run_tail(outcome: Outcome) -> Document:
    """Return the end of a document about work on the platform: steps, use of the API, error."""
    usage = outcome.usage
    return {
        "steps": [render_step(step) for step in outcome.steps],
        "api": {
            "requests": usage.requests if usage else 0,
            "round_trips": usage.round_trips if usage else 0,
            "retries": usage.retries if usage else 0,
            "rate_limit_remaining": usage.rate_limit_remaining if usage else None,
        },
        "error": render_error(outcome.error),
    }


def render_step(step: StepFinished) -> Document:
    """Return a step that ended."""
    return {
        "name": step.name,
        "outcome": step.outcome,
        "started_at": render_moment(step.started_at),
        "seconds": round(step.seconds, 3),
        "detail": step.detail or None,
        "app": step.app,
    }


def render_error(error: AcceleratorError | None) -> Document | None:
    """Return an error as code, message, hint, and the request it is about if it is about one."""
    if error is None:
        return None
    told = {"code": error.code, "message": error.message, "hint": error.hint}
    return {**told, "details": error.details}


def render_moment(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def render_artifact(artifact: Artifact | ArtifactRef | None) -> Document | None:
    """Return an artifact by kind, id and checksum, which is null where it was not read."""
    if artifact is None:
        return None
    checksum = artifact.checksum if isinstance(artifact, Artifact) else None
    return {"kind": artifact.kind, "id": artifact.id, "checksum": checksum}


def render_same(same: SameSource | None) -> Document | None:
    """Return by what an artifact of another commit is of the source that is wanted."""
    if same is None:
        return None
    return {"commit": same.commit, "compared": same.compared, "id": same.id}


def with_timings(lines: list[str], outcome: Outcome) -> list[str]:
    """Return the lines of a result: its own, where the time went, the use of the API.

    After a failure the table would only push away what matters, and right below the steps it would
    say all of it again: the sum of the parts is enough. What failed at once needs none.
    """
    look = outcome.look
    if look.is_quiet:
        return lines
    has_failed = outcome.error is not None
    if has_failed and not took_a_while(outcome.worked):
        spent: list[str] = []
    elif has_failed or (look.has_seen_steps and not look.wants_details):
        summed = sum_up(outcome.worked)
        spent = [f"in all {summed}"] if summed else []
    else:
        spent = ["", *render_timings(outcome.worked, look.columns)]
    return [*lines, *spent, *usage_lines(outcome)]


def usage_lines(outcome: Outcome) -> list[str]:
    """Return the use of the API as a line, for those who want details."""
    usage = outcome.usage
    if usage is None or not outcome.look.wants_details:
        return []
    return [f"API: {usage.requests} requests, {usage.round_trips} of them one after the other"]
