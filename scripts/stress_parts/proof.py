"""The proof: pure checks of what the platform says against what the jobs said.

Some of it holds by locks alone. Where they cannot be relied on it is looked for all the same, and
counted apart: it is not promised there.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from stress_parts.site import POOL, TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stress_parts.attempts import Attempt
    from stress_parts.state import Build, Release, State
    from stress_parts.stream import Record

FINE = ("succeeded", "unchanged")


def find_violations(record: Record, state: State, *, has_locks: bool = True) -> list[str]:
    """List everything that must never be, in words; none is the proof."""
    return [
        *_hung(record),
        *_broken(record),
        *_false_greens(record, state),
        *_untested(record, state),
        *(find_unlocked(record, state) if has_locks else ()),
    ]


def find_unlocked(record: Record, state: State) -> list[str]:
    """List what only locks that hold keep from happening."""
    return [
        *_served_older(record),
        *_backwards(record, state),
        *_shipped_twice(state),
        *_built_twice(record, state),
        *_left_locked(record, state),
        *_ended_badly(record, state),
    ]


def find_wrongs(record: Record, state: State) -> list[str]:
    """List where a way that promises nothing did not do what it said, or went backwards."""
    lies = ((each, app) for each in record.attempts for app in lied_about(each, state))
    return [
        *(f"{_name(each)} is green, but {app} {_ran(state, app, each)}" for each, app in lies),
        *_stepped_back(state),
    ]


def took_effect(releases: tuple[Release, ...]) -> list[Release]:
    """Give the releases that became current one after the other."""
    return [each for each in releases if each.status == "succeeded"]


def steps_back(releases: tuple[Release, ...]) -> list[tuple[Release, Release]]:
    """Find releases that brought older code than the one before."""
    pairs = pairwise(took_effect(releases))
    return [(old, new) for old, new in pairs if (new.number or 0) < (old.number or 0)]


def claims(attempt: Attempt) -> tuple[str, ...]:
    """Name the targets on which a green deploy job says that its commit serves."""
    if attempt.kind != "deploy" or not attempt.is_green or attempt.is_superseded:
        return ()
    told = attempt.document.get("targets")
    if told is None:
        return TARGETS  # the bash function has no other word than its end
    return tuple(each["app"] for each in told if each["status"] in FINE)


def lied_about(attempt: Attempt, state: State) -> tuple[str, ...]:
    """Name the targets that had no release of the commit when the job said so."""
    return tuple(
        app
        for app in claims(attempt)
        if not any(
            each.number == attempt.number and each.at <= attempt.moment
            for each in took_effect(state.releases[app])
        )
    )


def untested(record: Record, state: State) -> list[Release]:
    """Find releases on targets of commits whose tests were not over yet."""
    return [
        each
        for releases in state.releases.values()
        for each in releases
        if each.number is None or each.at < record.tested.get(each.number, "9")
    ]


def _hung(record: Record) -> Iterator[str]:
    if record.is_cut_short:
        yield "the stream did not come to its end in time"
    for each in record.attempts:
        if each.has_hung:
            yield f"{_name(each)} hung and was killed"


def _broken(record: Record) -> Iterator[str]:
    for each in record.attempts:
        if each.was_killed:
            continue
        if each.status in {1, 2} or "Traceback" in each.stderr:
            yield f"{_name(each)} failed by a mistake of its own (exit {each.status})"
        elif each.document.get("exit_code") != each.status:
            yield f"{_name(each)} exited {each.status} without the document that says so"
        elif each.reason in {"diverged", "ancestry_unknown"}:
            yield f"{_name(each)} was refused as {each.reason} in a straight history"


def _false_greens(record: Record, state: State) -> Iterator[str]:
    for each in record.attempts:
        if each.kind != "deploy" or not each.is_green:
            continue
        for app in lied_about(each, state):
            yield f"{_name(each)} is green, but {app} had no release of its commit"
        if not each.is_superseded and set(claims(each)) != set(TARGETS):
            yield f"{_name(each)} is green, but claims {claims(each) or 'nothing'}"


def _served_older(record: Record) -> Iterator[str]:
    for each in record.attempts:
        if each.kind != "deploy" or not each.is_green:
            continue
        least = each.number + each.is_superseded
        for app, served in each.serves.items():
            if served is None or served < least:
                yield f"{_name(each)} is green, but {app} served {served} over HTTP"


def _ran(state: State, app: str, attempt: Attempt) -> str:
    """Say what a target ran instead when a job said that it is done."""
    then = [each for each in took_effect(state.releases[app]) if each.at <= attempt.moment]
    if not then:
        return "ran nothing of the stream"
    return f"ran {then[-1].number} (v{then[-1].version}, {then[-1].description})"


def _stepped_back(state: State) -> Iterator[str]:
    for app, releases in state.releases.items():
        for old, new in steps_back(releases):
            yield (
                f"{app} went from {old.number} (v{old.version}) back to {new.number} "
                f"(v{new.version}, {new.description})"
            )


def _backwards(record: Record, state: State) -> Iterator[str]:
    yield from _stepped_back(state)
    for app in state.releases:
        for before, after in pairwise(each for each in record.sights if each.app == app):
            if after.number < before.number:
                yield f"{app} served {after.number} over HTTP after {before.number}"


def _shipped_twice(state: State) -> Iterator[str]:
    for app, releases in state.releases.items():
        for number, count in Counter(each.number for each in releases).items():
            if count > 1:
                yield f"{app} has {count} releases of {number}"


def _untested(record: Record, state: State) -> Iterator[str]:
    for each in untested(record, state):
        yield f"{each.app} got {each.number} (v{each.version}) before its tests were over"


def _built_twice(record: Record, state: State) -> Iterator[str]:
    for number, builds in builds_of(state).items():
        fruitful = [each for each in builds if each.status != "failed"]
        on_pool = [each for each in fruitful if each.app in POOL]
        if len(on_pool) > 1 or len(fruitful) - len(on_pool) > 1:
            yield f"{number} was built again: {_list(builds)}"
        elif len(fruitful) > 1 and not _was_cut_off(record, number):
            yield f"{number} was built beside its preparation: {_list(builds)}"


def _was_cut_off(record: Record, number: int | None) -> bool:
    """Say whether the prepare job was killed or lost an answer.

    Then the deploy may find nothing and build, while CI starts the prepare job again: that one
    looks at the prepare apps only, and neither can see what the other is about to begin.
    """
    return any(not each.is_green for each in record.of("prepare", number or 0))


def _list(builds: list[Build]) -> str:
    return ", ".join(f"{each.app} {each.status} from {each.began}" for each in builds)


def builds_of(state: State) -> Mapping[int | None, list[Build]]:
    """Give the builds of each commit, in the order in which they began."""
    found: dict[int | None, list[Build]] = {}
    for each in sorted(state.builds, key=lambda build: build.began):
        found.setdefault(each.number, []).append(each)
    return found


def _left_locked(record: Record, state: State) -> Iterator[str]:
    dead = {each.link for each in record.attempts if each.was_killed}
    for link, left in record.abandoned.items():
        if link not in dead:
            yield f"the job {link} ended by itself and left the lock of {left['app']} behind"
    for note in state.locks:
        yield f"the lock of {note['app']} still stands ({note['state']}, {note['link']})"


def _ended_badly(record: Record, state: State) -> Iterator[str]:
    """Judge the last attempt, the one more deploy after the stream: it must get through."""
    *_, last = record.attempts
    if not last.is_green:
        yield f"the deploy after the stream exited {last.status}: {last.stderr.strip()[-500:]}"
    for app, releases in state.releases.items():
        current = [each.number for each in releases if each.is_current]
        if current != [last.number]:
            yield f"{app} ends on {current}, the last commit is {last.number}"


def _name(attempt: Attempt) -> str:
    return f"{attempt.kind} {attempt.number} ({attempt.link.rpartition('/')[2]})"
