"""Settings from flags, environment and file, as tests write them."""

from __future__ import annotations

from typing import Any

import pytest

from accelerator.errors import ConfigurationInvalid
from accelerator.settings import Settings, load_settings


def load(
    flags: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    file: dict[str, Any] | None = None,
) -> Settings:
    return load_settings(flags or {}, environment or {}, file)


def problems_of(**sources: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigurationInvalid) as raised:
        load(**sources)
    return raised.value.problems
