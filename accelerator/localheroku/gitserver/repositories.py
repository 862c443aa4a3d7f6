"""The repositories of all apps, kept as Heroku very likely keeps them: one archive per app.

A push downloads the archive, a snapshot of all refs, works on a copy of its own and uploads the
whole when it is done. Nothing compares what was downloaded with what is replaced: of two pushes at
once the upload that ends last wins, also for refs that its push never touched. Everybody else reads
what was uploaded last. Kept with compare-and-swap instead, pushes work on the one repository there
is, and git's own locks decide.

An archive is the refs alone, in one file that is replaced at once. Objects are shared: they are
named by their content, and nobody finds one that no ref leads to.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

from accelerator.localheroku.gitserver import backends

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from pathlib import Path

ARCHIVE, SWAPPED = "archive", "compare-and-swap"
KINDS = (ARCHIVE, SWAPPED)
_COPIES = ".copies"
_PACKED = "packed-refs"


class Repositories:
    """One bare repository per app below `directory`.

    `transfer` takes as long as the up- or download of an app's archive does.
    """

    def __init__(self, directory: Path, transfer: Callable[[str], Awaitable[None]]) -> None:
        self.directory = directory.resolve()
        self._transfer = transfer
        self._kind = ARCHIVE
        self._kinds: dict[str, str] = {}
        self._changing = asyncio.Lock()

    def create(self, app_id: str) -> None:
        """Make the app's repository."""
        repository = self.of(app_id)
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", "--template="]
        subprocess.run([*command, repository], check=True, env=backends.environment())
        # A build gets the whole tree, whatever the tree says about archives of it.
        (repository / "info").mkdir(exist_ok=True)
        (repository / "info" / "attributes").write_text("* -export-ignore -export-subst\n")

    def delete(self, app_id: str) -> None:
        """Remove the app's repository."""
        self._kinds.pop(app_id, None)
        shutil.rmtree(self.of(app_id), ignore_errors=True)

    def of(self, app_id: str) -> Path:
        """Return where the app's repository is, as it was uploaded last."""
        return self.directory / app_id

    def kind_of(self, app_id: str | None = None) -> str:
        """Return how an app's repository is kept, or those of all apps that nothing was set for."""
        return self._kinds.get(app_id or "", self._kind)

    def keep_as(self, kind: str, app_id: str | None = None) -> str:
        """Keep one app's repository so, or those of all apps that nothing was set for."""
        if app_id is None:
            self._kind = kind
        else:
            self._kinds[app_id] = kind
        return kind

    def find_tip(self, app_id: str, ref: str) -> str | None:
        """Return the commit a ref is at, or None when there is no such ref."""
        command = ["git", f"--git-dir={self.of(app_id)}", "rev-parse", "--quiet", "--verify", ref]
        found = subprocess.run(
            command, capture_output=True, text=True, check=False, env=backends.environment()
        )
        return found.stdout.strip() or None

    def tidy(self, known: Collection[str]) -> None:
        """Remove what a killed platform left: copies, locks, and all of apps that are not known."""
        shutil.rmtree(self.directory / _COPIES, ignore_errors=True)
        for repository in self.directory.glob("[!.]*"):
            if repository.name in known:
                _unlock(repository)
            else:
                shutil.rmtree(repository, ignore_errors=True)

    async def download(self, app_id: str) -> Path:
        """Return the repository in which one push may work."""
        repository = self.of(app_id)
        if self.kind_of(app_id) != ARCHIVE:
            return repository
        copy = self.directory / _COPIES / secrets.token_hex(8)
        copy.mkdir(parents=True)
        try:
            await self._snapshot(repository, copy)
            await self._transfer(app_id)
        except BaseException:
            self.drop(copy)
            raise
        return copy

    async def upload(self, app_id: str, place: Path) -> None:
        """Replace the app's archive by what a push made of its copy."""
        repository = self.of(app_id)
        if place == repository:
            return
        await self._transfer(app_id)
        await _pack(place)
        async with self._changing:
            if repository.exists():  # the app may be gone by now
                (place / _PACKED).replace(repository / _PACKED)
                _drop_loose(repository)

    def drop(self, place: Path) -> None:
        """Remove a push's copy, if that is what it is."""
        if place.parent.name == _COPIES:
            shutil.rmtree(place, ignore_errors=True)

    async def _snapshot(self, repository: Path, copy: Path) -> None:
        async with self._changing:
            if any(_loose(repository)):
                await _pack(repository)
            for name in ("HEAD", "config", _PACKED):
                if (repository / name).exists():
                    shutil.copyfile(repository / name, copy / name)
        shutil.copytree(repository / "info", copy / "info")
        (copy / "refs").mkdir()
        (copy / "objects").symlink_to(repository / "objects")


async def _pack(repository: Path) -> None:
    """Put all refs into the one file."""
    git = await asyncio.create_subprocess_exec(
        *("git", f"--git-dir={repository}", "pack-refs", "--all"),
        env=backends.environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await git.communicate()
    if git.returncode != 0:
        raise backends.GitFailed(errors.decode(errors="replace").strip())


def _loose(repository: Path) -> list[Path]:
    return [each for each in (repository / "refs").rglob("*") if each.is_file()]


def _drop_loose(repository: Path) -> None:
    """Remove refs that pushes wrote in place: they would hide those of the archive."""
    for ref in _loose(repository):
        ref.unlink(missing_ok=True)


def _unlock(repository: Path) -> None:
    """Remove what a killed git leaves: locks and objects it had not accepted."""
    for lock in (*repository.glob("*.lock"), *(repository / "refs").rglob("*.lock")):
        lock.unlink(missing_ok=True)
    for left in (repository / "objects").glob("tmp_objdir-*"):
        shutil.rmtree(left, ignore_errors=True)
