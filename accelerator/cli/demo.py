"""`accelerator demo`: the whole story on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from accelerator.cli.completing import complete_folders
from accelerator.cli.extras import demand_platform
from accelerator.cli.helping import command
from accelerator.cli.options import OUTPUT
from accelerator.cli.parts import option, takes
from accelerator.errors import UsageProblem
from accelerator.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelerator.cli.invocation import Invocation
    from accelerator.cli.options import Talk
    from accelerator.cli.session import Session
    from accelerator.connect import Connection
    from accelerator.demo.platform import LocalPlatform
    from accelerator.demo.report import DemoReport
    from accelerator.demo.repository import DemoRepository
    from accelerator.demo.story import Scene
    from accelerator.errors import ExitCode

LIMIT = "15m"
SAMPLE_TESTS = f"{sys.executable} -m unittest discover -s tests -t ."
SAMPLE_SMOKE = ("/health {commit}",)


@dataclass(frozen=True, slots=True)
class Own:
    """What is shipped in place of the sample: a repository, with what it takes to run."""

    repo: str | None = option(
        "--repo",
        metavar="DIR",
        help="Ship your own repository, as it is committed.  [default: the sample site]",
        shell_complete=complete_folders,
    )
    test: str | None = option(
        "--test", metavar="CMD", help="The test command of your repository. It gets no key."
    )
    smoke: tuple[str, ...] = option(
        "--smoke",
        metavar="CHECK",
        multiple=True,
        default=(),
        help="A smoke check. May be repeated.  [default: /]",
    )
    env: tuple[str, ...] = option(
        "--env",
        metavar="NAME=VALUE",
        multiple=True,
        default=(),
        help="A config var for the apps. {app} stands for the app's name. May be repeated.",
    )


@command("demo")
@takes(
    "What to ship",
    Own,
    "The story",
    click.option(
        "--build-seconds",
        type=click.FloatRange(0, 600),
        default=3.0,
        show_default=True,
        metavar="SECONDS",
        help="Make every build take that much longer, as builds with dependencies do.",
    ),
    click.option("--keep", is_flag=True, help="Leave the sites up until Ctrl-C."),
    *OUTPUT,
)
@click.pass_obj
def demo(
    invocation: Invocation, /, talk: Talk, own: Own, build_seconds: float, keep: bool
) -> ExitCode:
    """Watch the whole story on the local platform, without an account or a network.

    Starts a Heroku-compatible platform on this machine. It makes a prepare app, staging and
    production in one pipeline, and ships two commits of a real application. The first is not
    prepared, so it is built. The second is prepared beside its tests, so it is promoted. Then the
    same commit goes out the usual way, built at every stage, for comparison.

    \b
      accelerator demo
      accelerator demo --repo . --test 'pytest -q' --smoke /health --keep
    """  # noqa: D301  # click takes the backspace itself as "do not wrap"
    import tempfile
    from contextlib import ExitStack, closing
    from pathlib import Path

    from accelerator.cli.session import Session
    from accelerator.demo import platform, story
    from accelerator.demo.report import DemoReport, demo_document, render_demo
    from accelerator.demo.repository import change_sample
    from accelerator.demo.surroundings import make_surroundings

    demand_platform()
    session = Session("demo", invocation, talk)
    report = DemoReport()
    surroundings = make_surroundings(invocation.environment)

    def work() -> None:
        with (
            ExitStack() as stack,
            tempfile.TemporaryDirectory(prefix="accelerator-demo-") as folder,
            platform.running(surroundings) as local,
        ):
            repository = _repository(invocation.directory, own, Path(folder), surroundings)
            connection = stack.enter_context(closing(_connect(session, repository, local)))
            scene = _scene(own, Path(folder), repository, connection, local)
            report.build_seconds = build_seconds
            local.slow_builds(report.build_seconds)
            is_sample = own.repo is None
            change = (lambda: change_sample(scene.repository)) if is_sample else (lambda: None)
            story.tell(scene, report, change)
            if keep:
                _keep(session, local, report)

    return session.perform(
        work,
        lambda outcome: demo_document(report, outcome),
        lambda _: render_demo(report),
    )


def _connect(session: Session, repository: DemoRepository, local: LocalPlatform) -> Connection:
    """Connect to the demo's own platform and to nothing else, whatever is configured here."""
    from accelerator.connect import Connection

    environment = local.environment(repository.environment)
    settings = load_settings({"timeout": LIMIT}, environment, None)
    return Connection(settings, environment, repository.directory, session.events)


def _scene(
    own: Own,
    folder: Path,
    repository: DemoRepository,
    connection: Connection,
    local: LocalPlatform,
) -> Scene:
    from accelerator.demo.story import Scene

    is_sample = own.repo is None
    config_vars = dict(_split(pair) for pair in own.env)
    return Scene(
        run=connection.run,
        platform=local,
        repository=repository,
        environment=repository.environment,
        name="guestbook" if is_sample else "demo",
        tests=own.test or SAMPLE_TESTS if is_sample else own.test,
        smoke=own.smoke or (SAMPLE_SMOKE if is_sample else ("/",)),
        config_vars={"DATABASE_FILE": f"{folder}/{{app}}.db", **config_vars}
        if is_sample
        else config_vars,
    )


def _repository(
    directory: Path, own: Own, folder: Path, environment: Mapping[str, str]
) -> DemoRepository:
    from accelerator.demo.repository import clone, make_sample

    to = folder / "repository"
    if own.repo is None:
        return make_sample(to, environment)
    return clone(directory / own.repo, to, environment)


def _keep(session: Session, local: LocalPlatform, report: DemoReport) -> None:
    sites = ", ".join(report.sites.values())
    session.events.note("")
    session.events.note(f"The sites stay up until Ctrl-C: {sites}")
    session.events.note(f"export HEROKU_HOST={local.url}")
    try:
        local.process.wait()
    except KeyboardInterrupt:
        session.events.note("Stopping.")


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise UsageProblem(f"--env {pair} is not NAME=VALUE")
    return name, value
