"""A hit: the bash function around the Heroku CLI against `accelerator deploy`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bench_parts.bash import BashFunction, find_cli
from bench_parts.platform import Entry, count_round_trips, running
from bench_parts.processes import Ended, environment, find_accelerator, run_well
from bench_parts.results import BenchFailed, Part, Ratio, Series, Size, alternate
from bench_parts.scene import PREPARE, TARGET, Scene, make_scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMOTION_SECONDS = 0.3
GOALS = {0: 7.0, 100: 3.5}  # milliseconds of latency: how many times faster we want to be
MOST_ROUND_TRIPS, MOST_REQUESTS = 5.0, 12.0


@dataclass(frozen=True)
class Hit:
    """One deploy: seconds until the promotion was known to be over, and what it took."""

    known: float
    total: float
    requests: int
    round_trips: int
    all_requests: int
    cli_starts: int
    looks: int


@dataclass(frozen=True)
class Deploys:
    """Both ways to deploy, on one scene; each call is one measured hit."""

    scene: Scene
    bash: BashFunction

    def by_bash(self, latency_ms: int) -> Hit:
        """Run the bash function. What it knows it knows when it ends."""
        scene = self.scene
        ended, journal = self._measure(
            lambda: self.bash.deploy(
                scene.platform, scene.repository, scene.sha, (PREPARE, TARGET)
            ),
            latency_ms,
        )
        return Hit(
            known=ended.seconds,
            total=ended.seconds,
            requests=len(journal),
            round_trips=count_round_trips(journal),
            all_requests=len(journal),
            cli_starts=self.bash.count_starts(),
            looks=sum(_is_look(entry) for entry in journal),
        )

    def by_accelerator(self, latency_ms: int) -> Hit:
        """Run `accelerator deploy`; its `promote` step ends when the promotion is known over."""
        # Without the lock, which the bash function does not have either.
        command = [find_accelerator(), "deploy", "--from", PREPARE, "--to", TARGET, "--lock", "off"]
        command += ["--commit", self.scene.sha, "--json"]
        platform = self.scene.platform
        env = environment(self.bash.home, HEROKU_HOST=platform.url, HEROKU_API_KEY=platform.key)
        ended, journal = self._measure(
            lambda: run_well(command, self.scene.repository, env), latency_ms
        )
        looks = [index for index, entry in enumerate(journal) if _is_look(entry)]
        until = journal[: looks[-1] + 1]
        return Hit(
            known=_end_of_promotion(ended),
            total=ended.seconds,
            requests=len(until),
            round_trips=count_round_trips(until),
            all_requests=len(journal),
            cli_starts=0,
            looks=len(looks),
        )

    def _measure(self, deploy: Callable[[], Ended], latency_ms: int) -> tuple[Ended, list[Entry]]:
        self.scene.reset()
        self.scene.platform.begin(latency_ms / 1000)
        ended = deploy()
        journal = self.scene.platform.read_journal()
        if sum(entry.path == "/pipeline-promotions" for entry in journal) != 1:
            raise BenchFailed("what was to be a hit promoted nothing")
        if not self.scene.is_shipped():
            raise BenchFailed("what was to be a hit did not ship the prepared slug")
        return ended, journal


def measure_hit(size: Size, directory: Path, root: Path) -> Part:
    """Measure hits without and with latency, both ways in turn."""
    part = Part("hit", "A hit: the bash function around the Heroku CLI, and accelerator deploy")
    bash = BashFunction.make(directory, find_cli(root))
    env = environment(bash.home)
    rounds = size.pick(quick=3, full=9)
    with running(env) as platform:
        deploys = Deploys(make_scene(platform, directory, env, PROMOTION_SECONDS), bash)
        for latency in GOALS:
            _measure_at(latency, rounds, deploys, part)
    _explain(part, bash.version())
    return part


def _measure_at(latency: int, rounds: int, deploys: Deploys, part: Part) -> None:
    bash, ours = alternate(
        rounds,
        [lambda: deploys.by_bash(latency), lambda: deploys.by_accelerator(latency)],
    )
    at = f"at {latency} ms"
    theirs = Series(f"bash function, {at}", "s", tuple(hit.known for hit in bash))
    known = Series(f"accelerator, {at}: promotion over", "s", tuple(hit.known for hit in ours))
    total = Series(f"accelerator, {at}: verified, ended", "s", tuple(hit.total for hit in ours))
    part.series += [theirs, known, total]
    for name, hits in (("bash function", bash), ("accelerator", ours)):
        part.series += _counts(f"{name}, {at}", hits, latency)
    until = theirs.median / known.median
    part.ratios.append(Ratio(f"bash / accelerator, {at}", until, at_least=GOALS[latency]))
    best = min(theirs.values) / min(known.values)
    part.ratios.append(Ratio(f"bash / accelerator, {at}: best runs", best))
    part.ratios.append(Ratio(f"bash / accelerator verified, {at}", theirs.median / total.median))
    part.ratios += _budget(ours, latency)


def _counts(name: str, hits: list[Hit], latency: int) -> list[Series]:
    columns = {
        "CLI starts": [hit.cli_starts for hit in hits],
        "requests": [hit.requests for hit in hits],
        "looks at the promotion": [hit.looks for hit in hits],
        "requests in all": [hit.all_requests for hit in hits],
    }
    if latency:  # else parallel requests end before the next arrives, and look sequential
        columns["round trips"] = [hit.round_trips for hit in hits]
    return [
        Series(f"{name}: {what}", "", tuple(float(each) for each in values))
        for what, values in columns.items()
    ]


def _budget(ours: list[Hit], latency: int) -> list[Ratio]:
    """Compare the largest counts of all runs with what a hit may cost."""
    requests = max(hit.all_requests for hit in ours) / MOST_REQUESTS
    name = f"our requests in all / {MOST_REQUESTS:g}, at {latency} ms"
    found = [Ratio(name, requests, at_most=1.0)]
    if latency:
        trips = max(hit.round_trips for hit in ours) / MOST_ROUND_TRIPS
        name = f"our round trips / {MOST_ROUND_TRIPS:g}, at {latency} ms"
        found.append(Ratio(name, trips, at_most=1.0))
    return found


def _end_of_promotion(ended: Ended) -> float:
    steps = {step["name"]: step for step in json.loads(ended.stdout)["steps"]}
    promote = steps["promote"]
    started = datetime.fromisoformat(promote["started_at"])
    return (started - ended.began_at).total_seconds() + float(promote["seconds"])


def _is_look(entry: Entry) -> bool:
    return entry.path.endswith("/promotion-targets")


def _explain(part: Part, version: str) -> None:
    part.notes += [
        f"the CLI is {version}; a promotion takes {PROMOTION_SECONDS} s",
        "the bash function ends when the promotion is over and does not verify; accelerator's "
        "time up to the same moment is compared, its whole run is given beside it",
        "requests and round trips are counted up to that moment, by the platform's journal; the "
        "round trips are the longest chain of requests that do not overlap, which only shows "
        "with latency",
    ]
