"""The numbers of a run beside those of the other ways; pure."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from stress_parts.proof import builds_of, lied_about, steps_back, took_effect, untested
from stress_parts.site import PRODUCTION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stress_parts.attempts import Attempt
    from stress_parts.state import State
    from stress_parts.stream import Record


@dataclass(frozen=True)
class Row:
    """What one way made of the stream; `p50` is from a commit's arrival to its serving."""

    way: str
    commits: int
    shipped: int
    superseded: int
    failed: int
    releases: int
    hits: int
    builds: int
    built_again: int
    wrong: int
    untested: int
    backwards: int
    p50: float | None
    p90: float | None
    longest: float | None
    never: int
    killed: int
    rerun: int
    faults: int
    requests: int
    writes: Mapping[str, int]
    seconds: float
    skipped: float
    violations: int = 0
    unpromised: int = 0

    @property
    def hit_rate(self) -> float | None:
        """Give the share of releases that needed no build on a target."""
        return self.hits / self.releases if self.releases else None

    def document(self) -> dict[str, object]:
        """Give the row for the JSON."""
        return {**asdict(self), "hit_rate": self.hit_rate}


def make_row(way: str, record: Record, state: State) -> Row:
    """Count."""
    releases = [each for app in state.releases.values() for each in took_effect(app)]
    ends = [record.of("deploy", number)[-1] for number in record.arrived if _ran(record, number)]
    times = _serving_after(record)
    known = sorted(each for each in times if each is not None)
    jobs = record.attempts
    return Row(
        way=way,
        commits=len(record.arrived),
        shipped=len({each.number for each in releases if each.app == PRODUCTION}),
        superseded=sum(each.is_superseded for each in ends),
        failed=sum(not (each.is_green or each.is_superseded) for each in ends),
        releases=len(releases),
        hits=sum(each.slug in state.prepared_slugs for each in releases),
        builds=len(state.builds),
        built_again=sum(len(each) - 1 for each in builds_of(state).values()),
        wrong=sum(len(lied_about(each, state)) for each in jobs),
        untested=len(untested(record, state)),
        backwards=sum(len(steps_back(each)) for each in state.releases.values()),
        p50=statistics.median(known) if known else None,
        p90=_at(known, 0.9),
        longest=max(known, default=None),
        never=times.count(None),
        killed=sum(each.was_killed for each in jobs),
        rerun=_count_reruns(jobs),
        faults=state.faults,
        requests=state.requests,
        writes=state.writes,
        seconds=record.seconds,
        skipped=record.skipped,
    )


def render_table(rows: Sequence[Row]) -> str:
    """Write the rows as a table of Markdown, one column for each way."""
    cells = {row.way: _cells(row) for row in rows}
    lines = ["| | " + " | ".join(cells) + " |", "| --- |" + " ---: |" * len(cells)]
    names = next(iter(cells.values()), {})
    lines += [
        f"| {name} | " + " | ".join(column[name] for column in cells.values()) + " |"
        for name in names
    ]
    return "\n".join(lines)


def _cells(row: Row) -> dict[str, str]:
    rate = f"{row.hit_rate:.0%}" if row.hit_rate is not None else "-"
    return {
        "violations of what is promised there": str(row.violations),
        "the same, where it is not promised": str(row.unpromised),
        "commits that reached production themselves": f"{row.shipped} of {row.commits}",
        "deploy jobs that were superseded": str(row.superseded),
        "deploy jobs that failed": str(row.failed),
        "releases on targets": str(row.releases),
        "hit rate: releases without a build on a target": rate,
        "builds made": str(row.builds),
        "of these, of a commit built before": str(row.built_again),
        "green jobs that did not ship their commit": str(row.wrong),
        "releases of commits whose tests were not over": str(row.untested),
        "times a target went backwards": str(row.backwards),
        "commit to production, median": _seconds(row.p50),
        "commit to production, 90 of 100": _seconds(row.p90),
        "commit to production, longest": _seconds(row.longest),
        "commits that never served": str(row.never),
        "runners killed": str(row.killed),
        "jobs started again": str(row.rerun),
        "faults": str(row.faults),
        "API and git requests": str(row.requests),
        "of these, asking for promotions": str(row.writes.get("promotions", 0)),
        "for builds, or pushes": str(row.writes.get("builds", 0) + row.writes.get("pushes", 0)),
        "the whole stream": _seconds(row.seconds),
        "of the platform's clock moved forward": _seconds(row.skipped),
    }


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _ran(record: Record, number: int) -> bool:
    return bool(record.of("deploy", number))


def _serving_after(record: Record) -> list[float | None]:
    """Give for each commit how long it took until production served it or a newer one."""
    sights = [each for each in record.sights if each.app == PRODUCTION]
    return [
        next((each.at - arrived for each in sights if each.number >= number), None)
        for number, arrived in record.arrived.items()
    ]


def _at(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _count_reruns(jobs: Sequence[Attempt]) -> int:
    return len(jobs) - len({(each.kind, each.number) for each in jobs})
