"""`accelerator prepare`: the CI job beside the tests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from accelerator.cli import options
from accelerator.cli.session import Session
from accelerator.errors import UsageProblem
from accelerator.models import Ancestry
from accelerator.output.document import prepare_document
from accelerator.output.summary import render_prepare
from accelerator.steps import prepare as step
from accelerator.steps.report import PrepareReport
from accelerator.steps.route.build import Subtree

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.models import Commit, PushOutcome
    from accelerator.steps.run import Run


@click.command(
    epilog="Exit codes: 0 built, 2 usage, 4 build failed, 9 unknown, 10 key refused, "
    "11 unreachable, 12 not found."
)
@click.option(
    "-a",
    "--app",
    metavar="APP",
    multiple=True,
    help="The prepare app.  [default: prepare.apps of the configuration]",
)
@options.commit
@click.option(
    "--strategy",
    type=click.Choice(["source", "git"]),
    help="Upload an archive of the commit, or push it with git.  [default: source]",
)
@click.option(
    "--cancel-superseded", is_flag=True, help="Stop running builds of commits this one contains."
)
@options.subdir
@options.limits
@options.common
@click.pass_obj
def prepare(invocation: Invocation, /, **flags: Any) -> ExitCode:
    """Build a commit on the prepare app, while the tests run elsewhere.

    The source strategy uploads an archive of exactly the commit's tree and works from a shallow
    clone. The git strategy pushes the commit, as `git push heroku` does.

    Nothing is built twice: an artifact of the commit that exists is found, a build of it that runs
    is joined. Of several apps (a pool) the one with the fewest running builds is taken.

    \b
      accelerator prepare --app foo-prepare
      accelerator prepare --app foo-prepare --commit v1.4.0 --strategy git
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    session = Session("prepare", invocation, flags)
    report = PrepareReport(app=(flags["app"] or ("",))[0])

    def work() -> None:
        report.app = session.find_sources()[0]
        commit = session.repository.resolve(session.find_commit().sha)
        report.commit = commit
        make_preparation(session)(session.run, commit, report)

    return session.perform(
        work,
        lambda outcome: prepare_document(report, outcome),
        lambda outcome: render_prepare(report, outcome),
    )


def make_preparation(session: Session) -> Callable[[Run, Commit, PrepareReport], PrepareReport]:
    """Choose strategy, pool and rules; shared with `ship`."""
    settings, flags = session.settings, session.flags
    if settings.prepare.strategy == "source":
        start = step.from_source(Subtree(session.repository, settings.prepare.subdir))
    else:
        session.repository.demand_history()
        if settings.prepare.subdir:
            raise UsageProblem(
                "--subdir needs the source strategy: a push carries the whole commit",
                "leave out --strategy git",
            )
        start = step.by_push(partial(_push, session))

    def perform(run: Run, commit: Commit, report: PrepareReport) -> PrepareReport:
        def is_older(sha: str) -> bool:
            return (
                sha != commit.sha and session.repository.ancestry(sha, commit.sha) is Ancestry.YES
            )

        order = step.PrepareOrder(
            commit,
            session.find_sources(),
            start,
            settings.prepare.strategy,
            is_older if flags.get("cancel_superseded") else None,
        )
        return step.prepare(run, order, report)

    return perform


def _push(
    session: Session, app: str, commit: Commit, on_line: Callable[[str], None]
) -> PushOutcome:
    url = f"{session.endpoint.git_url}/{app}.git"
    return session.repository.push(
        commit.sha,
        url,
        key=session.key,
        on_line=on_line,
        timeout_seconds=session.settings.deadlines.build,
    )
