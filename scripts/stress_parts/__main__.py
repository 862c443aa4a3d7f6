"""The command line: how many commits, which ways, and where the numbers go."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bench_parts.bash import BashFunction, find_cli
from bench_parts.processes import environment
from bench_parts.results import BenchFailed, Skipped

from stress_parts.plan import Size, make_stream
from stress_parts.running import run_way
from stress_parts.site import History
from stress_parts.table import render_table
from stress_parts.ways import Accelerator, Bash, disturbed, in_herokus_git

if TYPE_CHECKING:
    from stress_parts.running import Outcome
    from stress_parts.ways import Way

ROOT = Path(__file__).resolve().parents[2]
WAYS = ("disturbed", "calm", "heroku", "bash")


def main() -> int:
    """Run the ways one after the other; 1 when something happened that must never happen."""
    wanted = _arguments()
    size = Size(
        wanted.seed,
        wanted.commits,
        wanted.jobs,
        wanted.gap,
        wanted.kills,
        wanted.faults,
        wanted.scale,
    )
    skipped: dict[str, str] = {}
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="stress-", ignore_cleanup_errors=True) as directory:
        try:
            _run_all(wanted.only or WAYS, size, Path(directory), outcomes, skipped)
        except BenchFailed as problem:
            print(f"error: {problem}", file=sys.stderr)
            return 1
    _tell(size, outcomes, skipped)
    if wanted.json:
        document = json.dumps(_document(size, outcomes, skipped), indent=2)
        Path(wanted.json).write_text(document + "\n")
    return int(any(each.violations for each in outcomes.values()))


def _arguments() -> argparse.Namespace:
    size = Size()
    parser = argparse.ArgumentParser(
        prog="scripts/stress",
        description="Ship many commits through faults and kills, and prove what they became.",
    )
    parser.add_argument(
        "--seed", type=int, default=size.seed, help="the same seed, the same stream"
    )
    parser.add_argument("--commits", type=int, default=size.commits, help="how many arrive")
    parser.add_argument("--jobs", type=int, default=size.jobs, help="deploy jobs at once")
    parser.add_argument(
        "--gap", type=float, default=size.gap_seconds, help="seconds between arrivals, on average"
    )
    parser.add_argument(
        "--kills", type=float, default=size.kills, help="share of the runners that are killed"
    )
    parser.add_argument(
        "--faults", type=float, default=size.faults, help="share of the API calls that are broken"
    )
    parser.add_argument(
        "--scale", type=float, default=size.scale, help="factor for tests and builds"
    )
    parser.add_argument("--only", action="append", choices=WAYS, help="only this way; repeatable")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there as well")
    return parser.parse_args()


def _run_all(
    names: tuple[str, ...],
    size: Size,
    directory: Path,
    outcomes: dict[str, Outcome],
    skipped: dict[str, str],
) -> None:
    changes = make_stream(size)
    home = directory / "home"
    home.mkdir()
    history = History(directory / "history", environment(home), changes)
    for name in names:
        place = directory / name
        place.mkdir()
        try:
            way = _make_way(name, place)
        except Skipped as reason:
            skipped[name] = str(reason)
            continue
        print(
            f"{way.name}: {size.commits} commits, seed {size.seed} ...", file=sys.stderr, flush=True
        )
        outcomes[name] = run_way(way, size, changes, history, place)


def _make_way(name: str, directory: Path) -> Way:
    if name == "bash":
        return Bash(BashFunction.make(directory, find_cli(ROOT)))
    calm = Accelerator(directory)
    makers = {"disturbed": disturbed, "heroku": in_herokus_git}
    return makers[name](calm) if name in makers else calm


def _tell(size: Size, outcomes: dict[str, Outcome], skipped: dict[str, str]) -> None:
    print(render_table([each.row for each in outcomes.values()]))
    for name, reason in skipped.items():
        print(f"\nskipped: {name}: {reason}")
    for name, outcome in outcomes.items():
        for failure, count in Counter(outcome.failures).most_common():
            print(f"red ({name}): {count} x {failure}")
        for each in outcome.seen:
            print(f"not promised there ({name}): {each}")
    violations = [(name, each) for name, found in outcomes.items() for each in found.violations]
    for name, violation in violations:
        print(f"VIOLATION ({name}, seed {size.seed}): {violation}")
    print(f"\n{len(violations)} violations, seed {size.seed}")


def _document(
    size: Size, outcomes: dict[str, Outcome], skipped: dict[str, str]
) -> dict[str, object]:
    return {
        "schema": "accelerator.stress/1",
        "size": vars(size),
        "ways": {name: outcome.document() for name, outcome in outcomes.items()},
        "skipped": skipped,
        "violations": sum(len(outcome.violations) for outcome in outcomes.values()),
    }


if __name__ == "__main__":
    sys.exit(main())
