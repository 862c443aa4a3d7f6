"""One way's run of the stream, on a platform of its own, and what it left."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench_parts.platform import running
from bench_parts.processes import environment

from stress_parts.faulty import clear_faults, set_faults
from stress_parts.proof import find_unlocked, find_violations, find_wrongs
from stress_parts.site import lift_git_limit, make_site
from stress_parts.state import await_quiet, read_state
from stress_parts.stream import Stream
from stress_parts.table import Row, make_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stress_parts.attempts import Attempt
    from stress_parts.plan import Change, Size
    from stress_parts.site import History
    from stress_parts.ways import Way


_TOO_EXACT = (
    (re.compile(r"\b[0-9a-f]{40}\b"), "COMMIT"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f-]{27})?\b"), "ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "the platform"),
)


@dataclass(frozen=True)
class Outcome:
    """A row of the table, what must never be, how jobs failed; `seen` is what nobody promised."""

    row: Row
    violations: tuple[str, ...]
    failures: tuple[str, ...]
    seen: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """Give it for the JSON."""
        lists = {
            "violations": list(self.violations),
            "failures": list(self.failures),
            "seen": list(self.seen),
        }
        return {**self.row.document(), **lists}


def run_way(
    way: Way, size: Size, changes: tuple[Change, ...], history: History, directory: Path
) -> Outcome:
    """Run the stream on a platform of its own; what is ours is judged as well."""
    env = environment(directory)
    with running(env) as platform:
        site = make_site(platform, history, directory, env)
        if way.is_judged and not way.has_locks:
            site = replace(site, is_in_herokus_git=True)
            lift_git_limit(site)
        if way.is_disturbed:
            set_faults(site, size)
        stream = Stream(site, way, size, directory)
        record = stream.run(changes)
        faults = clear_faults(site)
        await_quiet(site)
        state = read_state(site, faults)
        row = make_row(way.name, record, state)
        failures = tuple(describe(each) for each in record.attempts if is_failure(each))
        if not way.is_judged:
            return _conclude(row, failures, (), find_wrongs(record, state))
        # Whatever the stream left behind, the next deploy must get through.
        stream.finish(changes[-1])
        state = read_state(site, faults)
    found = find_violations(record, state, has_locks=way.has_locks)
    seen = () if way.has_locks else find_unlocked(record, state)
    return _conclude(row, failures, found, seen)


def _conclude(
    row: Row, failures: Sequence[str], violations: Sequence[str], seen: Sequence[str]
) -> Outcome:
    counted = replace(row, violations=len(violations), unpromised=len(seen))
    return Outcome(counted, tuple(violations), tuple(failures), tuple(seen))


def is_failure(attempt: Attempt) -> bool:
    """Say whether a job ended red by itself, and not because newer code was there."""
    return not (attempt.is_green or attempt.is_superseded or attempt.was_killed)


def describe(attempt: Attempt) -> str:
    """Say how a job failed, in words that many jobs may share."""
    error = attempt.document.get("error") or {}
    said = attempt.reason if error.get("code") == "refused" else error.get("message")
    said = said or _last_complaint(attempt.stderr)
    for pattern, word in _TOO_EXACT:
        said = pattern.sub(word, said)
    return f"{attempt.kind} exited {attempt.status}: {said}"


def _last_complaint(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    rejected = (line for line in lines if "rejected]" in line)
    return next(rejected, lines[-1] if lines else "it said nothing")
