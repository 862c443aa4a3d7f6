"""Every route: its requests, round trips and time, beside the bash function where it has one."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from bench_parts.bash import BashFunction, find_cli
from bench_parts.platform import Entry, Platform, count_round_trips, running
from bench_parts.processes import Ended, environment, find_accelerator, run_well
from bench_parts.results import BenchFailed, Part, Ratio, Series, Size, Skipped, Table, alternate
from bench_parts.situations import (
    BUILD,
    BUILD_SECONDS,
    LIVE,
    PROMOTE,
    PROMOTION_SECONDS,
    RELEASE,
    Situation,
    make_situations,
    make_world,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LATENCIES = (0, 100)  # milliseconds
MOVES = ("promote", "release", "build")
HIT, MISS = "bash function: a hit", "bash function: a miss"
HEAD = (
    "situation",
    "requests",
    "git",
    "known",
    "verified",
    "bash function",
    "its requests",
    "its git",
    "bash / known",
    "bash / verified",
)
TRIPS_HEAD = ("situation", "to the decision", "to known", "verified", "bash function")


@dataclass(frozen=True)
class Deployed:
    """One deploy: when it was decided, known over, and at its end, in seconds and round trips."""

    known: float
    total: float
    requests: int
    git_requests: int
    trips_decided: int
    trips_known: int
    trips: int


@dataclass(frozen=True)
class Bench:
    """Deploys, each in its situation, on one platform."""

    platform: Platform
    repository: Path
    home: Path
    bash: BashFunction | None

    def by_accelerator(self, situation: Situation, latency_ms: int) -> Deployed:
        """Run `accelerator deploy` as a pipeline does, with the lock."""
        commit = self._ready(situation, latency_ms)
        prepare, target = situation.apps
        command = [find_accelerator(), "deploy", "--from", prepare, "--to", target, "--json"]
        command += ["--commit", commit, *situation.options]
        env = environment(
            self.home, HEROKU_HOST=self.platform.url, HEROKU_API_KEY=self.platform.key
        )
        ended = run_well(command, self.repository, env)
        return _measure(ended, self.platform.read_journal(), situation)

    def by_bash(self, bash: BashFunction, situation: Situation, latency_ms: int) -> Deployed:
        """Run the bash function; it knows what it knows when it ends, and decides once."""
        commit = self._ready(situation, latency_ms)
        ended = bash.deploy(self.platform, self.repository, commit, situation.apps)
        journal = self.platform.read_journal()
        api = [entry for entry in journal if entry.is_api]
        is_promoted = any(entry.path == "/pipeline-promotions" for entry in api)
        if is_promoted is not (situation.name in {LIVE, PROMOTE}):
            raise BenchFailed(f"the bash function did something else: {situation.name}")
        trips = count_round_trips(api)
        return Deployed(
            known=ended.seconds,
            total=ended.seconds,
            requests=len(api),
            git_requests=sum(entry.is_git for entry in journal),
            trips_decided=trips,
            trips_known=trips,
            trips=trips,
        )

    def _ready(self, situation: Situation, latency_ms: int) -> str:
        self.platform.set_latency(0)
        commit = situation.ready()
        self.platform.begin(latency_ms / 1000)
        return commit


def measure_routes(size: Size, directory: Path, root: Path) -> Part:
    """Measure all situations in turn, without and with latency."""
    bash, told = _find_bash(directory, root)
    home = bash.home if bash else directory
    env = environment(home)
    with running(env) as platform:
        world = make_world(platform, directory, env)
        situations = make_situations(world)
        bench = Bench(platform, world.repository, home, bash)
        part = Part("routes", "Every route: accelerator deploy, and the bash function")
        for latency in LATENCIES:
            runs = _run_all(bench, situations, latency, size)
            part.tables += _tables(runs, situations, latency)
    part.notes += [told, *NOTES]
    return part


NOTES = (
    f"a promotion takes {PROMOTION_SECONDS} s and a build at least {BUILD_SECONDS} s; of a build "
    "that is joined nearly all is still to come",
    "known: from the start of the process until the promotion, release or build was known to be "
    "over, which is when the bash function ends; verified: to the end, dynos up; our times hold "
    "the lock, which the function does not have",
    "requests are those to the API, to the end; those of git (the lock, or a push) are counted "
    "apart; round trips are of the API only: the longest chain of requests that do not overlap, "
    "which only shows with latency, and which grows with a build that is watched",
    "what is live or promoted from the current release is compared with a hit of the bash "
    "function, the rest with a miss (a git push, which builds)",
    "without a common pipeline the function is refused at the promotion, and ships nothing",
)


def _find_bash(directory: Path, root: Path) -> tuple[BashFunction | None, str]:
    try:
        bash = BashFunction.make(directory, find_cli(root))
    except Skipped as reason:
        return None, f"without the bash function: {reason}"
    return bash, f"the CLI is {bash.version()}"


def _run_all(
    bench: Bench, situations: list[Situation], latency: int, size: Size
) -> dict[str, list[Deployed]]:
    sides: dict[str, Callable[[], Deployed]] = {
        each.name: partial(bench.by_accelerator, each, latency) for each in situations
    }
    named = {each.name: each for each in situations}
    if bench.bash is not None:
        sides[HIT] = partial(bench.by_bash, bench.bash, named[PROMOTE], latency)
        sides[MISS] = partial(bench.by_bash, bench.bash, named[BUILD], latency)
    columns = alternate(size.pick(quick=1, full=5), list(sides.values()))
    return dict(zip(sides, columns, strict=True))


def _measure(ended: Ended, journal: list[Entry], situation: Situation) -> Deployed:
    """Count what one run asked, up to the moments its own JSON tells of."""
    document = json.loads(ended.stdout)
    if (document["route"], document["reason"]) != (situation.route, situation.reason):
        found = f"{document['route']}, {document['reason']}"
        raise BenchFailed(f"{situation.name}: what was taken is {found}")
    steps = document["steps"]
    compared = [step for step in steps if step["name"] == "compare"]
    moved = [step for step in steps if step["name"] in MOVES]
    decided, known = _end(compared[0]), _end((moved or compared)[-1])
    api = [entry for entry in journal if entry.is_api]
    offset = time.time() - time.monotonic()  # from the journal's clock to that of the steps
    return Deployed(
        known=known - ended.began_at.timestamp(),
        total=ended.seconds,
        requests=len(api),
        git_requests=sum(entry.is_git for entry in journal),
        trips_decided=count_round_trips([e for e in api if e.began + offset < decided]),
        trips_known=count_round_trips([e for e in api if e.began + offset < known]),
        trips=count_round_trips(api),
    )


def _end(step: dict[str, Any]) -> float:
    return datetime.fromisoformat(step["started_at"]).timestamp() + float(step["seconds"])


def _tables(
    runs: dict[str, list[Deployed]], situations: list[Situation], latency: int
) -> list[Table]:
    names = [each.name for each in situations]
    at = f"at {latency} ms"
    tables = [
        Table(
            f"Requests and seconds, {at} a request",
            HEAD,
            tuple((name, _row(runs[name], runs.get(_other(name)))) for name in names),
        )
    ]
    if latency:  # else parallel requests end before the next arrives, and look sequential
        tables.append(
            Table(
                f"Round trips, {at} a request",
                TRIPS_HEAD,
                tuple((name, _trips_row(runs[name], runs.get(_other(name)))) for name in names),
            )
        )
    return tables


def _other(name: str) -> str:
    """Name what the bash function does in a situation; nothing across pipelines."""
    if name == RELEASE:
        return ""
    return HIT if name in {LIVE, PROMOTE} else MISS


def _row(ours: list[Deployed], bash: list[Deployed] | None) -> tuple[Series | Ratio | None, ...]:
    known = Series("known", "s", tuple(each.known for each in ours))
    total = Series("verified", "s", tuple(each.total for each in ours))
    cells: tuple[Series | Ratio | None, ...] = (
        Series("requests", "", tuple(float(each.requests) for each in ours)),
        Series("git", "", tuple(float(each.git_requests) for each in ours)),
        known,
        total,
    )
    if bash is None:
        return (*cells, *[None] * 5)
    theirs = Series("bash function", "s", tuple(each.known for each in bash))
    return (
        *cells,
        theirs,
        Series("its requests", "", tuple(float(each.requests) for each in bash)),
        Series("its git", "", tuple(float(each.git_requests) for each in bash)),
        Ratio("bash / known", theirs.median / known.median),
        Ratio("bash / verified", theirs.median / total.median),
    )


def _trips_row(
    ours: list[Deployed], bash: list[Deployed] | None
) -> tuple[Series | Ratio | None, ...]:
    return (
        Series("to the decision", "", tuple(float(each.trips_decided) for each in ours)),
        Series("to known", "", tuple(float(each.trips_known) for each in ours)),
        Series("verified", "", tuple(float(each.trips) for each in ours)),
        Series("bash function", "", tuple(float(each.trips) for each in bash)) if bash else None,
    )
