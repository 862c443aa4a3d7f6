"""Settings: flags > environment > `accelerator.toml` > defaults, each value with its source."""

from __future__ import annotations

from accelerator.settings.declared import SETTINGS, STAGES, Setting, parameter
from accelerator.settings.file import read_file, read_nearest
from accelerator.settings.hosts import endpoint
from accelerator.settings.loading import FILE_NAME, Given, examine_settings, load_settings
from accelerator.settings.values import (
    Deadlines,
    Examined,
    Prepare,
    Problem,
    Row,
    Settings,
    Stage,
    duration,
)

__all__ = [
    "FILE_NAME",
    "SETTINGS",
    "STAGES",
    "Deadlines",
    "Examined",
    "Given",
    "Prepare",
    "Problem",
    "Row",
    "Setting",
    "Settings",
    "Stage",
    "duration",
    "endpoint",
    "examine_settings",
    "load_settings",
    "parameter",
    "read_file",
    "read_nearest",
]
