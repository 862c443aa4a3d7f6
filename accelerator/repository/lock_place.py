"""Which repository holds locks, freezes and rejections; looked up only when it is opened.

A remote of the clone is named as the clone knows it, so git is asked. Commands that need no lock
never ask, and what is wrong with the place is none of their trouble.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.remotes import is_remote_name, parse_origin
from accelerator.repository.own_remotes import OwnRemote
from accelerator.repository.pushing import url_of
from accelerator.repository.refs import LockHost, RefStore
from accelerator.repository.surroundings import read_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.models import Secret
    from accelerator.repository.lineage import Lineage
    from accelerator.waiting import Deadline

HEROKU = "heroku"  # for `lock_remote`: the prepare app's own git, advisory as locks are there


@dataclass(frozen=True, slots=True)
class LockPlace:
    """Where locks are to be: ``named`` in settings, or the git of the prepare ``app`` by default.

    ``git_url`` is Heroku's git host; ``key`` goes to no other.
    """

    named: str | None
    app: str
    git_url: str
    clone: Lineage
    environment: Mapping[str, str] = field(repr=False)
    deadline: Deadline | None = None
    key: Secret | None = None

    @property
    def is_named_heroku(self) -> bool:
        """True when somebody wrote down that locks in Heroku's git are enough."""
        return self.named == HEROKU

    def open(self) -> RefStore:
        """Find the repository and connect to it; raises where there is none, or git is missing."""
        return self.find(lambda: self.key).open()

    def find(self, key: Callable[[], Secret | None]) -> LockHost:
        """Find the repository; `key` is asked for only where it goes along."""
        own = self._find_remote()
        remote = read_remote(own.url)
        is_on_heroku = remote.origin == parse_origin(self.git_url)
        return LockHost(
            own.url,
            key() if is_on_heroku and not remote.user else None,
            self.environment,
            self.deadline,
            is_heroku=is_on_heroku or (remote.origin is not None and remote.origin.is_of_heroku),
            is_named_heroku=self.is_named_heroku,
            entries=own.entries,
            secrets=own.secrets,
        )

    def _find_remote(self) -> OwnRemote:
        if self.named in {None, HEROKU}:
            return OwnRemote(url_of(self.git_url, self.app))
        named = str(self.named)
        return self.clone.find_remote(named) if is_remote_name(named) else OwnRemote(named)
