"""One showing of the demo: everything it needs is set up, and is gone at its end."""

from __future__ import annotations

import errno
import shlex
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.connect import Connection
from accelerator.demo import platform, story
from accelerator.demo.children import Children
from accelerator.demo.repository import (
    NO_ROOM_HINT,
    DemoRepository,
    change_sample,
    clone,
    make_sample,
)
from accelerator.demo.scene import Scene
from accelerator.demo.surroundings import make_surroundings
from accelerator.errors import UsageProblem
from accelerator.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from accelerator.demo.platform import LocalPlatform
    from accelerator.demo.report import DemoReport
    from accelerator.demo.screen import Screen

LIMIT = "15m"
SAMPLE_SMOKE = ("/health {commit}",)
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """What is shipped: the sample, or a clone of the repository that is named."""

    repo: Path | None = None
    test: str | None = None
    smoke: tuple[str, ...] = ()
    config_vars: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_sample(self) -> bool:
        """True when it is the sample."""
        return self.repo is None


def play(
    order: DemoOrder,
    environment: Mapping[str, str],
    make_screen: Callable[[], AbstractContextManager[Screen]],
    report: DemoReport,
    keep: Callable[[LocalPlatform, DemoRepository], None],
) -> None:
    """Tell the story on a platform that is there for it only; `keep` is called before it goes."""
    with (
        _room_on_disk(),
        tempfile.TemporaryDirectory(prefix="accelerator-demo-") as folder,
        platform.running(make_surroundings(environment)) as local,
    ):
        repository = _make_repository(order, Path(folder), environment)
        with make_screen() as screen:
            _tell(order, repository, local, screen, report)
        repository.take_commits()
        keep(local, repository)


def _tell(
    order: DemoOrder,
    repository: DemoRepository,
    local: LocalPlatform,
    screen: Screen,
    report: DemoReport,
) -> None:
    # To the demo's own platform and to nothing else, whatever is configured here.
    environment = local.environment(repository.environment)
    settings = load_settings({"timeout": LIMIT}, environment, None)
    connection = Connection(settings, environment, repository.directory, screen.events)
    with closing(connection), Children() as children:
        scene = Scene(
            run=connection.run,
            platform=local,
            repository=repository,
            environment=repository.environment,
            name="guestbook" if order.is_sample else "demo",
            tests=order.test or (_sample_tests(report) if order.is_sample else None),
            smoke=order.smoke or (SAMPLE_SMOKE if order.is_sample else ("/",)),
            model=report.model,
            screen=screen,
            children=children,
            config_vars=_config_vars(order, repository.directory.parent),
        )
        if report.model.build_seconds:
            local.slow_builds(report.model.build_seconds)
        story.tell(scene, report, _change(order, repository))


def _change(order: DemoOrder, repository: DemoRepository) -> Callable[[], None]:
    return (lambda: change_sample(repository)) if order.is_sample else (lambda: None)


def _sample_tests(report: DemoReport) -> str:
    """Return the command of the sample's tests, which shows what it is made longer with."""
    longer = f" && sleep {report.model.test_seconds:g}" if report.model.test_seconds else ""
    return f"{shlex.quote(Path(sys.executable).name)} -m unittest{longer}"


def _config_vars(order: DemoOrder, folder: Path) -> dict[str, str]:
    own = {"DATABASE_FILE": f"{folder}/{{app}}.db"} if order.is_sample else {}
    return {**own, **order.config_vars}


def _make_repository(
    order: DemoOrder, folder: Path, environment: Mapping[str, str]
) -> DemoRepository:
    surroundings, to = make_surroundings(environment), folder / "repository"
    if order.repo is not None:
        return clone(order.repo, to, surroundings)
    # The sample's tests are run by the Python that runs us: it is named without its folder.
    found = (str(Path(sys.executable).parent), surroundings.get("PATH", ""))
    return make_sample(to, {**surroundings, "PATH": ":".join(filter(None, found))})


@contextmanager
def _room_on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        # Without a name it is `tempfile` that found no folder it could write to.
        is_nowhere = problem.errno == errno.ENOENT and problem.filename is None
        if problem.errno not in NO_ROOM and not is_nowhere:
            raise
        raise UsageProblem(
            f"the demo cannot write its files: {problem.strerror}",
            NO_ROOM_HINT,
        ) from problem
