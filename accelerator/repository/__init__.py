"""The only user of GitPython, which is imported with the first repository that is opened."""

from __future__ import annotations

from accelerator.repository.clone import Repository
from accelerator.repository.lineage import Lineage
from accelerator.repository.packing import Packed
from accelerator.repository.pushing import HerokuGit
from accelerator.repository.refs import LockHost, RefStore

__all__ = ["HerokuGit", "Lineage", "LockHost", "Packed", "RefStore", "Repository"]
