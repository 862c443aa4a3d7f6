"""The only user of GitPython, which is imported with the first clone that is opened."""

from __future__ import annotations

from accelerator.repository.clone import Repository
from accelerator.repository.lineage import Lineage
from accelerator.repository.lock_place import HEROKU, LockPlace
from accelerator.repository.own_remotes import OwnRemote
from accelerator.repository.packing import Packed
from accelerator.repository.pushing import HerokuGit, url_of
from accelerator.repository.refs import LockHost, RefStore
from accelerator.repository.surroundings import for_git, read_remote

__all__ = [
    "HEROKU",
    "HerokuGit",
    "Lineage",
    "LockHost",
    "LockPlace",
    "OwnRemote",
    "Packed",
    "RefStore",
    "Repository",
    "for_git",
    "read_remote",
    "url_of",
]
