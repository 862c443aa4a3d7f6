"""Values around the stand-ins: a clock, commits, artifacts, releases, builds, notes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from accelerator.models import (
    Ancestry,
    Artifact,
    ArtifactKind,
    ArtifactRef,
    Build,
    Commit,
    Coupling,
    Release,
)
from accelerator.steps.guard.notes import LockNote, expiry

if TYPE_CHECKING:
    from collections.abc import Callable


BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COMMIT = Commit("c0ffee" + "0" * 34, subject="Serve it")
OTHER = Commit("0dd" + "0" * 37)


class FakeClock:
    """A clock that moves only when somebody sleeps or `pass_seconds` is called."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.naps: list[float] = []

    def now(self) -> float:
        return self.seconds

    def moment(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds - 1000.0)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds

    def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds


def relate(*line: Commit) -> Callable[[str, str], Ancestry]:
    """Answer for a line of history, oldest first; commits that are not on it are unrelated."""
    shas = [commit.sha for commit in line]

    def ancestry(older: str, newer: str) -> Ancestry:
        if older not in shas or newer not in shas:
            return Ancestry.NO
        return Ancestry.YES if shas.index(older) <= shas.index(newer) else Ancestry.NO

    return ancestry


def slug(name: str) -> ArtifactRef:
    return ArtifactRef(ArtifactKind.SLUG, name)


def artifact(name: str, commit: Commit | None, **changes: Any) -> Artifact:
    plain = Artifact(ArtifactKind.SLUG, name, "SHA256:" + name, commit.sha if commit else None)
    return replace(plain, **changes)


def make_release(app: str, version: int, held: str | None, **changes: Any) -> Release:
    plain = Release(
        id=f"{app}-v{version}",
        version=version,
        status="succeeded",
        current=False,
        app_id=f"id-of-{app}",
        app_name=app,
        description="",
        created_at=BEGIN + timedelta(minutes=version),
        artifact=slug(held) if held else None,
    )
    return replace(plain, **changes)


def make_build(app: str, held: str | None, commit: Commit, **changes: Any) -> Build:
    plain = Build(
        id=f"{app}-build-of-{held}",
        app_name=app,
        status="succeeded",
        commit=commit.sha,
        artifact=slug(held) if held else None,
        release_id=None,
        created_at=BEGIN,
    )
    return replace(plain, **changes)


def checksum_of(sha: str) -> str:
    """Give the checksum of the archive of a commit, as the clone and honest builds have it."""
    return f"SHA256:{hashlib.sha256(sha.encode()).hexdigest()}"


def make_coupling(app: str, pipeline: str = "pipe", stage: str = "production") -> Coupling:
    return Coupling(f"coupling-of-{app}", f"id-of-{app}", pipeline, stage)


def make_note(**changes: Any) -> LockNote:
    plain = LockNote(
        app="shop",
        holder="ann@laptop",
        commit=COMMIT.sha,
        route="promote",
        expires_at=expiry(BEGIN),
        nonce="n1",
        acquired_at=BEGIN.isoformat(timespec="seconds"),
    )
    return replace(plain, **changes)
