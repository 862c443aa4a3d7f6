"""The only user of GitPython, which is imported with the first clone that is opened."""

from __future__ import annotations

from accelerator.repository.clone import Repository
from accelerator.repository.lineage import Lineage
from accelerator.repository.lock_place import HEROKU, LockPlace
from accelerator.repository.packing import Packed
from accelerator.repository.pushing import HerokuGit
from accelerator.repository.refs import LockHost, RefStore
from accelerator.repository.surroundings import for_git

__all__ = [
    "HEROKU",
    "HerokuGit",
    "Lineage",
    "LockHost",
    "LockPlace",
    "Packed",
    "RefStore",
    "Repository",
    "for_git",
]
