"""What tests have in place of the platform, of git and of the time."""

from __future__ import annotations

from tests.unit.fakes.git import FakeClone, FakeFence, FakeHost, MemoryRefs
from tests.unit.fakes.heroku import FakeApp, FakeHeroku, make_app, refuse
from tests.unit.fakes.stage import Ear, Stage, fetch_facts, make_stage
from tests.unit.fakes.values import (
    BEGIN,
    COMMIT,
    OTHER,
    FakeClock,
    artifact,
    checksum_of,
    make_build,
    make_coupling,
    make_note,
    make_release,
    relate,
    slug,
)

__all__ = [
    "BEGIN",
    "COMMIT",
    "OTHER",
    "Ear",
    "FakeApp",
    "FakeClock",
    "FakeClone",
    "FakeFence",
    "FakeHeroku",
    "FakeHost",
    "MemoryRefs",
    "Stage",
    "artifact",
    "checksum_of",
    "fetch_facts",
    "make_app",
    "make_build",
    "make_coupling",
    "make_note",
    "make_release",
    "make_stage",
    "refuse",
    "relate",
    "slug",
]
