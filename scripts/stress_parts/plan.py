"""What will happen, drawn before anything does: one seed, one stream for every way."""

from __future__ import annotations

import random
from dataclasses import dataclass

# Of a runner's start to the moment it is killed; a deploy that waits for its lock lives longer.
KILLED_AFTER_SECONDS = (0.1, 4.0)
DEPTHS = (1, 20, None)  # how CI systems clone: GitHub, GitLab, everything
TESTS_SECONDS = (2.0, 8.0)
BUILD_SECONDS = (2.0, 6.0)
RETRY_SECONDS = (2.0, 5.0)  # of a job's end to the next attempt: CI has to notice, and to begin


@dataclass(frozen=True)
class Change:
    """A commit to come: when, how long its tests and its build take, and what its runners are like.

    `prepare_dies` and `deploy_dies` are the seconds after which the first runner is killed;
    `pause` are those after which CI starts a job again.
    """

    number: int
    arrives: float
    tests: float
    build: float
    depth: int | None
    on_superseded: str
    prepare_dies: float | None
    deploy_dies: float | None
    pause: float = 0.0


@dataclass(frozen=True)
class Size:
    """How much of it: `scale` multiplies all durations of tests and builds."""

    seed: int = 1
    commits: int = 40
    jobs: int = 5
    gap_seconds: float = 2.5
    kills: float = 0.2
    faults: float = 0.05
    scale: float = 1.0


def make_stream(size: Size) -> tuple[Change, ...]:
    """Draw the stream; durations and deaths by generators of their own."""
    lengths = random.Random(f"{size.seed} lengths")  # noqa: S311  # no secrets
    deaths = random.Random(f"{size.seed} deaths")  # noqa: S311  # same
    pauses = random.Random(f"{size.seed} pauses")  # noqa: S311  # same
    arrives, changes = 0.0, []
    for number in range(1, size.commits + 1):
        arrives += lengths.expovariate(1 / size.gap_seconds)
        changes.append(
            Change(
                number=number,
                arrives=arrives,
                tests=size.scale * lengths.uniform(*TESTS_SECONDS),
                build=round(size.scale * lengths.uniform(*BUILD_SECONDS), 2),
                depth=lengths.choice(DEPTHS),
                on_superseded=lengths.choice(("ok", "fail")),
                prepare_dies=_draw_death(deaths, size.kills),
                deploy_dies=_draw_death(deaths, size.kills),
                pause=pauses.uniform(*RETRY_SECONDS),
            )
        )
    return tuple(changes)


def _draw_death(deaths: random.Random, share: float) -> float | None:
    dies, after = deaths.random() < share, deaths.uniform(*KILLED_AFTER_SECONDS)
    return after if dies else None
