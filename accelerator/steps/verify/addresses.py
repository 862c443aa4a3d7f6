"""Find out before the first write that a smoke check can be asked: an address, a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.steps.verify.smoke import resolve
from accelerator.steps.verify.sound import demand_programs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.verify.settled import Verification


def demand_addresses(
    decision: Decision, rules: Verification, environment: Mapping[str, str]
) -> None:
    """Raise `UsageProblem` for a path of an app without an address, and for a missing command.

    A target that is not written to is left out: its own verification finds the same.
    """
    targets = {target.app: target for target in decision.facts.targets}
    for app in sorted(decision.writes_to(targets)):
        info, checks = targets[app].info, rules.checks_of(targets[app].stage)
        demand_programs(checks, environment)
        for check in checks:
            if info is not None:
                resolve(check, info.web_url, app)
