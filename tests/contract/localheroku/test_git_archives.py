"""Pushes at the same time: each works on a copy of the app's archive, and the last upload wins."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from accelerator.localheroku.gitserver.repositories import SWAPPED
from tests.contract.localheroku.git_bench import Clone, Site, clone, loop_of, pushing, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.localheroku.gitserver.receiving import Push

__all__ = ["clone", "site"]
pytestmark = pytest.mark.git


def _meet(site: Site, pushes: int = 2) -> None:
    """Let so many builds begin before the first of them ends."""
    both: list[asyncio.Event] = []

    async def build(_: Push) -> bool:
        both.append(asyncio.Event())
        if len(both) == pushes:
            for event in both:
                event.set()
        await both[-1].wait() if len(both) < pushes else None
        return True

    site.build = build


def _diverged(clone: Clone) -> tuple[str, str]:
    """Make two branches that have nothing but their beginning in common."""
    clone.commit("base")
    clone("branch", "first")
    second = clone.commit("two")
    clone("checkout", "first")
    return clone.commit("one"), second


def test_of_two_pushes_at_once_both_build_and_both_are_released_as_they_end(
    site: Site, clone: Clone
) -> None:
    commits = _diverged(clone)
    _meet(site)

    with pushing(clone, site, "first:main") as one, pushing(clone, site, "main:main") as two:
        said = [process.stderr.read() for process in (one, two) if process.stderr]

    assert [one.returncode, two.returncode] == [0, 0], said
    assert {push.new for push in site.built} == set(commits)
    assert {push.new for push in site.released} == set(commits)
    assert site.heads() == {"refs/heads/main": site.released[-1].new}


def test_of_two_pushes_at_once_one_is_released_where_git_compares_and_swaps(
    site: Site, clone: Clone
) -> None:
    site.repositories.keep_as(SWAPPED)
    commits = _diverged(clone)
    _meet(site)

    with pushing(clone, site, "first:main") as one, pushing(clone, site, "main:main") as two:
        said = [process.stderr.read() for process in (one, two) if process.stderr]

    assert sorted([one.returncode, two.returncode]) == [0, 1]
    assert "failed to update ref" in "".join(said)
    assert {push.new for push in site.built} == set(commits)
    assert [push.new for push in site.released] == list(site.heads().values())


@dataclass
class Held:
    """A push to main whose build waits, so that its copy is as old as the test wants."""

    clone: Clone
    site: Site
    commit: str

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Let everything in the block happen between the push's download and its upload."""
        building, going_on = threading.Event(), asyncio.Event()

        async def build(_: Push) -> bool:
            building.set()
            await going_on.wait()
            return True

        self.site.build = build
        with pushing(self.clone, self.site, f"{self.commit}:refs/heads/main") as process:
            assert building.wait(60)
            yield
            loop_of(self.site.built[-1]).call_soon_threadsafe(going_on.set)
            said = process.stderr.read() if process.stderr else ""
        assert process.returncode == 0, said


@pytest.fixture
def held(site: Site, clone: Clone) -> Held:
    return Held(clone, site, clone.commit())


LOCK, FREEZE = "refs/heads/accelerator/lock/shop", "refs/heads/accelerator/freeze/shop"


def test_what_was_pushed_meanwhile_is_lost_when_an_older_push_ends(
    site: Site, clone: Clone, held: Held
) -> None:
    clone("push", site.url, f"HEAD:{LOCK}")

    with held():
        removed = clone("push", site.url, f":{LOCK}")
        frozen = clone("push", f"--force-with-lease={FREEZE}:", site.url, f"HEAD:{FREEZE}")
        between = clone("ls-remote", site.url, "refs/heads/accelerator/*").stdout.split()[1:]

    assert (removed.returncode, frozen.returncode) == (0, 0)
    assert between == [FREEZE]
    assert set(site.heads()) == {"refs/heads/main", LOCK}


