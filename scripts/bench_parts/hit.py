"""A hit: the bash function around the Heroku CLI against `accelerator deploy`."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench_parts.platform import Entry, Platform, count_round_trips, running
from bench_parts.processes import Ended, environment, find_accelerator, run_well
from bench_parts.results import BenchFailed, Part, Ratio, Series, Size, Skipped, alternate
from bench_parts.scene import PREPARE, TARGET, Scene, make_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMOTION_SECONDS = 0.3
GOALS = {0: 7.0, 100: 3.5}  # milliseconds of latency: how many times faster we want to be
MOST_ROUND_TRIPS, MOST_REQUESTS = 5.0, 12.0
CLI_IN_REPOSITORY = Path(".cache/heroku-cli/node_modules/.bin/heroku")
# Counts its starts; the shell it costs takes about a millisecond.
CLI_DOOR = '#!/bin/sh\nprintf . >>"$CLI_STARTS"\nexec "$REAL_CLI" "$@"\n'


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
    home: Path
    cli: Path

    def by_bash(self, latency_ms: int) -> Hit:
        """Run the bash function. What it knows it knows when it ends."""
        starts = self.home / "starts"
        starts.write_text("")
        script = str(Path(__file__).with_name("hit.sh"))
        ended, journal = self._measure(["bash", script], self._bash_environment(starts), latency_ms)
        looks = [index for index, entry in enumerate(journal) if _is_look(entry)]
        return Hit(
            known=ended.seconds,
            total=ended.seconds,
            requests=len(journal),
            round_trips=count_round_trips(journal),
            all_requests=len(journal),
            cli_starts=len(starts.read_text()),
            looks=len(looks),
        )

    def by_accelerator(self, latency_ms: int) -> Hit:
        """Run `accelerator deploy`; its `promote` step ends when the promotion is known over."""
        # Without the lock, which the bash function does not have either.
        command = [find_accelerator(), "deploy", "--from", PREPARE, "--to", TARGET, "--lock", "off"]
        command += ["--commit", self.scene.sha, "--json"]
        platform = self.scene.platform
        env = environment(self.home, HEROKU_HOST=platform.url, HEROKU_API_KEY=platform.key)
        ended, journal = self._measure(command, env, latency_ms)
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

    def _measure(
        self, command: Sequence[str], env: dict[str, str], latency_ms: int
    ) -> tuple[Ended, list[Entry]]:
        self.scene.reset()
        self.scene.begin(latency_ms / 1000)
        ended = run_well(command, self.scene.repository, env)
        journal = self.scene.platform.read_journal()
        if sum(entry.path == "/pipeline-promotions" for entry in journal) != 1:
            raise BenchFailed(f"not a hit: {' '.join(command[:2])} promoted nothing")
        if not self.scene.is_shipped():
            raise BenchFailed(f"{' '.join(command[:2])} did not ship the prepared slug")
        return ended, journal

    def _bash_environment(self, starts: Path) -> dict[str, str]:
        platform = self.scene.platform
        door = self.home / "bin"
        env = environment(
            self.home,
            **cli_environment(self.home, platform),
            GIT_COMMIT=self.scene.sha,
            PREPARE_APP=PREPARE,
            TARGET_APP=TARGET,
            CLI_STARTS=str(starts),
            REAL_CLI=str(self.cli),
        )
        return {**env, "PATH": f"{door}{os.pathsep}{env['PATH']}"}


def cli_environment(home: Path, platform: Platform) -> dict[str, str]:
    """Point the Heroku CLI at the platform only, with nothing of the user's, and no telemetry."""
    return {
        "HEROKU_HOST": platform.url,
        "HEROKU_API_KEY": platform.key,
        "HEROKU_PARTICLEBOARD_URL": platform.url,
        "HEROKU_BUILDPACK_REGISTRY_URL": platform.url,
        "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
        "HEROKU_DISABLE_AUTOUPDATE": "1",
        "DISABLE_TELEMETRY": "true",
        "XDG_CACHE_HOME": str(home / ".cache"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "NO_COLOR": "1",
        "CI": "1",
    }


def find_cli(root: Path) -> Path:
    """Find the Heroku CLI: `HEROKU_CLI`, else where CI installs it; raises `Skipped`."""
    named = os.environ.get("HEROKU_CLI")
    cli = Path(named) if named else root / CLI_IN_REPOSITORY
    if not (cli.is_file() and os.access(cli, os.X_OK)):
        where = f"HEROKU_CLI={named}" if named else str(CLI_IN_REPOSITORY)
        raise Skipped(f"no Heroku CLI ({where}); `npm install heroku` somewhere, set HEROKU_CLI")
    if not (shutil.which("node") and shutil.which("bash")):
        raise Skipped("the Heroku CLI needs node, and its function bash")
    return cli.absolute()


def measure_hit(size: Size, directory: Path, root: Path) -> Part:
    """Measure hits without and with latency, both ways in turn."""
    part = Part("hit", "A hit: the bash function around the Heroku CLI, and accelerator deploy")
    cli = find_cli(root)
    home = make_home(directory)
    env = environment(home)
    rounds = size.pick(quick=3, full=9)
    with running(env) as platform:
        scene = make_scene(platform, directory, env, PROMOTION_SECONDS)
        deploys = Deploys(scene, home, cli)
        for latency in GOALS:
            _measure_at(latency, rounds, deploys, part)
    _explain(part, run_well([str(cli), "--version"], directory, env).stdout)
    return part


def make_home(directory: Path) -> Path:
    """Make a home for the CLI, with the door that counts its starts first on PATH."""
    home = directory / "home"
    terms = home / ".cache" / "heroku" / "terms-of-service"
    terms.parent.mkdir(parents=True)
    terms.touch()  # else the CLI's first start has a line to say about them
    door = home / "bin" / "heroku"
    door.parent.mkdir()
    door.write_text(CLI_DOOR)
    door.chmod(0o755)
    return home


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
    name, _, _ = version.partition(" ")
    part.notes += [
        f"the CLI is {name}; a promotion takes {PROMOTION_SECONDS} s",
        "the bash function ends when the promotion is over and does not verify; accelerator's "
        "time up to the same moment is compared, its whole run is given beside it",
        "requests and round trips are counted up to that moment, by the platform's journal; the "
        "round trips are the longest chain of requests that do not overlap, which only shows "
        "with latency",
    ]
