"""One run of the tool: the collaborators every step needs, passed in together."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.events import Recorder
    from accelerator.heroku import Heroku
    from accelerator.waiting import Deadline


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each kind of waiting may take, in seconds (design, section 2, rule 5)."""

    build: float = 30 * 60
    promotion: float = 10 * 60
    release_phase: float = 60 * 60
    dynos: float = 5 * 60
    smoke: float = 2 * 60
    traces: float = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """The platform, the listeners and the limits of this run.

    ``stop`` is set when the run is being given up, so that work under way beside the main thread
    starts nothing new. ``environment`` is for commands of the user's, without any API key.
    """

    heroku: Heroku
    events: Recorder
    deadline: Deadline
    waits: Waits
    stop: Event = field(default_factory=Event)
    environment: Mapping[str, str] = field(default_factory=dict)
