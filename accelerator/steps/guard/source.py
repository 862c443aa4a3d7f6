"""The source is proven: what is said to be of the commit was built from the commit's own archive.

Who may deploy to the prepare app can name any commit for any source. Where sources are to be proven
(``--verify-source``), what is not proven is never chosen. When there is nothing else of the commit,
the deploy is refused: to build it anew without a word would hide that somebody built something
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.models import Reason, Refusal
from accelerator.steps.guard.findings import Finding

if TYPE_CHECKING:
    from accelerator.steps.compare.decision import Decision

HINT = (
    "`accelerator prepare --verify-source` builds the commit from its own archive; then run this "
    "again. A source that differs is somebody else's build, or one with another --subdir"
)


def check_source(decision: Decision) -> tuple[Finding, ...]:
    """Refuse for every target when all there is of the commit is unproven."""
    if decision.reason is not Reason.SOURCE_UNVERIFIED:
        return ()
    short = decision.commit.short
    text = f"nothing is proven to be built from {short}: {decision.doubts[0]}"
    return tuple(
        Finding(target.app, Refusal.SOURCE_UNVERIFIED, text, HINT)
        for target in decision.facts.targets
    )