def test_nothing_is_lost_where_git_compares_and_swaps(site: Site, clone: Clone, held: Held) -> None:
    site.repositories.keep_as(SWAPPED, "app-1")

    with held():
        clone("push", site.url, f"HEAD:{FREEZE}")

    assert set(site.heads()) == {"refs/heads/main", FREEZE}


def _together(site: Site, pushes: int) -> None:
    """Let so many downloads begin before the first of them ends; uploads take no time."""
    waiting: list[asyncio.Event] = []

    async def transfer() -> None:
        waiting.append(asyncio.Event())
        if len(waiting) == pushes:
            for event in waiting:
                event.set()
        if len(waiting) < pushes:
            await waiting[-1].wait()

    site.transfer = transfer


def test_two_clients_that_create_one_ref_at_once_are_both_told_that_they_did(
    site: Site, clone: Clone
) -> None:
    # What takes a lock: the ref must not be there yet. Only one of the two may have been told so.
    mine, other = clone.commit("mine"), clone.commit("other")
    clone("push", site.url, "HEAD:refs/heads/topic")
    _together(site, 2)

    lease = f"--force-with-lease={LOCK}:"
    with (
        pushing(clone, site, f"{mine}:{LOCK}", lease) as one,
        pushing(clone, site, f"{other}:{LOCK}", lease) as two,
    ):
        said = "".join(process.stderr.read() for process in (one, two) if process.stderr)

    assert [one.returncode, two.returncode] == [0, 0], said
    assert said.count(f"[new branch]      {mine} -> accelerator/lock/shop") == 1
    assert said.count(f"[new branch]      {other} -> accelerator/lock/shop") == 1
    assert site.heads()[LOCK] in (mine, other)


def test_two_clients_one_after_the_other_are_told_apart(site: Site, clone: Clone) -> None:
    mine, other = clone.commit("mine"), clone.commit("other")
    lease = f"--force-with-lease={LOCK}:"

    first = clone("push", lease, site.url, f"{mine}:{LOCK}")
    second = clone("push", lease, site.url, f"{other}:{LOCK}")

    assert first.returncode == 0, first.stderr
    assert "[rejected]" in second.stderr
    assert "(stale info)" in second.stderr
    assert site.heads() == {LOCK: mine}


def test_an_archive_takes_over_what_was_pushed_in_place(site: Site, clone: Clone) -> None:
    first = clone.commit("one")
    site.repositories.keep_as(SWAPPED)
    clone("push", site.url, "main", "main:topic")
    site.repositories.keep_as("archive")
    second = clone.commit("two")

    clone("push", site.url, "main", ":topic")
    clone("push", site.url, f"{first}:refs/heads/other")

    assert site.heads() == {"refs/heads/main": second, "refs/heads/other": first}


def test_refs_that_are_neither_branches_nor_tags_are_not_taken(site: Site, clone: Clone) -> None:
    clone.commit()

    pushed = clone("push", "--porcelain", site.url, "HEAD:refs/accelerator/lock/shop")

    assert pushed.returncode == 1
    assert "[remote rejected] (deny updating a hidden ref)" in pushed.stdout
    assert site.heads() == {}


def test_no_copy_of_a_push_stays(site: Site, clone: Clone) -> None:
    clone.commit()

    clone("push", site.url, "main")
    site.build = lambda _: _refuse()
    clone.commit("two")
    clone("push", site.url, "main")

    asyncio.run_coroutine_threadsafe(site.bridge.close(), loop_of(site.built[0])).result(20)
    assert list((site.repositories.directory / ".copies").iterdir()) == []


async def _refuse() -> bool:
    return False


def test_an_upload_that_fails_is_told_and_releases_nothing(
    site: Site, clone: Clone, caplog: pytest.LogCaptureFixture
) -> None:
    clone.commit()

    async def transfer() -> None:
        if site.built:
            raise OSError("no more room")

    site.transfer = transfer

    pushed = clone("push", site.url, "main")

    assert "Internal error of the platform." in pushed.stderr
    assert (site.released, site.heads()) == ([], {})
    assert "no more room" in caplog.text
