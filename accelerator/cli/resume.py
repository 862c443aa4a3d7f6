"""`accelerator resume`: finish or report a deploy that was cut short."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from accelerator.cli.endings import epilog
from accelerator.cli.options import (
    MISS_AND_VERIFICATION,
    SUBDIR,
    TIMEOUT,
    WHERE_LOCKS_ARE,
    Allowed,
    Confirmation,
    Talk,
    setting,
    takes,
)
from accelerator.cli.session import Session
from accelerator.environment import detect_ci
from accelerator.errors import UsageProblem
from accelerator.output.deploy import deploy_document, render_deploy
from accelerator.remotes import is_remote_name, parse_remote
from accelerator.steps import resume as step
from accelerator.steps.report import Report
from accelerator.steps.resume import ResumeOrder

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


@click.command(epilog=epilog("resume"))
@click.argument("target")
@takes(
    Confirmation,
    *WHERE_LOCKS_ARE,
    *MISS_AND_VERIFICATION,
    SUBDIR,
    Allowed,
    setting("--strict"),
    TIMEOUT,
    Talk,
)
@click.pass_obj
def resume(
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    target: str,
    confirmation: Confirmation,
    allowed: Allowed,
) -> ExitCode:
    """Finish the deploy to TARGET that was interrupted, killed or ended with an unknown outcome.

    Reads the note the deploy left in the lock remote, looks at what the platform did, and goes on
    from there: what happened already is not done again.

    The note is a claim: whoever may write to the lock remote can have made it up. Its commit is
    shown, and deployed when --commit names it, when it is the commit of this CI job, or when a
    person confirms it: in a terminal by typing the app's name, in scripts by --confirm.
    """
    session = Session("resume", invocation, talk, given)
    report = Report()

    def work() -> None:
        connection = session.connection
        rules = connection.make_rules(
            allow_older=allowed.older,
            allow_diverged=allowed.diverged,
            may_lose_processes=allowed.missing_processes,
        )
        app = connection.find_app(target)
        if confirmation.app not in {None, app}:
            raise UsageProblem(
                f"--confirm names {confirmation.app}, and what is deployed to is {app}",
                f"--confirm {app}, if that is what you mean",
            )
        named = confirmation.commit
        order = ResumeOrder(
            app,
            rules,
            spell(target, given, allowed),
            connection.find_commit(named).sha if named is not None else None,
            connection.find_own_commit(),
            is_confirmed=confirmation.app is not None,
        )
        # A CI job can have a terminal, too, but nobody sits at it.
        may_ask = invocation.has_person and detect_ci(invocation.environment).name is None
        step.resume(connection.run, order, report, invocation.ask if may_ask else None)

    return session.perform(
        work,
        lambda outcome: deploy_document(report, outcome, session.name),
        lambda outcome: render_deploy(report, outcome),
    )


def spell(target: str, given: Given, allowed: Allowed) -> str:
    """Return the command as it may be typed again, with the flags that decide what it is about."""
    parts = ["accelerator", "resume", target]
    for app in given.get("from") or ():
        parts += ["--from", app]
    remote = given.get("lock_remote")
    if remote and not _has_login(remote):
        parts += ["--lock-remote", remote]
    parts += ["--allow-older"] if allowed.older else []
    parts += ["--allow-diverged"] if allowed.diverged else []
    parts += ["--allow-missing-processes"] if allowed.missing_processes else []
    return shlex.join(parts)


def _has_login(address: str) -> bool:
    """Return whether an address has what must not be shown: a token can stand as the user alone."""
    if is_remote_name(address):
        return False
    remote = parse_remote(address)
    return bool(remote.user or remote.password)
