"""The only user of GitPython, which is imported with the first repository that is opened."""

from __future__ import annotations

from accelerator.repository.clone import Ancestry, Repository
from accelerator.repository.pushing import PushOutcome
from accelerator.repository.refs import RefStore, Swap

__all__ = ["Ancestry", "PushOutcome", "RefStore", "Repository", "Swap"]
