"""The prepare apps of a pool: what they have built or are building, and which of them is free."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from accelerator.steps.compare.fingerprints import Declared
from accelerator.steps.compare.lookups import find_artifact_of
from accelerator.steps.compare.outdated import find_outdated
from accelerator.steps.compare.same_source import is_build_of, with_archives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accelerator.models import Build, Commit
    from accelerator.steps.compare.same_source import Inputs
    from accelerator.steps.run import Run

    Pages = dict[str, tuple[Build, ...]]  # the newest builds of each app of the pool


def fetch_pages(run: Run, apps: Iterable[str]) -> Pages:
    """Read the newest builds of each app."""
    named = tuple(apps)
    pages = run.heroku.together(*(partial(run.heroku.builds.fetch_newest, app) for app in named))
    return dict(zip(named, pages, strict=True))


def read_inputs(run: Run, commit: Commit, pages: Pages) -> Inputs:
    """Read what builds are made of, where what has the same source counts."""
    built = {build.commit for page in pages.values() for build in page}
    inputs = run.clone.read_inputs(frozenset({commit.sha, *filter(None, built)}))
    return with_archives(inputs, commit.sha, run.clone.checksums)


def find_usable(
    run: Run,
    commit: Commit,
    pages: Pages,
    inputs: Inputs,
    *,
    verify_source: bool,
    build_config: tuple[str, ...],
) -> Build | None:
    """Find a build of the commit that runs, or whose artifact is still there: artifacts expire.

    With ``verify_source`` only one of the commit's own archive counts. One that would come out
    otherwise by now does not, nor with other values of the config vars in ``build_config``.
    """
    for known in find_known(commit, pages, inputs):
        built = known.commit or commit.sha  # an archive has the time of its commit in it
        if verify_source and known.checksum not in run.clone.checksums(built):
            run.events.note(
                f"build {known.id} on {known.app_name} is not used: it is not proven to be of the "
                f"archive of {built[:8]}",
                "warning",
            )
            continue
        artifact = find_artifact_of(run.heroku, known)
        if known.status != "pending" and (artifact is None or artifact.deleted_at is not None):
            continue
        page, declared = pages[known.app_name], Declared(build_config, os.urandom(16))
        if outdated := find_outdated(run, known, artifact, page, declared):
            said = f"build {known.id} on {known.app_name} is not used: {outdated}"
            run.events.note(said, "warning")
            continue
        return known
    return None


def find_known(
    commit: Commit, pages: Pages, inputs: Inputs = None, *, failed_too: bool = False
) -> tuple[Build, ...]:
    """Find the builds of the commit, best first: succeeded ones, then running ones; pure.

    With `inputs` those of the same source too, after those of the commit itself.
    """
    wanted = ("succeeded", "pending", *(("failed",) if failed_too else ()))
    builds = (build for page in pages.values() for build in page if build.status in wanted)
    known = (build for build in builds if is_build_of(build, commit.sha, inputs))
    return tuple(sorted(known, key=lambda b: (wanted.index(b.status), b.commit != commit.sha)))


def choose_app(pages: Pages) -> str:
    """Choose the app with the fewest running builds, the first named one among equals; pure."""
    return min(pages, key=lambda app: sum(build.status == "pending" for build in pages[app]))


def find_superseded(pages: Pages, is_older: Callable[[str], bool]) -> tuple[Build, ...]:
    """Find running builds of commits that ours contains; pure but for what it asks."""
    return tuple(
        build
        for page in pages.values()
        for build in page
        if build.status == "pending" and build.commit and is_older(build.commit)
    )
