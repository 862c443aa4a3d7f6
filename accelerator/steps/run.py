"""One run of the tool: the collaborators every step needs, passed in together."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from accelerator.errors import Interrupted
from accelerator.steps.under_way import UnderWay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelerator.events import Recorder
    from accelerator.heroku import Heroku
    from accelerator.repository import HerokuGit, Lineage, LockHost, LockPlace
    from accelerator.waiting import Deadline

STOP_SECONDS = 1.0  # an interrupted run has five seconds for everything
Item = TypeVar("Item")
Result = TypeVar("Result")


def beside(call: Callable[..., Result], *arguments: Any) -> Future[Result]:
    """Call in a thread of its own; one that cannot be stopped does not hold up the process's end.

    That is why it is no `ThreadPoolExecutor`: Python waits for the threads of those.
    """
    future: Future[Result] = Future()

    def work() -> None:
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # comes out of the future
            future.set_exception(error)

    Thread(target=work, name="beside", daemon=True).start()
    return future


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each kind of waiting may take, in seconds (design, section 2, rule 5)."""

    build: float = 30 * 60
    promotion: float = 10 * 60
    release_phase: float = 60 * 60
    dynos: float = 5 * 60
    smoke: float = 2 * 60
    traces: float = 20.0
    switch: float = 3 * 60


class Child(Protocol):
    """A command of the user's that runs (`follow.user_command.ChildCommand`)."""

    def terminate(self) -> None:
        """Ask it to end."""

    def stop(self, seconds: float | None = None) -> None:
        """End it, and what it started; killed after so many seconds."""


@dataclass(frozen=True, slots=True)
class GuessedHome:
    """The app that most likely keeps the marks of the targets, and how to look at another's."""

    app: str
    place_at: Callable[[str], LockPlace]


@dataclass(frozen=True, slots=True)
class Run:
    """The platform, the local clone, the lock remote, the listeners and the limits of this run.

    ``clone`` is the clone's word on commits, ``git`` Heroku's git host, ``marks`` where locks,
    freezes and rejections are kept (None: nowhere); with a ``guess`` they may turn out to be in
    another app's git, once the pipeline of the targets is known. ``stop`` is set when the run is
    being given up, so that work under way beside the main thread starts nothing new.
    ``environment`` is for commands of the user's, without any API key; ``children`` are those that
    run now. ``under_way`` is what goes on at Heroku.
    """

    heroku: Heroku
    events: Recorder
    deadline: Deadline
    waits: Waits
    clone: Lineage
    git: HerokuGit
    marks: LockHost | LockPlace | None = None
    stop: Event = field(default_factory=Event)
    environment: Mapping[str, str] = field(default_factory=dict)
    children: set[Child] = field(default_factory=set)
    guess: GuessedHome | None = None
    under_way: UnderWay = field(default_factory=UnderWay)

    def refuse_if_stopping(self) -> None:
        """Raise `Interrupted` when the run is being given up; to be called before anything new."""
        if self.stop.is_set():
            raise Interrupted

    def side_by_side(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> tuple[Result, ...]:
        """Do the same work for several things at once; all end, and the results keep the order.

        An interrupt is not held up by what still runs: that starts nothing new any more, and the
        commands it runs are ended.
        """
        if len(items) == 1:
            return (work(items[0]),)
        try:
            return self.heroku.together(*(partial(work, item) for item in items))
        except KeyboardInterrupt:
            self.stop.set()
            children = tuple(self.children)
            for child in children:
                child.terminate()
            for child in children:
                child.stop(STOP_SECONDS / len(children))
            raise
