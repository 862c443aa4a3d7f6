"""`accelerator prepare`: the CI job beside the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from accelerator.cli.helping import command
from accelerator.cli.options import OUTPUT, PREPARE_APP_NEEDED, SUBDIR, TIMEOUT
from accelerator.cli.options import commit as named_commit
from accelerator.cli.parts import setting, takes

if TYPE_CHECKING:
    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.errors import ExitCode
    from accelerator.settings import Given


COMMIT = named_commit("The commit to build: a sha, branch or tag.")


@command("prepare")
@takes(
    "What to build",
    setting("--app", "-a", told=PREPARE_APP_NEEDED),
    COMMIT,
    SUBDIR,
    "How",
    setting("--strategy"),
    click.option(
        "--cancel-superseded",
        is_flag=True,
        help="Stop running builds of commits that this one contains.",
    ),
    setting("--same-tree"),
    setting(
        "--verify-source",
        help="Accept only a build of the commit's own archive. That archive is packed so that "
        "every machine gets the same bytes.",
    ),
    "The run",
    TIMEOUT,
    *OUTPUT,
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
    """Build a commit on the prepare app, while its tests run elsewhere.

    The source strategy uploads an archive of exactly the commit's tree, and works from a shallow
    clone. The git strategy pushes the commit, as `git push heroku` does.

    Nothing is built twice: an existing build of the commit is found, and a running one is joined.
    Of several apps (a pool), the one with the fewest running builds is used.

    \b
      accelerator prepare --app foo-prepare
      accelerator prepare --app foo-prepare --commit v1.4.0 --strategy git
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    from accelerator.cli.session import Session
    from accelerator.output.prepare import prepare_document, render_prepare
    from accelerator.steps import prepare as step
    from accelerator.steps.prepare import PrepareOrder
    from accelerator.steps.report import PrepareReport

    session = Session("prepare", invocation, talk, given)
    report = PrepareReport(app="")

    def work() -> None:
        connection = session.connection
        apps = connection.prepare_apps
        report.found(apps[0], None)
        named = connection.clone.resolve(connection.find_commit(commit).sha)
        settings = connection.settings
        strategy, verify_source = settings.prepare.strategy, settings.verify_source
        report.ordered(named, strategy)
        same_tree = settings.same_tree
        order = PrepareOrder(
            named,
            apps,
            strategy,
            cancel_superseded,
            verify_source,
            same_tree,
            settings.prepare.build_config,
        )
        step.prepare(connection.run, order, report)

    return session.perform(
        work,
        lambda outcome: prepare_document(report, outcome),
        lambda outcome: render_prepare(report, outcome),
    )
