"""Find out before the first write that a smoke check has an address to ask."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from accelerator.steps.verify.smoke import is_path, resolve

if TYPE_CHECKING:
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.run import Run
    from accelerator.steps.verify.settled import Verification


def demand_addresses(run: Run, decision: Decision, rules: Verification) -> None:
    """Raise `UsageProblem` for a path that is to be asked of an app without an address.

    What comparing has read of the targets is not read again. A target that is not written to is
    left out: its own verification finds the same.
    """
    facts = decision.facts
    apps = decision.writes_to([target.app for target in facts.targets])
    paths = {
        app: [check for check in rules.checks_of(facts.target(app).stage) if is_path(check)]
        for app in apps
    }
    asked = [app for app in apps if paths[app]]
    known = {app: info for app in asked if (info := facts.target(app).info) is not None}
    unread = [app for app in asked if app not in known]
    read = run.heroku.together(*(partial(run.heroku.apps.fetch, app) for app in unread))
    known |= dict(zip(unread, read, strict=True))
    for app in asked:
        resolve(paths[app][0], known[app].web_url, app)
