"""What guards find, and the one refusal that is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import Refused, Superseded
from accelerator.models import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Finding:
    """What a guard found for one target: fine, worth saying, or a refusal."""

    target: str
    refusal: Refusal | None = None
    text: str = ""
    hint: str = ""


def demand(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Raise `Refused` for the first refusal; return what is only worth saying.

    Raises `Superseded` when every target has left the commit behind: then a late job is no failure
    for those who say so (``--on-superseded ok``).
    """
    findings = tuple(findings)
    refused = [finding for finding in findings if finding.refusal is not None]
    if not refused:
        return tuple(finding.text for finding in findings if finding.text)
    late = [finding for finding in refused if finding.refusal is Refusal.SUPERSEDED]
    # A target that is merely behind still wants the commit: that job may not pass as done.
    first = next((finding for finding in refused if finding not in late), refused[0])
    kind = Superseded if len(late) == len(findings) else Refused
    apps = {finding.target: (str(finding.refusal), finding.text) for finding in refused}
    raise kind(str(first.refusal), first.text, first.hint, apps)
