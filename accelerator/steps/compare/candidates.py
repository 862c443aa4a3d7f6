"""What there is of a commit, and what makes it useless wherever it goes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.models import Reason
from accelerator.steps.compare.fit import Fitness
from accelerator.steps.compare.states import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.models import Commit
    from accelerator.steps.compare.facts import Facts


def list_candidates(commit: Commit, facts: Facts) -> Iterator[Candidate]:
    """Yield every artifact of the commit on any source, with and without a release."""
    for source in facts.sources:
        released = set()
        for release in source.releases:
            if release.artifact is not None and facts.holds(release.artifact, commit):
                released.add(release.artifact.id)
                yield Candidate(source, release.artifact, release)
        for build in source.builds:
            if build.status != "succeeded" or build.artifact is None:
                continue
            if build.artifact.id not in released and facts.holds(build.artifact, commit):
                released.add(build.artifact.id)
                yield Candidate(source, build.artifact, None)


def find_own_flaw(candidate: Candidate, facts: Facts) -> Fitness | None:
    """Find what makes a candidate useless for every target: gone, unreadable, or not proven."""
    if candidate.release is not None and candidate.release.status == "expired":
        return Fitness(Reason.EXPIRED, "expired")
    if candidate.artifact.id in facts.artifacts:
        artifact = facts.artifacts[candidate.artifact.id]
        if artifact is None:
            return Fitness(Reason.UNREADABLE, "cannot be read")
        if artifact.deleted_at:
            return Fitness(Reason.EXPIRED, "expired")
    doubt = facts.doubt_of(candidate.artifact)
    return Fitness(Reason.SOURCE_UNVERIFIED, doubt) if doubt else None
