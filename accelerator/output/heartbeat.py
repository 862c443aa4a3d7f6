"""A line now and then while nothing else is said: many CI systems end a job that is silent."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import Event, Thread, get_ident
from typing import TYPE_CHECKING

from accelerator.events import BriefStep, Progress, StepFinished, StepStarted
from accelerator.output.wording import render_seconds
from accelerator.waiting import repeat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.events import Event as Happening
    from accelerator.output.console import Console
    from accelerator.waiting import Clock


class Heartbeat:
    """A listener that knows which steps run, and names them when the console was silent for long.

    In a terminal too: several CI systems give their jobs one, and a person who waits is glad.
    Between steps it says nothing.
    """

    def __init__(self, console: Console, clock: Clock, interval: float) -> None:
        self._console, self._clock, self._interval = console, clock, interval
        # A step begins and ends in one thread, so the last one begun there is the innermost.
        self._running: dict[int, tuple[tuple[StepStarted, float], ...]] = {}
        self._told: dict[tuple[str, str | None], str] = {}  # what steps wait for now

    def __call__(self, event: Happening) -> None:
        """Take note of a step that begins or ends in this thread."""
        if isinstance(event, Progress):  # maybe told by a thread that helps the one of the step
            self._told[event.name, event.app] = event.text
            return
        steps = self._running.get(get_ident(), ())
        if isinstance(event, StepStarted):
            self._running[get_ident()] = (*steps, (event, self._clock.now()))
        elif isinstance(event, StepFinished) and not isinstance(event, BriefStep):  # never begun
            self._running[get_ident()] = steps[:-1]
            self._told.pop((event.name, event.app), None)

    def beat(self) -> float:
        """Write what runs if nothing was said for the interval; return seconds to the next look."""
        return self._console.break_silence(self._interval, self._describe())

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat beside what is done inside; no line comes after the end."""
        stop = Event()
        thread = Thread(target=self._beat_until, args=(stop,), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _beat_until(self, stop: Event) -> None:
        with suppress(OSError):  # nobody reads stderr any more: the next real line finds out too
            repeat(self.beat, stop)

    def _describe(self) -> str | None:
        now = self._clock.now()
        innermost = [steps[-1] for steps in tuple(self._running.values()) if steps]
        named = (f"{self._name(step)} ({render_seconds(now - begun)})" for step, begun in innermost)
        return f"still waiting: {', '.join(named)}" if innermost else None

    def _name(self, step: StepStarted) -> str:
        told = self._told.get((step.name, step.app))
        return f"{step.title}: {told}" if told else step.title
