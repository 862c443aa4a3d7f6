"""Releasing what a build left, and telling so at the end of its output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from accelerator.localheroku.state import builds, releases
from accelerator.localheroku.state.apps import web_url
from accelerator.localheroku.state.objects import App, Release

if TYPE_CHECKING:
    from accelerator.localheroku.state.objects import Build, Slug
    from accelerator.localheroku.state.store import State

# Releases restart dynos, which is work for what lies above: it is passed in.
MakeRelease = Callable[[App, releases.Wanted], Release]


class Launching:
    """Release slugs of builds; `commit` makes the state so far last."""

    def __init__(self, state: State, release: MakeRelease, commit: Callable[[], None]) -> None:
        self._state = state
        self._release = release
        self._commit = commit

    def launch(self, app: App, made: Build, slug: Slug, write: Callable[[str], None]) -> Release:
        """Release what a build left and tell the reader of its output."""
        write("-----> Launching...\n")
        wanted = releases.Wanted(releases.deploy_description(slug), slug, made.user_id)
        release = self._release(app, wanted)
        builds.attach_release(self._state, made, release)
        # Nobody is told before it is kept.
        self._commit()
        if release.status == "pending":
            write(
                " !     Release command declared: this new release will not be available "
                "until the command succeeds.\n"
            )
        write(f"       Released v{release.version}\n")
        write(f"       {web_url(app)} deployed to Heroku\n\n")
        return release
