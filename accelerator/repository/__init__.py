"""The only user of GitPython, which is imported with the first repository that is opened."""

from __future__ import annotations

from accelerator.repository.clone import Ancestry, Repository
from accelerator.repository.pushing import PushOutcome

__all__ = ["Ancestry", "PushOutcome", "Repository"]
