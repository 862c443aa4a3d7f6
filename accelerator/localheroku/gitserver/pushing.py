"""What happens inside a `git push`: the build before the ref moves, the release after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.localheroku.gitserver.backends import archive
from accelerator.localheroku.state.objects import Build, SourceBlob

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from accelerator.localheroku.building.builds import Building
    from accelerator.localheroku.gitserver.receiving import Push
    from accelerator.localheroku.running.releasing import Releasing
    from accelerator.localheroku.state.objects import App, Release
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Signer
    from accelerator.localheroku.streams.outputs import Outputs


class Pushing:
    """The two halves of a push, called by its hooks; `commit` makes the state so far last."""

    def __init__(
        self,
        state: State,
        signer: Signer,
        outputs: Outputs,
        building: Building,
        releasing: Releasing,
        commit: Callable[[], None],
    ) -> None:
        self._state, self._signer, self._outputs = state, signer, outputs
        self._building, self._releasing, self._commit = building, releasing, commit
        self._accepted: dict[tuple[str, str], Build] = {}

    async def build(self, push: Push) -> bool:
        """Build the pushed commit; the ref moves only when this succeeds."""
        session = push.session
        app = self._state.apps.find(session.app_id)
        if app is None:
            return False
        if push.is_first:
            app.pushed.pop(push.ref, None)
        url = f"{self._signer.base_url}/{app.name}.git"
        made = self._building.record(app, SourceBlob(url, push.new), (), session.user_id)
        write = self._tell_both(push, made)
        write("Compressing source files... done.\nBuilding source:\n\n")
        try:
            slug = await self._building.run(app, made, lambda to: _archive(push, to), write)
            if slug is None:
                write(f"\nVerifying deploy...\n\n!\tPush rejected to {app.name}.\n\n")
                return False
        finally:
            self._outputs.open(made.id).close()
        # Of two pushes at once each releases its own build, be it of the same commit.
        self._accepted[(session.token, push.ref)] = made
        # The ref must not move before the build is kept.
        self._commit()
        return True

    async def release(self, push: Push) -> None:
        """Release what was built; a failing release command does not undo the push."""
        app = self._state.apps.find(push.session.app_id)
        made = self._accepted.pop((push.session.token, push.ref), None)
        if app is None or made is None:
            return
        release = self.release_build(app, push.ref, made, push.write)
        push.write("Verifying deploy... done.\n")
        if release.has_output:
            push.write("Running release command...\n\n")
            async for chunk in self._outputs.open(release.id).follow():
                push.write(chunk.decode(errors="replace"))
            await self._releasing.wait_for(release)
            push.write(self._verdict(release.status))

    def release_build(
        self, app: App, ref: str, made: Build, write: Callable[[str], None]
    ) -> Release:
        """Release what was built of the commit that a ref has moved to."""
        app.pushed[ref] = made.source_blob.version or ""
        slug = self._state.slugs.get(made.slug_id or "")
        return self._building.release(app, made, slug, write)

    def _tell_both(self, push: Push, made: Build) -> Callable[[str], None]:
        output = self._outputs.open(made.id)

        def write(text: str) -> None:
            output.write(text)
            push.write(text)

        return write

    @staticmethod
    def _verdict(status: str) -> str:
        if status == "succeeded":
            return "Waiting for release.... done.\n"
        return (
            "Waiting for release.... failed.\n"
            " !     Release command failed: the previous release is still running.\n"
        )


async def _archive(push: Push, to: Path) -> Path:
    await archive(push.session.repository, push.new, push.objects, to)
    return to
