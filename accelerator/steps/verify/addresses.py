"""Find out before the first write that a smoke check has an address to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.steps.verify.smoke import resolve

if TYPE_CHECKING:
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.verify.settled import Verification


def demand_addresses(decision: Decision, rules: Verification) -> None:
    """Raise `UsageProblem` for a path that is to be asked of an app without an address.

    A target that is not written to is left out: its own verification finds the same.
    """
    targets = {target.app: target for target in decision.facts.targets}
    for app in sorted(decision.writes_to(targets)):
        info = targets[app].info
        for check in rules.checks_of(targets[app].stage):
            if info is not None:
                resolve(check, info.web_url, app)
