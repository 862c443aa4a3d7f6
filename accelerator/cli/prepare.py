"""`accelerator prepare`: the CI job beside the tests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from accelerator.cli.endings import epilog
from accelerator.cli.options import COMMIT, SUBDIR, TIMEOUT, Talk, setting, takes
from accelerator.cli.session import Session
from accelerator.errors import UsageProblem
from accelerator.models import Ancestry
from accelerator.output.prepare import prepare_document, render_prepare
from accelerator.steps import prepare as step
from accelerator.steps.report import PrepareReport
from accelerator.steps.route.build import Subtree

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.cli.invocation import Invocation
    from accelerator.errors import ExitCode
    from accelerator.models import Commit, PushOutcome
    from accelerator.settings import Given
    from accelerator.steps.run import Run


@click.command(epilog=epilog("prepare"))
@takes(
    setting("--app", "-a"),
    COMMIT,
    setting("--strategy", help="Upload an archive of the commit, or push it with git."),
    click.option(
        "--cancel-superseded",
        is_flag=True,
        help="Stop running builds of commits this one contains.",
    ),
    SUBDIR,
    TIMEOUT,
    Talk,
)
@click.pass_obj
def prepare(
    invocation: Invocation,
    /,
    talk: Talk,
    given: Given,
    commit: str | None,
    cancel_superseded: bool,
) -> ExitCode:
    """Build a commit on the prepare app, while the tests run elsewhere.

    The source strategy uploads an archive of exactly the commit's tree and works from a shallow
    clone. The git strategy pushes the commit, as `git push heroku` does.

    Nothing is built twice: an artifact of the commit that exists is found, a build of it that runs
    is joined. Of several apps (a pool) the one with the fewest running builds is taken.

    \b
      accelerator prepare --app foo-prepare
      accelerator prepare --app foo-prepare --commit v1.4.0 --strategy git
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    session = Session("prepare", invocation, talk, given)
    report = PrepareReport(app="")

    def work() -> None:
        report.app = session.find_sources()[0]
        report.commit = session.repository.resolve(session.find_commit(commit).sha)
        make_preparation(session, cancel_superseded)(session.run, report.commit, report)

    return session.perform(
        work,
        lambda outcome: prepare_document(report, outcome),
        lambda outcome: render_prepare(report, outcome),
    )


def make_preparation(
    session: Session, cancel_superseded: bool = False
) -> Callable[[Run, Commit, PrepareReport], PrepareReport]:
    """Choose strategy, pool and rules; shared with `ship`."""
    settings = session.settings
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
            is_older if cancel_superseded else None,
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
