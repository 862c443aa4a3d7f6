"""What is to be decided: which commit, where it may lie, and to which apps it is to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.models import OnMiss

if TYPE_CHECKING:
    from accelerator.models import Commit


@dataclass(frozen=True, slots=True)
class SourceApp:
    """An app to look for the commit on; only promotions from prepare apps are offered."""

    app: str
    is_prepare: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be decided: which commit, where it may lie, where it is to go.

    ``build_config`` names config vars that shape the build. ``same_tree`` lets artifacts of the
    same source count. With ``verify_source`` only what was provably built from the commit's archive
    does.
    ``on_miss`` and ``wait_seconds`` say what happens while nothing is prepared.
    ``looks_only`` is for a plan: no build is waited for. ``needs_addresses``: the targets' own
    addresses will be asked. ``pipeline`` is the one that settings name.
    """

    commit: Commit
    sources: tuple[SourceApp, ...]
    targets: tuple[str, ...]
    build_config: tuple[str, ...] = ()
    same_tree: bool = False
    on_miss: OnMiss = OnMiss.BUILD
    wait_seconds: float = 600.0
    looks_only: bool = False
    verify_source: bool = False
    needs_addresses: bool = False
    pipeline: str | None = None
