"""The only user of GitPython, which is imported with the first repository that is opened."""

from __future__ import annotations

from accelerator.repository.clone import Repository
from accelerator.repository.refs import RefStore

__all__ = ["RefStore", "Repository"]
