"""What a route did to a target, and what it would write: the values that travel on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import Interrupted, KeyRefused, OutcomeUnknown, Unreachable
from accelerator.models import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accelerator.errors import AcceleratorError
    from accelerator.models import ArtifactRef, Release, Route
    from accelerator.steps.compare.states import TargetState
    from accelerator.steps.run import Run


class Fence(Protocol):
    """What every write has to pass (`guard.fence.Fence`); a route gets it, and cannot go around."""

    def demand(self, apps: Iterable[str]) -> None:
        """Raise unless something may be written to these apps; to be called before each write."""

    def admit(self, target: TargetState, artifact: Artifact | ArtifactRef) -> None:
        """Raise unless this artifact may be released on a target."""

    def remember(self, apps: Iterable[str], promotion: str) -> None:
        """Be told of a promotion that was begun, as soon as it has an id."""


def pass_again(run: Run, fence: Fence, apps: Iterable[str]) -> Callable[[], None]:
    """Return what has to be passed before a write that was turned away is sent once more.

    Heroku's rate limit may have it wait for minutes: the look at the lock is as old by then.
    """
    apps = tuple(apps)

    def demand() -> None:
        run.refuse_if_stopping()
        fence.demand(apps)

    return demand


class NoFence:
    """The fence of what nobody locks: a prepare app."""

    def demand(self, apps: Iterable[str]) -> None:
        """Let everything pass."""

    def admit(self, target: TargetState, artifact: Artifact | ArtifactRef) -> None:
        """Let everything pass."""

    def remember(self, apps: Iterable[str], promotion: str) -> None:
        """Have no lock to write it into."""


def is_open(error: AcceleratorError | None) -> bool:
    """Return whether an error leaves the end open: we were cut off from what we had begun."""
    return isinstance(error, Interrupted | KeyRefused | OutcomeUnknown | Unreachable)


@dataclass(frozen=True, slots=True)
class Landing:
    """What a target should carry now, or why it does not.

    ``before`` is the release that was in effect before the deploy: where the way back leads.
    ``release`` is the one in effect now, where that was read already. ``is_adopted``: it was made
    by a deploy that was cut short, and is ours to take back. ``is_heard``: the output of its
    release command was shown, where there is some.
    """

    app: str
    route: Route
    before: Release | None
    artifact: Artifact | ArtifactRef | None = None
    release_id: str | None = None
    release: Release | None = None
    is_adopted: bool = False
    error: AcceleratorError | None = None
    is_heard: bool = True

    @property
    def ref(self) -> ArtifactRef | None:
        """Return the kind and id of the artifact."""
        return self.artifact.ref if isinstance(self.artifact, Artifact) else self.artifact

    @property
    def is_unknown(self) -> bool:
        """True when nobody can tell yet what becomes of the write, or whether it happened."""
        return is_open(self.error)


@dataclass(frozen=True, slots=True)
class Write:
    """A write that would be made: an API request, or a push to the lock remote."""

    method: str
    path: str
    does: str
