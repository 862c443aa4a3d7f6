"""Where a commit was found, as it is told: the release that holds it, and what speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.models import Verified
from accelerator.steps.compare.decision import witness_of

if TYPE_CHECKING:
    from accelerator.models import Artifact, ArtifactRef, Release
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.same_source import SameSource


@dataclass
class SourceReport:
    """The release that holds the commit, on the app it was found on."""

    app: str
    release: Release | None
    artifact: Artifact | ArtifactRef
    commit: str | None
    metadata: str
    verified: Verified = Verified.NOT_RUN
    same: SameSource | None = None


def source_of(decision: Decision) -> SourceReport | None:
    """Return where the commit was found; None on a miss."""
    candidate = decision.candidate
    if candidate is None:
        return None
    facts, ref = decision.facts, candidate.artifact
    return SourceReport(
        candidate.source.app,
        candidate.release,
        facts.known(ref),
        facts.commit_of(ref),
        witness_of(candidate, decision.source_commit),
        Verified.NOT_RUN if facts.archives is None else Verified.PASSED,
        facts.find_same(ref, decision.commit),
    )
